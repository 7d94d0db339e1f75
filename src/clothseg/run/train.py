"""Execution of one run: train, test, measure, draw figures, and record."""

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from zipfile import is_zipfile

import numpy as np
import torch

from clothseg import build
from clothseg.cache import read_census
from clothseg.callbacks.history import History
from clothseg.callbacks.progress import Reporter
from clothseg.datamodule.sampling import Shard
from clothseg.datamodule.segmentation_data import SegmentationData
from clothseg.error import DataError
from clothseg.files import write_array, write_json
from clothseg.logger.tracker import Results
from clothseg.loss.class_weights import ClassPixels, describe_weights
from clothseg.loss.pixelwise import PixelLoss
from clothseg.metric.scorecard import scorecard
from clothseg.metric.segmentation import Scores
from clothseg.report.results import draw_scores, write_per_class
from clothseg.run.job import Job
from clothseg.run.log import run_log
from clothseg.run.record import Record
from clothseg.run.restore import load_best
from clothseg.run.results import draw_examples, draw_training
from clothseg.run.start import load_start
from clothseg.run.tables import write_image_scores
from clothseg.run.tracking import Tracking, job_tracking
from clothseg.split import Split, missing_classes
from clothseg.task.evaluation import evaluate
from clothseg.task.semantic import SemanticSegmentation
from clothseg.trainer import autocast_dtype, evaluation_device, restore_keyboard_interrupt

WARM_UP, TIMED = (10, 0.05), (50, 0.2)
"""Maximum forward passes, and seconds after which no further one begins, before and during the
measurement of the inference time: a quarter of a second, or two passes of a slow network."""


def run(job: Job, rank: int) -> None:
    """Execute a run, or resume an interrupted one.

    Args:
        job: the run.
        rank: rank of this process. Rank 0 writes the record and the console output.

    Raises:
        UserError: an error that the user can fix.
        ClaimedError: another process executes this run.
        KeyboardInterrupt: Ctrl-C; the last checkpoint remains.
    """
    reader = build.build_dataset(job.config)
    census = read_census(job.census) if job.census else build.open_census(job.config, reader)
    frozen = job.folder / "split.json"
    if frozen.is_file():
        split = Split.read(frozen)
        split.require(census.names)
    else:
        split = job.split or build.build_split(job.config, census)
    cache = build.open_pixels(job.config, reader, census, split)
    data = build.build_data(job.config, cache, split, Shard(rank, job.world_size))
    data.require_images("trainer.devices", ["validation", "test"])
    pixels = ClassPixels.of_training(census, split, job.config.data.image_size)
    task = build.build_task(job.config, pixels)
    begun = load_start(task.network, job.config, job.start) if job.start else []
    if rank > 0:
        with run_log(None) as say, job_tracking(job, say) as tracking:
            _train_and_test(job, data, task, say, tracking)
        return
    record = Record(job.folder)
    with record.claimed(job.wait):
        if record.is_done(rerun=job.config.rerun):  # by the process that held the claim
            return
        with run_log(job.folder / "log.txt") as say:
            device = device_name(job)
            record.begin(dict(job.config.plain), job.choices, job.overrides, device, job.code)
            split.write(frozen)
            size = f"{task.network.trainable / 1e6:.1f} M parameters"
            say(f"{job.title}  {size} on {device}, recorded in {job.folder}")
            say(f"{job.title}  {split.summary}")
            for text in begun:
                say(f"{job.title}  {text}")
            if job.start:
                write_json(job.folder / "init_from.json", job.start.plain)
                if seen := job.start.seen(split):
                    say(
                        f"{job.title}  warning: {job.start.folder} was trained with {seen} of the "
                        f"{len(split.test)} test images, so that the test scores are too high"
                    )
            for text in census.warnings:
                say(f"{job.title}  warning: {text}")
            if skipped_samples := [asdict(sample) for sample in census.skipped]:
                write_json(job.folder / "skipped.json", skipped_samples)
                count = len(skipped_samples)
                say(f"{job.title}  warning: {count} samples are skipped, see skipped.json")
            for text in describe_class_weights(task):
                say(f"{job.title}  class weights: {text}")
            for name in missing_classes(census, split, task.names):
                say(f"{job.title}  warning: no training image contains the class {name}")
            with job_tracking(job, say) as tracking:
                scores = _train_and_test(job, data, task, say, tracking)
                tracking.end(_write_results(job, data, task, tracking.history, scores))
            record.set_state("done")


def _train_and_test(
    job: Job,
    data: SegmentationData,
    task: SemanticSegmentation,
    say: Callable[[str], None],
    tracking: Tracking,
) -> Scores:
    """Train, then test the best epoch."""
    record = Record(job.folder)
    history = tracking.history
    reporter = Reporter(say, job.title, data.batch_size, history)
    observers = [history, tracking, reporter]
    trainer = build.build_trainer(job.config, job.folder, observers, job.world_size)
    if record.last_checkpoint:
        _require_complete(record.last_checkpoint)
        say(f"{job.title}  resumes from {record.last_checkpoint}")
    with restore_keyboard_interrupt():
        trainer.fit(task, data, ckpt_path=record.last_checkpoint, weights_only=True)
    load_best(task.network, record)
    device = evaluation_device(job.config.execution.accelerator, data.shard.rank)
    dtype = autocast_dtype(job.config.execution.precision)
    return evaluate(task, data.evaluation_batches(data.split.test), device, dtype)


def _require_complete(checkpoint: Path) -> None:
    """Fail if a checkpoint is truncated, for example because the disk was full.

    Raises:
        DataError: states how to proceed.
    """
    if not is_zipfile(checkpoint):  # the directory of a ZIP file is at its end
        raise DataError(
            f"{checkpoint} is damaged; delete it and repeat the command to train from scratch"
        )


def _write_results(
    job: Job,
    data: SegmentationData,
    task: SemanticSegmentation,
    history: History,
    scores: Scores,
) -> Results:
    """Write scores, measurements and figures of a run; return the results for the loggers."""
    seconds = sum(row["seconds"] for row in history.rows)
    images = len(history.rows) * data.steps_per_epoch * data.batch_size
    card = scorecard(scores, task.names, data.cache.sources)
    write_per_class(card, job.folder / "per_class.csv")
    write_array(job.folder / "confusion_matrix.npy", scores.matrix)
    write_image_scores(scores, data.cache.names, job.folder)
    examples = {}
    if job.config.report.figures == "all":
        draw_scores(scores.matrix, task.names, job.folder, job.title)
        draw_training(history.rows, history.best_epoch, job.folder)
        labels = job.config.labels
        examples = draw_examples(data.cache, labels, task, scores, job.folder)
    metrics = {
        "test": card,
        **history.validation_metrics,
        "best_epoch": history.best_epoch,
        "epochs": len(history.rows),
        "train_seconds": seconds,
        "images_per_second": images / seconds,
        "parameters": task.network.trainable,
        "inference_ms": inference_ms(task, job.config.data.image_size),
        "division": data.split.division,
        "fold_deviation": data.split.deviation,
    }
    write_json(job.folder / "metrics.json", metrics)
    return Results(metrics, scores.matrix, examples, Record(job.folder).best_checkpoint)


def device_name(job: Job) -> str:
    """Display name of the device of a run."""
    execution = job.config.execution
    if execution.accelerator != "cpu" and torch.cuda.is_available():
        device = torch.cuda.get_device_name()
    else:
        threads = execution.threads or torch.get_num_threads()
        device = f"CPU, {threads} thread{'s' if threads > 1 else ''}"
    return device if job.world_size == 1 else f"{job.world_size} x {device}"


def describe_class_weights(task: SemanticSegmentation) -> list[str]:
    """Format the class weights of a task's losses."""
    losses = [loss for loss in task.loss.modules() if isinstance(loss, PixelLoss)]
    weights = [loss.weights.tolist() for loss in losses if loss.weights is not None]
    return [describe_weights(values, task.names) for values in weights]


def inference_ms(task: SemanticSegmentation, image_size: int) -> float:
    """Median inference time for one image, milliseconds."""
    image = np.zeros((1, image_size, image_size, 3), np.uint8)
    _pass_seconds(task, image, *WARM_UP)
    return 1000 * float(np.median(_pass_seconds(task, image, *TIMED)))


def _pass_seconds(
    task: SemanticSegmentation, image: np.ndarray, passes: int, seconds: float
) -> list[float]:
    """Time forward passes until their number or the time is used up; at least one."""
    times: list[float] = []
    while not times or (len(times) < passes and sum(times) < seconds):
        start = time.perf_counter()
        task.predict(image)  # ends with a copy to the CPU, which synchronizes with the device
        times.append(time.perf_counter() - start)
    return times
