"""Run folders: signatures never change, and records are written atomically."""

import json
import re
import time

import pytest
import yaml

from clothseg.config.command_line import check_command
from clothseg.config.run_config import RunConfig
from clothseg.error import ClaimedError, ConfigError, DataError
from clothseg.files import write_json
from clothseg.run import record as record_module
from clothseg.run import signature as signature_module
from clothseg.run.record import Record, run_folder
from clothseg.run.signature import signature

FROZEN = {
    "model": {"_target_": "clothseg.model.fpn", "dropout": 0.2},
    "split": {"_target_": "clothseg.split.kfold", "folds": 5, "fold": 3, "seed": 0},
    "data": {"image_size": 64, "workers": 2, "cache": "somewhere"},
    "seed": 0,
}
FROZEN_SIGNATURE = "c10261251764"
"""Must never change: a different value would orphan the runs of every user."""


def composed(*overrides):
    (job,) = check_command(overrides)
    return job


def test_the_signature_of_a_frozen_configuration_never_changes():
    assert signature(FROZEN, "fingerprint", 1) == FROZEN_SIGNATURE


@pytest.mark.parametrize(
    "override",
    [
        "data.workers=2",
        "data.cache=elsewhere",
        "output=elsewhere",
        "rerun=true",
        "dataset.root=elsewhere",
        "dataset.detector=elsewhere.pth",
        "dataset.crop_margin=0.3",  # no effect without a crop
        "data.repeat_threshold=0.3",  # no effect with uniform sampling
        "trainer=cpu",
        "trainer.threads=1",
        "split.fold=3",
        "data.image_size=[96,96]",  # the same square
        "trust=[mine]",
        "logger=csv",
    ],
)
def test_keys_that_cannot_affect_the_result_are_not_in_the_signature(override):
    before, after = composed(), composed(override)
    assert before.config != after.config
    assert signature(before.config.plain, "f", 1) == signature(after.config.plain, "f", 1)


@pytest.mark.parametrize(
    "override",
    [
        "seed=1",
        "data.image_size=128",
        "data.image_size=[96,64]",
        "data.image_size=[64,96]",
        "data.fit=letterbox",
        "data.mask_pixel=corner",
        "data.fit=crop",
        "optimizer.lr=1e-4",
        "model=unet",
        "backbone=resnet18",
        "labels=body4",
        "split.folds=4",
        "split.seed=1",
        "augmentation=none",
        "dataset.crop=mask",
        "scheduler=none",
        "trainer.max_epochs=3",
        "trainer.precision=bf16",
        "callbacks=early_stopping",
        "postprocess=opening",
        "data.max_train_images=50",
        "data.sampling=class_balanced",
        "trainer.ema_decay=0.99",
        "split.held_out=0.1",
        "metric.train=true",  # a finished run without these scores is trained again
        "callbacks.checkpoints.monitor=val/mean_boundary_iou",
    ],
)
def test_keys_that_can_affect_the_result_are_in_the_signature(override):
    assert signature(composed().config.plain, "f", 1) != signature(
        composed(override).config.plain, "f", 1
    )


def test_runs_older_than_the_crop_keep_their_signature():
    config = composed().config.plain
    before = {
        key: config["dataset"][key] for key in ("_target_", "root", "num_images", "seed", "names")
    }
    assert signature({**config, "dataset": before}, "f", 1) == signature(config, "f", 1)


def test_runs_older_than_other_keys_keep_their_signature():
    config = composed("model=unet", "data.mask_pixel=corner").config.plain
    before = {key: value for key, value in config.items() if key != "postprocess"}
    for group, key in (
        ("data", "max_train_images"),
        ("data", "sampling"),
        ("data", "repeat_threshold"),
        ("data", "fit"),
        ("data", "mask_pixel"),
    ):
        before[group] = {k: v for k, v in before[group].items() if k != key}
    del before["metric"]
    before["trainer"] = {k: v for k, v in config["trainer"].items() if k != "ema_decay"}
    before["split"] = {
        k: v for k, v in config["split"].items() if k not in ("held_out", "group_near_duplicates")
    }
    before["model"] = {k: v for k, v in config["model"].items() if k != "deep_supervision"}
    assert signature(before, "f", 1) == signature(config, "f", 1)
    RunConfig.of(before)  # so they can be evaluated


def test_letterboxes_older_than_the_key_of_squeezed_masks_keep_their_signature():
    config = composed("data.fit=letterbox").config.plain
    before = {**config, "data": {k: v for k, v in config["data"].items() if k != "mask_pixel"}}
    assert signature(before, "f", 1) == signature(config, "f", 1)
    for settings in (before, config):
        assert RunConfig.of(settings).data.frame.mask_pixel == "center"


def test_squeezed_masks_older_than_their_key_are_those_of_that_version():
    config = composed().config.plain
    before = {**config, "data": {k: v for k, v in config["data"].items() if k != "mask_pixel"}}
    assert RunConfig.of(config).data.frame.mask_pixel == "center"
    assert RunConfig.of(before).data.frame.mask_pixel == "corner"


def test_plateau_schedules_older_than_their_monitor_keep_their_signature():
    config = composed("scheduler=plateau").config.plain
    schedule = {k: v for k, v in config["scheduler"].items() if k != "monitor"}
    before = {**config, "scheduler": schedule}
    RunConfig.of(before)
    assert signature(before, "f", 1) == signature(config, "f", 1)
    other = composed("scheduler=plateau", "scheduler.monitor=val/accuracy").config.plain
    assert signature(other, "f", 1) != signature(config, "f", 1)


def test_a_record_of_the_first_release_can_be_loaded(tmp_path):
    config = composed().config.plain
    late = (
        "devices",
        "sync_batchnorm",
        "channels_last",
        "compile",
        "accumulation_steps",
        "clip",
        "ema",
    )
    config["trainer"] = {k: v for k, v in config["trainer"].items() if k not in late}
    record = Record(tmp_path)
    record.begin(config, {}, [], "CPU")
    recorded = record.config["config"]
    RunConfig.of(recorded)
    assert recorded["trainer"]["channels_last"] is True  # the behavior before the key existed
    assert signature(recorded, "f", 1) == signature(composed().config.plain, "f", 1)


def test_the_margin_of_a_crop_is_in_the_signature():
    jobs = [composed("dataset.crop=mask", f"dataset.crop_margin={margin}") for margin in (0.1, 0.3)]
    assert len({signature(job.config.plain, "f", 1) for job in jobs}) == 2


def test_dataset_content_and_number_of_processes_are_in_the_signature():
    config = composed().config.plain
    assert (
        len({signature(config, "f", 1), signature(config, "g", 1), signature(config, "f", 2)}) == 3
    )


def test_a_new_key_at_its_neutral_value_does_not_change_signatures(monkeypatch):
    before = signature(FROZEN, "f", 1)
    later = {**FROZEN, "model": {**FROZEN["model"], "norm": "batch"}}
    assert signature(later, "f", 1) != before
    monkeypatch.setitem(signature_module.NEUTRAL_DEFAULTS, "model.norm", "batch")
    assert signature(later, "f", 1) == before
    other = {**FROZEN, "model": {**FROZEN["model"], "norm": "group"}}
    assert signature(other, "f", 1) != before


def test_the_run_folder_describes_the_run():
    job = composed("model=unet", "backbone=vgg16", "split.fold=2", "output=runs")
    parts = run_folder(job.config.plain, job.choices, "f", 1).parts
    assert parts[:3] == ("runs", "synthetic-refined15", "unet-vgg16")
    assert parts[4] == "fold-2"
    job = composed("split=holdout", "output=runs")
    assert len(run_folder(job.config.plain, job.choices, "f", 1).parts) == 4
    assert run_folder(job.config.plain, job.choices, "f", 2) != run_folder(
        job.config.plain, job.choices, "f", 1
    )


def test_attempts_are_counted_and_states_saved(tmp_path):
    record, config = Record(tmp_path / "run"), dict(composed().config.plain)
    assert record.status is None
    assert record.begin(config, {"model": "fpn"}, ["model=fpn"], "CPU") == 1
    assert record.status == {"state": "running", "attempts": 1, "error": None}
    record.set_state("failed", error="ValueError: x")
    assert record.begin(config, {"model": "fpn"}, ["model=fpn"], "CPU") == 2
    record.set_state("done")
    assert record.status == {"state": "done", "attempts": 2, "error": None}
    expected = {"choices": {"model": "fpn"}, "overrides": ["model=fpn"], "config": config}
    assert record.config == expected == yaml.safe_load((record.folder / "config.yaml").read_text())
    assert record.environment["versions"]["torch"]
    assert "dirty" in record.environment
    assert record.environment["device"] == "CPU"


def test_a_replaced_record_is_moved_aside(tmp_path):
    record = Record(tmp_path / "run")
    for number in (1, 2):
        record.begin({**composed().config.plain, "seed": number}, {}, [], "CPU")
        aside = record.set_aside()
        assert aside.name == f"run.replaced-{number}"
        assert Record(aside).config["config"]["seed"] == number
    assert not record.folder.exists()


def test_a_folder_without_a_run_is_rejected(tmp_path):
    with pytest.raises(ConfigError, match=r"is not a run folder: no config\.yaml in it$"):
        _ = Record(tmp_path).config


def test_files_are_written_atomically(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_path_that_cannot_be_written_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        write_json(tmp_path / "file" / "a.json", {})


def test_the_claim_of_another_machine_expires_without_a_heartbeat(tmp_path, monkeypatch):
    """Simulate the claim of a process on a machine that has lost power."""
    monkeypatch.setattr(record_module, "CLAIM_TIMEOUT", 1.0)
    record = Record(tmp_path)
    with record.claimed():
        marker = (tmp_path / ".claim").read_text()
    foreign = re.sub(r"host=.*", "host=another-machine", marker)
    (tmp_path / ".claim").write_text(re.sub(r"pid=.*", "pid=7", foreign))
    with pytest.raises(ClaimedError), record.claimed():
        pass
    start = time.monotonic()
    with record.claimed(wait=20):
        assert time.monotonic() - start >= 1
        assert "host=another-machine" not in (tmp_path / ".claim").read_text()


def test_a_claim_with_another_expiry_is_named_with_the_remedy(tmp_path):
    record = Record(tmp_path)
    with record.claimed():
        marker = (tmp_path / ".claim").read_text()
    foreign = re.sub(r"duration=.*", "duration=5.0", marker)
    (tmp_path / ".claim").write_text(re.sub(r"host=.*", "host=another-machine", foreign))
    with pytest.raises(DataError, match=r"\.claim is not the claim of .* delete it if no process"):
        record.claimed().__enter__()


def test_a_damaged_status_counts_as_interrupted(tmp_path):
    record = Record(tmp_path)
    record.set_state("done", attempts=2)
    (tmp_path / "status.json").write_text("")
    assert record.status["state"] == "interrupted"
    (tmp_path / "metrics.json").write_text("{")
    with pytest.raises(DataError, match=r"metrics\.json is missing or damaged .*; rerun=true"):
        _ = record.metrics


def test_a_claim_that_another_process_has_taken_over_is_noticed(tmp_path):
    record = Record(tmp_path / "run")
    with record.claimed() as claim:
        claim.require()
        path = record.folder / ".claim"
        own = path.read_text()
        assert claim.lock.token in own
        path.write_text(own.replace(claim.lock.token, "0" * len(claim.lock.token)))
        with pytest.raises(ClaimedError, match="was taken over by another process"):
            claim.require()
        path.unlink()
        with pytest.raises(ClaimedError, match="it writes nothing more"):
            claim.require()


def test_leftovers_of_killed_processes_are_removed_when_a_run_begins(tmp_path):
    record = Record(tmp_path / "run")
    leftovers = [record.folder / name for name in (".12-00ff.tmp", "checkpoints/.9-0a.tmp")]
    for path in leftovers:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("half")
    kept = record.folder / "checkpoints" / "last.ckpt"
    kept.write_text("whole")
    record.begin({}, {}, [], "CPU")
    assert not any(path.exists() for path in leftovers)
    assert kept.exists()


@pytest.mark.parametrize(
    ("name", "names", "expected"),
    [
        ("cfpd23", ["bk", "T-shirt", "bag", "belt"], "3b4eb3e86327"),
        ("ccp59", ["null", "accessories", "bag", "belt", "blazer"], "268e2718b45a"),
        ("refined15", ["BG", "Bag", "Coat"], "ed7e9abd3b1a"),
    ],
)
def test_colors_of_shipped_label_spaces_do_not_change_signatures(name, names, expected):
    for color in ("#123456", "#abcdef"):
        labels = {"name": name, "names": names, "gathers": {}, "colors": [color] * len(names)}
        assert signature({**FROZEN, "labels": labels}, "f", 1) == expected


def test_colors_of_own_label_spaces_are_in_signatures_as_ever():
    labels = {"name": "mine", "names": ["a", "b"], "gathers": {}}
    mine = {**FROZEN, "labels": {**labels, "colors": ["#000000", "#ffffff"]}}
    other = {**FROZEN, "labels": {**labels, "colors": ["#000000", "#ff0000"]}}
    assert signature(mine, "f", 1) != signature(other, "f", 1)


def test_a_record_holds_the_fingerprint_of_its_dataset_and_the_open_choices(tmp_path):
    (job,) = check_command(["experiment=martellozzo2023/vgg16_4", "dataset.root=x"])
    record = Record(tmp_path)
    plain = dict(job.config.plain)
    record.begin(plain, job.choices, list(job.overrides), "CPU", None, None, "0123abcd")
    assert record.environment["dataset_fingerprint"] == "0123abcd"
    assert record.config["config"]["decisions"]["loss"] == "cross-entropy"
    without = signature({**plain, "decisions": {}}, "0123abcd", 1)
    assert signature(plain, "0123abcd", 1) == without
