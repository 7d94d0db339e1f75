"""The CCP reader on real images, and an error message for each defect."""

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


def test_images_without_pixel_labels_are_skipped(small_ccp):
    reader = ccp(root=str(small_ccp), names=NAMES)
    assert [sample.name for sample in reader.samples()] == ["0001", "0002", "0003"]


def test_real_samples_match_the_independent_list(ccp_root):
    reader = ccp(root=str(ccp_root), names=NAMES)
    samples = reader.samples()
    assert [sample.name for sample in samples] == ccp_statistics()["images"]
    image, mask = reader.read(samples[0])
    assert image.shape == (*mask.shape, 3)
    ground_truth = scipy.io.loadmat(ccp_root / "annotations/pixel-level/0001.mat")["groundtruth"]
    assert np.array_equal(mask, ground_truth)


def test_a_truncated_image_is_named(small_ccp):
    image = small_ccp / "photos" / "0002.jpg"
    image.write_bytes(image.read_bytes()[:400])
    with pytest.raises(DataError, match=r"0002\.jpg: the image is truncated \(400 bytes\)"):
        read_all(small_ccp)


def test_a_file_that_is_not_an_image_is_named(small_ccp):
    (small_ccp / "photos" / "0002.jpg").write_text("not an image")
    with pytest.raises(DataError, match=r"0002\.jpg: the image cannot be decoded"):
        read_all(small_ccp)


def test_a_mask_without_its_image_is_named(small_ccp):
    (small_ccp / "photos" / "0003.jpg").unlink()
    with pytest.raises(
        DataError, match=r"1 images of annotations/pixel-level are missing: .*0003\.jpg"
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
    with pytest.raises(DataError, match=r"0002\.mat: labels are 40x30, but its image .* is 30x40"):
        read_all(small_ccp)


def test_a_damaged_matlab_file_is_named(small_ccp):
    (small_ccp / "annotations/pixel-level/0002.mat").write_bytes(
        b"MATLAB 5.0 MAT-file" + bytes(200)
    )
    with pytest.raises(DataError, match=r"0002\.mat"):
        read_all(small_ccp)


def test_a_missing_variable_is_named(small_ccp):
    path = small_ccp / "annotations/pixel-level/0002.mat"
    scipy.io.savemat(path, {"other": np.zeros((40, 30), np.uint8)})
    with pytest.raises(DataError, match="has no variable `groundtruth`; found other"):
        read_all(small_ccp)


def test_a_mask_of_floats_is_named(small_ccp):
    write_mask(small_ccp, 2, np.full((40, 30), 0.5))
    with pytest.raises(DataError, match=r"0002\.mat: groundtruth is float64"):
        read_all(small_ccp)


def test_all_defects_of_a_sample_are_found_and_the_first_is_raised(small_ccp):
    write_mask(small_ccp, 2, np.full((30, 40), 59, np.uint8))
    reader = ccp(root=str(small_ccp), names=NAMES)
    found = reader.inspect(reader.samples()[1])
    assert [defect.kind for defect in found.defects] == ["different sizes", "label out of range"]
    assert [defect.value for defect in found.defects] == ["40x30 and 30x40", "59"]
    with pytest.raises(DataError, match="both must have the same size"):
        reader.read(reader.samples()[1])


def test_configuration_errors_are_not_defects_of_a_sample(small_ccp, monkeypatch):
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
    assert [sample.name for sample in received.complete] == ["0001", "0002"]
    assert [(defect.kind, defect.value) for defect in received.defects] == [
        ("missing partner", "0003")
    ]


def test_a_missing_folder_reports_the_expected_layout(tmp_path):
    with pytest.raises(DataError, match=r"is not a folder; expected a folder with photos/"):
        read_all(tmp_path / "nowhere")


def test_an_unexpected_layout_lists_what_was_expected_and_found(tmp_path):
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match=r"expected photos/.*; found images"):
        read_all(tmp_path)


def test_different_label_names_are_rejected(small_ccp):
    reader = ccp(root=str(small_ccp), names=["null", "hut", *NAMES[2:]])
    with pytest.raises(DataError, match="hut configured, accessories stored"):
        reader.samples()


def test_the_fingerprint_depends_on_content_but_not_location(small_ccp, tmp_path):
    before = ccp(root=str(small_ccp), names=NAMES).fingerprint()
    moved = shutil.move(small_ccp, tmp_path / "elsewhere")
    assert ccp(root=str(moved), names=NAMES).fingerprint() == before
    write_mask(moved, 1, np.zeros((40, 30), np.uint8))
    assert ccp(root=str(moved), names=NAMES).fingerprint() != before


def test_the_synthetic_dataset_is_read_by_the_ccp_reader(tmp_path):
    reader = synthetic(root=str(tmp_path), names=NAMES, num_images=3, seed=1)
    samples = reader.samples()
    image, mask = reader.read(samples[0])
    assert [s.name for s in samples] == ["0001", "0002", "0003"]
    assert image.dtype == np.uint8
    assert len(np.unique(mask)) > 3
    again = synthetic(root=str(tmp_path / "b"), names=NAMES, num_images=3, seed=1)
    assert np.array_equal(again.read(again.samples()[0])[1], mask)


def test_sample_paths_are_absolute_or_relative_like_the_root(small_ccp):
    sample = ccp(root=str(small_ccp), names=NAMES).samples()[0]
    expected = small_ccp / "annotations/pixel-level/0001.mat"
    assert sample == Sample("0001", small_ccp / "photos/0001.jpg", expected)


def _render_with_little_space(root, queue):
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
    try:
        synthetic(root=str(root), names=NAMES, num_images=2, seed=0).samples()
    except DataError as error:
        queue.put(str(error))


def test_a_full_disk_is_reported_and_leaves_no_partial_dataset(tmp_path):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_render_with_little_space, args=(tmp_path / "rendered", queue))
    process.start()
    message = queue.get(timeout=60)
    process.join()
    assert f"cannot write images to {tmp_path / 'rendered'}" in message
    assert "dataset.root=<folder>" in message
    assert not [path for path in (tmp_path / "rendered").iterdir() if path.is_dir()]


def test_trailing_bytes_after_a_jpeg_are_not_a_defect(small_ccp):
    image = small_ccp / "photos" / "0002.jpg"
    expected = read_all(small_ccp)[1][0]
    image.write_bytes(image.read_bytes() + bytes(1 << 17))
    assert np.array_equal(read_all(small_ccp)[1][0], expected)
    image.write_bytes(image.read_bytes()[:500])
    with pytest.raises(DataError, match="is truncated"):
        read_all(small_ccp)


def test_hidden_files_are_skipped_and_suffixes_may_be_upper_case(small_ccp):
    labels = small_ccp / "annotations" / "pixel-level"
    (labels / "._0001.mat").write_bytes(b"a file manager's")
    (labels / "0002.mat").rename(labels / "0002.MAT")
    reader = ccp(root=str(small_ccp), names=NAMES)
    assert [sample.name for sample in reader.samples()] == ["0001", "0002", "0003"]


@pytest.mark.parametrize("cells", [np.empty((1, 0), object), np.array([[np.array([])]], object)])
def test_an_incomplete_list_of_names_is_rejected(small_ccp, cells):
    scipy.io.savemat(small_ccp / "label_list.mat", {"label_list": cells})
    with pytest.raises(DataError, match="names differ from the 59"):
        read_all(small_ccp)
