"""Results as plain rows: what was recorded, under the names of options, keys and scores."""

import json
import math

import pytest

from clothseg.error import ConfigError
from clothseg.run.finished import finished_runs
from clothseg.run.rows import result_rows
from support.command_line import records
from support.finished_run import write_finished
from support.scores import score_card


def rows(folder, part="test", per_class=False, keys="differing", left_out=pytest.fail):
    return result_rows(finished_runs(folder, pytest.fail), part, per_class, keys, left_out)


def number(value):
    return math.nan if value is None else value


def configured(row):
    """Columns of the configuration of a row, which are between its seed and its part."""
    names = list(row)
    chosen = names[names.index("seed") + 1 : names.index("part")]
    return {name: row[name] for name in chosen}


@pytest.mark.slow
@pytest.mark.parametrize("part", ["test", "validation"])
def test_rows_hold_what_runs_recorded(part, swept):
    found = rows(swept[0], part)
    classes = rows(swept[0], part, per_class=True)
    for row, record in zip(found, records(swept[0]), strict=True):
        metrics = json.loads((record.folder / "metrics.json").read_text())
        card = metrics[part]
        assert row["run"] == str(record.folder)
        assert row["configuration"] == str(record.folder.parent)
        assert (row["fold"], row["seed"], row["part"]) == (int(record.folder.name[-1]), 0, part)
        assert row["num_images"] == card["num_images"]
        for name, value in card["mean"].items():
            assert row[f"mean_{name}"] == pytest.approx(number(value), nan_ok=True)
        assert (row["accuracy"], row["binary_iou"]) == (card["accuracy"], card["binary_iou"])
        assert row["validation_score"] == metrics["validation"]["mean"]["iou"]
        measured = ("best_epoch", "epochs", "parameters", "train_seconds", "inference_ms")
        assert {name: row[name] for name in measured} == {name: metrics[name] for name in measured}
        assert row["device"] == "CPU, 1 thread"
        own = [one for one in classes if one["run"] == row["run"]]
        for one, recorded in zip(own, card["per_class"], strict=True):
            expected = {"class_id": recorded["id"], "class_name": recorded["name"]}
            assert {key: one[key] for key in expected} == expected
            for key in recorded.keys() - {"id", "name"}:
                assert one[key] == pytest.approx(number(recorded[key]), nan_ok=True)
            assert configured(one) == configured(row)


def test_columns_are_the_same_in_all_rows_and_in_the_order_of_tables(tmp_path):
    costly = score_card(0.25)
    costly["mean"] = costly["mean"] | {"iou_plus": 0.75}
    costly |= {"binary_iou": None, "app": 0.5}
    write_finished(tmp_path / "a")
    write_finished(tmp_path / "b", metrics={"test": costly})
    first, second = rows(tmp_path)
    assert list(first) == list(second)
    scores = list(first)[list(first).index("num_images") + 1 : list(first).index("suspect")]
    assert scores == [
        *("accuracy", "binary_iou", "mean_precision", "mean_recall", "mean_f1", "mean_iou"),
        *("mean_iou_plus", "app"),
    ]
    assert (second["mean_iou_plus"], second["app"]) == (0.75, 0.5)
    missing = (first["mean_iou_plus"], first["app"], second["binary_iou"], first["train_seconds"])
    assert all(map(math.isnan, missing))
    assert (first["suspect"], first["best_epoch"], first["monitor"]) == ("", None, "val/mean_iou")


def test_options_and_keys_in_which_runs_differ_are_columns(tmp_path):
    write_finished(tmp_path / "a/fold-0", "seed=1", "output=x", "data.workers=1")
    write_finished(tmp_path / "a/fold-1", "seed=1", "data.image_size=[96,64]")
    write_finished(tmp_path / "b/fold-0", "loss=focal", "loss.gamma=3", "trainer=cpu", "logger=csv")
    options = {"dataset": "synthetic", "labels": "refined15", "model": "fpn"}
    options["backbone"] = "efficientnet-b0"
    columns = list(map(configured, rows(tmp_path)))
    assert columns == [
        options | {"trainer": "auto", "loss": "cross_entropy"} | keys
        for keys in (
            {"data.image_size": 96, "loss.gamma": None},
            {"data.image_size": "[96,64]", "loss.gamma": None},
        )
    ] + [options | {"trainer": "cpu", "loss": "focal"} | {"data.image_size": 96, "loss.gamma": 3.0}]


def test_a_key_that_follows_from_an_option_is_a_column_only_if_it_was_set(tmp_path):
    write_finished(tmp_path / "a", "optimizer=adamw")
    write_finished(tmp_path / "b", "optimizer=sgd")
    assert "optimizer.lr" not in configured(rows(tmp_path)[0])
    write_finished(tmp_path / "c", "optimizer=sgd", "optimizer.lr=0.5")
    assert [row["optimizer.lr"] for row in rows(tmp_path)][2] == 0.5
    write_finished(tmp_path / "b", "optimizer=sgd", "optimizer.lr=0.5")
    adamw, sgd, same = (row["optimizer.lr"] for row in rows(tmp_path))
    assert adamw != sgd == same == 0.5


def test_all_keys_are_those_of_the_configuration(tmp_path):
    record = write_finished(tmp_path / "a/fold-0")
    (row,) = rows(tmp_path, keys="all")
    found = configured(row)
    assert found["optimizer.lr"] == record.config["config"]["optimizer"]["lr"]
    assert found["scheduler"] == "onecycle"
    assert found["output"] == "outputs"
    assert found["labels.names"].startswith('["BG","Bag",')
    assert not [name for name in found if "_target_" in name]
    assert not {"seed", "split.fold"} & {*found}


def test_an_option_of_a_strange_name_replaces_no_column(tmp_path):
    record = write_finished(tmp_path / "a/fold-0", iou=0.5)
    config = record.folder / "config.yaml"
    strange = ("run", "fold", "part", "mean_iou", "epochs", "suspect")
    choices = "choices:\n" + "".join(f"  {name}: x\n" for name in strange)
    config.write_text(config.read_text().replace("choices:\n", choices, 1))
    (record.folder / "checksums.json").unlink()
    (row,) = rows(tmp_path, keys="all")
    assert (row["run"], row["fold"], row["part"]) == (str(record.folder), 0, "test")
    assert (row["mean_iou"], row["epochs"], row["suspect"]) == (0.5, None, "")


def test_scores_that_mean_nothing_are_suspect(tmp_path):
    card = score_card() | {"confusion_matrix": [[5, 0], [5, 0]]}
    write_finished(tmp_path / "a", metrics={"test": card})
    (row,) = rows(tmp_path)
    assert row["suspect"] == "only BG is predicted"


def test_runs_without_validation_scores_are_left_out_of_theirs(tmp_path):
    write_finished(tmp_path / "a", validation=None)
    write_finished(tmp_path / "b", validation=0.25)
    reasons = []
    (row,) = rows(tmp_path, "validation", left_out=reasons.append)
    assert (row["mean_iou"], row["part"]) == (0.25, "validation")
    assert reasons == [f"{tmp_path / 'a'} has no validation scores; an earlier version trained it"]
    assert math.isnan(rows(tmp_path)[0]["validation_score"])


def test_human_parsing_has_scores_of_people_and_characteristics(tmp_path):
    levels = {"vol": 0.5, "at_50": 0.6, "per_threshold": [0.5]}
    means = {"miou": 0.4, "miou_foreground": 0.3, "miou_per_image": None}
    pixels = means | {"iou": {"Red": 0.4}, "iou_per_image": {"Red": None}}
    parsing = pixels | {"num_images": 3, "apr": levels, "app": levels, "pcp": None}
    parsing |= {"person_ap": None, "apcr": {"color": levels}, "characteristics": {"color": pixels}}
    card = score_card() | {"apr": 0.5, "app": 0.25, "pcp": None, "parsing": parsing}
    write_finished(tmp_path / "a", metrics={"test": card})
    (row,) = rows(tmp_path)
    assert (row["apr"], row["app"], row["apcr/color"], row["miou/color"]) == (0.5, 0.25, 0.5, 0.4)
    assert all(math.isnan(row[name]) for name in ("pcp", "person_ap"))


def test_other_parts_and_keys_are_refused_together(tmp_path):
    write_finished(tmp_path / "a")
    with pytest.raises(ConfigError) as caught:
        rows(tmp_path, "tset", keys="some")
    assert caught.value.problems == [
        "part=tset: must be test or validation",
        "keys=some: must be differing or all",
    ]
