"""Renamed keys: old records load, signatures do not change, old names raise helpful errors."""

import copy

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from clothseg.config.command_line import check_command
from clothseg.config.renamed import KEYS, OPTIONS, current_names, current_record, first_names
from clothseg.error import ConfigError
from clothseg.run.record import Record
from clothseg.run.signature import signature
from support.paths import REPOSITORY
from support.shipped_config import label_space

RECORD = REPOSITORY / "tests" / "run" / "record_0.1.0"
"""`config.yaml` of a run recorded by version 0.1.0, and the signature in its folder name."""

OLD_NAMES = sorted({old for names in KEYS.values() for old in names})
NEW_NAMES = sorted({new for names in KEYS.values() for new in names.values()})


def test_a_record_of_version_0_1_0_loads_with_the_current_names():
    record = Record(RECORD).config
    assert record["choices"]["augmentation"] == "flip"
    assert "trainer.ema_decay=0.9" in record["overrides"]
    config = record["config"]
    assert config["trainer"]["ema_decay"] == 0.9
    assert config["data"]["max_train_images"] == 8
    assert config["dataset"]["num_images"] == 16
    assert config["augmentation"]["_target_"] == "clothseg.augmentation.flip"
    (job,) = check_command([word for word in record["overrides"] if not word.startswith("hydra/")])
    # Later keys, and defaults that have changed since; only that of the masks affects the result.
    checkpoints = config["callbacks"]["checkpoints"] | {"interval": 10, "keep_last": False}
    later = {
        "backbone": config["backbone"] | {"normalization": "imagenet"},
        "decisions": {},
        "init_from": None,
        "callbacks": {"checkpoints": checkpoints},
        "data": config["data"] | {"fit": "squeeze", "mask_pixel": "center"},
        "labels": config["labels"] | {"colors": list(label_space("refined15").colors)},
        "metric": {"train": False, "validation": []},
        "optimizer": config["optimizer"] | {"backbone_rate": 1.0},
        "task": {"_target_": "clothseg.task.semantic"},
        "report": {"figures": "all"},
        "logger": {},
        "split": config["split"] | {"group_near_duplicates": True},
    }
    assert job.config.plain == config | later


def test_the_signature_of_a_record_of_version_0_1_0_does_not_change():
    expected = yaml.safe_load((RECORD / "signature.yaml").read_text())
    old = yaml.safe_load((RECORD / "config.yaml").read_text())["config"]
    for config in (old, Record(RECORD).config["config"]):
        assert signature(config, expected["fingerprint"], 1) == expected["signature"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.photos=5", r"data\.photos: this key has been renamed to data\.max_train_images"),
        ("+trainer.ema=0.9", r"trainer\.ema: this key has been renamed to trainer\.ema_decay"),
        ("dataset.photos=3", r"dataset\.photos: this key has been renamed to dataset\.num_images"),
        ("augmentation=mirror", r"augmentation=mirror: this option has been renamed to flip"),
        ("hydra/launcher=joblib", r"hydra/launcher=joblib: this option has been renamed to local"),
        ("hydra.launcher.n_jobs=2", r"n_jobs: this key has been .* hydra\.launcher\.max_parallel"),
    ],
)
def test_an_old_name_on_the_command_line_is_an_error_that_names_the_new_one(override, message):
    with pytest.raises(ConfigError, match=message):
        check_command([override])


def test_keys_of_a_users_own_function_are_not_renamed():
    own = {"loss": {"_target_": "mine.loss", "limit": 3}, "data": {"photos": 2}}
    assert current_names(own) == {
        "loss": {"_target_": "mine.loss", "limit": 3},
        "data": {"max_train_images": 2},
    }


def test_keys_in_the_sources_of_a_merged_dataset_are_renamed():
    source = {"_target_": "clothseg.dataset.synthetic", "photos": 3}
    merged = {"dataset": {"_target_": "clothseg.dataset.merged", "sources": {"a": source}}}
    assert current_names(merged)["dataset"]["sources"]["a"]["num_images"] == 3
    assert first_names(current_names(merged)) == merged


groups = st.sampled_from(sorted(set(KEYS) - {"", "hydra.launcher"}))


@given(
    st.dictionaries(
        groups, st.dictionaries(st.sampled_from([*NEW_NAMES, "lr", "seed"]), st.integers())
    )
)
def test_first_names_and_current_names_are_inverse(config):
    before = copy.deepcopy(config)
    assert current_names(first_names(config)) == current_names(config) == config == before


def test_overrides_keep_their_prefixes():
    overrides = ["+data.photos=3", "~trainer.ema", "seed=1"]
    record = {"choices": {}, "overrides": overrides, "config": {}}
    assert current_record(record)["overrides"] == [
        "+data.max_train_images=3",
        "~trainer.ema_decay",
        "seed=1",
    ]


def test_no_new_name_is_also_an_old_one():
    for node, names in KEYS.items():
        assert not set(names) & set(names.values()), node
    for group, names in OPTIONS.items():
        assert not set(names) & set(names.values()), group
