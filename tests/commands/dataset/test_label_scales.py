"""`action=label_scales`: what nearest neighbors and label pooling keep of a mask."""

import cv2
import numpy as np
import pytest

from clothseg.commands.main import main
from clothseg.report import label_scales
from support.shipped_config import CCP_NAMES
from support.small_datasets import write_mask

pytestmark = pytest.mark.slow(seconds=1)
BAG, HAT = 1, 7


@pytest.fixture
def drawn(small_ccp, monkeypatch):
    """Runs the command on a dataset whose third image is a bag with a hat of 5x5 px on it."""
    photo = np.zeros((448, 448, 3), np.uint8)
    mask = np.zeros((448, 448), np.uint8)
    mask[100:300, 50:400] = CCP_NAMES.index("bag")
    mask[150:155, 201:206] = CCP_NAMES.index("hat")
    cv2.imwrite(str(small_ccp / "photos/0003.jpg"), photo)
    write_mask(small_ccp, 3, mask)
    calls = []
    draw = label_scales.draw_label_scales
    monkeypatch.setattr(
        label_scales, "draw_label_scales", lambda *given: (calls.append(given), draw(*given))
    )

    def run(*overrides):
        folders = [f"dataset.root={small_ccp}", f"data.cache={small_ccp.parent / 'cache'}"]
        report = small_ccp.parent / "report"
        command = ["action=label_scales", "dataset=ccp", *folders, f"output={report}", *overrides]
        return main("dataset", command), calls, report / "ccp-refined15"

    return run


def test_pooling_keeps_each_class_and_nearest_neighbors_lose_small_ones(drawn):
    status, ((nearest, pooled, names, _, path, _),), folder = drawn("image='0003'")
    assert status == 0
    assert path == folder / "label_scales_0003.png"
    assert [names[BAG], names[HAT]] == ["Bag", "Hat"]
    whole = nearest[0]
    assert [mask.shape[0] for mask in nearest] == [224, 56, 28, 14, 7, 3, 1]
    assert [presence.shape[1:] for presence in pooled] == [mask.shape for mask in nearest]
    assert HAT in whole
    for level, presence in enumerate(pooled[:5]):
        side = presence.shape[1]
        blocks = whole.reshape(side, 224 // side, side, 224 // side)
        for k in (0, BAG, HAT):
            assert np.array_equal(presence[k], (blocks == k).any((1, 3))), level
    assert pooled[-1][[0, BAG, HAT]].all()
    assert HAT not in nearest[4]
    for presence, mask in zip(pooled[:5], nearest, strict=False):
        assert np.take_along_axis(presence, mask[None].astype(int), 0).all()
    assert cv2.imread(str(path)).shape[1] > 7 * label_scales.SIDE
    assert label_scales._losses(nearest, names).count("lost: Hat") == 1


def test_the_image_with_the_most_classes_is_drawn_by_default(drawn):
    status, ((nearest, *_, path, _),), _ = drawn()
    assert status == 0
    assert path.name in ("label_scales_0001.png", "label_scales_0002.png")
    assert len(np.unique(nearest[0])) > 10


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["image='0009'"], "image=0009: no such image; did you mean `0003`?"),
        (["image_size=192"], "image_size=192: label pooling does not cover a height of 192 px"),
    ],
)
def test_what_cannot_be_drawn_is_one_message(drawn, overrides, message, capsys):
    status, calls, folder = drawn(*overrides)
    assert (status, calls, folder.exists()) == (1, [], False)
    assert message in capsys.readouterr().err
