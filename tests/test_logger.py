"""Loggers: selection, logged data, and errors that do not affect a run."""

import csv
import math

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from clothseg import build
from clothseg.callbacks.history import History
from clothseg.config.command_line import check_command
from clothseg.error import ConfigError, DataError
from clothseg.logger.tracker import Results, Subject, Tracker, require_writable
from clothseg.run.tables import read_history
from clothseg.run.tracking import Tracking
from support.command_line import records
from support.shipped_config import label_space


def subject(folder, *overrides):
    (job,) = check_command(overrides)
    folder.mkdir(parents=True, exist_ok=True)
    labels = label_space("refined15")
    return Subject("some run", folder, "a/b/c", job.config.plain, job.choices, labels)


def row(epoch, iou=0.5):
    return {"epoch": float(epoch), "learning_rate": 0.1, "val/iou/Hat": math.nan, "val/iou": iou}


def tracker_names(*overrides):
    (job,) = check_command(overrides)
    return [tracker.name for tracker in build.build_trackers(job.config)]


@pytest.mark.parametrize(
    ("override", "names"),
    [
        ([], []),
        (["logger=tensorboard"], ["tensorboard"]),
        (["logger=[tensorboard,wandb]"], ["tensorboard", "wandb"]),
        (["logger=[wandb,tensorboard]"], ["wandb", "tensorboard"]),
        (["logger=lightning"], ["MLFlowLogger"]),
        (["logger=none"], []),
        (["logger=[]"], []),
    ],
)
def test_any_list_of_loggers_can_be_selected(override, names):
    assert tracker_names(*override) == names


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("logger=wnadb", r"logger=wnadb: no such option: wnadb; did you mean `wandb`\?"),
        ("logger=[csv,wnadb]", r"logger=\[csv,wnadb\]: no such option: wnadb; did you mean"),
        ("logger=[csv,csv]", r"logger=\[csv,csv\]: csv is listed more than once"),
        ("logger=[none,csv]", r"logger=\[none,csv\]: none cannot be combined"),
        ("logger=csv,wandb", r"logger cannot be swept over; 'logger=\[csv,wandb\]' selects all"),
        ("logger.wandb.mode=online", r"logger\.wandb: wandb is not selected; selected: none"),
        ("logger.csv.path=a", r"logger\.csv: csv is not selected; selected: none"),
    ],
)
def test_invalid_selections_are_reported(override, message):
    with pytest.raises(ConfigError, match=message):
        check_command([override])


def test_wandb_settings_are_validated():
    keys = {"mode": "onlin", "project": "a/b", "tags": "[1]", "finish_timeout": "0"}
    with pytest.raises(ConfigError) as error:
        check_command(["logger=wandb", *(f"logger.wandb.{k}={v}" for k, v in keys.items())])
    assert len(error.value.problems) == len(keys)


def test_disabled_wandb_writes_nothing(tmp_path):
    (job,) = check_command(["logger=wandb", "logger.wandb.mode=disabled"])
    (tracker,) = build.build_trackers(job.config)
    tracker.require(several=False)
    tracker.begin(subject(tmp_path / "run"))
    tracker.epochs([row(1)])
    tracker.close("done")
    assert not list((tmp_path / "run").iterdir())


@pytest.mark.parametrize("selected", ["csv", "[csv,tensorboard]"])
def test_command_lines_that_select_the_csv_file_are_accepted(selected, tmp_path):
    """It is written without a logger, so this one has nothing to do."""
    (job,) = check_command([f"logger={selected}"])
    tracker = build.build_trackers(job.config)[0]
    tracker.begin(subject(tmp_path / "run"))
    tracker.epochs([row(1)])
    tracker.close("done")
    assert not list((tmp_path / "run").iterdir())


def test_lightning_loggers_receive_epochs_and_configuration(tmp_path):
    (job,) = check_command(["logger=lightning", "logger.lightning.name=CSVLogger"])
    job.config.plain["logger"]["lightning"]["arguments"] = {  # the defaults are those of MLflow
        "save_dir": "{folder}",
        "name": "csv",
        "version": "{signature}",
    }
    (tracker,) = build.build_trackers(job.config)
    run = subject(tmp_path / "run")
    tracker.begin(run)
    tracker.epochs([row(1, 0.25)])
    tracker.epochs([row(1, 0.25), row(2, 0.5)])
    tracker.close("done")
    folder = run.folder / "csv" / "c"
    with (folder / "metrics.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [(line["step"], line["val/iou"]) for line in table] == [("1", "0.25"), ("2", "0.5")]
    assert "val/iou/Hat" not in table[0]
    assert "max_epochs: 8" in (folder / "hparams.yaml").read_text()


def test_a_lightning_logger_that_cannot_be_created_stops_the_run(tmp_path):
    (job,) = check_command(["logger=lightning", "logger.lightning.name=CSVLogger"])
    (tracker,) = build.build_trackers(job.config)  # with the arguments of MLflow
    with pytest.raises(ConfigError, match=r"logger\.lightning\.name=CSVLogger: .*experiment_name"):
        tracker.begin(subject(tmp_path / "run"))


def test_a_custom_logger_is_adapted(tmp_path, monkeypatch):
    (tmp_path / "own_logger.py").write_text(
        "from pytorch_lightning.loggers import CSVLogger\n"
        f"def mine(*, name: str):\n    return CSVLogger({str(tmp_path)!r}, name=name)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    own = "{_target_: own_logger.mine, name: x}"
    (job,) = check_command(["trust=[own_logger]", f"+logger.own={own}"])
    (tracker,) = build.build_trackers(job.config)
    tracker.begin(subject(tmp_path / "run"))
    tracker.epochs([row(1)])
    tracker.close("failed")
    assert (tmp_path / "x" / "version_0" / "metrics.csv").is_file()


def card(iou):
    rows = [{"id": 0, "name": "BG", "f1": 0.9, "iou": iou, "support": 7}]
    return {"mean": {"iou": iou}, "accuracy": 0.8, "binary_iou": None, "per_class": rows}


def test_final_scores_are_those_of_the_test_and_of_the_best_epoch_in_validation(tmp_path):
    (job,) = check_command(["logger=lightning", "logger.lightning.name=CSVLogger"])
    job.config.plain["logger"]["lightning"]["arguments"] = {"save_dir": "{folder}", "name": "csv"}
    for old in (False, True):
        metrics = {"test": card(0.5)} | ({} if old else {"validation": card(0.25)})
        (tracker,) = build.build_trackers(job.config)
        run = subject(tmp_path / str(old))
        tracker.begin(run)
        tracker.epochs([row(1)])
        tracker.end(Results(metrics, None, {}, tmp_path))
        tracker.close("done")
        (path,) = run.folder.rglob("metrics.csv")
        with path.open() as file:
            (last,) = (line for line in csv.DictReader(file) if line["test/mean_iou"])
        scores = {key: last[key] for key in last if key.startswith(("test/", "best/"))}
        expected = {"test/mean_iou": "0.5", "test/accuracy": "0.8", "test/iou/BG": "0.5"}
        if not old:
            expected |= {"best/mean_iou": "0.25", "best/accuracy": "0.8", "best/iou/BG": "0.25"}
        assert scores == expected


def scalars(folder, key):
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    assert "val/iou/Hat" not in events.Tags()["scalars"]
    return [(event.step, round(event.value, 3)) for event in events.Scalars(key)]


def test_event_files_of_a_resumed_run_have_every_epoch_once(tmp_path):
    """The first attempt logged one epoch more than its checkpoint."""
    (job,) = check_command(["logger=tensorboard"])
    run = subject(tmp_path / "run")
    for attempt in ([row(1, 0.1), row(2, 0.2), row(3, 0.9)], [row(1, 0.1), row(2, 0.2)]):
        (tracker,) = build.build_trackers(job.config)
        tracker.begin(run)
        tracker.epochs(attempt)
        tracker.close("interrupted")
    assert scalars(run.folder, "val/iou") == [(1, 0.1), (2, 0.2)]


@pytest.mark.parametrize("name", ["wandb", "tensorboard"])
def test_an_unwritable_log_folder_is_reported_before_training(name, tmp_path):
    (job,) = check_command([f"logger={name}"])
    (tracker,) = build.build_trackers(job.config)
    run = subject(tmp_path / "run")
    (run.folder / name).write_text("in the way")
    with pytest.raises(DataError, match=rf"log folder .*{name} is not writable"):
        tracker.begin(run)
    with pytest.raises(DataError, match="Not a directory"):
        require_writable(run.folder / name / "below")


class Recorder(Tracker):
    """Records all calls, and fails at the given ones."""

    def __init__(self, name, fails_at=()):
        self.name, self.fails_at, self.calls = name, fails_at, []

    def record(self, call):
        self.calls.append(call)
        if call in self.fails_at:
            raise OSError(f"no space\nat {call}")

    def begin(self, subject):
        self.record("begin")

    def epochs(self, rows):
        self.record(len(rows))

    def end(self, results):
        self.record("end")

    def close(self, end):
        self.record(end)


class RankZero:
    is_global_zero = True


class OtherRank:
    is_global_zero = False


def track(trackers, run, trainer=RankZero, raises=None):
    lines, history = [], History()
    with Tracking(trackers, run, history, lines.append) as tracking:
        tracking.on_fit_start(trainer, None)
        for epoch in (1, 2, 3):
            history.rows.append(row(epoch))
            tracking.on_train_epoch_end(trainer, None)
        if raises is not None:
            raise raises
        tracking.end(None)
    return lines


def test_a_logger_that_fails_mid_run_is_dropped_with_one_warning(tmp_path):
    broken, working = Recorder("broken", fails_at=(2,)), Recorder("working")
    lines = track([broken, working], subject(tmp_path))
    assert broken.calls == ["begin", 1, 2, "done"]
    assert working.calls == ["begin", 1, 2, 3, "end", "done"]
    assert lines == [
        "some run  warning: logger broken failed (OSError: no space); it lacks all epochs from 2 "
        "on; the run continues without it"
    ]


def test_a_logger_that_fails_at_the_end_only_causes_warnings(tmp_path):
    recorder = Recorder("broken", fails_at=("end", "done"))
    lines = track([recorder], subject(tmp_path))
    assert recorder.calls == ["begin", 1, 2, 3, "end", "done"]
    assert "it lacks the results" in lines[0]
    assert "all results are in the run folder" in lines[1]


@pytest.mark.parametrize(
    ("error", "end"), [(KeyboardInterrupt(), "interrupted"), (ValueError(), "failed")]
)
def test_a_run_that_ends_early_closes_its_loggers(error, end, tmp_path):
    recorder = Recorder("working")
    with pytest.raises(type(error)):
        track([recorder], subject(tmp_path), raises=error)
    assert recorder.calls[-1] == end


def test_a_logger_that_cannot_begin_stops_the_run(tmp_path):
    first, second = Recorder("first"), Recorder("second", fails_at=("begin",))
    with pytest.raises(OSError, match="no space"):
        track([first, second], subject(tmp_path))
    assert (first.calls, second.calls) == (["begin", "failed"], ["begin", "failed"])


def test_only_rank_zero_logs(tmp_path):
    recorder = Recorder("quiet")
    track([recorder], subject(tmp_path), OtherRank)
    assert recorder.calls == []


@pytest.mark.slow
def test_without_a_logger_the_record_is_complete(command_line, tmp_path):
    result = command_line.run(command_line.tiny(tmp_path, "logger=none", "report.figures=all"))
    assert result.returncode == 0, result.stderr
    (record,) = records(tmp_path)
    assert [row["epoch"] for row in read_history(record.folder)] == [1]
    assert (record.folder / "figures" / "learning_curves.png").is_file()
    assert record.status["state"] == "done"
    assert record.metrics["epochs"] == 1
