"""Files of `conf/table`: they parse, their experiments exist, and their numbers are the papers'."""

import re

import pytest
import yaml

from clothseg.config.table.experiment import dataset_of, decisions_of, labels_of, names_of
from clothseg.config.table.file import (
    GROUP,
    Figure,
    LabelTable,
    NetworkTable,
    ScoreTable,
    Selection,
    SettingTable,
    StatisticsTable,
    read_table,
    table_names,
)
from clothseg.error import ConfigError, DataError
from clothseg.shipped import CONF, options
from support.paths import SHARED

ORACLES = SHARED / "oracles" / "paper_tables"
TABLES = {name: read_table(name) for name in options(GROUP)}


def oracle(name):
    path = ORACLES / f"{name}.yaml"
    if not path.is_file():
        pytest.skip("the numbers of the papers (../shared/oracles) are not on this machine")
    return yaml.safe_load(path.read_text())


def experiments(table):
    """Experiments of a table with the overrides of each of its cells."""
    if isinstance(table, ScoreTable):
        sources = [
            table.source(row, column)
            for row in table.rows
            for column in table.columns
            if column.heading not in row.without
        ]
        return [(source.experiment, source) for source in sources]
    if isinstance(table, Selection | SettingTable):
        return [(row.experiment, None) for row in table.rows]
    if isinstance(table, StatisticsTable):
        return [(table.experiment, None)] if table.experiment else []
    if isinstance(table, Figure):
        return [(one.experiment, None) for panel in table.panels for one in panel.runs]
    return []


def test_every_table_and_figure_of_the_papers_is_there():
    assert {*TABLES} == {
        *(f"inacio2019/{name}" for name in ("table1", "table2", "table3")),
        *(f"inacio2019/figure{n}" for n in (4, 6, 7, 8, 9)),
        *(f"castro2019/table{n}" for n in range(1, 6)),
        *(f"castro2019/figure{n}" for n in range(2, 9)),
        *(f"dang2020/table{n}" for n in range(1, 6)),
        *(f"dang2020/figure{n}" for n in (3, 4, 5)),
        *(f"loesch2021/{name}" for name in ("table1a", "table1b", "figure1", "figure2", "figure4")),
        *("martellozzo2023/trials", "martellozzo2023/pictures"),
    }


@pytest.mark.parametrize("name", TABLES)
def test_its_experiments_and_classes_exist(name):
    table, known = TABLES[name], options("experiment")
    classes = {}
    for experiment, source in experiments(table):
        assert experiment in known
        assert experiment.partition("/")[0] == name.partition("/")[0]
        if source is None or source.class_name is None or source.characteristic:
            continue
        space = label_space(experiment)
        classes[space] = labels_of(space)
        assert source.class_name in classes[space]


def label_space(experiment):
    """Label space of an experiment: that of its own, or that of its dataset."""
    text = (CONF / "dataset" / f"{dataset_of(experiment)}.yaml").read_text()
    return re.search(r"labels@_global_.labels: (\w+)", text)[1]


def test_the_names_of_characteristics_are_those_of_the_dataset():
    dataset = yaml.safe_load((CONF / "dataset" / "ccihp.yaml").read_text())
    table = TABLES["loesch2021/table1b"]
    for row in table.rows:
        if row.class_name:
            assert row.class_name in dataset[row.characteristic]["names"]
    assert sum(row.class_name is None for row in table.rows) == 3


def test_open_choices_are_data():
    assert decisions_of("inacio2019/fpn") == decisions_of("inacio2019/unet")
    assert decisions_of("inacio2019/fpn")["backbone"].startswith("EfficientNet-B3")
    assert (
        decisions_of("castro2019/table5_segnet")["trainer.max_epochs"] == "30"
    )  # the last decides
    assert decisions_of("ccp/fpn_b0_128") == {}
    for path in (CONF / "experiment").rglob("*.yaml"):
        comments = [line for line in path.read_text().splitlines() if line.startswith("#")]
        assert "our choice" not in " ".join(comments).lower(), path


def printed(name):
    return {row.name: list(row.printed) for row in TABLES[name].rows}


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("inacio2019/table2", "inacio2019_table2"),
        ("inacio2019/table3", "inacio2019_table3"),
        ("castro2019/table3", "castro2019_table3"),
        ("castro2019/table5", "castro2019_table5"),
        ("dang2020/table5", "dang2020_table5_configs"),
    ],
)
def test_numbers_are_those_of_the_paper(name, source):
    assert printed(name) == oracle(source)["rows"]


@pytest.mark.parametrize(
    ("name", "source", "mean", "key"),
    [
        ("dang2020/table3", "dang2020_table3", "mIoU", "mIoU"),
        ("dang2020/table4", "dang2020_table4", "mIoU+", "mIoU_plus"),
    ],
)
def test_numbers_of_dang2020_are_those_of_the_paper(name, source, mean, key):
    expected = oracle(source)
    rows = printed(name)
    for row, values in expected["rows"].items():
        assert rows[row] == values
    summary = expected["summary"]
    assert rows[mean] == summary[key]
    assert rows["inference time (ms)"] == summary["inference_ms"]
    assert rows["training time (h)"] == summary["training_h"]
    assert [column.heading for column in TABLES[name].columns] == expected["columns"]
    statistics = oracle("dang2020_table1")["rows"]
    del statistics["Background"]
    assert printed("dang2020/table1") == statistics


def test_numbers_of_loesch2021_are_those_of_the_paper():
    expected = oracle("loesch2021_table1a")
    columns = zip(*expected["rows"].values(), strict=True)
    assert printed("loesch2021/table1a") == {
        name: list(values) for name, values in zip(expected["columns"], columns, strict=True)
    }
    expected = oracle("loesch2021_table1b")
    assert printed("loesch2021/table1b") == {
        f"{kind}: {name}": [expected["rows"][row][kind][n] for row in ("mIoU", "AP_cr_vol")]
        for kind, names in expected["columns"].items()
        for n, name in enumerate(names)
    }


def test_labels_and_networks_are_those_of_the_papers():
    rows = {row.name: [*row.printed] for row in TABLES["inacio2019/table1"].rows}
    classes = oracle("inacio2019_table1_labels")["classes"]
    assert rows == {one["name"]: one["original"] for one in classes}
    blocks = oracle("castro2019_table2_segnet")
    counts = {name: values[2] for name, values in blocks["rows"].items()}
    table = TABLES["castro2019/table2"]
    assert {row.name: row.printed[0] for row in table.rows} == counts
    ours = blocks["computed_keras_params"]["complex_dec_convs_3"]
    assert {row.name: row.ours[0] for row in table.rows}.items() <= ours.items()


def test_options_that_castro2019_selected():
    options_of = {
        "SGD": "sgd",
        "focal": "focal",
        "weighted_cross_entropy": "weighted_cross_entropy",
    }
    expected = oracle("castro2019_table4")["rows"]
    names = {"Atrous ResNet50": "Atrous ResNet50", "SegNet": "SegNet", "DenseNet": "DenseNet"}
    rows = {row.name: row.printed for row in TABLES["castro2019/table4"].rows}
    for row, name in names.items():
        optimizer, loss = expected[row]
        assert rows[name] == {"optimizer": options_of[optimizer], "loss": options_of[loss]}


# What the footnotes say about contradictions, computed from the printed numbers.


def column(name, index, rows):
    return [printed(name)[row][index] for row in rows]


def mean(values):
    return sum(values) / len(values)


def footnote(name, row=None, column=None):
    (note,) = [note for note in TABLES[name].footnotes if (note.row, note.column) == (row, column)]
    return note.text


def test_contradictions_of_inacio2019():
    rows = printed("inacio2019/table3")
    fpn = printed("inacio2019/table2")["FPN"]
    means = [mean([row[n] for row in rows.values()]) for n in range(3)]
    assert abs(means[0] - fpn[0]) < 0.05
    assert abs(means[2] - fpn[2]) < 0.05
    assert f"is {means[1]:.1f}" in footnote("inacio2019/table2", "FPN", "recall")
    precision, recall, f1 = rows["Shorts"]
    assert abs(2 * precision * recall / (precision + recall) - f1) > 1
    corrected = recall + 10
    assert 2 * precision * corrected / (precision + corrected) == pytest.approx(f1, abs=0.05)
    fixed = means[1] + 10 / len(rows)
    assert fixed == pytest.approx(fpn[1], abs=0.05)
    text = footnote("inacio2019/table3", "Shorts", "recall")
    assert all(f"{value:.1f}" in text for value in (recall, corrected, f1, fixed))
    harmonic = [2 * p * r / (p + r) for p, r, _ in printed("inacio2019/table2").values()]
    note = footnote("inacio2019/table2", None, "F1")
    assert all(f"{value:.1f}" in note for value in harmonic)
    iou = mean([row[2] / (200 - row[2]) for row in rows.values()])
    assert f"{100 * iou:.1f}" in footnote("inacio2019/table3")


def test_contradictions_of_dang2020():
    for name, label in (("dang2020/table3", "mIoU"), ("dang2020/table4", "mIoU+")):
        rows = printed(name)
        classes = [row.name for row in TABLES[name].rows if row.class_name]
        for n, value in enumerate(rows[label]):
            assert mean([rows[one][n] for one in classes]) == pytest.approx(value, abs=7e-4)
    rows = printed("dang2020/table3")
    _, _, c, d, e, f, *_ = rows["mIoU"]
    assert d < c
    assert f == e
    images = 2400
    statistics = printed("dang2020/table1")
    note = TABLES["dang2020/table3"].footnotes[0].text
    for row in ("Belt", "Sunglasses", "Headwear"):
        bound = statistics[row][1] / images
        assert max(rows[row]) > bound
        assert f"{bound:.2f} for {row}" in note
    times = rows["inference time (ms)"]
    assert len({round(time) for time in times[:8]}) > 3
    hours = rows["training time (h)"]
    text = footnote("dang2020/table3", "training time (h)")
    assert f"{times[1] / times[10]:.2f} at inference" in text
    assert f"{hours[1] / hours[10]:.2f} in training" in text
    assert printed("dang2020/table4")["inference time (ms)"] == times


def test_contradictions_of_loesch2021():
    rows = printed("loesch2021/table1a")
    classes = [values for name, values in rows.items() if name != "all"]
    means = [mean([v[n] for v in classes if v[n] is not None]) for n in range(3)]
    text = footnote("loesch2021/table1a", "all")
    assert f"{means[0]:.1f} on CIHP and {means[1]:.1f} on CCIHP" in text
    bounds = [(19 * value + 100) / 20 for value in means[:2]]
    assert f"at most {bounds[0]:.1f} and {bounds[1]:.1f}" in text
    assert means[2] == pytest.approx(rows["all"][2], abs=0.1)
    rows = printed("loesch2021/table1b")
    for kind in ("color", "size", "pattern"):
        own = [v for name, v in rows.items() if name.startswith(kind) and name != f"{kind}: all"]
        total = f"{kind}: all"
        assert f"is {mean([v[0] for v in own]):.1f}" in footnote(
            "loesch2021/table1b", total, "mIoU"
        )
        assert mean([v[1] for v in own]) == pytest.approx(rows[total][1], abs=0.06)


def test_contradictions_of_castro2019():
    text = footnote("castro2019/table5")
    assert "103,539 images" in text
    assert pytest.approx(103_539, abs=1) == 18_430 / 0.178
    rows = {row.name: row for row in TABLES["castro2019/table2"].rows}
    assert rows["Complex_block_3"].printed == rows["Complex_block_2"].printed
    encoder = ["Complex_block_3", "Complex_block_2", "Complex_block_1", "Simple_Block_2"]
    decoder = [*(f"Complex_block_Dec_{n}" for n in (1, 2, 3)), "Simple_block_Dec_1"]
    assert [rows[n].printed for n in decoder] == [rows[n].printed for n in encoder]


def test_statistics_of_inacio2019():
    text = footnote("inacio2019/figure4")
    assert f"{100 * 34 / 3686:.2f} %" in text
    assert f"{34 / 3686:.4f}" in text
    gathered = {source for row in TABLES["inacio2019/table1"].rows for source in row.printed}
    assert {"Romper", "BodySuit"} <= gathered
    assert "face" in names_of("cfpd")


# Files of a user's own.


def written(tmp_path, monkeypatch, text):
    (tmp_path / GROUP / "x").mkdir(parents=True)
    (tmp_path / GROUP / "x" / "t.yaml").write_text(text)
    monkeypatch.setattr("clothseg.config.table.file.CONF", tmp_path)
    return read_table("x/t")


SCORES = """
kind: scores
number: Table I
caption: x
unit: percent
decimals: 1
columns: [{heading: F1, score: f1}]
rows: [{name: a, experiment: ccp/fpn_b0_128, printed: [1.0]}]
"""


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("score: f1", "score: f2", "row a, column F1: score f2: must be one of accuracy, "),
        ("score: f1", "note: f1", "columns.0.note: extra inputs are not permitted"),
        ("printed: [1.0]", "printed: [1.0, 2.0]", "printed must have 1 numbers, or none"),
        ("experiment: ccp/fpn_b0_128, ", "", "row a, column F1: no experiment"),
        ("score: f1", "score: accuracy, class: BG", "accuracy does not exist for a class"),
        (
            "score: f1",
            "score: f1, measurement: parameters",
            "needs either a score or a measurement",
        ),
        ("unit: percent", "unit: permille", "unit: "),
        ("decimals: 1", "decimals: 9", "decimals: "),
        ("kind: scores", "kind: score", "does not match any of the expected tags"),
        ("caption: x", "caption: x\nfootnotes: [{text: t, row: b}]", "footnote: no row b"),
        ("rows: [", "rows: [{name: a, experiment: ccp/fpn_b0_128}, ", "rows repeat: a"),
    ],
)
def test_a_file_with_a_mistake_names_it(old, new, reason, tmp_path, monkeypatch):
    assert old in SCORES
    with pytest.raises(DataError, match=r"x/t\.yaml") as caught:
        written(tmp_path, monkeypatch, SCORES.replace(old, new, 1))
    assert reason in str(caught.value)


def test_a_table_is_selected_by_its_name_its_paper_or_nothing():
    assert table_names("inacio2019/table2") == ["inacio2019/table2"]
    assert table_names("loesch2021") == [n for n in TABLES if n.startswith("loesch2021/")]
    assert table_names(None) == list(TABLES)
    with pytest.raises(ConfigError, match=r"no such table; did you mean `inacio2019/table2`\?"):
        table_names("inacio2019/tabel2")


def test_kinds_are_those_of_the_files():
    kinds = {
        "inacio2019/table1": LabelTable,
        "castro2019/table1": NetworkTable,
        "castro2019/table4": Selection,
        "dang2020/table1": StatisticsTable,
        "dang2020/table5": SettingTable,
    }
    for name, kind in kinds.items():
        assert isinstance(TABLES[name], kind)
