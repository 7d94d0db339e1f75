"""An audit reports every planted defect with file and value, and nothing else."""

import json
import re
import shutil
from functools import partial

import cv2
import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clothseg.commands.dataset.audit.action import audit
from clothseg.commands.dataset.audit.collection import (
    collect_reader_warnings,
    find_suspicious_ids,
    find_unpaired_sides,
)
from clothseg.commands.dataset.audit.finding import KINDS, Finding, count_totals, group_by_kind
from clothseg.commands.dataset.audit.page import EXPLANATIONS, MAX_LISTED, render_page
from clothseg.commands.dataset.audit.sample import Subject, audit_sample, tiny_components
from clothseg.commands.dataset.export import export
from clothseg.commands.main import main
from clothseg.dataset import Sample, ccp, cfpd, cihp, folder, imaterialist, merged, modanet
from clothseg.dataset.reader import Reader
from clothseg.error import DataError
from clothseg.labels import LabelSpace
from support.answers import ccp_statistics
from support.clean_ccp import (
    MASK,
    PHOTO,
    PLANTED,
    add_specks,
    brighten_copy,
    copy_photo,
    empty_mask,
    out_of_range,
    scramble,
    stripes,
    transpose,
    truncate,
    write_photo,
)
from support.shipped_config import CCP_NAMES, label_space, source_names_of
from support.small_datasets import write_mask

pytestmark = pytest.mark.slow(seconds=1)  # many tests of a second or less


def run(root, *overrides):
    """Run the command; return its exit status and the content of `audit.json`."""
    output = root.parent / "report"
    status = main(
        "dataset",
        ["action=audit", "dataset=ccp", f"dataset.root={root}", f"output={output}", *overrides],
    )
    labels = next((o.split("=")[1] for o in overrides if o.startswith("labels=")), "refined15")
    return status, json.loads((output / f"ccp-{labels}" / "audit.json").read_text())


def test_clean_data_has_no_findings(clean_ccp, capsys):
    status, report = run(clean_ccp)
    assert status == 0
    assert report["findings"] == []
    assert report["totals"]["photos"] == 3
    assert "3 images, 0 errors, 0 warnings" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("plant", "kind", "file", "value"),
    [
        *PLANTED,
        (empty_mask, "background only", MASK, "0"),
        (copy_photo, "exact duplicate", PHOTO, "0003"),
        (brighten_copy, "near duplicate", PHOTO, "0003"),
        (add_specks, "tiny components", MASK, 2),
    ],
)
def test_planted_defect_is_the_only_finding(plant, kind, file, value, clean_ccp):
    plant(clean_ccp)
    status, report = run(clean_ccp)
    (finding,) = report["findings"]
    assert finding["kind"] == kind
    assert finding["file"] == str(clean_ccp / file)
    assert value is None or finding["value"] == value
    assert finding["message"]
    assert finding["sample"] == "0002"
    is_error = finding["severity"] == "error"
    assert status == is_error
    assert (report["totals"]["errors"], report["totals"]["warnings"]) == (is_error, not is_error)


def test_defective_sample_does_not_hide_others(clean_ccp, capsys):
    for number, plant in ((4, truncate), (5, scramble), (6, out_of_range)):
        plant(clean_ccp)
        for name in (PHOTO, MASK):
            path = clean_ccp / name
            path.rename(path.with_stem(f"{number:04}"))
            if number == 5:
                write_photo(clean_ccp, 5, 5)
        write_photo(clean_ccp, 2, 2)
        write_mask(clean_ccp, 2, stripes(2))
    (clean_ccp / "photos/0001.jpg").unlink()
    (clean_ccp / "photos/0006.jpg").write_text("not an image")
    status, report = run(clean_ccp)
    found = {(f["kind"], f["file"].rpartition("/")[2]) for f in report["findings"]}
    assert found == {
        ("unreadable image", "0004.jpg"),
        ("unreadable image", "0006.jpg"),
        ("unreadable annotation", "0005.mat"),
        ("label out of range", "0006.mat"),
        ("missing partner", "0001.jpg"),
    }
    assert status == 1
    assert "5 errors" in capsys.readouterr().out


def test_cropped_dataset_is_audited_uncropped(clean_ccp):
    assert run(clean_ccp, "dataset.crop=mask")[1]["findings"] == []
    transpose(clean_ccp)
    (finding,) = run(clean_ccp, "dataset.crop=mask")[1]["findings"]
    assert (finding["kind"], finding["value"]) == ("different sizes", "118x40 and 40x118")


def test_dataset_without_images_is_audited(clean_ccp):
    for photo in (clean_ccp / "photos").iterdir():
        photo.unlink()
    status, report = run(clean_ccp)
    assert status == 1
    assert [f["sample"] for f in report["findings"]] == ["0001", "0002", "0003"]
    assert report["totals"]["kinds"] == {"missing partner": 3}


def test_any_exception_of_a_decoder_is_a_finding(clean_ccp, monkeypatch):
    def fail(sample):
        raise MemoryError("3 GiB")

    reader = ccp(root=str(clean_ccp), names=CCP_NAMES)
    monkeypatch.setattr(reader, "read_mask", fail)
    (finding,) = audit_sample(Subject("0002", reader, reader.samples()[1])).findings
    assert (finding.kind, finding.value) == ("unreadable annotation", "MemoryError")


def occurring(*ids):
    values = np.zeros(256, bool)
    values[list(ids)] = True
    return values


class FourNames(Reader):
    def __init__(self, root):
        super().__init__(root, ["ground", "hat", "sock", "shoe"])

    def list_samples(self):
        return [Sample("a", self.root / "a.jpg", self.root / "a.png")]

    def read_mask(self, sample):
        return np.zeros((4, 4), np.uint8)

    def warnings(self):
        return ["2 hats are suspicious"]


@pytest.mark.parametrize(
    ("values", "kinds"),
    [
        (occurring(0, 1, 2, 3, 255), []),
        (occurring(1, 2, 3, 4), ["ids count from 1", "names never seen"]),
        (occurring(0, 20, 40, 60), ["ids in steps", "names never seen"]),
        (occurring(0, 1, 3), ["names never seen"]),
        (occurring(), []),
        (occurring(255), []),
    ],
)
def test_ids_that_are_not_name_indices_are_suspicious(values, kinds, tmp_path):
    found = find_suspicious_ids("", FourNames(tmp_path), values)
    assert [finding.kind for finding in found] == kinds


def test_names_never_seen_are_listed(tmp_path):
    (finding,) = find_suspicious_ids("shop", FourNames(tmp_path), occurring(0, 1, 3))
    assert finding.value == "sock"
    assert finding.message == "shop: 1 of 4 names never occur: sock"


def test_reader_warnings_are_findings(tmp_path):
    (warning,) = collect_reader_warnings("", FourNames(tmp_path))
    assert (warning.severity, warning.message) == ("warning", "2 hats are suspicious")


@pytest.mark.parametrize(
    ("pairs", "unpaired"),
    [([], "Left-arm, right_arm"), ([("Left-arm", "right_arm")], None)],
)
def test_sides_without_flip_pair_are_listed(pairs, unpaired):
    names = ["ground", "Left-arm", "right_arm", "leftover", "bright"]
    colors = ["#000000"] * 5
    found = find_unpaired_sides(
        LabelSpace("arms", names, colors, {n: [n] for n in names}, (), pairs)
    )
    assert [finding.value for finding in found] == ([unpaired] if unpaired else [])


def test_merged_datasets_are_audited_with_their_own_ids(clean_ccp):
    out_of_range(clean_ccp)
    parts = {name: ccp(root=str(clean_ccp), names=CCP_NAMES) for name in ("one", "two")}
    reader = merged(sources=parts)
    subjects, findings = audit(reader, label_space("refined15"))
    assert [s.name for s in subjects][::3] == ["one-0001", "two-0001"]
    kinds = {kind: len(group) for kind, group in group_by_kind(findings).items()}
    assert kinds == {"label out of range": 2, "exact duplicate": 3}
    assert {f.value for f in findings if f.kind == "label out of range"} == {"59, 77"}


@given(arrays(np.uint8, (12, 15), elements=st.sampled_from([0, 1, 2, 7, 255])))
def test_tiny_components_match_an_independent_count(mask):
    corners = np.ones((3, 3), int)
    expected = []
    for value in (1, 2):
        labeled, number = scipy.ndimage.label(mask == value, corners)
        sizes = np.bincount(labeled.ravel())[1:]
        expected += [(value, size) for size in sizes if size <= 25]
        assert len(sizes) == number
    components, tiny = tiny_components(mask, 3)
    found = [(components.classes[i], components.sizes[i]) for i in tiny]
    assert sorted(found) == sorted(expected)


def test_page_is_self_contained_and_escapes_quoted_text(clean_ccp):
    brighten_copy(clean_ccp)
    subjects, findings = audit(ccp(root=str(clean_ccp), names=CCP_NAMES), label_space("ccp59"))
    hostile = Finding("reader warning", "", "f", "", "<script>alert(1)</script> & more")
    page = render_page(
        "<b>", subjects, [*findings, *[hostile] * (MAX_LISTED + 4)], label_space("ccp59")
    )
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in page
    assert "4 more in audit.json" in page
    assert "Audit of &lt;b&gt;" in page
    sources = re.findall(r'(?:src|href)="([^"]{0,30})', page)
    assert len(sources) == 2
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)


def test_page_explains_every_kind():
    assert tuple(EXPLANATIONS) == KINDS


def test_wrong_root_is_one_message_and_writes_nothing(tmp_path, capsys):
    output = tmp_path / "report"
    root = tmp_path / "nowhere"
    assert (
        main("dataset", ["action=audit", "dataset=ccp", f"dataset.root={root}", f"output={output}"])
        == 1
    )
    assert "is not a folder; expected a folder with photos/" in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools
@pytest.mark.parametrize("name", ["cfpd", "imaterialist", "modanet"])
def test_other_formats_without_defects_have_no_errors(name, drawn_datasets):
    root = str(drawn_datasets / name)
    names = source_names_of(name)
    readers = {
        "cfpd": lambda: cfpd(root=root, names=names),
        "imaterialist": lambda: imaterialist(
            root=root, names=names, overlap="small_on_top", missing="leave_out"
        ),
        "modanet": lambda: modanet(
            root=root, names=names, overlap="small_on_top", missing="leave_out"
        ),
    }
    space = {"cfpd": "cfpd23", "imaterialist": "imaterialist46", "modanet": "modanet13"}[name]
    subjects, findings = audit(readers[name](), label_space(space))
    assert subjects
    assert [f.message for f in findings if f.severity == "error"] == []


def modanet_copy(drawn_datasets, tmp_path, change):
    """Return a reader of the ModaNet fixture with a modified annotation file."""
    root = tmp_path / "modanet"
    shutil.copytree(drawn_datasets / "modanet" / "images", root / "images")
    name = "annotations/modanet2018_instances_train.json"
    content = json.loads((drawn_datasets / "modanet" / name).read_text())
    change(content)
    (root / "annotations").mkdir()
    (root / name).write_text(json.dumps(content))
    options = {"overlap": "small_on_top", "missing": "leave_out"}
    return modanet(root=str(root), names=source_names_of("modanet"), **options)


def errors(reader, labels):
    _, findings = audit(reader, label_space(labels))
    return [(f.kind, f.sample, f.value) for f in findings if f.severity == "error"]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools
def test_invalid_modanet_category_does_not_hide_other_images(drawn_datasets, tmp_path):
    def spoil(content):
        content["annotations"][0]["category_id"] = 14
        spoiled.append(f"{content['annotations'][0]['image_id']:07}")

    spoiled = []
    reader = modanet_copy(drawn_datasets, tmp_path, spoil)
    assert errors(reader, "modanet13") == [("label out of range", spoiled[0], "14")]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools
def test_modanet_annotation_without_image_is_reported_and_stops_training(drawn_datasets, tmp_path):
    def spoil(content):
        content["annotations"][0]["image_id"] = 77

    reader = modanet_copy(drawn_datasets, tmp_path, spoil)
    assert errors(reader, "modanet13") == [("missing partner", "77", "77")]
    with pytest.raises(DataError, match="belongs to image 77, which is not in the file"):
        reader.samples()


@pytest.mark.parametrize(("name", "place"), [("cfpd", "image"), ("imaterialist", "train")])
def test_image_without_annotation_is_reported_and_stops_training(
    name, place, drawn_datasets, tmp_path
):
    root = tmp_path / name
    shutil.copytree(drawn_datasets / name, root)
    (root / place).chmod(0o755)
    shutil.copy(next((root / place).glob("*.jpg")), root / place / "stray.jpg")
    options = {"overlap": "small_on_top", "missing": "error"}
    readers = {"cfpd": cfpd, "imaterialist": partial(imaterialist, **options)}
    reader = readers[name](root=str(root), names=source_names_of(name))
    space = {"cfpd": "cfpd23", "imaterialist": "imaterialist46"}[name]
    missing = {"cfpd": [], "imaterialist": ["5161eb5c8679ac4ae5ff47e122dd0735"]}[name]
    assert errors(reader, space) == [("missing partner", n, n) for n in [*missing, "stray"]]
    with pytest.raises(DataError, match=r"1 images are not in \S+: .*\.jpg: "):
        reader.samples()


def test_contradictory_human_parsing_maps_are_reported(drawn_datasets):
    root = str(drawn_datasets / "cihp" / "broken")
    found = errors(cihp(root=root, names=source_names_of("cihp")), "cihp20")
    assert [(kind, sample) for kind, sample, _ in found] == [
        ("contradictory maps", number) for number in ("0016413", "0016858", "0017220", "0033125")
    ]
    assert [value for _, _, value in found][:2] == ["33", "6"]


def test_missing_human_parsing_maps_do_not_hide_other_images(drawn_datasets, tmp_path):
    root = tmp_path / "cihp"
    shutil.copytree(drawn_datasets / "cihp" / "Training", root / "Training")
    (root / "Training" / "Human_ids").chmod(0o755)
    (root / "Training" / "Human_ids" / "0000068.png").unlink()
    reader = cihp(root=str(root), names=source_names_of("cihp"))
    subjects, findings = audit(reader, label_space("cihp20"))
    assert len(subjects) == 7
    missing = [f for f in findings if f.severity == "error"]
    assert [(f.kind, f.sample) for f in missing] == [("missing partner", "0000068")]


def test_custom_images_and_masks_without_partner_are_reported(clean_ccp, tmp_path):
    root = tmp_path / "custom"
    export(ccp(root=str(clean_ccp), names=CCP_NAMES), label_space("body4"), root)
    (root / "images" / "0001.jpg").unlink()
    (root / "masks" / "0002.png").unlink()
    names = label_space("body4").names
    space = LabelSpace("custom", names, ["#000000"] * 4, {name: [name] for name in names})
    _, findings = audit(folder(root=str(root), names=names), space)
    found = [(f.kind, f.sample, f.value) for f in findings if f.severity == "error"]
    assert found == [
        ("missing partner", "0002", "0002"),
        ("missing partner", "0001", "0001"),
    ]


def test_masks_of_0_and_255_are_an_error(own_photos):
    for path in (own_photos / "masks").glob("*.png"):
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        cv2.imwrite(str(path), np.where(mask == 0, 0, 255).astype(np.uint8))
    names = ["background", "left glove", "right glove"]
    space = LabelSpace("own", names, ["#000000"] * 3, {name: [name] for name in names})
    _, findings = audit(folder(root=str(own_photos), names=names), space)
    (error,) = [finding for finding in findings if finding.severity == "error"]
    assert error.kind == "fewer than two classes"
    assert "if 255 means left glove, write the id of that class instead" in error.message


@pytest.mark.slow
def test_real_dataset_has_the_independently_counted_defects(ccp_root):
    statistics = ccp_statistics()
    subjects, findings = audit(ccp(root=str(ccp_root), names=CCP_NAMES), label_space("refined15"))
    groups = group_by_kind(findings)
    assert len(subjects) == 804
    assert list(groups) == [
        "background only",
        "near duplicate",
        "tiny components",
        "names never seen",
    ]
    assert [f.sample for f in groups["background only"]] == statistics["background_only"]
    assert [(f.sample, f.value) for f in groups["near duplicate"]] == [
        ("0183", "0730"),
        ("0197", "0671"),
        ("0223", "0616"),
        ("0594", "0722"),
        ("0692", "0732"),
    ]
    tiny = {f.sample: f.value for f in groups["tiny components"]}
    assert tiny == statistics["tiny_components"]
    assert count_totals(findings, 804)["tiny_components"] == statistics["tiny_component_count"]
    (unseen,) = groups["names never seen"]
    assert unseen.value == "clogs, intimate, panties, swimwear"
