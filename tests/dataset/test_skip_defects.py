"""`dataset.on_error=skip`: samples with an audit error stop training or are skipped."""

import json
import shutil

import numpy as np
import pytest

from clothseg.build import build_dataset
from clothseg.commands.dataset.audit.action import audit
from clothseg.commands.main import main
from clothseg.config.run_config import DatasetConfig
from clothseg.dataset.merged import merged
from clothseg.dataset.skip_defects import WithoutDefects
from clothseg.error import DataError
from support.clean_ccp import PHOTO, PLANTED, out_of_range, stripes, truncate, write_photo
from support.command_line import records
from support.shipped_config import label_space, reader_of
from support.small_datasets import write_mask


def without_defects(reader, tmp_path, **settings):
    return WithoutDefects(reader, settings, tmp_path / "defects")


def read_all(reader):
    for sample in reader.samples():
        reader.read(sample)


def audit_errors(reader, labels):
    """Message of the audit for each sample with an error."""
    _, findings = audit(reader, label_space(labels))
    return {f.sample: f.message for f in findings if f.severity == "error"}


@pytest.mark.parametrize("plant", [row[0] for row in PLANTED])
def test_a_defect_raises_the_message_of_the_audit_or_is_skipped(plant, clean_ccp, tmp_path):
    plant(clean_ccp)
    reader = reader_of("ccp", clean_ccp)
    errors = audit_errors(reader, "refined15")
    assert list(errors) == ["0002"]
    with pytest.raises(DataError) as raised:
        read_all(reader)
    assert str(raised.value).endswith(errors["0002"])

    valid = without_defects(reader, tmp_path)
    assert [sample.name for sample in valid.samples()] == ["0001", "0003"]
    assert [(skipped.sample, skipped.message) for skipped in valid.skipped_samples()] == list(
        errors.items()
    )
    read_all(valid)


def test_contradictory_parsing_maps_are_an_error_or_are_skipped(drawn_datasets, tmp_path):
    root = tmp_path / "cihp" / "Training"
    shutil.copytree(drawn_datasets / "cihp" / "Training", root)
    broken = drawn_datasets / "cihp" / "broken" / "Training"
    for path in [root, *root.rglob("*")]:
        path.chmod(0o755)
    intact = (root / "train_id.txt").read_text().split()
    for path in broken.rglob("*.*"):
        if path.name != "train_id.txt":
            shutil.copy(path, root / path.relative_to(broken))
    damaged = (broken / "train_id.txt").read_text().split()
    (root / "train_id.txt").write_text("\n".join([*intact, *damaged]))

    reader = reader_of("cihp", root.parent)
    errors = audit_errors(reader, "cihp20")
    assert list(errors) == damaged
    for sample in reader.samples()[len(intact) :]:
        with pytest.raises(DataError) as raised:
            reader.read(sample)
        assert str(raised.value) == errors[sample.name]
    valid = without_defects(reader, tmp_path)
    assert [sample.name for sample in valid.samples()] == intact
    assert {skipped.sample: skipped.message for skipped in valid.skipped_samples()} == errors


def test_a_dataset_without_defects_is_unchanged(clean_ccp, tmp_path):
    reader = reader_of("ccp", clean_ccp)
    valid = without_defects(reader, tmp_path)
    assert valid.samples() == reader.samples()
    assert valid.skipped_samples() == []
    assert valid.fingerprint() == reader.fingerprint()


def test_the_fingerprint_equals_that_of_a_copy_without_defective_samples(clean_ccp, tmp_path):
    truncate(clean_ccp)
    valid = without_defects(reader_of("ccp", clean_ccp), tmp_path)
    fingerprint = valid.fingerprint()
    (clean_ccp / PHOTO).unlink()
    (clean_ccp / "annotations/pixel-level/0002.mat").unlink()
    assert reader_of("ccp", clean_ccp).fingerprint() == fingerprint


def test_defects_are_stored_until_a_file_changes(clean_ccp, tmp_path, monkeypatch):
    out_of_range(clean_ccp)
    assert len(without_defects(reader_of("ccp", clean_ccp), tmp_path).samples()) == 2

    again = reader_of("ccp", clean_ccp)
    with monkeypatch.context() as patch:
        patch.setattr(again, "read_mask", lambda sample: pytest.fail("decoded again"))
        assert len(without_defects(again, tmp_path).samples()) == 2
    write_mask(clean_ccp, 2, np.flipud(stripes(2)))
    assert len(without_defects(again, tmp_path).samples()) == 3
    # The names determine which labels are out of range.
    assert without_defects(again, tmp_path, names=["other"])._defective == []
    assert len(list((tmp_path / "defects").glob("*.json"))) == 3


def test_a_sample_that_lacks_several_files_is_skipped_once(drawn_datasets, tmp_path):
    root = tmp_path / "cihp"
    shutil.copytree(drawn_datasets / "cihp" / "Training", root / "Training")
    for folder in ("Human_ids", "Instance_ids", "Category_ids"):
        (root / "Training" / folder).chmod(0o755)
        (root / "Training" / folder / "0000068.png").unlink()
    valid = without_defects(reader_of("cihp", root), tmp_path)
    assert [skipped.sample for skipped in valid.skipped_samples()] == ["0000068"]


def test_other_actions_report_skipped_samples(clean_ccp, tmp_path, capsys):
    truncate(clean_ccp)
    (clean_ccp / "photos/0003.jpg").unlink()
    command = ["action=export", "dataset=ccp", f"dataset.root={clean_ccp}"]
    command += ["dataset.on_error=skip", f"output={tmp_path / 'o'}", f"data.cache={tmp_path / 'c'}"]
    for _ in range(2):  # first detected, then loaded
        assert main("dataset", command) == 0
        output = capsys.readouterr().out
        assert "warning: skipping 2 defective samples: 0003, 0002" in output
        shutil.rmtree(tmp_path / "o")


def test_a_dataset_of_only_defective_samples_is_an_error(clean_ccp, tmp_path):
    for image in (clean_ccp / "photos").iterdir():
        image.write_bytes(image.read_bytes()[:300])
    valid = without_defects(reader_of("ccp", clean_ccp), tmp_path)
    with pytest.raises(DataError, match=r"every sample has a defect; the first one: .*0001\.jpg"):
        valid.samples()


def test_defects_are_skipped_in_each_source_of_a_merged_dataset(clean_ccp, tmp_path):
    truncate(clean_ccp)
    lost = clean_ccp / "photos/0003.jpg"
    original = merged(sources={name: reader_of("ccp", clean_ccp) for name in ("one", "two")})
    lost.unlink()
    node = {
        "_target_": "clothseg.dataset.merged",
        "on_error": "skip",
        "sources": {
            name: {
                "_target_": "clothseg.dataset.ccp",
                "root": str(clean_ccp),
                "names": reader_of("ccp", clean_ccp).names,
            }
            for name in ("one", "two")
        },
    }
    reader = build_dataset(
        DatasetConfig({"dataset": node, "data": {"cache": str(tmp_path / "cache")}, "trust": []})
    )
    assert [sample.name for sample in reader.samples()] == ["one-0001", "two-0001"]
    assert [skipped.sample for skipped in reader.skipped_samples()] == [
        "one-0003",
        "one-0002",
        "two-0003",
        "two-0002",
    ]
    assert reader.names == original.names


def test_an_audit_rejects_skipping_defects(clean_ccp, capsys):
    command = ["action=audit", "dataset=ccp", f"dataset.root={clean_ccp}", "dataset.on_error=skip"]
    assert main("dataset", command) == 1
    assert "an audit reports defects, it cannot skip them" in capsys.readouterr().err


@pytest.mark.slow(seconds=10)
def test_a_run_records_skipped_samples(command_line, clean_ccp, tmp_path):
    for number in range(4, 13):
        write_photo(clean_ccp, number, number)
        write_mask(clean_ccp, number, stripes(number))
    truncate(clean_ccp)
    (clean_ccp / "photos/0007.jpg").unlink()
    output = tmp_path / "outputs"
    common = [
        word
        for word in command_line.tiny(output, "dataset=ccp", "data.batch_size=2")
        if not word.startswith(("dataset.", "data.cache"))
    ]
    common += [f"dataset.root={clean_ccp}", f"data.cache={tmp_path / 'cache'}"]
    failed = command_line.run(common)
    assert failed.returncode == 1
    assert "1 images of annotations/pixel-level are missing" in failed.stderr
    assert not output.exists()

    (clean_ccp / "annotations/pixel-level/0007.mat").rename(tmp_path / "0007.mat")
    failed = command_line.run(common)
    assert failed.returncode == 1
    assert "0002.jpg: the image is truncated" in failed.stdout + failed.stderr

    (tmp_path / "0007.mat").rename(clean_ccp / "annotations/pixel-level/0007.mat")
    shutil.rmtree(output, ignore_errors=True)
    result = command_line.run([*common, "dataset.on_error=skip"])
    assert result.returncode == 0, result.stderr
    assert "2 samples are skipped, see skipped.json" in result.stdout
    (record,) = records(output)
    skipped = json.loads((record.folder / "skipped.json").read_text())
    assert [(row["sample"], row["kind"]) for row in skipped] == [
        ("0007", "missing partner"),
        ("0002", "unreadable image"),
    ]
    split = json.loads((record.folder / "split.json").read_text())
    used = {name for part in ("train", "validation", "test") for name in split[part]}
    assert len(used) == 10
    assert not used & {"0002", "0007"}
    assert "nothing to do" in command_line.run([*common, "dataset.on_error=skip"]).stdout


def test_a_damaged_file_of_defects_is_rebuilt(clean_ccp, tmp_path):
    truncate(clean_ccp)
    reader = reader_of("ccp", clean_ccp)
    skipped_samples = without_defects(reader, tmp_path).skipped_samples()
    (stored,) = (tmp_path / "defects").glob("*.json")
    stored.write_text(stored.read_text()[:30])
    assert without_defects(reader, tmp_path).skipped_samples() == skipped_samples
