"""Scores of a folder of predicted masks, whoever predicted them."""

import json
from pathlib import Path

import yaml

from clothseg.check import check_command
from clothseg.error import ConfigError
from clothseg.metric.scorecard import score_folders
from clothseg.record import write_json
from clothseg.report.progress import console, progress_bar
from clothseg.schema import Score, did_you_mean
from clothseg.trust import CONF, options


def score_command(overrides: list[str]) -> int:
    """Score, write and show; returns the exit status.

    Raises:
        ConfigError: the command line is wrong.
        DataError: the masks are.
    """
    config = check_command(overrides, "score", Score)[0].config
    names = class_names(config["labels"])
    folders = Path(config["prediction"]), Path(config["target"])
    card = score_folders(*folders, names, progress_bar)
    output = Path(config["output"])
    write_json(output, card)
    from clothseg.report.tables import fold_table

    console.print(fold_table([card], f"{folders[0].name} against {folders[1].name}"))
    console.print(f"written to {output}", soft_wrap=True, markup=False)
    return 0


def class_names(labels: str) -> list[str]:
    """Class names in id order of a label space, or of an exported `labels.json`.

    Raises:
        ConfigError: there is neither such a label space nor such a file.
    """
    if labels in options("labels"):
        return list(yaml.safe_load((CONF / "labels" / f"{labels}.yaml").read_text())["names"])
    path = Path(labels)
    if not path.is_file():
        raise ConfigError(
            [
                f"labels={labels}: no such label space or file; "
                f"{did_you_mean(labels, options('labels'))}"
            ]
        )
    try:
        rows = sorted(json.loads(path.read_text()), key=lambda row: row["id"])
        if [row["id"] for row in rows] != list(range(len(rows))):
            raise ConfigError([f"labels={labels}: ids must be 0 to {len(rows) - 1}, each once"])
        return [str(row["name"]) for row in rows]
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(
            [f"labels={labels}: not a list of objects with `id` and `name`"]
        ) from error
