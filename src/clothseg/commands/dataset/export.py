"""`action=export`: write a dataset as plain files for other tools.

`images/<name>.<ext>` are byte-for-byte copies of the images, `masks/<name>.png` hold class ids in
one 8-bit channel (255 = ignore), and `labels.json` lists the classes.
"""

import shutil
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from clothseg.commands.dataset.context import Context
from clothseg.dataset import Reader, Sample
from clothseg.dataset.cropped import cropped_readers
from clothseg.error import ConfigError, DataError
from clothseg.files import write_json
from clothseg.label_file import LABEL_FILE, label_rows
from clothseg.labels import LabelSpace
from clothseg.terminal.screen import console, progress_bar
from clothseg.threads import map_in_order


def act(context: Context) -> int:
    """Export a dataset into the folder `output`.

    Raises:
        DataError: the folder is not empty, a sample is defective, or a file cannot be written.
        ConfigError: a crop is selected, or the label space does not cover a source name.
    """
    if cropped_readers(context.reader):
        crop = context.settings.dataset["crop"]
        raise ConfigError(
            [f"dataset.crop={crop}: an export copies uncropped images; remove dataset.crop"]
        )
    folder = Path(context.settings.output).absolute()
    count = export(context.reader, context.labels, folder)
    console.print(
        f"{count} images of {context.name} in {context.labels.name} written to {folder}",
        soft_wrap=True,
        markup=False,
    )
    return 0


def export(reader: Reader, labels: LabelSpace, folder: Path) -> int:
    """Write a dataset completely or not at all; return the number of images.

    Files are written to a temporary folder next to the target, which is then renamed. The leftovers
    of an interrupted export are removed, because they may belong to other labels.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(
            f"output={folder} is not empty; an export needs an empty folder: choose another with "
            "output=<folder>, or empty this one"
        )
    samples = reader.samples()
    write = partial(_write_sample, reader=reader, table=_file_table(reader, labels))
    temporary = folder.with_name(f".{folder.name}.exporting")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        for kind in ("images", "masks"):
            (temporary / kind).mkdir(parents=True)
        bar = progress_bar("exporting", len(samples))
        work = partial(write, folder=temporary)
        with bar as advance, map_in_order(work, samples) as written:
            for _ in written:
                advance(1)
        write_json(temporary / LABEL_FILE, label_rows(labels))
        temporary.replace(folder)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise DataError(
            f"the export to {folder} failed ({error.strerror or error}); nothing was saved"
        ) from error
    except DataError:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return len(samples)


def _file_table(reader: Reader, labels: LabelSpace) -> np.ndarray:
    """Build the table uint8 [256] from source ids to the ids of classes in mask files."""
    return np.asarray(labels.file_ids[labels.lookup_table(reader.names)])


def _write_sample(sample: Sample, reader: Reader, table: np.ndarray, folder: Path) -> None:
    """Copy one image and write its mask."""
    _, source = reader.read(sample)
    shutil.copyfile(sample.image, folder / "images" / f"{sample.name}{sample.image.suffix}")
    encoded = cv2.imencode(".png", table[source])[1]
    (folder / "masks" / f"{sample.name}.png").write_bytes(encoded.tobytes())
