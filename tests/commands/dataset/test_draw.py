"""`scripts/dataset.py action=draw` fills a new folder with a dataset ready for training."""

import pytest

from clothseg.build import build_dataset
from clothseg.commands.dataset import dataset_command
from clothseg.config.command_line import check_dataset
from clothseg.error import DataError

pytestmark = pytest.mark.slow(seconds=1)  # many tests of a second or less


def draw(*overrides):
    return dataset_command(["action=draw", "num_images=2", *overrides])


def reader_of(*overrides):
    return build_dataset(check_dataset(["action=audit", *overrides]).config)


@pytest.mark.parametrize("name", ["ccp", "cfpd", "imaterialist", "modanet"])
def test_rendered_dataset_is_readable(name, tmp_path, capsys):
    choice = f"dataset={name}", f"dataset.root={tmp_path / 'new' / name}"
    assert draw(*choice) == 0
    reader = reader_of(*choice)
    assert len(reader.samples()) == 2
    for sample in reader.samples():
        reader.read(sample)
    output = capsys.readouterr().out
    assert f"rendered 2 photos in the layout of {name}: {tmp_path / 'new' / name}" in output
    assert f"python train.py dataset={name} dataset.root={tmp_path / 'new' / name}" in output


def test_every_source_of_a_merged_dataset_is_rendered(tmp_path, capsys):
    roots = [f"dataset.sources.{name}.root={tmp_path / name}" for name in ("ccp", "cfpd")]
    assert draw("dataset=ccp_cfpd", *roots) == 0
    samples = reader_of("dataset=ccp_cfpd", *roots).samples()
    assert [sample.source for sample in samples] == ["ccp", "ccp", "cfpd", "cfpd"]
    assert f"python train.py dataset=ccp_cfpd {' '.join(roots)}" in capsys.readouterr().out


def test_non_empty_folder_is_rejected(tmp_path):
    (tmp_path / "notes.txt").write_text("keep")
    with pytest.raises(DataError, match=r"dataset\.root=.* exists and is not empty"):
        draw("dataset=ccp", f"dataset.root={tmp_path}")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_no_source_is_rendered_if_one_exists(tmp_path):
    (tmp_path / "cfpd").mkdir()
    (tmp_path / "cfpd" / "notes.txt").write_text("keep")
    with pytest.raises(DataError, match=r"dataset\.sources\.cfpd\.root"):
        draw(
            "dataset=ccp_cfpd",
            f"dataset.sources.ccp.root={tmp_path / 'ccp'}",
            f"dataset.sources.cfpd.root={tmp_path / 'cfpd'}",
        )
    assert not (tmp_path / "ccp").exists()


def test_empty_folder_is_filled(tmp_path):
    assert draw("dataset=ccp", f"dataset.root={tmp_path}") == 0
    assert (tmp_path / "label_list.mat").is_file()


def test_dataset_without_layout_lists_the_available_ones():
    with pytest.raises(DataError, match="available layouts: ccihp, ccp, cfpd, cihp, folder"):
        draw("dataset=synthetic")


def test_folder_that_cannot_be_created_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="the photos could not be written"):
        draw("dataset=ccp", f"dataset.root={tmp_path / 'file' / 'new'}")


def test_custom_folder_is_rendered_before_it_has_classes(tmp_path):
    root = tmp_path / "custom"
    assert draw("dataset=folder", f"dataset.root={root}") == 0
    assert len(reader_of("dataset=folder", f"dataset.root={root}").samples()) == 2


def test_sources_of_a_merged_dataset_need_separate_folders(tmp_path):
    roots = [f"dataset.sources.{name}.root={tmp_path / 'one'}" for name in ("ccp", "cfpd")]
    with pytest.raises(DataError, match=r"ccp\.root and \S+cfpd\.root must be different folders"):
        draw("dataset=ccp_cfpd", *roots)
    assert not (tmp_path / "one").exists()


def test_a_folder_whose_name_is_not_utf8_can_be_drawn_into(tmp_path):
    """OpenCV crashes at such paths."""
    assert draw("dataset=ccp", f'dataset.root="{tmp_path}/x\udcff"') == 0
    assert len(list((tmp_path / "x\udcff" / "photos").iterdir())) == 2
