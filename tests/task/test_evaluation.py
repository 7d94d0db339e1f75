"""Evaluation of a network on batches of images."""

import numpy as np
import pytest
import torch
from torch import nn

from clothseg.build import build_segmenter
from clothseg.config.command_line import check_command
from clothseg.error import DivergedError
from clothseg.metric.class_scores import class_scores
from clothseg.model.network import Network
from clothseg.task.evaluation import evaluate
from support.random_cache import small_data

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def segmenter():
    """Network of one convolution for the four classes of the random images."""
    (job,) = check_command([])
    segmenter = build_segmenter(job.config)
    segmenter.names = ["BG", "Hat", "Coat", "Skin"]
    torch.manual_seed(0)
    segmenter.network = Network(nn.Sequential(nn.Conv2d(3, 4, 5, padding=2), nn.Dropout(0.5)), 1)
    return segmenter


def test_every_image_is_counted_once_and_scored_as_it_is_predicted(segmenter):
    data = small_data()
    scores = evaluate(segmenter.train(), data.evaluation_batches(data.split.test), CPU, None)
    names = [data.cache.names[i] for i in scores.index]
    assert sorted(names) == sorted(data.split.test)
    expected = np.zeros((4, 4), np.int64)
    for index in scores.index:
        predicted = segmenter.predict(np.array(data.cache.images[index])[None])[0]
        np.add.at(expected, (data.cache.masks[index], predicted), 1)
    assert np.array_equal(scores.matrix, expected)
    assert not segmenter.network.training


def test_an_output_that_is_not_finite_is_not_scored(segmenter):
    data = small_data()

    def overflow(_, images, output):
        output["logits"][-1, 0, 3, 3] = float("inf")

    hook = segmenter.network.register_forward_hook(overflow)
    with pytest.raises(DivergedError) as caught:
        evaluate(segmenter, data.evaluation_batches(data.split.test), CPU, None)
    hook.remove()
    assert caught.value.where == "the network's output"
    assert set(caught.value.images) <= set(data.split.test)


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_the_forward_pass_has_the_requested_format(segmenter, dtype):
    data, formats = small_data(), set()
    hook = segmenter.network.register_forward_hook(
        lambda _, __, output: formats.add(output["logits"].dtype)
    )
    evaluate(segmenter, data.evaluation_batches(data.split.test), CPU, dtype)
    hook.remove()
    assert formats == {dtype or torch.float32}


def test_postprocessing_determines_the_classes(segmenter, monkeypatch):
    data = small_data()
    monkeypatch.setattr(
        segmenter,
        "postprocess",
        lambda logits, size: torch.full((len(logits), *(size or (16, 16))), 2),
    )
    scores = evaluate(segmenter, data.evaluation_batches(data.split.test), CPU, None)
    assert scores.matrix[:, [0, 1, 3]].sum() == 0
    assert class_scores(scores.matrix).iou[2] > 0
    assert (segmenter.predict(np.zeros((1, 16, 16, 3), np.uint8)) == 2).all()
