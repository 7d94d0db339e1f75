"""Figure of people: rows and columns, blended colors, legends, and texts at their heads."""

import errno
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from clothseg.error import WriteError
from clothseg.labels import IGNORE
from clothseg.report import people, person_labels, picture_grid
from clothseg.report.masks import HATCH_COLOR, with_few_shades
from clothseg.report.palettes import PEOPLE, QUALITATIVE, value_colors
from clothseg.report.people import OPACITY, PeoplePicture, ShownPeople, draw_people

pytestmark = pytest.mark.slow(seconds=1)  # many tests of a second or less

NAMES = {
    "parts": ["Background", "Hat", "Hair", "Coat"],
    "size": ["none", "Short/small", "Long/large"],
    "color": ["none", "Dark", "Red", "Plaid"],
}
COLORS = {"parts": ["#000000", "#800000", "#ff0000", "#0077dd"]}


def person_map(count: int, height: int = 120, width: int = 280) -> np.ndarray:
    """People side by side, with gaps between them."""
    person = np.zeros((height, width), np.int64)
    step = width // count
    for number in range(1, count + 1):
        person[height // 4 :, (number - 1) * step + 2 : number * step - 2] = number
    return person


def shown(person: np.ndarray, *, scores: bool = False, **maps: int) -> ShownPeople:
    """People whose every pixel has the same value in each map."""
    values = {kind: np.where(person > 0, value, 0).astype(np.uint8) for kind, value in maps.items()}
    return ShownPeople(person, values, np.linspace(0.5, 1, person.max()) if scores else None)


def picture(prediction: ShownPeople, truth: ShownPeople | None = None) -> PeoplePicture:
    return PeoplePicture(
        "0001", np.full((*prediction.person.shape, 3), 100, np.uint8), prediction, truth
    )


@pytest.fixture
def drawn(saved_from: Callable[[ModuleType], list[Figure]]) -> list[Figure]:
    """Saved figures, still with their artists."""
    return saved_from(picture_grid)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Texts that could be written at the people of each picture, the widest first."""
    asked: list[list[str]] = []

    def label(shape, person, texts):
        asked.append([choices[0] for choices in texts.values()])
        return person_labels.label_people(shape, person, texts)

    monkeypatch.setattr(people, "label_people", label)
    return asked


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def legends(figure: Figure) -> list[list[str]]:
    return [[text.get_text() for text in legend.get_texts()] for legend in figure.legends]


def rgb(color: str) -> np.ndarray:
    return np.array(list(bytes.fromhex(color[1:])))


def pixels_of(path: Path, color: np.ndarray) -> int:
    image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    return int((np.abs(image.astype(int) - color).max(-1) <= 5).sum())


def blended(color: str) -> np.ndarray:
    """Color over the gray image of :func:`picture`."""
    return with_few_shades(OPACITY * rgb(color) + (1 - OPACITY) * people.BRIGHTNESS * 100)


def test_people_and_parts_are_blended_with_the_image(tmp_path):
    person = person_map(2)
    path = tmp_path / "people.png"
    draw_people([picture(shown(person, parts=3))], NAMES, COLORS, path, "title")
    area = (person == 1).sum() * (people.LONGEST_SIDE / 280) ** 2
    for color in PEOPLE[:2]:  # without their outlines and numbers
        assert 0.8 * area < pixels_of(path, blended(color)) <= area
    assert 1.8 * area < pixels_of(path, blended(COLORS["parts"][3])) <= 2 * area
    assert pixels_of(path, blended(PEOPLE[2])) < 20


def test_ground_truth_is_above_the_prediction(tmp_path, drawn, written):
    true, found = shown(person_map(3), parts=1), shown(person_map(2), scores=True, parts=2)
    draw_people([picture(found, true)], NAMES, COLORS, tmp_path / "two.png", "title")
    draw_people([picture(found)], NAMES, COLORS, tmp_path / "one.png", "title")
    two, one = map(texts, drawn)
    assert two.index("ground truth") < two.index("3 people") < two.index("prediction")
    assert two.index("prediction") < two.index("2 people, matched colors")
    assert "ground truth" not in one
    assert "0001" in one
    assert written == [["1", "2", "3"], ["1: 50%", "2: 100%"], ["1: 50%", "2: 100%"]]
    assert cv2.imread(str(tmp_path / "two.png")).shape[0] > 120 + len(
        cv2.imread(str(tmp_path / "one.png"))
    )


def test_columns_are_the_maps_that_exist(tmp_path, drawn):
    person = person_map(2)
    rows = [picture(shown(person, parts=1), shown(person, parts=1, color=2))]
    draw_people(rows, NAMES, COLORS, tmp_path / "people.png", "title")
    found = texts(drawn[0])
    assert {"image", "people", "parts", "color"} <= {*found}
    assert "size" not in found


def test_legends_name_exactly_the_values_that_occur(tmp_path, drawn):
    person = person_map(2)
    true = shown(person, parts=1, size=2, color=3)
    true.maps["color"][:20] = IGNORE
    path = tmp_path / "people.png"
    draw_people([picture(shown(person, parts=3, size=0), true)], NAMES, COLORS, path, "title")
    assert legends(drawn[0]) == [["Hat", "Coat"], ["Long/large"], ["Plaid"], ["ignored"]]
    colors = [patch.get_facecolor()[:3] for patch in drawn[0].legends[0].get_patches()]
    np.testing.assert_allclose(colors, [rgb(COLORS["parts"][k]) / 255 for k in (1, 3)])
    assert pixels_of(path, with_few_shades(np.array(HATCH_COLOR))) > 500


def test_a_picture_without_people_is_drawn(tmp_path, drawn):
    person = np.zeros((40, 60), np.int64)
    nobody = ShownPeople(person, {"parts": person.astype(np.uint8)}, np.zeros(0))
    draw_people([picture(nobody)], NAMES, COLORS, tmp_path / "people.png", "title")
    assert legends(drawn[0]) == []
    assert "0 people" in texts(drawn[0])


def test_a_person_without_pixels_has_no_number(tmp_path, drawn, written):
    person = person_map(3)
    person[person == 2] = 0
    draw_people([picture(shown(person, scores=True))], NAMES, {}, tmp_path / "people.png", "title")
    assert written == [["1: 50%", "3: 100%"]]
    assert "2 people" in texts(drawn[0])


def test_eighteen_people_have_eighteen_colors(tmp_path):
    path = tmp_path / "people.png"
    draw_people([picture(shown(person_map(18), scores=True))], NAMES, {}, path, "title")
    assert len({*PEOPLE}) == 18
    assert all(pixels_of(path, blended(color)) > 100 for color in PEOPLE)


def test_people_have_the_color_of_the_true_person_that_they_overlap():
    true = person_map(3)
    found = np.array([0, 7, 0, 4, 9])[true]
    found[:10, :50] = 9
    found[0, 0] = IGNORE
    colors = people._color_numbers(found, true)
    assert [colors[k] for k in (7, 4, 9)] == [1, 3, 4]
    assert (colors[0], colors[IGNORE]) == (0, IGNORE)
    assert (people._color_numbers(found, None) == np.arange(256)).all()


@pytest.mark.parametrize(("count", "expected"), [(3, "1: 90%"), (6, "1\n90%"), (18, "1")])
def test_texts_are_as_narrow_as_people_and_do_not_cover_each_other(count, expected):
    choices = {n: [f"{n}: 90%", f"{n}\n90%", f"{n}"] for n in range(1, count + 1)}
    placed = person_labels.place_texts(person_map(count), choices, (120, 280))
    assert placed[0][0] == expected
    assert len(placed) == count
    for index, (_, box) in enumerate(placed):
        assert 0 <= box[0] < box[2] <= 280
        assert 0 <= box[1] < box[3] <= 120
        assert not any(person_labels._overlap(box, other) for _, other in placed[:index])


def test_texts_of_nested_people_are_below_each_other():
    person = np.zeros((120, 40), np.int64)
    person[10:, 5:35] = 1
    person[20:60, 15:25] = 2
    (_, first), (_, second) = person_labels.place_texts(person, {1: ["1"], 2: ["2"]}, (120, 40))
    assert first[1] == 10
    assert second[1] >= first[3]


def test_values_have_the_color_of_their_name_or_the_next_one():
    names = ["none", "Dark", "Solid", "Light", *map(str, range(7))]
    colors = value_colors(names)
    assert colors[1] == "#303030"
    assert colors[3] == "#e8e8e8"
    assert colors[2] == colors[-1] == QUALITATIVE[0]
    assert colors[4:10] == list(QUALITATIVE[1:])


def test_characteristics_have_different_colors():
    for names in (
        "none Dark Medium Light Brown Red Pink Yellow Orange Green Blue Purple Multicolor",
        "none Short/small Long/large Undetermined Sparse/bald",
        "none Solid Geometrical Fancy Letters",
    ):
        colors = np.array([rgb(color) for color in value_colors(names.split())])[1:]
        distance = np.abs(colors[:, None] - colors[None]).sum(-1)
        assert distance[~np.eye(len(colors), dtype=bool)].min() > 60


def test_file_is_replaced_atomically(tmp_path, monkeypatch):
    path, rows = tmp_path / "people.png", [picture(shown(person_map(2)))]
    draw_people(rows, NAMES, {}, path, "title")
    before = path.read_bytes()

    def disk_full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", disk_full)
    with pytest.raises(WriteError, match="No space"):
        draw_people(rows, NAMES, {}, path, "another title")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
