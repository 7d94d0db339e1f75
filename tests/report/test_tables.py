"""Means over folds, the pooled matrix, and the rendered tables at 80 columns."""

import io
import json
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from clothseg.error import DataError
from clothseg.metric.aggregate import aggregate, pooled_matrix
from clothseg.metric.names import BOUNDARY_IOU, IOU, LOSS
from clothseg.metric.selection import Selection
from clothseg.report.parsing_tables import instance_table
from clothseg.report.score_tables import score_tables
from clothseg.report.tables import comparison_table, fold_table, sweep_table

KEYS = ("precision", "recall", "f1", "iou")
NAMES = ("background", "shirt", "hat")


def scorecard(
    scores: list[float | None], names: tuple[str, ...] = NAMES, accuracy: float = 0.9
) -> dict[str, Any]:
    """Scorecard of a fold in which each class has the same score in every column."""
    defined = [score for score in scores if score is not None]
    mean = sum(defined) / len(defined) if defined else None
    return {
        "per_class": [
            {"id": k, "name": name, **dict.fromkeys(KEYS, score), "support": 100 * (k + 1)}
            for k, (name, score) in enumerate(zip(names, scores, strict=True))
        ],
        "mean": dict.fromkeys(KEYS, mean),
        "accuracy": accuracy,
        "binary_iou": None,
        "confusion_matrix": [
            [len(names) * i + j for j in range(len(names))] for i in range(len(names))
        ],
    }


FOLDS = [scorecard([0.9, 0.5, None]), scorecard([0.8, 0.7, 0.25]), scorecard([0.95, 0.6, None])]


def render(table: Table, **terminal: Any) -> str:
    console = Console(file=io.StringIO(), width=80, **terminal)
    console.print(table)
    return console.file.getvalue()


def row_of(table: Table, first: str) -> list[str]:
    """Cells of the only line with this prefix; two spaces separate the columns."""
    (line,) = (line for line in render(table).splitlines() if line.startswith(first))
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def two_source_card(first: float, second: float | None) -> dict[str, Any]:
    """Scorecard of a fold of a merged dataset; the second source may lack images in it."""
    scores = {"ccp": first} | ({} if second is None else {"cfpd": second})
    cards = {name: scorecard([score] * 3) | {"num_images": 7} for name, score in scores.items()}
    return scorecard([first] * 3) | {"by_source": cards}


# --- numbers


def test_sources_are_aggregated_over_the_folds_that_contain_them() -> None:
    total = aggregate([two_source_card(0.5, 0.25), two_source_card(0.7, None)])
    assert total["by_source"]["ccp"]["mean"]["iou"]["mean"] == pytest.approx(0.6)
    assert total["by_source"]["cfpd"]["mean"]["iou"] == {"mean": 0.25, "std": None, "n": 1}
    assert "by_source" not in aggregate(FOLDS)


def test_aggregate_is_the_mean_and_sample_standard_deviation_over_folds() -> None:
    total = aggregate(FOLDS)
    assert total["folds"] == 3
    for k, values in enumerate([[0.9, 0.8, 0.95], [0.5, 0.7, 0.6]]):
        score = total["per_class"][k]["f1"]
        assert score["mean"] == pytest.approx(np.mean(values))
        assert score["std"] == pytest.approx(np.std(values, ddof=1))
        assert score["n"] == 3
    assert total["per_class"][2]["iou"] == {"mean": 0.25, "std": None, "n": 1}
    assert [row["name"] for row in total["per_class"]] == list(NAMES)
    assert [row["support"] for row in total["per_class"]] == [300, 600, 900]


def test_aggregate_mean_averages_the_means_of_the_folds() -> None:
    means = [0.7, 1.75 / 3, 0.775]
    mean = aggregate(FOLDS)["mean"]["iou"]
    assert mean["mean"] == pytest.approx(np.mean(means))
    assert mean["std"] == pytest.approx(np.std(means, ddof=1))


def test_aggregate_is_json_serializable() -> None:
    cards = [scorecard([float("nan"), None, 0.5])] * 2
    total = json.loads(json.dumps(aggregate(cards), allow_nan=False))
    undefined = {"mean": None, "std": None, "n": 0}
    assert total["per_class"][0]["iou"] == undefined
    assert total["per_class"][1]["iou"] == undefined
    assert total["binary_iou"] == undefined
    assert total["accuracy"] == {"mean": pytest.approx(0.9), "std": pytest.approx(0), "n": 2}


@given(st.lists(st.lists(st.none() | st.floats(0, 1), min_size=3, max_size=3), min_size=1))
def test_aggregate_agrees_with_numpy(folds: list[list[float | None]]) -> None:
    rows = aggregate([scorecard(scores) for scores in folds])["per_class"]
    for k, row in enumerate(rows):
        values = np.array([scores[k] for scores in folds if scores[k] is not None])
        assert row["recall"]["n"] == values.size
        if values.size:
            assert row["recall"]["mean"] == pytest.approx(values.sum() / values.size)
        if values.size > 1:
            squares = ((values - values.mean()) ** 2).sum()
            assert row["recall"]["std"] == pytest.approx(np.sqrt(squares / (values.size - 1)))


def test_pooled_matrix_is_the_integer_sum() -> None:
    cards = [scorecard([0.5] * 3) for _ in range(2)]
    cards[0]["confusion_matrix"][0][0] = 2**53 + 1
    pooled = pooled_matrix(cards)
    assert pooled.dtype == np.int64
    np.testing.assert_array_equal(pooled, [[2**53 + 1, 2, 4], [6, 8, 10], [12, 14, 16]])


@pytest.mark.parametrize("function", [aggregate, pooled_matrix])
def test_folds_with_different_classes_are_rejected(function: Any) -> None:
    other = scorecard([0.5, 0.5], ("background", "shoe"))
    with pytest.raises(DataError, match=r"scorecards 0 and 2 .*different classes .*shoe"):
        function([FOLDS[0], FOLDS[1], other])
    endless = scorecard([0.5, 0.5], ("background", "x" * 100_000))
    with pytest.raises(DataError, match="different classes") as raised:
        function([FOLDS[0], endless])
    assert len(str(raised.value)) < 400
    with pytest.raises(DataError, match="no scorecard"):
        function([])


# --- tables


def test_fold_table_shows_mean_and_standard_deviation_in_percent() -> None:
    table = fold_table(FOLDS, "fpn on ccp")
    assert row_of(table, "background") == ["background", *["88.3 ± 7.6"] * 4]
    assert row_of(table, "mean") == ["mean", *["68.6 ± 9.7"] * 4]
    text = render(table)
    assert text.startswith("fpn on ccp")
    assert "mean ± standard deviation over 3 folds" in text


def test_fold_table_counts_folds_only_for_undefined_classes() -> None:
    assert row_of(fold_table(FOLDS, "title"), "hat") == ["hat", *["25.0"] * 4, "1/3"]
    assert row_of(fold_table(FOLDS, "title"), "shirt")[-1] == "60.0 ± 10.0"
    complete = fold_table([FOLDS[1]] * 2, "title")
    assert "folds" not in row_of(complete, "class")
    partly = [scorecard([0.5] * 3), scorecard([0.5] * 3)]
    partly[0]["per_class"][1]["precision"] = None
    assert row_of(fold_table(partly, "title"), "shirt")[-1] == "1-2/2"


def test_fold_table_of_one_fold_omits_standard_deviations() -> None:
    table = fold_table(FOLDS[:1], "title")
    assert row_of(table, "background") == ["background", *["90.0"] * 4]
    assert row_of(table, "hat") == ["hat", *["-"] * 4]
    assert "±" not in render(table)


def test_fold_table_shows_the_mean_of_the_validation_part() -> None:
    table = fold_table(FOLDS, "title", [scorecard([0.4, 0.4, 0.4]), scorecard([0.2, 0.2, 0.2])])
    assert row_of(table, "mean") == ["mean", *["68.6 ± 9.7"] * 4]
    assert row_of(table, "validation mean") == ["validation mean", *["30.0 ± 14.1"] * 4]
    assert "validation" not in render(fold_table(FOLDS, "title"))


OTHER = [scorecard([0.5, 0.5, 0.5], accuracy=0.95)] * 3


def test_comparison_table_has_test_and_validation_scores_of_every_config() -> None:
    selection = Selection(IOU, {"fpn-efficientnet-b3": [0.6, 0.7, 0.8], "unet": [0.5, None, 0.5]})
    rows = {"fpn-efficientnet-b3": FOLDS, "unet": OTHER}
    table = comparison_table(rows, "ccp", selection=selection)
    assert row_of(table, "config") == ["config", "F1", "IoU", "accuracy", "val. IoU"]
    first = ["fpn-efficientnet-b3", *["68.6 ± 9.7"] * 2, "90.0 ± 0.0", "70.0 ± 10.0"]
    assert row_of(table, "fpn") == first
    assert row_of(table, "unet") == ["unet", *["50.0 ± 0.0"] * 2, "95.0 ± 0.0", "50.0 ± 0.0"]
    words = " ".join(render(table).split())
    assert "over 3 folds; bold: highest mean val. IoU" in words


def bold_rows(table: Table, names: Any) -> set[str]:
    """Names of the rows of which every cell is bold; no row is bold in part."""
    bold: dict[str, bool] = {}
    for line in render(table, force_terminal=True).splitlines():
        plain = re.sub(r"\x1b\[\d*m", "", line)
        if plain.startswith(tuple(names)):
            other = re.sub(r"\x1b\[1m.*?\x1b\[0m", "", line)
            assert other.strip() in ("", plain.strip())
            bold[plain.split()[0]] = not other.strip()
    assert bold.keys() == set(names)
    return {name for name in names if bold[name]}


def test_comparison_table_shows_the_best_config_by_validation_in_bold() -> None:
    """The best on the test part is not the best on the validation part."""
    rows = {
        "first": [scorecard([0.9, 0.9, 0.9], accuracy=0.95)],
        "second": [scorecard([0.6, 0.6, 0.6], accuracy=0.9)],
        "third": [scorecard([0.5, 0.6, 0.6], accuracy=0.1)],
        "fourth": [scorecard([None, None, None], accuracy=0.1)],
    }
    values = {"first": [0.5], "second": [0.7], "third": [0.70001], "fourth": [None]}
    table = comparison_table(rows, "title", selection=Selection(IOU, values))
    assert bold_rows(table, rows) == {"second", "third"}


def test_comparison_table_of_losses_marks_the_lowest() -> None:
    rows = {"first": FOLDS[:1], "second": FOLDS[:1]}
    selection = Selection(LOSS, {"first": [0.5124], "second": [0.25]})
    table = comparison_table(rows, "title", selection=selection)
    assert row_of(table, "config")[-1] == "val. loss"
    assert row_of(table, "first")[-1] == "0.512"
    assert bold_rows(table, rows) == {"second"}


def test_comparison_table_without_validation_scores_says_that_the_test_part_decides() -> None:
    rows = {"first": OTHER[:1], "second": FOLDS[:1]}
    table = comparison_table(rows, "title")
    assert row_of(table, "config") == ["config", "F1", "IoU", "accuracy"]
    assert bold_rows(table, rows) == {"second"}
    words = " ".join(render(table).split())
    assert "bold: highest mean test IoU, because a run has no validation scores" in words


def test_comparison_table_shows_the_number_of_folds_if_it_differs() -> None:
    text = render(comparison_table({"fpn": FOLDS, "unet": FOLDS[:1]}, "title"))
    assert "fpn (3 folds)" in text
    assert "unet (1 fold)" in text


def test_sweep_table_lists_and_counts_the_job_statuses() -> None:
    jobs = [
        ("fpn fold 0", "done", "IoU 54.2 %"),
        ("fpn fold 1", "resumed", "from epoch 12"),
        ("fpn fold 2", "failed", "DataError: [Errno 2] photos/0004.jpg"),
        ("unet[a] fold 0", "failed", "out of memory"),
    ]
    table = sweep_table(jobs)
    assert row_of(table, "fpn fold 2") == ["fpn fold 2", "failed", jobs[2][2]]
    assert row_of(table, "unet[a]")[0] == "unet[a] fold 0"
    assert "4 jobs: 1 done, 1 resumed, 2 failed" in render(table)
    assert "skipped" not in render(table)
    assert "0 jobs: none" in render(sweep_table([]))


LONG = ("headband, head covering, hair accessory", "top, t-shirt, sweatshirt", "[bold]hat[/]")


@pytest.mark.parametrize(
    "table",
    [
        fold_table(
            [scorecard(card, LONG) for card in ([1, 1, None], [0, 1, 1])],
            "title",
            [scorecard(card, LONG) for card in ([1, 1, None], [0, 1, 1])],
        ),
        comparison_table(
            {"unetplusplus-timm-efficientnet-b7": FOLDS, LONG[2]: FOLDS},
            "title",
            selection=Selection(
                BOUNDARY_IOU,
                {"unetplusplus-timm-efficientnet-b7": [0.1, 0.9, 0.5], LONG[2]: [0.5] * 3},
            ),
        ),
        sweep_table(
            [("a" * 30, "failed", "outputs/ccp-refined15/" + "b" * 90), (LONG[2], "done", "")]
        ),
    ],
    ids=["folds", "comparison", "sweep"],
)
def test_tables_are_plain_text_of_at_most_80_columns(table: Table) -> None:
    text = render(table)
    assert "\x1b" not in text
    assert "…" not in text
    assert LONG[2] in text
    assert max(len(line) for line in text.splitlines()) <= 80


def test_merged_dataset_has_a_second_table_of_its_sources() -> None:
    assert len(list(score_tables(FOLDS, "title"))) == 1
    folds = [two_source_card(0.5, 0.25), two_source_card(0.7, 0.35)]
    _, sources = score_tables(folds, "title")
    assert row_of(sources, "ccp")[1:4] == ["14", "60.0 ± 14.1", "60.0 ± 14.1"]
    assert row_of(sources, "cfpd")[:2] == ["cfpd", "14"]
    assert max(map(len, render(sources).splitlines())) <= 80


def levels(value: float | None) -> dict[str, Any]:
    half = None if value is None else value / 2
    return {"vol": value, "at_50": half, "per_threshold": []}


def parsing_block(value: float, people: bool = True) -> dict[str, Any]:
    app = levels(value) if people else None
    block = {"num_images": 5, "apr": levels(value), "app": app, "pcp": app, "person_ap": app}
    return block | {"apcr": {"color": levels(None)}}


def test_instances_of_folds_are_averaged_and_what_is_undefined_is_left_out() -> None:
    table = instance_table([parsing_block(0.2), parsing_block(0.4)])
    assert "instances in 10 pictures, percent, mean ± std over 2 folds" in str(table.title)
    assert row_of(table, "AP^r") == ["AP^r", "30.0 ± 14.1", "15.0 ± 7.1"]
    assert row_of(table, "AP^cr color") == ["AP^cr color", "-", "-"]
    alone = instance_table([parsing_block(0.2, people=False)])
    assert row_of(alone, "AP^r") == ["AP^r", "20.0", "10.0"]
    assert row_of(alone, "AP^p") == ["AP^p", "-", "-"]
