"""Requirements of human parsing on the dataset, and the maps that it predicts."""

from clothseg.config.run_config import RunConfig
from clothseg.dataset import Reader
from clothseg.error import ConfigError
from clothseg.metric.names import PARTS


def map_values(config: RunConfig) -> dict[str, list[str]]:
    """Names of the values of each map that a network for human parsing predicts, parts first."""
    names = config.dataset().further_names
    own = {kind: list(names[kind]) for kind in characteristics(config)}
    return {PARTS: list(config.labels.names), **own}


def characteristics(config: RunConfig) -> list[str]:
    """Maps that a network for human parsing predicts besides the parts."""
    return list(config.model.arguments.get("characteristics", []))


def longest_side(config: RunConfig) -> int:
    """Longest side of the images of human parsing, pixels."""
    return max(config.data.frame.size)


def require_people(config: RunConfig, reader: Reader) -> None:
    """Check that a dataset has what human parsing needs.

    Raises:
        ConfigError: it does not tell people apart, or lacks a characteristic; lists what it has.
    """
    if not reader.has_people:
        raise ConfigError(
            [
                "task=parsing: the dataset does not tell people apart; dataset=cihp and "
                "dataset=ccihp do, and scripts/dataset.py action=draw dataset=ccihp draws one"
            ]
        )
    names = reader.further_names
    if missing := [kind for kind in characteristics(config) if kind not in names]:
        has = f"it has {', '.join(names)}" if names else "it has none"
        raise ConfigError(
            [
                f"model.characteristics: the dataset has no maps of {', '.join(missing)}; {has}: "
                f"model.characteristics=[{','.join(names)}]"
            ]
        )
