"""The answers in the repository: equal, value by value, to the originals they were taken from."""

import json

import h5py
import numpy as np
import pytest
import yaml
from PIL import Image

from support import answers
from support.paths import SHARED

ORIGINALS = SHARED / "oracles"
DATASETS = ["ccihp", "cfpd", "cihp", "imaterialist", "modanet"]

if not ORIGINALS.is_dir():
    pytest.skip(
        "the originals of the answers (../shared/oracles) are not on this machine",
        allow_module_level=True,
    )


def arrays_of(path):
    with np.load(ORIGINALS / path) as file:
        return dict(file)


def json_of(path):
    return json.loads((ORIGINALS / path).read_text())


def yaml_of(path):
    return yaml.safe_load((ORIGINALS / path).read_text())


def assert_equal(ours, original):
    """The same values to the last bit, NaN where NaN is, and the same kind of numbers."""
    ours, original = np.asarray(ours), np.asarray(original)
    assert ours.dtype.kind == original.dtype.kind
    np.testing.assert_array_equal(ours, original)


def test_metrics():
    originals = arrays_of("metrics/metrics.npz")
    assert {key.split("/")[0] for key in originals} == set(answers.METRIC_CASES)
    for name in answers.METRIC_CASES:
        case = answers.metric_case(name)
        assert_equal(case.prediction, originals[f"{name}/pred"])
        assert_equal(case.target, originals[f"{name}/target"])
        assert case.classes == originals[f"{name}/num_classes"]
        for score, values in case.scores.items():
            assert_equal(values, originals[f"{name}/expect/{score}"])
        left_out = {key.split("/")[2] for key in originals if key.startswith(f"{name}/expect/")}
        left_out -= set(case.scores)
        assert len(left_out) == 6  # means of the variants of IoU+ that are not the default
        assert all("c4" in score or "product" in score for score in left_out)


@pytest.mark.parametrize("name", answers.PARSING_SCENES)
def test_parsing(name):
    arrays, scores = answers.parsing_scene(name)
    originals = arrays_of(f"human_parsing/{name}.npz")
    for key, values in arrays.items():
        np.testing.assert_array_equal(values, originals[key])
    expected = json_of(f"human_parsing/{name}.json")
    miou = expected["miou"]
    parts, people, empty = expected["apr"], expected["app"], expected["app"]["mhp_v2"]
    pairs = [
        (scores["apr"], parts["ap"]),
        (scores["apr_volume"], parts["vol_nanmean"]),
        (scores["apr_volume_of_all"], parts["vol_plain_mean"]),
        (scores["app"], people["ap"]),
        (scores["pcp"], people["pcp"]),
        (scores["app_without_empty"], empty["ap"]),
        (scores["pcp_without_empty"], empty["pcp"]),
        (scores["aph"], expected["aph"]["ap"]),
        *((scores["iou"][key], miou[key]["iou"]) for key in miou),
        *((scores["miou"][key], miou[key]["miou"]) for key in miou),
        *((scores["miou_foreground"][key], miou[key]["miou_foreground_only"]) for key in miou),
        *((scores["miou_per_image"][key], miou[key]["miou_mean_over_images"]) for key in miou),
        *(
            (rules[rule], expected["apcr"][kind][rule]["ap"])
            for kind, rules in scores["apcr"].items()
            for rule in ("cut", "majority")
        ),
    ]
    for ours, original in pairs:
        ours, original = np.array(ours, float), np.array(original, float)
        np.testing.assert_allclose(ours, original, rtol=0, atol=1e-10)


def test_parsing_losses():
    arrays, expected = answers.parsing_losses()
    originals = arrays_of("human_parsing/detr_parts.npz")
    assert arrays.keys() == originals.keys()
    for name, values in arrays.items():
        assert_equal(values, originals[name])
    original = json_of("human_parsing/detr_parts.json")
    left_out = {k: v for k, v in original["losses"].items() if "error" in k}
    assert {**original, "losses": {**expected["losses"], **left_out}} == original
    assert expected.keys() == original.keys()


def test_losses():
    originals = arrays_of("metrics/losses.npz")
    compared = set()
    for name, case in answers.loss_cases().items():
        found = {f"{name}/{key}": getattr(case, key) for key in ("logits", "target", "weights")}
        found |= {f"{name}/expect/{loss}": value for loss, value in case.values.items()}
        found |= {f"{name}/grad/{loss}": values for loss, values in case.gradients.items()}
        for key, values in found.items():
            assert_equal(values, originals[key])
        compared |= set(found)
    pixels, of_images, weights = answers.class_weight_answers()
    found = {"counts": pixels, "pixels_of_images_with_class": of_images}
    found |= {f"expect/{scheme}": values for scheme, values in weights.items()}
    for key, values in found.items():
        assert_equal(values, originals[f"class_weights/{key}"])
    compared |= {f"class_weights/{key}" for key in found}
    assert compared == set(originals)


def test_label_pooling():
    originals = arrays_of("metrics/dang_losses.npz")
    for name, case in answers.pooled_label_cases().items():
        places = {"target": "target"}
        for level in range(1, 7):
            places[f"presence_{level}"] = f"expect/p{level}"
            places[f"valid_{level}"] = f"expect/p{level}_valid"
        assert set(case) == set(places)
        for key, place in places.items():
            assert_equal(case[key], originals[f"{name}/{place}"])


def test_openings():
    originals = arrays_of("metrics/postproc.npz")
    places = {"probabilities": "probs", "classes/none": "expect/raw_label"}
    for kernel in ("square3", "square5", "cross3"):
        places[f"opened/{kernel}"] = f"expect/grey_{kernel}"
        for mode in ("grey", "binary_argmax", "binary_threshold"):
            places[f"classes/{mode}/{kernel}"] = f"expect/{mode}_label_{kernel}"
    ours = answers.opening_answers()
    assert set(ours) == set(places)
    assert set(originals) == set(places.values())
    for key, place in places.items():
        assert_equal(ours[key], originals[place])


def test_labels():
    names = answers.ccp_names()
    assert dict(enumerate(names)) == yaml_of("mappings/ccp59.yaml")["names"]
    for space, mapping in (("refined15", "ccp_to_refined15"), ("body4", "ccp_to_4")):
        original = yaml_of(f"mappings/{mapping}.yaml")
        gathered = answers.gathered_ccp_names(space)
        assert dict(enumerate(gathered)) == original["target_names"]
        by_name = {source: target for target, sources in gathered.items() for source in sources}
        assert by_name == original["by_name"]
        classes = list(gathered)
        table = {i: classes.index(by_name[name]) for i, name in enumerate(names)}
        assert table == original["map"]
    ours = answers.imaterialist_descriptions()
    original = json_of("fixtures/imaterialist/label_descriptions.json")
    assert ours["categories"] == original["categories"]
    assert ours["attributes"] == [
        {key: entry[key] for key in ("id", "name", "supercategory")}
        for entry in original["attributes"]
    ]


def test_ccp():
    ours, original = answers.ccp_statistics(), json_of("ccp_stats/ccp_0001_0804.json")
    assert ours["images"] == json_of("ccp_stats/ccp_0001_0804_per_image.json")["ids"]
    sets = json_of("splits/ccp_0001_0804.json")["sets"]
    for space, key in (("refined15", "refined15"), ("ccp59", "labels59"), ("body4", "four")):
        assert ours["classes"][space] == [
            {name: row[name] for name in ("name", "pixels", "pixel_fraction", "images")}
            for row in original["classes"][key]["per_class"]
        ]
        if space != "body4":
            split = sets[f"ccp_0001_0804/{key}"]
            assert ours["split"][space] == {
                name: split[name] for name in ("classes", "columns_used")
            }
    anomalies = original["anomalies"]
    for key in ("labels_per_image", "background_only"):
        assert ours[key] == anomalies[key]
    tiny = anomalies["tiny_components"]
    assert ours["tiny_component_count"] == tiny["count"]
    assert ours["tiny_components"] == {row["id"]: len(row["components"]) for row in tiny["list"]}


def test_models():
    lines = (ORIGINALS / "smp_matrix.jsonl").read_text().splitlines()
    rows = {(row["arch"], row["enc"]): row for row in map(json.loads, lines)}
    pairs = {(arch, encoder): outcome for arch, encoder, outcome in answers.model_pairs()}
    ours = {architecture for architecture, _ in pairs}
    assert len(ours) == 9
    assert set(pairs) == {pair for pair in rows if pair[0] in ours}
    for pair, outcome in pairs.items():
        row = rows[pair]
        assert outcome["built"] == (row["construct"] == "ok")
        assert outcome.get("parameters") == row.get("params")
        runs = [int(size) for size, said in row.get("sizes", {}).items() if said == "ok"]
        assert outcome.get("runs", []) == runs


def test_segnet():
    ours = answers.segnet_parameters()
    original = yaml_of("paper_tables/castro2019_table2_segnet.yaml")
    assert ours["printed"] == {row: values[2] for row, values in original["rows"].items()}
    computed = original["computed_keras_params"]
    assert ours["computed"] == {n: computed[f"complex_dec_convs_{n}"] for n in ("3", "2")}


def test_modanet_split():
    ours, original = answers.modanet_split(), json_of("fixtures/modanet_split/split_case.json")
    for key in ("eval_size", "min_instances", "categories"):
        assert ours[key] == original[key]
    assert ours["infeasible_case"].items() <= original["infeasible_case"].items()
    assert list(map(int, ours["images"])) == original["image_ids"]
    assert list(ours["images"].values()) == original["counts"]


def left_out(path):
    """Files that no test reads."""
    names = ("README.txt", "NOTE.txt", "image.jpg", "label_descriptions.json")
    return path.name in names or "paperdoll" in path.parts


@pytest.mark.parametrize("name", DATASETS)
def test_datasets(name, drawn_datasets):
    ours = {p.relative_to(drawn_datasets) for p in (drawn_datasets / name).rglob("*.*")}
    fixtures = ORIGINALS / "fixtures"
    originals = {p.relative_to(fixtures) for p in (fixtures / name).rglob("*.*") if p.is_file()}
    assert ours == {path for path in originals if not left_out(path)}
    compare = {".png": compare_maps, ".jpg": compare_sizes, ".mat": compare_hdf5}
    for path in ours:
        if path.name == "expected.json":
            assert_part_of(
                *(json.loads((r / path).read_text()) for r in (drawn_datasets, fixtures))
            )
        elif path.suffix in compare:
            compare[path.suffix](drawn_datasets / path, fixtures / path)
        else:
            assert (drawn_datasets / path).read_bytes() == (fixtures / path).read_bytes()


def compare_maps(ours, original):
    """Values, bit depth and palette of two PNGs."""
    with Image.open(ours) as first, Image.open(original) as second:
        assert first.mode == second.mode
        assert first.getpalette() == second.getpalette()
        assert_equal(first, second)


def compare_sizes(ours, original):
    """Size and channels of two images; their pixels differ, since ours are compressed further."""
    with Image.open(ours) as first, Image.open(original) as second:
        assert (first.size, first.mode) == (second.size, second.mode)


def compare_hdf5(ours, original):
    """Names, attributes and values of two files; references by the name they point to."""

    def content(file):
        found = {}

        def note(name, item):
            values = item[()] if isinstance(item, h5py.Dataset) else np.zeros(0)
            if values.dtype == h5py.ref_dtype:
                values = np.array([file[reference].name for reference in values.flat])
            found[name] = (values, dict(item.attrs))

        file.visititems(note)
        return found

    with h5py.File(ours) as first, h5py.File(original) as second:
        assert first.userblock_size == second.userblock_size
        one, two = content(first), content(second)
    assert set(one) == set(two)
    for name, (values, attributes) in one.items():
        assert_equal(values, two[name][0])
        assert values.dtype == two[name][0].dtype
        assert set(attributes) == set(two[name][1])
        for key, value in attributes.items():
            assert str(value) == str(two[name][1][key])


def assert_part_of(ours, original):
    """Nothing but what the original says, and lists in full length."""
    if isinstance(ours, dict):
        for key, value in ours.items():
            assert_part_of(value, original[key])
    elif isinstance(ours, list):
        for value, other in zip(ours, original, strict=True):
            assert_part_of(value, other)
    else:
        assert (type(ours), ours) == (type(original), original)
