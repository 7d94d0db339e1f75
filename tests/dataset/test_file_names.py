"""Names of files that are not UTF-8, or longer than any: a defect that names them harmlessly."""

import html
import json
import shutil

import pytest

from clothseg.commands.main import main
from clothseg.dataset import folder
from clothseg.dataset.defect import Defect
from clothseg.dataset.listing import complete_samples, listed_path
from clothseg.dataset.merged import merged
from clothseg.dataset.reader import Reader
from clothseg.dataset.sample import Sample
from clothseg.dataset.skip_defects import WithoutDefects
from clothseg.files import write_csv
from clothseg.terminal.streams import harmless
from support.shipped_config import reader_of
from support.small_datasets import OWN_LABELS

NOT_UTF8 = "00\udcff2"
"""How Python reads the byte `ff` in a name."""


def misname(root, *files):
    """Give files the stem :data:`NOT_UTF8`."""
    for name in files:
        path = root / name
        path.rename(path.with_stem(NOT_UTF8))


def misnamed_ccp(root):
    misname(root, "photos/0002.jpg", "annotations/pixel-level/0002.mat")
    return root


def dataset_command(action, root, output, *words):
    command = [f"action={action}", "dataset=ccp", f"dataset.root={root}", *words]
    return [*command, f"output={output / action}", f"data.cache={output / 'cache'}"]


class Listed(Reader):
    """A user's own reader, which checks nothing."""

    def list_samples(self):
        return [Sample(path.stem, path, path) for path in sorted(self.root.rglob("*.jpg"))]

    def read_mask(self, sample):
        raise NotImplementedError


def own(root):
    return folder(root=str(root), names=[label["name"] for label in OWN_LABELS])


@pytest.mark.parametrize("kind", ["ccp", "folder", "own code", "merged"])
def test_a_name_that_is_not_utf8_is_a_defect(kind, clean_ccp, own_photos):
    ccp = reader_of("ccp", misnamed_ccp(clean_ccp))
    misname(own_photos, "images/1.jpg", "masks/1.png")
    readers = {
        "ccp": ccp,
        "folder": own(own_photos),
        "own code": Listed(own_photos, ["a"]),
        "merged": merged(sources={"one": ccp, "two": own(own_photos)}),
    }
    samples, defects = complete_samples(readers[kind])
    assert len(samples) == (4 if kind == "merged" else 2)
    assert all(sample.name.isascii() for sample in samples)
    for defect in defects:
        assert r"file name '00\udcff2.jpg' is not UTF-8; rename the file" in defect.message
        assert defect.value.endswith(r"00\udcff2")


def test_such_a_sample_is_skipped(clean_ccp, tmp_path):
    valid = WithoutDefects(reader_of("ccp", misnamed_ccp(clean_ccp)), {}, tmp_path / "defects")
    assert [sample.name for sample in valid.samples()] == ["0001", "0003"]
    assert [skipped.sample for skipped in valid.skipped_samples()] == [r"00\udcff2"]


def test_an_audit_reports_such_a_name(clean_ccp, tmp_path, capsys):
    command = dataset_command("audit", misnamed_ccp(clean_ccp), tmp_path)
    assert main("dataset", command) == 1
    assert r"00\udcff2.jpg" in capsys.readouterr().out
    (page,) = (tmp_path / "audit").rglob("audit.html")
    assert r"file name '00\udcff2.jpg' is not UTF-8" in html.unescape(page.read_text())
    findings = json.loads(page.with_suffix(".json").read_text())["findings"]
    assert [f["sample"] for f in findings if f["severity"] == "error"] == [r"00\udcff2"]


@pytest.mark.parametrize("action", ["statistics", "export", "crop"])
def test_other_actions_ask_to_rename_or_skip(action, clean_ccp, tmp_path, capsys):
    root = misnamed_ccp(clean_ccp)
    words = ["dataset.crop=mask"] if action == "crop" else []
    assert main("dataset", dataset_command(action, root, tmp_path, *words)) == 1
    assert "is not UTF-8; rename the file" in capsys.readouterr().err
    words.append("dataset.on_error=skip")
    assert main("dataset", dataset_command(action, root, tmp_path, *words)) == 0


@pytest.mark.parametrize("action", ["audit", "statistics"])
def test_the_root_may_have_any_name(action, clean_ccp, tmp_path):
    root = clean_ccp.rename(tmp_path / "caf\udce9")
    (root / "photos" / "0002.jpg").unlink()
    words = [] if action == "audit" else ["dataset.on_error=skip"]
    command = dataset_command(action, f'"{root}"', tmp_path / "o", *words)
    assert main("dataset", command) == (1 if action == "audit" else 0)
    assert list((tmp_path / "o").rglob("audit.html" if action == "audit" else "*.csv"))


@pytest.mark.parametrize("missing", ["error", "leave_out"])
def test_a_file_that_is_not_listed_is_named_harmlessly(missing, drawn_datasets, tmp_path):
    source = drawn_datasets / "imaterialist"
    shutil.copytree(source / "train", tmp_path / "train")
    shutil.copy(source / "train.csv", tmp_path)
    (tmp_path / "train").chmod(0o755)
    (tmp_path / "train" / "x\udcff.jpg").touch()
    reader = reader_of("imaterialist", tmp_path, missing=missing)
    texts = [*map(str, complete_samples(reader)[1]), *reader.warnings()]
    assert [text for text in texts if r"x\udcff.jpg" in harmless(text)]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("\ud800.jpg", "it contains halves of characters"),
        ("x" * 5000, "it has 5000 bytes; file names have at most 255"),
        ("ä" * 130, "it has 260 bytes"),
    ],
)
def test_a_listed_name_that_no_file_can_have_is_a_defect(name, problem, tmp_path):
    with pytest.raises(Defect) as raised:
        listed_path(tmp_path, name, tmp_path / "list.txt")
    assert problem in str(raised.value)
    assert len(str(raised.value)) < len(str(tmp_path)) + 400
    assert len(raised.value.value) <= 200
    raised.value.value.encode()


def test_an_id_that_no_file_can_have_is_named_in_part(tmp_path):
    (tmp_path / "Training" / "Images").mkdir(parents=True)
    (tmp_path / "Training" / "train_id.txt").write_text("9" * 5000)
    with pytest.raises(Defect, match=r"train_id\.txt: file name '9+ … 9+\.jpg' is not allowed"):
        reader_of("cihp", tmp_path).samples()


def test_any_text_can_be_written(tmp_path):
    write_csv(tmp_path / "a.csv", ["name"], [["caf\udce9"], ["\ud800"]])
    assert (tmp_path / "a.csv").read_text() == "name\ncaf\\udce9\n\\ud800\n"
