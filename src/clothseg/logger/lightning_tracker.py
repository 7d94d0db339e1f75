"""Adapter for PyTorch Lightning loggers."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clothseg.error import ConfigError, first_line
from clothseg.logger.tracker import End, Results, Row, Subject, Tracker
from clothseg.metric.names import PRIMARY

if TYPE_CHECKING:
    from pytorch_lightning.loggers import Logger

STATUS: Mapping[End, str] = {"done": "success", "failed": "failed", "interrupted": "aborted"}


class LightningTracker(Tracker):
    """Tracker that passes hyperparameters, epoch scalars and final scores to a logger.

    A resumed run creates a new logger, which also receives the earlier epochs.

    Args:
        create: creates the logger of a run.
        name: name used in warnings.
    """

    def __init__(self, create: "Callable[[Subject], Logger]", name: str) -> None:
        self.create, self.name = create, name
        self._logger: Logger | None = None
        self._last = 0

    def begin(self, subject: Subject) -> None:
        """Create the logger and log the configuration.

        Raises:
            ConfigError: the library is not installed, or rejects the arguments.
        """
        try:
            self._logger = self.create(subject)
        except Exception as error:  # each service raises its own exception types
            raise ConfigError(
                [
                    f"logger.lightning.name={self.name}: the logger could not be created with "
                    f"logger.lightning.arguments ({type(error).__name__}: {first_line(error)})"
                ]
            ) from error
        self._logger.log_hyperparams(dict(subject.config) | {"choices": dict(subject.choices)})

    def epochs(self, rows: Sequence[Row]) -> None:
        """Log the new epochs, without undefined scores."""
        for row in rows[self._last :]:
            self._last = int(row["epoch"])
            self._log({key: value for key, value in row.items() if key != "epoch"})

    def end(self, results: Results) -> None:
        """Log the scores of the test part, and those of the validation part at the best epoch."""
        self._log(results.scores([PRIMARY.key]))

    def close(self, end: End) -> None:
        """Finalize the logger."""
        if self._logger is not None:
            self._logger.save()
            self._logger.finalize(STATUS[end])

    def _log(self, scores: Mapping[str, float | None]) -> None:
        assert self._logger is not None
        finite = {k: v for k, v in scores.items() if v is not None and math.isfinite(v)}
        self._logger.log_metrics(finite, step=self._last)


def shipped_logger(name: str, arguments: Mapping[str, Any]) -> "Callable[[Subject], Logger]":
    """Create a factory for a logger of `pytorch_lightning.loggers`.

    Args:
        name: name of the class.
        arguments: keyword arguments with placeholders, see :func:`clothseg.logger.lightning`.
    """

    def create(subject: Subject) -> "Logger":
        from pytorch_lightning import loggers

        values = {
            "{folder}": str(subject.folder),
            "{name}": subject.name,
            "{group}": subject.group,
            "{signature}": subject.signature,
        }

        def fill_placeholders(value: Any) -> Any:
            if isinstance(value, str):
                for placeholder, text in values.items():
                    value = value.replace(placeholder, text)
            return value

        filled = {key: fill_placeholders(value) for key, value in arguments.items()}
        logger: Logger = getattr(loggers, name)(**filled)
        return logger

    return create
