"""Tables of the scores of human parsing for the terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

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
    yield _people_table(card)


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


def _people_table(card: Mapping[str, Any]) -> Table:
    """Table of the scores of instances: mean over IoU thresholds, and at 0.5."""
    title = f"instances in {card['num_images']} pictures, percent"
    caption = "volume: mean over the IoU thresholds 0.1 to 0.9,\nof person AP over 0.5 to 0.95"
    table = new_table(title, caption)
    table.add_column("score")
    add_score_columns(table, ["volume", "at 0.5"])
    rows = {score.heading: card[score.key] for score in (APR, APP, PCP)}
    rows["person AP"] = card["person_ap"]
    rows |= {f"AP^cr {kind}": scores for kind, scores in card["apcr"].items()}
    for name, scores in rows.items():
        values = ("-", "-")
        if scores is not None:
            values = _percent(scores["vol"]), _percent(scores["at_50"])
        table.add_row(name, *values)
    return table


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"
