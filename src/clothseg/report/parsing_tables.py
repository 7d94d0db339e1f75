"""Tables of the scores of human parsing for the terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from clothseg.metric.aggregate import mean_and_std
from clothseg.metric.names import APP, APR, PCP
from clothseg.metric.parsing.scores import IOU
from clothseg.report.tables import add_score_columns, new_table


def parsing_tables(card: Mapping[str, Any], title: str) -> Iterator[Table]:
    """Yield the tables of a card of :class:`clothseg.metric.parsing.scores.ParsingScores`.

    Args:
        card: the scores, as fractions.
        title: title of the tables.
    """
    yield _class_table(card[IOU], card[APR.key], card, APR.heading, f"{title}, percent")
    for kind, precision in card["apcr"].items():
        pixels = card["characteristics"][kind]
        if pixels is not None:
            yield _class_table(pixels[IOU], precision, pixels, "AP^cr", f"{kind}, percent")
    yield instance_table([card])


def _class_table(
    iou: Mapping[str, float | None],
    precision: Mapping[str, Any],
    pixels: Mapping[str, float | None],
    heading: str,
    title: str,
) -> Table:
    """Table of classes, and of their means."""
    without, over_pictures = _percent(pixels["miou_foreground"]), _percent(pixels["miou_per_image"])
    caption = f"mean IoU without background {without},\nas the mean over pictures {over_pictures}"
    table = new_table(title, caption)
    table.add_column("class", overflow="fold")
    add_score_columns(table, ["IoU", heading])
    for name, value in iou.items():
        own = precision["per_class"].get(name)
        table.add_row(Text(name), _percent(value), _percent(own))
    table.add_section()
    table.add_row("mean", _percent(pixels["miou"]), _percent(precision["vol"]), style="bold")
    return table


def instance_table(cards: Sequence[Mapping[str, Any]]) -> Table:
    """Table of the scores of instances: mean over IoU thresholds, and at 0.5, percent.

    Args:
        cards: one card per fold, at least one; of several, the mean ± standard deviation is shown.
    """
    pictures = sum(card["num_images"] for card in cards)
    over = f", mean ± std over {len(cards)} folds" if len(cards) > 1 else ""
    caption = "volume: mean over the IoU thresholds 0.1 to 0.9,\nof person AP over 0.5 to 0.95"
    table = new_table(f"instances in {pictures} pictures, percent{over}", caption)
    table.add_column("score")
    add_score_columns(table, ["volume", "at 0.5"])
    for name, levels in _rows(cards).items():
        found = [level for level in levels if level is not None]
        columns = ([level[key] for level in found] for key in ("vol", "at_50"))
        table.add_row(name, *map(_mean, columns))
    return table


def _rows(cards: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any] | None]]:
    """Scores at IoU thresholds of each card, by the name of their row."""
    rows = {score.heading: [card[score.key] for card in cards] for score in (APR, APP, PCP)}
    rows["person AP"] = [card["person_ap"] for card in cards]
    kinds = dict.fromkeys(kind for card in cards for kind in card["apcr"])
    return rows | {f"AP^cr {k}": [card["apcr"].get(k) for card in cards] for k in kinds}


def _mean(values: Sequence[float | None]) -> str:
    """Format the mean of the defined values, with the standard deviation of several."""
    summary = mean_and_std(values)
    mean, std = summary["mean"], summary["std"]
    return _percent(mean) + ("" if std is None else f" ± {_percent(std)}")


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"
