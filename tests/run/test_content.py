"""Files of a record: whatever is in them, reading them is a value or one message."""

import contextlib
import json
import os
import re
import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from clothseg.commands.main import main
from clothseg.config.command_line import check_command
from clothseg.error import ConfigError, DataError, UserError
from clothseg.files import write_json
from clothseg.json_file import read_json
from clothseg.run.content import Status, missing_files, require_unchanged, seal
from clothseg.run.record import Record, run_folder
from clothseg.run.tables import read_history, read_image_scores
from clothseg.split import Split
from support.command_line import records
from support.scores import run_metrics

READERS = {
    "metrics.json": lambda record: record.metrics,
    "environment.json": lambda record: record.environment,
    "config.yaml": lambda record: record.config,
    "split.json": lambda record: record.split,
    "history.csv": lambda record: read_history(record.folder),
    "image_scores.npz": lambda record: read_image_scores(record.folder),
    "checksums.json": lambda record: record.metrics,
}
WRONG = [
    *(b"", b"{}", b"null", b"[]", b"3", b'"text"', b"[" * 100_000, b'{"a":' * 50_000),
    *(b"\xff\xfe\x00", b"\x00" * 100, b'{"test": 1}', b'{"files": {"metrics.json": 3}}'),
    *(b'{"test": {"per_class": [1], "mean": {}}}', b'{"commit": []}', b'{"choices": {}}'),
]


@pytest.mark.parametrize("content", WRONG, ids=range(len(WRONG)))
@pytest.mark.parametrize("name", READERS)
def test_content_of_a_wrong_shape_is_one_message_that_names_the_file(name, content, tmp_path):
    record = Record(tmp_path)
    write_json(tmp_path / "metrics.json", run_metrics())
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as caught:
        READERS[name](record)
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize("content", WRONG, ids=range(len(WRONG)))
def test_a_status_of_a_wrong_shape_is_that_of_an_interrupted_run(content, tmp_path):
    (tmp_path / "status.json").write_bytes(content)
    assert Record(tmp_path).status["state"] == "interrupted"
    assert not Record(tmp_path).is_done()


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda x: st.lists(x) | st.dictionaries(st.text(), x),
)


@settings(max_examples=100, deadline=None)
@given(
    name=st.sampled_from(["metrics.json", "environment.json", "config.yaml", "split.json"]),
    keys=st.dictionaries(st.sampled_from(["test", "config", "hash", "commit", "choices"]), JSON),
    whole=st.booleans(),
    any_value=JSON,
)
def test_no_json_breaks_a_reader(name, keys, whole, any_value, tmp_path_factory):
    folder = tmp_path_factory.mktemp("record")
    (folder / name).write_text(json.dumps(any_value if whole else keys))
    with contextlib.suppress(UserError):  # but nothing else
        READERS[name](Record(folder))


def test_error_of_a_changed_checkpoint_names_the_file_that_accepts_the_change(tmp_path):
    path = tmp_path / "checkpoints" / "best.ckpt"
    path.parent.mkdir()
    path.write_bytes(b"trained")
    seal(tmp_path, [path])
    path.write_bytes(b"changed")
    with pytest.raises(DataError, match="has changed since the run ended") as caught:
        require_unchanged(tmp_path, "checkpoints/best.ckpt")
    named = Path(str(caught.value).rpartition("delete ")[2])
    named.unlink()
    require_unchanged(tmp_path, "checkpoints/best.ckpt")


def test_a_sealed_file_that_has_changed_is_refused_until_its_change_is_accepted(tmp_path):
    path = tmp_path / "metrics.json"
    write_json(path, run_metrics(0.5))
    (tmp_path / "per_class.csv").write_text("name\n")
    seal(tmp_path, [path, tmp_path / "per_class.csv"])
    record = Record(tmp_path)
    assert record.metrics["test"]["mean"]["iou"] == 0.5
    write_json(path, run_metrics(0.9))
    with pytest.raises(DataError, match=r"metrics\.json has changed since the run ended"):
        _ = record.metrics
    assert missing_files(tmp_path, ["per_class.csv", "other.csv"]) == []
    (tmp_path / "per_class.csv").write_text("eman\n")  # of the same size
    assert missing_files(tmp_path, ["per_class.csv"]) == ["per_class.csv"]
    (tmp_path / "checksums.json").unlink()
    assert record.metrics["test"]["mean"]["iou"] == 0.9
    assert missing_files(tmp_path, ["per_class.csv"]) == []


@pytest.mark.slow(seconds=15)
def test_what_can_be_derived_is_written_again_and_the_rest_costs_one_run(
    swept, command_line, tmp_path
):
    output = tmp_path / "outputs"
    shutil.copytree(swept[0], output)
    first, second = (record.folder for record in records(output))
    derived = [
        *(first / name for name in ("per_class.csv", "figures/best.png", "image_scores.npz")),
        *(first.parent / name for name in ("summary.json", "per_class.csv")),
    ]
    before = {path: path.read_bytes() for path in derived}
    for path in derived[:2] + derived[4:]:
        path.unlink()
    derived[2].write_bytes(b"half")
    derived[3].write_text("{}")
    command = command_line.tiny(output, "report.figures=all", "-m")
    result = command_line.run(command)
    assert (result.returncode, result.stderr) == (0, "")
    assert "2 jobs: 2 skipped" in result.stdout
    assert "per_class.csv, image_scores.npz, figures/best.png missing or damaged" in result.stdout
    assert {path: path.read_bytes() for path in derived} == before
    assert "written again" not in command_line.run(command).stdout

    # Whatever follows from the folds is written again, too, if it is there but wrong.
    for path, wrong in ((derived[3], b"{}"), (derived[4], b"")):
        path.write_bytes(wrong)
    derived[0].write_bytes(b"x" * derived[0].stat().st_size)
    assert command_line.run(command).returncode == 0
    assert {path: path.read_bytes() for path in derived} == before

    (second / "metrics.json").write_text("null")
    (second / "checksums.json").unlink()
    result = command_line.run(command)
    assert result.returncode == 1
    assert "2 jobs: 1 skipped, 1 failed" in result.stdout
    assert "Traceback" not in result.stdout + result.stderr


@pytest.mark.slow(seconds=3)
def test_a_report_leaves_damaged_runs_out(swept, tmp_path, capsys):
    output = tmp_path / "outputs"
    shutil.copytree(swept[0], output)
    first, second = (record.folder for record in records(output))
    arguments = [f"runs={output}", f"output={tmp_path / 'curves.png'}"]
    for folder, name in ((second, "config.yaml"), (second, "history.csv")):
        kept = (folder / name).read_bytes()
        (folder / name).write_text(yaml.safe_dump([1]))
        assert main("report", arguments) == 0
        shown = capsys.readouterr().out
        assert "1 run in" in shown
        assert f"warning: left out: {folder / name}" in shown
        (folder / name).write_bytes(kept)
    (first / "history.csv").unlink()


def aliases(levels):
    """YAML of lists of two aliases each, of which the last expands to 2 ** levels values."""
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, levels)]
    return "\n".join(lines)


def test_aliases_of_aliases_are_not_expanded(tmp_path):
    (tmp_path / "config.yaml").write_text(aliases(40))
    with pytest.raises(DataError, match="or 20 aliases"):
        _ = Record(tmp_path).config


def test_a_number_of_thousands_of_digits_is_one_message(tmp_path):
    (tmp_path / "config.yaml").write_text(f"config: {'9' * 5000}\n")
    with pytest.raises(DataError, match=r"not valid YAML: a number has thousands of digits$"):
        _ = Record(tmp_path).config


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("!!bool x", "not valid YAML: 'x'"),
        ("!!timestamp x", "not valid YAML: "),
        ("0x" + "f" * 5000, "not valid YAML: a number has more than 64 bits"),
        ("[1, {a: -99999999999999999999}]", "not valid YAML: a number has more than 64 bits"),
        ("[1, 2", "not valid YAML: while parsing a flow sequence in"),
    ],
)
def test_a_value_that_is_not_of_its_type_is_one_line(tmp_path, value, message):
    (tmp_path / "config.yaml").write_text(f"config: {value}\n")
    with pytest.raises(DataError, match=re.escape(message)) as error:
        _ = Record(tmp_path).config
    assert "\n" not in str(error.value)


def test_a_written_record_has_no_aliases(tmp_path):
    shared = ["hat", "coat"]
    Record(tmp_path).begin({"a": shared, "b": shared}, {}, [], "CPU")
    assert "*" not in (tmp_path / "config.yaml").read_text()


@pytest.mark.parametrize("name", READERS)
def test_a_pipe_in_place_of_a_file_does_not_hang(name, tmp_path):
    (tmp_path / "metrics.json").write_text("{}")
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    with pytest.raises(UserError):
        READERS[name](Record(tmp_path))


@pytest.mark.parametrize(
    ("group", "value"),
    [("data", None), ("data", 3), ("trainer", "x"), ("model", 5), ("backbone", {}), ("loss", [1])],
)
def test_a_configuration_of_a_wrong_shape_is_one_message(group, value, tmp_path):
    (job,) = check_command([])
    Record(tmp_path).begin({**job.config.plain, group: value}, {}, [], "CPU")
    with pytest.raises(DataError, match=rf"config\.yaml is damaged \(config\.{group}"):
        _ = Record(tmp_path).config


@pytest.mark.parametrize("choice", ["/tmp/x", "../../z", "..", "", "a/b"])
def test_a_choice_that_is_no_name_is_not_part_of_a_path(choice):
    (job,) = check_command([])
    with pytest.raises(ConfigError, match=r"choices\.model: is not the name of an option"):
        run_folder(job.config.plain, {**job.choices, "model": choice}, "f", 1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"attempts": "3"}, "attempts: must be a valid integer, not '3'"),
        ({"attempts": -1}, "attempts: must be greater than or equal to 0, not -1"),
        ({"state": "x" * 5000}, "state: must be 'running', 'done', 'failed' or 'interrupted'"),
    ],
)
def test_a_status_is_not_converted(change, reason, tmp_path):
    write_json(tmp_path / "status.json", {"state": "done", "attempts": 1, "error": None} | change)
    record = Record(tmp_path)
    assert record.status["state"] == "interrupted"
    with pytest.raises(DataError) as caught:
        read_json(tmp_path / "status.json", Status, "remedy")
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 500
    assert record.begin({}, {}, [], "CPU") == 2


@pytest.mark.parametrize(
    "change",
    [
        *({"deviation": "x"}, {"deviation": float("nan")}, {"groups": [1]}, {"groups": 5}),
        *({"warnings": 5}, {"division": 5}, {"train": [1]}, {"test": "abc"}, {"held_out": None}),
    ],
    ids=str,
)
def test_a_split_of_a_wrong_shape_is_one_message(change, tmp_path):
    split = Split(["a"], ["b"], ["c"], "d", 0.1, groups=[3, 2, 2])
    split.write(tmp_path / "split.json")
    assert Record(tmp_path).split == split
    content = json.loads((tmp_path / "split.json").read_text())
    write_json(tmp_path / "split.json", content | change)
    (key,) = change
    with pytest.raises(DataError, match=rf"split\.json is damaged \({key}.*restore it") as caught:
        _ = Record(tmp_path).split
    assert "__init__" not in str(caught.value)


def test_a_split_is_sealed(tmp_path):
    path = tmp_path / "split.json"
    Split(["a"], ["b"], ["c"], "d", 0.1).write(path)
    seal(tmp_path, [path])
    path.write_text(path.read_text().replace("0.1", "0.2"))  # its hash is that of the names
    with pytest.raises(DataError, match=r"split\.json has changed since the run ended"):
        _ = Record(tmp_path).split


@pytest.mark.parametrize(
    "content", [b'{"files": {"%s": 5}}' % (b"x" * 100_000), b'"%s"' % (b"y" * 9999)]
)
def test_a_message_does_not_repeat_a_long_text(content, tmp_path):
    write_json(tmp_path / "metrics.json", run_metrics())
    (tmp_path / "checksums.json").write_bytes(content)
    with pytest.raises(DataError) as caught:
        _ = Record(tmp_path).metrics
    assert len(str(caught.value)) < 1000
