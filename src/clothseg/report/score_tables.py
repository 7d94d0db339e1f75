"""Tables of one configuration, of any task."""

from collections.abc import Iterator, Sequence

from rich.table import Table

from clothseg.metric.aggregate import Scorecard, source_cards
from clothseg.report.parsing_tables import instance_table
from clothseg.report.tables import fold_table, source_table


def score_tables(
    cards: Sequence[Scorecard], title: str, validation: Sequence[Scorecard] = ()
) -> Iterator[Table]:
    """Yield the tables of one config: classes, sources of a merged dataset, instances of people.

    Args:
        cards: one scorecard per fold.
        title: title of the tables.
        validation: scorecards of the validation part; empty if there are none.

    Raises:
        DataError: no scorecard, or scorecards with different classes.
    """
    yield fold_table(cards, title, validation)
    if sources := source_cards(cards):
        yield source_table(sources, f"{title}, by source")
    if all("parsing" in card for card in cards):
        yield instance_table([card["parsing"] for card in cards])
