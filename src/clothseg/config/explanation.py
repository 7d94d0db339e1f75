"""Explanation of errors of Hydra and OmegaConf in the words of the command line."""

import re

from hydra.errors import MissingConfigException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import (
    ConfigKeyError,
    GrammarParseError,
    InterpolationKeyError,
    UnsupportedInterpolationType,
)

from clothseg.config.suggestion import did_you_mean
from clothseg.error import ConfigError, first_line

COMPOSITION = (
    (
        r"Could not override '(hydra\.sweeper\..+)'",
        r"\1: the sweeper has no such key; hydra/sweeper=random and hydra/sweeper=optuna are those "
        r"of a search, and +\1=<value> adds a key",
    ),
    (
        r"Could not override '(.*)@(.*)'",
        r"\1@\2: there is no such group in this place; write \1=<option>, or +\1@\2=<option> to "
        "add one",
    ),
    (r"Could not delete '(.+)'\. No match", r"~\1: is not selected, so it cannot be removed"),
    (
        r"Could not delete from config\. '(.+)' does not",
        r"~\1: is not set, so it cannot be removed",
    ),
    (
        r"Multiple values for (.+?)\. |^(\S+) appears more than once",
        r"+\1\2: is selected already; write \1\2=<option>",
    ),
    (
        r"force-add of config groups is not supported: '\+\+(.+)'",
        r"++\1: a group cannot be forced; write \1",
    ),
)
"""Messages of Hydra, as regular expressions, and ours."""

FORMS = "${<key>}, ${oc.env:<VARIABLE>} or ${labels_json:<folder>,<part>}"
"""Common interpolations."""


def composition_problem(error: Exception) -> str:
    """Explain why Hydra cannot compose a configuration."""
    text = first_line(error)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, option = str(error.missing_cfg_file).rpartition("/")
        known = did_you_mean(option, error.options or ())
        return f"{group}={option}: no such option; {known}"
    for theirs, ours in COMPOSITION:
        if found := re.search(theirs, text):
            return found.expand(ours)
    return f"the selected options cannot be combined ({text})"


def unsettable(config: DictConfig, key: str, error: Exception) -> str:
    """Explain why a value cannot be set.

    Args:
        config: the configuration.
        key: dotted path of the value.
        error: error raised by OmegaConf.
    """
    if isinstance(error, GrammarParseError):
        return f"its interpolation cannot be read; allowed are {FORMS}"
    *parents, _ = parts = key.split(".")
    for number in range(1, len(parents) + 1):
        path = ".".join(parts[:number])
        node = OmegaConf.select(config, path, throw_on_resolution_failure=False)
        if isinstance(node, ListConfig):
            return f"{path} is a list; set all of it"
        if not isinstance(node, DictConfig):
            return f"{path} is no dictionary"
    return "a configuration has numbers, texts, true, false, null, lists and dictionaries"


def interpolation_problems(error: Exception) -> list[str]:
    """Explain why an interpolation cannot be resolved; a resolver of ours has its own problems."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ConfigError):
        cause = cause.__context__
    if cause is not None:
        return cause.problems
    key = getattr(error, "full_key", None) or "the configuration"
    if isinstance(error, InterpolationKeyError) and "Error resolving key" not in str(error):
        return [f"{key}: {first_line(error)}; add {key}=<value> to the command"]
    return [f"{key}: its interpolation {_fault(error)}"]


def _fault(error: Exception) -> str:
    """Predicate of a sentence about an interpolation that cannot be resolved."""
    text, cause = str(error), error.__cause__ or error.__context__
    if re.search("recursi", f"{text} {cause!r}", re.IGNORECASE):
        return "refers to itself, or to too long a chain of others"
    if isinstance(error, UnsupportedInterpolationType):
        return f"has an unknown function; allowed are {FORMS}"
    if variable := re.search(r"Environment variable '(.+)' not found", text):
        return f"needs the environment variable {variable[1]}, which is not set"
    if isinstance(error, GrammarParseError) or isinstance(cause, GrammarParseError):
        return f"cannot be read; allowed are {FORMS}"
    if isinstance(error, InterpolationKeyError) or isinstance(cause, ConfigKeyError):
        return "begins with too many dots: it leads out of the configuration"
    if "Error trying to access" in text or "is not an int" in text:
        return "leads into a value that has no such keys"
    return f"cannot be resolved; allowed are {FORMS}"
