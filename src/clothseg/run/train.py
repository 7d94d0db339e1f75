"""Execution of one run: train, test, measure, draw figures, and record."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import torch

from clothseg import build
from clothseg.cache import Census, Pictures, read_census
from clothseg.callbacks.history import History
from clothseg.callbacks.progress import Reporter
from clothseg.checkpoint import latest_checkpoint
from clothseg.datamodule.sampling import Shard
from clothseg.datamodule.training_data import TrainingData
from clothseg.files import write_json
from clothseg.logger.tracker import Results
from clothseg.loss.class_weights import ClassPixels, describe_weights
from clothseg.loss.pixelwise import PixelLoss
from clothseg.metric.doubt import doubts
from clothseg.metric.scorecard import scorecard
from clothseg.metric.segmentation import Scores
from clothseg.run.content import DERIVED, SPLIT, seal
from clothseg.run.inference_time import inference_ms
from clothseg.run.job import Job, missing_results
from clothseg.run.log import log_file, run_log
from clothseg.run.member import Member
from clothseg.run.own_code import require_planned_code
from clothseg.run.record import Record
from clothseg.run.restore import load_best
from clothseg.run.results import write_scores
from clothseg.run.resuming import RestoredState
from clothseg.run.start import load_start
from clothseg.run.tables import read_history
from clothseg.run.tracking import Tracking, job_tracking
from clothseg.split import Split, missing_classes
from clothseg.task.evaluation import evaluate
from clothseg.task.parser import Parser
from clothseg.task.training import Training
from clothseg.terminal.screen import say as print_line
from clothseg.trainer import autocast_dtype, evaluation_device, restore_keyboard_interrupt

Say = Callable[[str], None]


def run(job: Job, member: Member) -> Literal["done", "resumed", "skipped"]:
    """Execute a run, or resume an interrupted one.

    Args:
        job: the run.
        member: this process. Rank 0 claims the record, and decides where the training begins.

    Returns:
        What this process did; `skipped` if another one has finished the run in the meantime.

    Raises:
        UserError: an error that the user can fix.
        ClaimedError: another process executes this run.
        KeyboardInterrupt: Ctrl-C; the last checkpoint remains.
    """
    reader = build.build_dataset(job.config)
    census = read_census(job.census) if job.census else build.open_census(job.config, reader)
    record = Record(job.folder)
    frozen = job.folder / SPLIT
    if frozen.is_file():
        split = record.split
        split.require(census.names)
    else:
        split = job.split or build.build_split(job.config, census)
    cache = build.open_training_pixels(job.config, reader, census, split)
    data = build.build_data(job.config, cache, split, Shard(member.rank, job.world_size))
    data.require_images("trainer.devices", ["validation", "test"])
    pixels = ClassPixels.of_training(census, split, job.config.data.frame)
    task = build.build_task(job.config, pixels)
    begun = load_start(task.network, job.config, job.start) if job.start else []
    require_planned_code(job.own_code)  # all modules of the user's own have been imported by now
    if member.rank > 0:
        beginning = member.follow()
        if beginning is None:
            return "skipped"
        checkpoint, _ = beginning
        with run_log(None) as say, job_tracking(job, say) as tracking:
            _train_and_test(job, data, task, say, tracking, checkpoint)
        return "done"
    with record.claimed(job.wait) as claim:
        if record.is_done():  # by the process that held the claim, even for rerun=true
            member.lead(None)
            if missing := missing_results(job):
                alone = build.build_data(job.config, cache, split, Shard(0, 1))
                _write_again(job, alone, task, missing)
            return "skipped"
        checkpoint, problems = beginning = latest_checkpoint(record.checkpoints)
        member.lead(beginning)
        with run_log(log_file(job.folder)) as say:
            device = device_name(job)
            plain = dict(job.config.plain)
            record.begin(
                plain,
                job.choices,
                job.overrides,
                device,
                job.code,
                job.own_code,
                job.fingerprint,
            )
            split.write(frozen)
            lines = [
                f"{task.network.trainable / 1e6:.1f} M parameters on {device}, "
                f"recorded in {job.folder}",
                split.summary,
                *begun,
                *_notes(job, census, split, task),
                *crowd_warning(data, task),
                *(f"warning: {problem}" for problem in problems),
                *_beginning(checkpoint, problems),
            ]
            for line in lines:
                say(f"{job.title}  {line}")
            with job_tracking(job, say, claim.require) as tracking:
                scores = _train_and_test(job, data, task, say, tracking, checkpoint)
                claim.require()
                results = _write_results(job, data, task, tracking.history, scores)
                tracking.end(results)
            for reason in results.metrics["suspect"]:
                say(f"{job.title}  warning: suspect: {reason}")
            claim.require()
            record.end(results.metrics["suspect"])
            if not job.config.keeps_last_checkpoint:
                record.delete_last_checkpoints()
    return "resumed" if checkpoint else "done"


def _notes(job: Job, census: Census, split: Split, task: Training) -> Iterator[str]:
    """Yield warnings and remarks about the data of a run, and record what they refer to."""
    if job.start:
        write_json(job.folder / "init_from.json", job.start.plain)
        if seen := job.start.seen(split):
            yield (
                f"warning: {job.start.folder} was trained with {seen} of the {len(split.test)} "
                "test images, so that the test scores are too high"
            )
    for text in (*census.warnings, *split.warnings):
        yield f"warning: {text}"
    if census.skipped:
        write_json(job.folder / "skipped.json", [asdict(sample) for sample in census.skipped])
        yield f"warning: {len(census.skipped)} samples are skipped, see skipped.json"
    frozen = job.config.model.arguments.get("frozen", "none")
    if frozen != "none" and not job.config.plain["backbone"].get("weights") and not job.start:
        yield f"warning: model.frozen={frozen} keeps random weights; set backbone.weights"
    for text in describe_class_weights(task):
        yield f"class weights: {text}"
    for name in missing_classes(census, split, task.names):
        yield f"warning: no training image contains the class {name}"


def crowd_warning(data: TrainingData, task: Training) -> Iterator[str]:
    """Warn of pictures with more people than the network can find."""
    cache = data.cache
    if not (isinstance(cache, Pictures) and isinstance(task, Parser)):
        return
    queries = task.network.queries
    pictures, most = cache.crowds(data.split.names, queries)
    if pictures:
        yield (
            f"warning: {pictures} pictures have more than model.queries={queries} people, up to "
            f"{most}; the network finds {queries} at most"
        )


def _beginning(checkpoint: Path | None, problems: list[str]) -> list[str]:
    """State from where the training starts, unless it is the usual beginning."""
    if checkpoint:
        return [f"resumes from {checkpoint}"]
    return ["starts again from the first epoch"] if problems else []


def _train_and_test(
    job: Job,
    data: TrainingData,
    task: Training,
    say: Say,
    tracking: Tracking,
    checkpoint: Path | None,
) -> Scores:
    """Train, from the beginning or from a checkpoint, then test the best epoch."""
    history = tracking.history
    reporter = Reporter(say, job.title, data.batch_size, history)
    restored = RestoredState(checkpoint)
    observers = [history, tracking, reporter, restored]
    trainer = build.build_trainer(job.config, job.folder, observers, job.world_size)
    with restore_keyboard_interrupt(), restored.explained():
        trainer.fit(task, data, ckpt_path=checkpoint, weights_only=True)
    return _test(job, data, task)


def _test(job: Job, data: TrainingData, task: Training) -> Scores:
    """Score the best epoch on the test part."""
    load_best(task.network, Record(job.folder))
    device = evaluation_device(job.config.execution.accelerator, data.shard.rank)
    dtype = autocast_dtype(job.config.execution.precision)
    return evaluate(task, data.evaluation_batches(data.split.test), device, dtype)


def _write_again(job: Job, data: TrainingData, task: Training, missing: list[str]) -> None:
    """Replace files of a finished run that can be derived from its weights and its history."""
    print_line(f"{job.title}  {', '.join(missing)} missing or damaged: written again")
    record = Record(job.folder)
    rows, metrics = read_history(job.folder), record.metrics
    write_scores(job, data.cache, task, _test(job, data, task), rows, metrics["best_epoch"])
    seal(job.folder, [job.folder / name for name in DERIVED if (job.folder / name).is_file()])


def _write_results(
    job: Job,
    data: TrainingData,
    task: Training,
    history: History,
    scores: Scores,
) -> Results:
    """Write scores, measurements and figures of a run; return the results for the loggers."""
    seconds = sum(row["seconds"] for row in history.rows)
    images = len(history.rows) * data.steps_per_epoch * data.batch_size
    examples = write_scores(job, data.cache, task, scores, history.rows, history.best_epoch)
    card = scorecard(scores, task.names, data.cache.sources)
    metrics = {
        "test": card,
        "suspect": doubts(card),
        **history.validation_metrics,
        "best_epoch": history.best_epoch,
        "best_epochs": history.best_epochs,
        "epochs": len(history.rows),
        "train_seconds": seconds,
        "validation_seconds": sum(row.get("validation_seconds", 0.0) for row in history.rows),
        "images_per_second": images / seconds,
        "parameters": task.network.trainable,
        "inference_ms": inference_ms(task, job.config.data.frame.size),
        "division": data.split.division,
        "fold_deviation": data.split.deviation,
    }
    write_json(job.folder / "metrics.json", metrics)
    weights = Record(job.folder).best_checkpoint
    if isinstance(task, Parser):
        return Results(metrics, scores.matrix, examples, weights, task.values)
    return Results(metrics, scores.matrix, examples, weights)


def device_name(job: Job) -> str:
    """Display name of the device of a run."""
    execution = job.config.execution
    if execution.accelerator != "cpu" and torch.cuda.is_available():
        device = torch.cuda.get_device_name()
    else:
        threads = execution.threads or torch.get_num_threads()
        device = f"CPU, {threads} thread{'s' if threads > 1 else ''}"
    return device if job.world_size == 1 else f"{job.world_size} x {device}"


def describe_class_weights(task: Training) -> list[str]:
    """Format the class weights of a task's losses."""
    losses = [loss for loss in task.loss.modules() if isinstance(loss, PixelLoss)]
    weights = [loss.weights.tolist() for loss in losses if loss.weights is not None]
    return [describe_weights(values, task.names) for values in weights]
