"""Metric object: bit-identical for any order and any number of processes."""

import numpy as np
import pytest
import torch

from clothseg.metric.names import COSTLY
from clothseg.metric.segmentation import Scores, SegmentationScores

FIELDS = ("matrix", "index", "image_counts", "image_iou_plus", "boundary")


def updated_metric(case, batches, costly=COSTLY):
    metric = SegmentationScores(case.classes, costly)
    for batch in batches:
        metric.update(
            torch.tensor(case.prediction[batch]),
            torch.tensor(case.target[batch]),
            torch.tensor(batch),
        )
    return metric


def assert_bit_identical(left: Scores, right: Scores):
    for field in FIELDS:
        a, b = getattr(left, field), getattr(right, field)
        assert (a is None and b is None) or (a.dtype == b.dtype and a.tobytes() == b.tobytes())
    for score in ("image_iou", "iou_image", "iou_plus", "boundary_iou"):
        np.testing.assert_array_equal(getattr(left, score), getattr(right, score))


def test_oracle_scores(case, close):
    scores = updated_metric(case, [[i] for i in range(len(case.target))]).compute()
    np.testing.assert_array_equal(scores.matrix, case.expect("cm"))
    np.testing.assert_array_equal(scores.in_target, case.expect("image_in_gt"))
    close(scores.classes.iou, case.expect("iou"))
    close(scores.image_iou, case.expect("image_iou"))
    close(scores.iou_image, case.expect("eq9_iou_union"))
    close(scores.image_iou_plus, case.expect("ss_c8_min"))
    close(scores.iou_plus, case.expect("eq13_iouplus_c8_min_union"))
    close(scores.boundary_iou, case.expect("boundary_iou"))


@pytest.mark.parametrize("batches", [[[5, 0, 3, 1, 4, 2]], [[4], [1, 5], [0, 3, 2]]])
def test_result_does_not_depend_on_order_or_batches(noisy_case, batches):
    in_order = updated_metric(noisy_case, [[0, 1, 2, 3, 4, 5]]).compute()
    assert_bit_identical(updated_metric(noisy_case, batches).compute(), in_order)


def test_matrix_of_all_images_is_the_sum_over_images(noisy_case):
    total = updated_metric(noisy_case, [[0, 1, 2, 3, 4, 5]], costly=()).compute()
    matrices = [updated_metric(noisy_case, [[i]], costly=()).compute().matrix for i in range(6)]
    np.testing.assert_array_equal(sum(matrices), total.matrix)


# torchmetrics warns as if nothing was counted when states were only merged.
@pytest.mark.filterwarnings("ignore:The ``compute`` method of metric")
@pytest.mark.parametrize("first", [[[1, 4], [0]], []])
def test_merged_states_equal_one_object(noisy_case, first):
    counted = [index for batch in first for index in batch]
    second = [[index for index in (5, 3, 2, 1, 4, 0) if index not in counted]]
    merged = updated_metric(noisy_case, first)
    merged.merge_state(updated_metric(noisy_case, second))
    single = updated_metric(noisy_case, [[0, 1, 2, 3, 4, 5]])
    assert_bit_identical(merged.compute(), single.compute())


def test_states_of_a_process_without_samples_can_be_gathered(noisy_case):
    states = []

    def gather(state, group=None):
        states.append(state)
        return [state]

    for metric in (updated_metric(noisy_case, [[0, 1]]), updated_metric(noisy_case, [])):
        metric.sync(dist_sync_fn=gather, distributed_available=lambda: True)
        metric.unsync()
    assert len(states) == 10
    for filled, empty in zip(states[:5], states[5:], strict=True):
        assert filled.dtype == empty.dtype
        assert filled.shape[1:] == empty.shape[1:]


def test_sample_that_is_counted_twice_raises(noisy_case):
    metric = updated_metric(noisy_case, [[0, 1, 2], [2, 3, 1]], costly=())
    with pytest.raises(ValueError, match=r"more than once: 2, .* index 1"):
        metric.compute()


def test_later_updates_do_not_change_earlier_scores(noisy_case):
    metric = updated_metric(noisy_case, [[0, 1]])
    earlier = metric.compute()
    metric.update(*torch.tensor(np.zeros((2, 1, 4, 4), np.uint8)), torch.tensor([2]))
    assert_bit_identical(earlier, updated_metric(noisy_case, [[0, 1]]).compute())
    assert metric.compute().matrix.sum() == earlier.matrix.sum() + 16


def test_costly_scores_are_none_unless_they_are_asked_for(noisy_case):
    scores = updated_metric(noisy_case, [[0, 1]], costly=()).compute()
    assert scores.iou_plus is None
    assert scores.boundary_iou is None


def test_scores_without_samples_are_undefined(noisy_case):
    with pytest.warns(UserWarning, match="before the ``update``"):
        scores = updated_metric(noisy_case, []).compute()
    assert scores.image_counts.shape == (0, 3, 15)
    for values in (scores.classes.iou, scores.iou_image, scores.iou_plus, scores.boundary_iou):
        assert np.isnan(values).all()


def test_reset_clears_counts_and_half_precision_does_not_change_them(noisy_case):
    metric = updated_metric(noisy_case, [[0, 1, 2]])
    before = metric.compute()
    assert_bit_identical(metric.half().compute(), before)
    metric.reset()
    masks = torch.tensor(np.stack([noisy_case.prediction, noisy_case.target])[:, :3])
    metric.update(*masks, torch.arange(3))
    assert_bit_identical(metric.compute(), before)
