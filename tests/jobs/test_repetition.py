"""Repetition of a recorded run, unchanged or with other keys."""

import pytest
import yaml

from clothseg.error import ConfigError
from clothseg.jobs.repetition import origin, repetition
from support.finished_run import write_finished


@pytest.fixture
def original(tmp_path, small_ccp):
    """Record of the second fold of a run with a focal loss, by a version with another default."""
    overrides = ("dataset=ccp", f"dataset.root={small_ccp}", "loss=focal", "loss.gamma=3")
    record = write_finished(tmp_path / "o/fold-1", *overrides, "split.folds=2", "trainer=cpu")
    path = record.folder / "config.yaml"
    content = yaml.safe_load(path.read_text())
    content["config"]["optimizer"]["weight_decay"] = 0.123
    path.write_text(yaml.safe_dump(content))
    (record.folder / "checksums.json").unlink()
    return record


def repeated(record, *overrides, every_fold=False):
    arguments = [f"rerun_from={record.folder}", *overrides]
    return repetition(origin(arguments), arguments, every_fold)


def test_an_unchanged_repetition_is_the_record_and_trains_again(original):
    found = repeated(original)
    recorded = original.config["config"]
    same = {key: found.config.plain[key] for key in ("loss", "optimizer", "split", "trainer")}
    assert same == {key: recorded[key] for key in same}
    assert found.config.rerun


def test_other_keys_change_what_they_and_their_references_mean_and_nothing_else(original):
    found = repeated(original, "trainer.max_epochs=60", "data.image_size=64")
    plain, recorded = found.config.plain, original.config["config"]
    assert (plain["trainer"]["max_epochs"], plain["data"]["image_size"]) == (60, 64)
    assert plain["optimizer"]["weight_decay"] == 0.123, "the default of the record, not of today"
    assert plain["loss"] == recorded["loss"]
    assert plain["split"]["fold"] == 1
    assert plain["rerun_from"] == str(original.folder)
    assert not found.config.rerun, "the same command again finds the run"
    assert found.overrides[-2:] == ["trainer.max_epochs=60", "data.image_size=64"]
    assert "loss.gamma=3" in found.overrides


def test_a_key_of_the_recorded_option_can_be_set(original):
    found = repeated(original, "loss.gamma=5")
    assert found.config.plain["loss"]["gamma"] == 5
    assert [text for text in found.overrides if "gamma" in text] == ["loss.gamma=5"]


def test_another_option_replaces_the_group_with_its_keys(original):
    found = repeated(original, "loss=dice_focal")
    assert found.choices["loss"] == "dice_focal"
    assert found.config.plain["loss"]["_target_"] != original.config["config"]["loss"]["_target_"]
    assert not any("gamma=3" in text for text in found.overrides)
    assert found.config.plain["optimizer"]["weight_decay"] == 0.123


def test_an_explicit_rerun_moves_an_earlier_repetition_aside(original):
    assert repeated(original, "trainer.max_epochs=60", "rerun=true").config.rerun


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["split.fold=0"], "repeats the fold of a run, so split.fold cannot be set"),
        (["optimizer.lr=0.1,0.2"], "rerun_from repeats a single run, not several"),
        (["loss.gama=2"], "did you mean `gamma`?"),
        (["trainer.max_epochs=0"], "trainer.max_epochs=0: must be greater than"),
    ],
)
def test_an_unusable_repetition_is_one_message(overrides, message, original):
    with pytest.raises(ConfigError) as caught:
        repeated(original, *overrides)
    assert message in str(caught.value)


def test_a_repetition_of_all_folds_is_refused(original):
    with pytest.raises(ConfigError, match="repeats a single run"):
        repeated(original, every_fold=True)


def test_a_record_decides_nothing_by_its_command(original):
    path = original.folder / "config.yaml"
    content = yaml.safe_load(path.read_text())
    content["overrides"] += [
        "trust=[os]",
        "output=/elsewhere",
        "logger=wandb",
        "hydra.job.chdir=true",
    ]
    path.write_text(yaml.safe_dump(content))
    plain = repeated(original, "trainer.max_epochs=60").config.plain
    assert (plain["trust"], plain["logger"]) == ([], {})
    assert plain["output"] == "outputs"
    content["overrides"] += ["labels.name=${oc.env:HOME}"]
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError, match=r"refers to another key"):
        repeated(original, "trainer.max_epochs=60")
    content["overrides"][-1] = "loss=forgotten"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError, match="not valid any more: loss=forgotten"):
        repeated(original, "trainer.max_epochs=60")


@pytest.mark.parametrize(
    ("overrides", "folder"),
    [
        (["rerun_from=a/b"], "a/b"),
        (["rerun_from='a b'"], "a b"),
        (["rerun_from=null"], None),
        ([], None),
    ],
)
def test_the_origin_is_that_of_the_command(overrides, folder):
    found = origin(overrides)
    assert (found and str(found)) == folder
