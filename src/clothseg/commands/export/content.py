"""Images that an exported network is compared on, and the part of its metadata of every task."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from clothseg.config.run_config import RunConfig
from clothseg.dataset.image import read_image
from clothseg.error import ConfigError, DataError
from clothseg.label_file import label_rows
from clothseg.run.restore import recorded_reader, short_name
from clothseg.task.image_network import NORMALIZATIONS
from clothseg.terminal.screen import console


def first_images(config: RunConfig, sizes: Sequence[tuple[int, int]]) -> list[np.ndarray]:
    """Read images of the dataset, or draw noise if the dataset is not available.

    Args:
        config: configuration of a recorded run.
        sizes: height and width of each image of noise, pixels; their number is that of the images.

    Returns:
        Images uint8 [h,w,3] in RGB; fewer if the dataset has fewer.
    """
    try:
        samples = recorded_reader(config).samples()[: len(sizes)]
        return [read_image(sample.image) for sample in samples]
    except (ConfigError, DataError) as error:
        console.print(f"comparing on random noise: {error}", soft_wrap=True, markup=False)
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (*size, 3), np.uint8) for size in sizes]


def metadata(config: RunConfig, run: Path, content: Mapping[str, Any]) -> dict[str, str]:
    """Metadata that a program needs to use the network, each value encoded as JSON.

    `labels` are the rows of a `labels.json`, with the number of the channel as id. `mean` and
    `deviation` (standard deviation) of R, G, B normalize images in [0, 1]. `crop` is the source of
    the person box that images were cropped to before. `run` is the short name of the run.

    Args:
        config: configuration of the run.
        run: its folder.
        content: further entries, those of the task.
    """
    mean, std = NORMALIZATIONS[config.data.normalization]
    entries = {
        "labels": label_rows(replace(config.labels, background_id=0)),
        "mean": mean,
        "deviation": std,
        **content,
        "crop": config.preparation.crop,
        "run": short_name(run),
    }
    return {key: json.dumps(value) for key, value in entries.items()}
