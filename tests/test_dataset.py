"""The CCP reader on the real photos, and every defect that must be named."""

import multiprocessing
import pickle
import resource
import shutil

import numpy as np
import pytest
import scipy.io

from clothseg.dataset import Sample, ccp, synthetic
from clothseg.dataset.defect import MissingPartnersError
from clothseg.error import ConfigError, DataError
from support.answers import ccp_statistics
from support.shipped_config import CCP_NAMES as NAMES
from support.small_datasets import write_mask


def read_all(root):
    reader = ccp(root=str(root), names=NAMES)
    return [reader.read(sample) for sample in reader.samples()]


def test_photos_without_pixel_labels_are_left_out(small_ccp):
    reader = ccp(root=str(small_ccp), names=NAMES)
    assert [sample.name for sample in reader.samples()] == ["0001", "0002", "0003"]


def test_real_photos_have_the_independently_counted_pixels(ccp_root):
    reader = ccp(root=str(ccp_root), names=NAMES)
    samples = reader.samples()
    assert [sample.name for sample in samples] == ccp_statistics()["images"]
    image, mask = reader.read(samples[0])
    assert image.shape == (*mask.shape, 3)
    truth = scipy.io.loadmat(ccp_root / "annotations/pixel-level/0001.mat")["groundtruth"]
    assert np.array_equal(mask, truth)


def test_a_truncated_photo_is_named(small_ccp):
    photo = small_ccp / "photos" / "0002.jpg"
    photo.write_bytes(photo.read_bytes()[:400])
    with pytest.raises(DataError, match=r"0002\.jpg: the photo is truncated \(400 bytes\)"):
        read_all(small_ccp)


def test_a_file_that_is_no_photo_is_named(small_ccp):
    (small_ccp / "photos" / "0002.jpg").write_text("not a picture")
    with pytest.raises(DataError, match=r"0002\.jpg: the photo cannot be decoded"):
        read_all(small_ccp)


def test_a_mask_without_its_photo_is_named(small_ccp):
    (small_ccp / "photos" / "0003.jpg").unlink()
    with pytest.raises(
        DataError, match=r"1 photos of annotations/pixel-level are missing: .*0003\.jpg"
    ):
        read_all(small_ccp)


def test_a_label_out_of_range_is_named_with_its_value(small_ccp):
    write_mask(small_ccp, 2, np.full((40, 30), 59, np.uint8))
    with pytest.raises(
        DataError, match=r"0002\.mat: label 59 is out of range; allowed are 0 to 58"
    ):
        read_all(small_ccp)


def test_a_size_mismatch_is_named_with_both_sizes(small_ccp):
    write_mask(small_ccp, 2, np.zeros((30, 40), np.uint8))
    with pytest.raises(DataError, match=r"0002\.mat: labels are 40x30, its photo .* is 30x40"):
        read_all(small_ccp)


def test_a_damaged_matlab_file_is_named(small_ccp):
    (small_ccp / "annotations/pixel-level/0002.mat").write_bytes(
        b"MATLAB 5.0 MAT-file" + bytes(200)
    )
    with pytest.raises(DataError, match=r"0002\.mat"):
        read_all(small_ccp)


def test_another_variable_is_named(small_ccp):
    path = small_ccp / "annotations/pixel-level/0002.mat"
    scipy.io.savemat(path, {"truth": np.zeros((40, 30), np.uint8)})
    with pytest.raises(DataError, match="has no variable `groundtruth`; found truth"):
        read_all(small_ccp)


def test_a_mask_of_floats_is_named(small_ccp):
    write_mask(small_ccp, 2, np.full((40, 30), 0.5))
    with pytest.raises(DataError, match=r"0002\.mat: groundtruth is float64"):
        read_all(small_ccp)


def test_everything_wrong_with_a_sample_is_found_and_the_first_is_raised(small_ccp):
    write_mask(small_ccp, 2, np.full((30, 40), 59, np.uint8))
    reader = ccp(root=str(small_ccp), names=NAMES)
    found = reader.inspect(reader.samples()[1])
    assert [defect.kind for defect in found.defects] == ["different sizes", "label out of range"]
    assert [defect.value for defect in found.defects] == ["40x30 and 30x40", "59"]
    with pytest.raises(DataError, match="both must have one size"):
        reader.read(reader.samples()[1])


def test_what_is_not_about_a_sample_is_not_blamed_on_it(small_ccp, monkeypatch):
    def fail(sample):
        raise ConfigError(["no weights"])

    reader = ccp(root=str(small_ccp), names=NAMES)
    monkeypatch.setattr(reader, "read_mask", fail)
    with pytest.raises(ConfigError, match="no weights"):
        reader.read(reader.samples()[0])


def test_a_defect_can_be_sent_to_another_process(small_ccp):
    (small_ccp / "photos" / "0003.jpg").unlink()
    with pytest.raises(MissingPartnersError) as raised:
        ccp(root=str(small_ccp), names=NAMES).samples()
    received = pickle.loads(pickle.dumps(raised.value))
    assert str(received) == str(raised.value)
    assert [sample.name for sample in received.there] == ["0001", "0002"]
    assert [(defect.kind, defect.value) for defect in received.defects] == [
        ("missing partner", "0003")
    ]


def test_a_missing_folder_says_what_is_expected(tmp_path):
    with pytest.raises(DataError, match=r"is not a folder; expected there: photos/"):
        read_all(tmp_path / "nowhere")


def test_another_layout_says_what_was_expected_and_found(tmp_path):
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match=r"expected photos/.*; found images"):
        read_all(tmp_path)


def test_other_label_names_are_refused(small_ccp):
    reader = ccp(root=str(small_ccp), names=["null", "hut", *NAMES[2:]])
    with pytest.raises(DataError, match="hut here, accessories there"):
        reader.samples()


def test_fingerprint_follows_content_and_not_the_place(small_ccp, tmp_path):
    before = ccp(root=str(small_ccp), names=NAMES).fingerprint()
    moved = shutil.move(small_ccp, tmp_path / "elsewhere")
    assert ccp(root=str(moved), names=NAMES).fingerprint() == before
    write_mask(moved, 1, np.zeros((40, 30), np.uint8))
    assert ccp(root=str(moved), names=NAMES).fingerprint() != before


def test_the_drawn_dataset_is_read_by_the_ccp_reader(tmp_path):
    reader = synthetic(root=str(tmp_path), names=NAMES, num_images=3, seed=1)
    samples = reader.samples()
    image, mask = reader.read(samples[0])
    assert [s.name for s in samples] == ["0001", "0002", "0003"]
    assert image.dtype == np.uint8
    assert len(np.unique(mask)) > 3
    again = synthetic(root=str(tmp_path / "b"), names=NAMES, num_images=3, seed=1)
    assert np.array_equal(again.read(again.samples()[0])[1], mask)


def test_sample_files_are_absolute_or_relative_as_given(small_ccp):
    sample = ccp(root=str(small_ccp), names=NAMES).samples()[0]
    expected = small_ccp / "annotations/pixel-level/0001.mat"
    assert sample == Sample("0001", small_ccp / "photos/0001.jpg", expected)


def _draw_with_little_space(root, queue):
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
    try:
        synthetic(root=str(root), names=NAMES, num_images=2, seed=0).samples()
    except DataError as error:
        queue.put(str(error))


def test_a_disk_too_full_to_draw_on_is_told_and_nothing_is_kept(tmp_path):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_draw_with_little_space, args=(tmp_path / "drawn", queue))
    process.start()
    message = queue.get(timeout=60)
    process.join()
    assert f"photos could not be drawn into {tmp_path / 'drawn'}" in message
    assert "dataset.root=<folder>" in message
    assert not [path for path in (tmp_path / "drawn").iterdir() if path.is_dir()]


def test_what_follows_a_jpegs_end_is_no_damage(small_ccp):
    photo = small_ccp / "photos" / "0002.jpg"
    whole = read_all(small_ccp)[1][0]
    photo.write_bytes(photo.read_bytes() + bytes(1 << 17))
    assert np.array_equal(read_all(small_ccp)[1][0], whole)
    photo.write_bytes(photo.read_bytes()[:500])
    with pytest.raises(DataError, match="is truncated"):
        read_all(small_ccp)


def test_hidden_files_are_no_samples_and_endings_may_be_upper_case(small_ccp):
    labels = small_ccp / "annotations" / "pixel-level"
    (labels / "._0001.mat").write_bytes(b"a file manager's")
    (labels / "0002.mat").rename(labels / "0002.MAT")
    reader = ccp(root=str(small_ccp), names=NAMES)
    assert [sample.name for sample in reader.samples()] == ["0001", "0002", "0003"]


@pytest.mark.parametrize("cells", [np.empty((1, 0), object), np.array([[np.array([])]], object)])
def test_a_list_of_names_that_lacks_some_is_refused(small_ccp, cells):
    scipy.io.savemat(small_ccp / "label_list.mat", {"label_list": cells})
    with pytest.raises(DataError, match="names that differ from the 59"):
        read_all(small_ccp)
