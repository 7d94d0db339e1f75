"""`task=semantic`: score a folder of masks with one class per pixel."""

from pathlib import Path

import yaml

from clothseg.commands.mask_files import MaskReader, score_folders
from clothseg.config.settings import Score
from clothseg.config.suggestion import did_you_mean
from clothseg.dataset.class_masks import ClassMasks
from clothseg.dataset.png import read_ids
from clothseg.error import ConfigError
from clothseg.files import write_json
from clothseg.label_file import LABEL_FILE, read_label_file
from clothseg.shipped import CONF, options
from clothseg.terminal.screen import console, progress_bar


def score(settings: Score) -> int:
    """Score a folder of masks, write and print the scores; return the exit status.

    Raises:
        ConfigError: there is no such label space.
        DataError: the masks are invalid.
    """
    names, read = class_masks(settings.labels)
    folders = Path(settings.prediction), Path(settings.target)
    card = score_folders(*folders, names, progress_bar, read)
    output = Path(settings.output)
    write_json(output, card)
    from clothseg.report.tables import fold_table

    console.print(fold_table([card], f"{folders[0].name} against {folders[1].name}"))
    console.print(f"written to {output}", soft_wrap=True, markup=False)
    return 0


def class_masks(labels: str) -> tuple[list[str], MaskReader]:
    """Class names of a label space or a `labels.json`, and the reader of masks of these classes.

    Raises:
        ConfigError: there is no such label space or file, or the file is malformed.
    """
    if labels in options("labels"):
        path = CONF / "labels" / f"{labels}.yaml"
        names: list[str] | str = yaml.safe_load(path.read_text())["names"]
        if isinstance(names, str):  # an interpolation that reads a file of the dataset
            raise ConfigError(
                [f"labels={labels}: pass the file instead: labels=<folder>/{LABEL_FILE}"]
            )
        return names, read_ids
    path = Path(labels)
    if not path.is_file():
        raise ConfigError(
            [
                f"labels={labels}: no such label space or file; "
                f"{did_you_mean(labels, options('labels'))}"
            ]
        )
    classes = read_label_file(path)
    return classes.names, ClassMasks(classes, path).read
