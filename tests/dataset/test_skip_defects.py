"""`dataset.on_error=skip`: what an audit calls an error stops a training, or is left out."""

import json
import shutil

import numpy as np
import pytest

from clothseg.build import build_dataset
from clothseg.commands.dataset.audit.action import audit
from clothseg.commands.main import main
from clothseg.dataset.merged import merged
from clothseg.dataset.skip_defects import Sound
from clothseg.error import DataError
from support.clean_ccp import PHOTO, PLANTED, out_of_range, stripes, truncate, write_photo
from support.command_line import records
from support.shipped_config import label_space, reader_of
from support.small_datasets import write_mask


def sound_of(reader, tmp_path, **settings):
    return Sound(reader, settings, tmp_path / "defects")


def read_all(reader):
    for sample in reader.samples():
        reader.read(sample)


def audited(reader, labels):
    """What an audit says of every sample that has an error."""
    _, findings = audit(reader, label_space(labels))
    return {f.sample: f.message for f in findings if f.severity == "error"}


@pytest.mark.parametrize("plant", [row[0] for row in PLANTED])
def test_a_defect_stops_a_training_in_the_words_of_the_audit_or_is_left_out(
    plant, clean_ccp, tmp_path
):
    plant(clean_ccp)
    reader = reader_of("ccp", clean_ccp)
    told = audited(reader, "refined15")
    assert list(told) == ["0002"]
    with pytest.raises(DataError) as stopped:
        read_all(reader)
    assert str(stopped.value).endswith(told["0002"])

    sound = sound_of(reader, tmp_path)
    assert [sample.name for sample in sound.samples()] == ["0001", "0003"]
    assert [(each.sample, each.message) for each in sound.skipped_samples()] == list(told.items())
    read_all(sound)


def test_contradictory_maps_of_people_stop_a_training_or_are_left_out(drawn_datasets, tmp_path):
    root = tmp_path / "cihp" / "Training"
    shutil.copytree(drawn_datasets / "cihp" / "Training", root)
    broken = drawn_datasets / "cihp" / "broken" / "Training"
    for path in [root, *root.rglob("*")]:
        path.chmod(0o755)
    whole = (root / "train_id.txt").read_text().split()
    for path in broken.rglob("*.*"):
        if path.name != "train_id.txt":
            shutil.copy(path, root / path.relative_to(broken))
    spoilt = (broken / "train_id.txt").read_text().split()
    (root / "train_id.txt").write_text("\n".join([*whole, *spoilt]))

    reader = reader_of("cihp", root.parent)
    told = audited(reader, "cihp20")
    assert list(told) == spoilt
    for sample in reader.samples()[len(whole) :]:
        with pytest.raises(DataError) as stopped:
            reader.read(sample)
        assert str(stopped.value) == told[sample.name]
    sound = sound_of(reader, tmp_path)
    assert [sample.name for sample in sound.samples()] == whole
    assert {each.sample: each.message for each in sound.skipped_samples()} == told


def test_what_is_sound_is_the_dataset_itself(clean_ccp, tmp_path):
    reader = reader_of("ccp", clean_ccp)
    sound = sound_of(reader, tmp_path)
    assert sound.samples() == reader.samples()
    assert sound.skipped_samples() == []
    assert sound.fingerprint() == reader.fingerprint()


def test_a_copy_without_the_defective_samples_has_the_same_content(clean_ccp, tmp_path):
    truncate(clean_ccp)
    sound = sound_of(reader_of("ccp", clean_ccp), tmp_path)
    print_with_defect = sound.fingerprint()
    (clean_ccp / PHOTO).unlink()
    (clean_ccp / "annotations/pixel-level/0002.mat").unlink()
    assert reader_of("ccp", clean_ccp).fingerprint() == print_with_defect


def test_a_mended_file_is_looked_at_again_and_others_are_not(clean_ccp, tmp_path, monkeypatch):
    out_of_range(clean_ccp)
    assert len(sound_of(reader_of("ccp", clean_ccp), tmp_path).samples()) == 2

    again = reader_of("ccp", clean_ccp)
    with monkeypatch.context() as patch:
        patch.setattr(again, "read_mask", lambda sample: pytest.fail("decoded again"))
        assert len(sound_of(again, tmp_path).samples()) == 2
    write_mask(clean_ccp, 2, np.flipud(stripes(2)))
    assert len(sound_of(again, tmp_path).samples()) == 3
    # Names decide what is out of range.
    assert sound_of(again, tmp_path, names=["other"])._left_out == []
    assert len(list((tmp_path / "defects").glob("*.json"))) == 3


def test_a_sample_that_lacks_several_files_is_left_out_once(drawn_datasets, tmp_path):
    root = tmp_path / "cihp"
    shutil.copytree(drawn_datasets / "cihp" / "Training", root / "Training")
    for folder in ("Human_ids", "Instance_ids", "Category_ids"):
        (root / "Training" / folder).chmod(0o755)
        (root / "Training" / folder / "0000068.png").unlink()
    sound = sound_of(reader_of("cihp", root), tmp_path)
    assert [each.sample for each in sound.skipped_samples()] == ["0000068"]


def test_other_actions_say_what_they_leave_out(clean_ccp, tmp_path, capsys):
    truncate(clean_ccp)
    (clean_ccp / "photos/0003.jpg").unlink()
    command = ["action=export", "dataset=ccp", f"dataset.root={clean_ccp}"]
    command += ["dataset.on_error=skip", f"output={tmp_path / 'o'}", f"data.cache={tmp_path / 'c'}"]
    for _ in range(2):  # found, and remembered
        assert main("dataset", command) == 0
        said = capsys.readouterr().out
        assert "warning: 2 samples with a defect are left out: 0003, 0002" in said
        shutil.rmtree(tmp_path / "o")


def test_a_dataset_in_which_nothing_is_sound_says_so(clean_ccp, tmp_path):
    for photo in (clean_ccp / "photos").iterdir():
        photo.write_bytes(photo.read_bytes()[:300])
    sound = sound_of(reader_of("ccp", clean_ccp), tmp_path)
    with pytest.raises(DataError, match=r"every sample has a defect; the first one: .*0001\.jpg"):
        sound.samples()


def test_sources_of_a_mixture_are_left_out_by_themselves(clean_ccp, tmp_path):
    truncate(clean_ccp)
    lose = clean_ccp / "photos/0003.jpg"
    whole = merged(sources={name: reader_of("ccp", clean_ccp) for name in ("one", "two")})
    lose.unlink()
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
    reader = build_dataset({"dataset": node, "data": {"cache": str(tmp_path / "cache")}})
    assert [sample.name for sample in reader.samples()] == ["one-0001", "two-0001"]
    assert [each.sample for each in reader.skipped_samples()] == [
        "one-0003",
        "one-0002",
        "two-0003",
        "two-0002",
    ]
    assert reader.names == whole.names


def test_an_audit_refuses_to_leave_out_what_it_is_to_find(clean_ccp, capsys):
    command = ["action=audit", "dataset=ccp", f"dataset.root={clean_ccp}", "dataset.on_error=skip"]
    assert main("dataset", command) == 1
    assert "an audit is there to find what it leaves out" in capsys.readouterr().err


@pytest.mark.slow(seconds=10)
def test_a_training_records_what_it_left_out(command_line, clean_ccp, tmp_path):
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
    stopped = command_line.run(common)
    assert stopped.returncode == 1
    assert "1 photos of annotations/pixel-level are missing" in stopped.stderr
    assert not output.exists()

    (clean_ccp / "annotations/pixel-level/0007.mat").rename(tmp_path / "0007.mat")
    stopped = command_line.run(common)
    assert stopped.returncode == 1
    assert "0002.jpg: the photo is truncated" in stopped.stdout + stopped.stderr

    (tmp_path / "0007.mat").rename(clean_ccp / "annotations/pixel-level/0007.mat")
    shutil.rmtree(output, ignore_errors=True)
    said = command_line.run([*common, "dataset.on_error=skip"])
    assert said.returncode == 0, said.stderr
    assert "2 samples are left out, see skipped.json" in said.stdout
    (record,) = records(output)
    skipped = json.loads((record.folder / "skipped.json").read_text())
    assert [(row["sample"], row["kind"]) for row in skipped] == [
        ("0007", "missing partner"),
        ("0002", "unreadable photo"),
    ]
    split = json.loads((record.folder / "split.json").read_text())
    used = {name for part in ("train", "validation", "test") for name in split[part]}
    assert len(used) == 10
    assert not used & {"0002", "0007"}
    assert "nothing to do" in command_line.run([*common, "dataset.on_error=skip"]).stdout


def test_a_damaged_file_of_defects_is_written_anew(clean_ccp, tmp_path):
    truncate(clean_ccp)
    reader = reader_of("ccp", clean_ccp)
    skipped_samples = sound_of(reader, tmp_path).skipped_samples()
    (stored,) = (tmp_path / "defects").glob("*.json")
    stored.write_text(stored.read_text()[:30])
    assert sound_of(reader, tmp_path).skipped_samples() == skipped_samples
