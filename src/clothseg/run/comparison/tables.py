"""Tables of compared configurations, for the terminal and for files."""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from math import isnan

from rich.table import Table

from clothseg.metric.aggregate import mean_and_std
from clothseg.metric.doubt import doubts
from clothseg.metric.names import ACCURACY, Score, headline
from clothseg.metric.scorecard import overall_scores
from clothseg.metric.selection import Selection
from clothseg.report.paper_table import Interval, Line, PaperTable, Quantity, Summary
from clothseg.report.tables import best_rule, comparison_table, over, validation_heading
from clothseg.run.comparison.compare import Comparison, compare, compare_classes
from clothseg.run.comparison.scored import Difference, Read
from clothseg.run.configurations import Configurations, summary
from clothseg.run.finished import FinishedRun
from clothseg.run.tables import read_image_scores

TIME = Quantity("train_seconds", "training, s")
PARAMETERS = Quantity("parameters", "parameters, M", 1e-6, deviates=False)
MAX_TESTED_BY_CLASS = 7
"""Largest number of configurations whose classes are tested: of more, few would be told apart."""
P_VALUE = Quantity("p_value", "p", decimals=4, deviates=False)


@dataclass(frozen=True)
class ComparedTables:
    """Configurations as rows of tables, with their comparison.

    Args:
        configurations: the configurations, of the same classes.
        source: reads the scores of each image of a run.
    """

    configurations: Configurations
    source: Read = read_image_scores

    @cached_property
    def read(self) -> Read:
        """Reader of the scores of each image; of few configurations it keeps them in memory."""
        return cache(self.source) if self._are_few else self.source

    @property
    def _are_few(self) -> bool:
        return len(self.configurations.repeats) <= MAX_TESTED_BY_CLASS

    @cached_property
    def selection(self) -> Selection | None:
        """Validation scores by which configurations are compared; None if a run has none."""
        return self.configurations.selection()

    @cached_property
    def comparison(self) -> Comparison:
        """Comparison of all configurations with the best."""
        return compare(self._runs, self.selection, self.read)

    @cached_property
    def by_class(self) -> dict[str, Difference]:
        """Differences in the IoU of each class, the best minus the other; of few configurations."""
        return compare_classes(self._runs, self.comparison, self.read) if self._are_few else {}

    @property
    def _runs(self) -> dict[str, list[FinishedRun]]:
        return {name: self.configurations.runs(name) for name in self.configurations.repeats}

    def terminal_table(self, title: str) -> Table:
        """Build the table for the terminal."""
        found = self.comparison
        known = {name: one.bounds for name, one in found.standings.items() if one.bounds}
        return comparison_table(
            self.configurations.cards(),
            title,
            self.configurations.noun,
            self.selection,
            bold=found.bold,
            rule=found.rule,
            score=found.score,
            bounds={name: (one.low, one.high) for name, one in known.items()},
        )

    def paper_table(self) -> PaperTable:
        """Build the table for files."""
        found = self.comparison
        scores = self._scores()
        columns = [Quantity.of(score) for score in scores]
        if any(one.bounds for one in found.standings.values()) and found.score in scores:
            place = scores.index(found.score)
            columns.insert(place + 1, Interval.of(found.score, heading="95 % interval"))
        if self.selection:
            score = self.selection.score
            name = f"validation_{score.name}"
            columns.append(Quantity.of(score, name, validation_heading(self.selection)))
        columns += [P_VALUE] if found.methods else []
        columns += [TIME, PARAMETERS]
        rows = self.configurations
        repeated = over(*sorted({len(r) for r in rows.repeats.values()}), repeat=rows.noun)
        rule = f"{best_rule(self.selection)}{found.rule}"
        caption = f"Scores in percent, means over classes{repeated}; bold: {rule}"
        return PaperTable(columns, [self._line(name) for name in rows.repeats], caption)

    def _scores(self) -> list[Score]:
        rows = self.configurations
        cards = [run.metrics["test"] for name in rows.repeats for run in rows.runs(name)]
        names = {name for card in cards for name in overall_scores(card)}
        return [*headline(names), ACCURACY]

    def _line(self, name: str) -> Line:
        repeats, runs = self.configurations.repeats[name], self.configurations.runs(name)
        standing = self.comparison.standings[name]
        values: dict[str, Summary] = {
            score.name: summary(repeats, _test_score(score.name)) for score in self._scores()
        }
        limits = asdict(standing.bounds) if standing.bounds else {"low": None, "high": None}
        compared = self.comparison.score.name
        values[compared] = {**limits, **values.get(compared, {})}
        values[TIME.name] = summary(repeats, lambda run: run.metrics.get(TIME.name))
        values[PARAMETERS.name] = {"mean": runs[0].metrics.get(PARAMETERS.name)}
        values[P_VALUE.name] = {"mean": None if isnan(standing.p) else standing.p}
        if self.selection:
            score = f"validation_{self.selection.score.name}"
            values[score] = mean_and_std(self.selection.values[name])
        folds = Counter(run.seed for run in runs)
        suspect = any(doubts(run.metrics["test"]) for run in runs)
        is_best = name in self.comparison.bold
        return Line(name, min(folds.values()), len(folds), values, is_best, suspect)


def _test_score(name: str) -> Callable[[FinishedRun], float | None]:
    return lambda run: overall_scores(run.metrics["test"]).get(name)
