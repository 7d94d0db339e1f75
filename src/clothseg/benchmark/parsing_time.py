"""Time of human parsing: with many and few people, and with and without characteristics."""

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from clothseg import build
from clothseg.benchmark.comparison import Comparison, Goal, Side, measure_alternately
from clothseg.config.command_line import check_command
from clothseg.config.settings import Benchmark
from clothseg.metric.names import PARTS
from clothseg.model.parsing_network import ParsingOutput
from clothseg.task.description import describe
from clothseg.task.parser import MASKS_AT_ONCE, Parser
from clothseg.task.people import SHOWN_SCORE, ImageArea, find_people

IMAGE_SIZE = 320
REPETITIONS = 12
FEW, MANY = 2, 18
"""People in an image, the range of loesch2021."""
PAPER_RATIO = 56 / 50
"""Milliseconds with and without characteristics that loesch2021 states."""
SURE = 8.0
"""Logit of what is certain."""


def compare(settings: Benchmark) -> list[Comparison]:
    """Compare the time per image with 18 people to that with 2, and that of three more heads.

    The network has random weights. Its forward pass and its masks are timed, but pixels are
    assigned to people from logits of so many people, because random ones would find any number.
    """
    size, seed = settings.image_size or IMAGE_SIZE, torch.manual_seed(0)
    kinds = {"all": "[size,pattern,color]", "none": "[]"}
    parsers = {name: _parser(value) for name, value in kinds.items()}
    image = torch.randn(1, 3, size, size, generator=seed)
    work = {people: partial(_parse, parsers["all"], image, people) for people in (MANY, FEW)}
    work[0] = partial(_parse, parsers["none"], image, FEW)
    repetitions = settings.repetitions or REPETITIONS
    sides = [partial(_milliseconds, work[people]) for people in (MANY, FEW, 0)]
    many, few, plain = measure_alternately(sides, repetitions)
    queries = parsers["all"].network.queries
    conditions = f"hptr_tiny, {queries} queries, {size} px, one image"
    return [
        Comparison(
            title="human parsing of many people against few",
            unit="ms/image",
            conditions=conditions,
            clothseg=Side(f"{MANY} people", many),
            rival=Side(f"{FEW} people", few),
            goal=Goal("<=", 1.05),
        ),
        Comparison(
            title="human parsing with characteristics against without",
            unit="ms/image",
            conditions=f"{conditions}; the paper's ratio is {PAPER_RATIO:.2f}",
            clothseg=Side("heads of parts, size, pattern and color", few),
            rival=Side("head of parts", plain),
        ),
    ]


def _parser(characteristics: str) -> Parser:
    """Build a network with random weights and 40 queries."""
    fixed = ["dataset=ccihp", "dataset.root=.", "model=hptr_tiny", "model.queries=40"]
    (job,) = check_command([*fixed, f"model.characteristics={characteristics}"])
    return build.build_parser(job.config).eval()


@torch.inference_mode()
def _parse(parser: Parser, image: Tensor, people: int) -> None:
    """Apply a network to an image, and assign its pixels to a number of people."""
    output = parser.network(image)
    queries = torch.arange(parser.network.queries)
    for numbers in torch.split(queries, MASKS_AT_ONCE):
        output.masks(torch.zeros_like(numbers), numbers)
    logits, masks, maps = _certain(output, people)
    size = (int(image.shape[-2]), int(image.shape[-1]))
    area = ImageArea(size, size, size)
    photo = np.zeros((*size, 3), np.uint8)
    describe(find_people(logits, masks, maps, area, SHOWN_SCORE), photo)


def _certain(output: ParsingOutput, people: int) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Make logits of people side by side, each of the same area, with parts above each other.

    Args:
        output: output of the network, whose shapes they have.
        people: number of people.
    """
    queries = output.people.shape[2]
    height, width = output.maps[PARTS].shape[-2:]
    logits = torch.full((queries, 2), -SURE)
    logits[:people, 0], logits[people:, 1] = SURE, SURE
    column, numbers = torch.arange(width), torch.arange(queries)[:, None]
    inside = (column * people // width == numbers).float() * 2 - 1
    masks = (SURE * inside)[:, None].expand(-1, height, -1)
    maps = {}
    for name, values in output.maps.items():
        row = torch.arange(height) * values.shape[1] // height
        chosen = torch.arange(values.shape[1])[:, None] == row
        maps[name] = (SURE * chosen.float())[..., None].expand(-1, -1, width).contiguous()
    return logits, masks, maps


def _milliseconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)
