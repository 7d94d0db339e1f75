"""Construction of all objects from a checked configuration, top-down."""

from clothseg.build.batches import build_batches, build_data, build_split
from clothseg.build.dataset import build_dataset
from clothseg.build.images import (
    build_cache,
    evaluated_form,
    open_census,
    open_evaluated,
    open_pixels,
    open_training_pixels,
    own_aspect_form,
    pixel_forms,
    uses_whole_dataset,
)
from clothseg.build.network import build_network, build_parser, build_segmenter
from clothseg.build.people import characteristics, longest_side, map_values, require_people
from clothseg.build.training import build_loss, build_task, build_trackers, build_trainer

__all__ = [
    "build_batches",
    "build_cache",
    "build_data",
    "build_dataset",
    "build_loss",
    "build_network",
    "build_parser",
    "build_segmenter",
    "build_split",
    "build_task",
    "build_trackers",
    "build_trainer",
    "characteristics",
    "evaluated_form",
    "longest_side",
    "map_values",
    "open_census",
    "open_evaluated",
    "open_pixels",
    "open_training_pixels",
    "own_aspect_form",
    "pixel_forms",
    "require_people",
    "uses_whole_dataset",
]
