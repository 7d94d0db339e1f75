"""The metric object: equal to the bit in any order and on any number of processes."""

import numpy as np
import pytest
import torch

from clothseg.metric.segmentation import Scores, SegmentationScores

FIELDS = ("matrix", "index", "image_counts", "image_iou_plus", "boundary")


def counted(case, batches, detailed=True):
    metric = SegmentationScores(case.classes, detailed)
    for batch in batches:
        metric.update(
            torch.tensor(case.prediction[batch]),
            torch.tensor(case.target[batch]),
            torch.tensor(batch),
        )
    return metric


def assert_equal_to_the_bit(left: Scores, right: Scores):
    for field in FIELDS:
        a, b = getattr(left, field), getattr(right, field)
        assert (a is None and b is None) or (a.dtype == b.dtype and a.tobytes() == b.tobytes())
    for score in ("image_iou", "iou_image", "iou_plus", "boundary_iou"):
        np.testing.assert_array_equal(getattr(left, score), getattr(right, score))


def test_oracle_scores(case, close):
    scores = counted(case, [[i] for i in range(len(case.target))]).compute()
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
    map_in_order = counted(noisy_case, [[0, 1, 2, 3, 4, 5]]).compute()
    assert_equal_to_the_bit(counted(noisy_case, batches).compute(), map_in_order)


def test_matrix_of_the_whole_is_the_sum_of_its_parts(noisy_case):
    whole = counted(noisy_case, [[0, 1, 2, 3, 4, 5]], detailed=False).compute()
    parts = [counted(noisy_case, [[i]], detailed=False).compute().matrix for i in range(6)]
    np.testing.assert_array_equal(sum(parts), whole.matrix)


# torchmetrics takes an object that only merged for one that counted nothing.
@pytest.mark.filterwarnings("ignore:The ``compute`` method of metric")
@pytest.mark.parametrize("first", [[[1, 4], [0]], []])
def test_merged_states_equal_one_object(noisy_case, first):
    seen = [index for batch in first for index in batch]
    second = [[index for index in (5, 3, 2, 1, 4, 0) if index not in seen]]
    merged = counted(noisy_case, first)
    merged.merge_state(counted(noisy_case, second))
    whole = counted(noisy_case, [[0, 1, 2, 3, 4, 5]])
    assert_equal_to_the_bit(merged.compute(), whole.compute())


def test_process_without_samples_offers_rows_that_others_can_be_gathered_with(noisy_case):
    offered = []

    def gather(state, group=None):
        offered.append(state)
        return [state]

    for metric in (counted(noisy_case, [[0, 1]]), counted(noisy_case, [])):
        metric.sync(dist_sync_fn=gather, distributed_available=lambda: True)
        metric.unsync()
    assert len(offered) == 10
    for with_rows, without in zip(offered[:5], offered[5:], strict=True):
        assert with_rows.dtype == without.dtype
        assert with_rows.shape[1:] == without.shape[1:]


def test_sample_that_was_counted_twice_is_refused(noisy_case):
    metric = counted(noisy_case, [[0, 1, 2], [2, 3, 1]], detailed=False)
    with pytest.raises(ValueError, match=r"more than once: 2, .* index 1"):
        metric.compute()


def test_counting_on_leaves_earlier_scores_alone(noisy_case):
    metric = counted(noisy_case, [[0, 1]])
    earlier = metric.compute()
    metric.update(*torch.tensor(np.zeros((2, 1, 4, 4), np.uint8)), torch.tensor([2]))
    assert_equal_to_the_bit(earlier, counted(noisy_case, [[0, 1]]).compute())
    assert metric.compute().matrix.sum() == earlier.matrix.sum() + 16


def test_without_detail_there_is_no_iou_plus(noisy_case):
    scores = counted(noisy_case, [[0, 1]], detailed=False).compute()
    assert scores.iou_plus is None
    assert scores.boundary_iou is None


def test_nothing_counted_is_undefined(noisy_case):
    with pytest.warns(UserWarning, match="before the ``update``"):
        scores = counted(noisy_case, []).compute()
    assert scores.image_counts.shape == (0, 3, 15)
    for values in (scores.classes.iou, scores.iou_image, scores.iou_plus, scores.boundary_iou):
        assert np.isnan(values).all()


def test_reset_starts_again_and_precision_changes_leave_counts_alone(noisy_case):
    metric = counted(noisy_case, [[0, 1, 2]])
    before = metric.compute()
    assert_equal_to_the_bit(metric.half().compute(), before)
    metric.reset()
    masks = torch.tensor(np.stack([noisy_case.prediction, noisy_case.target])[:, :3])
    metric.update(*masks, torch.arange(3))
    assert_equal_to_the_bit(metric.compute(), before)
