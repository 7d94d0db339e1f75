"""Errors of Hydra and OmegaConf in the words of the command line."""

import pytest

from clothseg.commands.main import main
from clothseg.config import composition
from clothseg.config.command_line import check_command, check_dataset
from clothseg.config.suggestion import did_you_mean
from clothseg.error import ConfigError

FOREIGN = ("Error", "while resolving", "Could not", "NoneType", "defaults list", "instance of")
LABELS = """[
    {"id": 0, "name": "background", "color": "#000000"},
    {"id": 1, "name": "coat", "color": "#ff0000"}
]"""


def problems(*overrides):
    with pytest.raises(ConfigError) as error:
        check_command(overrides)
    assert not any(foreign in text for text in error.value.problems for foreign in FOREIGN)
    return "\n".join(error.value.problems)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("dataset@x=ccp", "dataset@x: there is no such group in this place; write dataset=<option"),
        ("model@dataset=fpn", "model@dataset: there is no such group in this place"),
        ("~dataset@x", "~dataset@x: is not selected, so it cannot be removed"),
        ("~model=unet", "~model=unet: is not selected, so it cannot be removed"),
        ("+model=fpn", "+model: is selected already; write model=<option>"),
        ("+dataset@dataset=ccp", "+dataset: is selected already; write dataset=<option>"),
        ("++model=unet", "++model=unet: a group cannot be forced; write model=unet"),
        ("~hydra.launcher.nope", "~hydra.launcher.nope: is not set, so it cannot be removed"),
        ("hydra.sweeper.foo=1", "hydra.sweeper.foo: the sweeper has no such key; hydra/sweeper="),
        ("hydra/sweeper=nope", "hydra/sweeper=nope: no such option; available: basic"),
        ("hydra/sweeper=5", "hydra/sweeper=5: must be the name of a sweeper, such as basic"),
        ("hydra/sweeper=1.5", "hydra/sweeper=1.5: must be the name of a sweeper"),
        ("hydra/sweeper=[basic]", "hydra/sweeper=[basic]: must be the name of a sweeper"),
    ],
)
def test_options_that_cannot_be_combined(override, message):
    assert message in problems(override)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("labels.gathers.Hat.x=1", "cannot be set (labels.gathers.Hat is a list; set all of it)"),
        ("labels.names.999=x", "cannot be set (labels.names is a list; set all of it)"),
        ("seed=${model.}", "cannot be set (its interpolation cannot be read; allowed are ${<key>}"),
        ("metric=5", "metric=5: must be a valid dictionary"),
        ("report=[1]", "report=[1]: must be a valid dictionary"),
        ("metric.validation={a:1}", "metric.validation={'a': 1}: must be a valid list"),
    ],
)
def test_values_that_cannot_be_set(override, message):
    assert message in problems(override)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("+tta=${....a}", "tta: its interpolation begins with too many dots: it leads out of the"),
        ("seed=${oc.env:NO_SUCH_1}", "needs the environment variable NO_SUCH_1, which is not set"),
        ("seed=${seed}", "seed: its interpolation refers to itself"),
        ("seed=${foo:1}", "seed: its interpolation has an unknown function; allowed are ${<key>}"),
        ("seed=${oc.select:1,2,3,4}", "seed: its interpolation cannot be resolved; allowed are"),
        ("seed=${data.image_size.x}", "seed: its interpolation leads into a value that has no"),
        ("seed=${labels.names.x}", "seed: its interpolation leads into a value that has no such"),
    ],
)
def test_interpolations_that_cannot_be_resolved(override, message):
    assert message in problems(override)


def test_a_long_chain_of_interpolations_is_a_message():
    chain = [f"+k{n}=${{k{n + 1}}}" for n in range(400)]
    assert "`${` occurs 400 times; at most 16 are allowed" in problems(*chain, "+k400=1")


def test_an_interpolation_that_refers_to_itself_is_a_message():
    assert "refers to itself, or to too long a chain of others" in problems("+k=${l}", "+l=${k}")


@pytest.mark.parametrize("part", [",__class__", ",nope", ""])
def test_a_label_file_has_only_its_own_parts(part, tmp_path):
    (tmp_path / "labels.json").write_text(LABELS)
    override = f"dataset.names=${{labels_json:{tmp_path}{part}}}"
    advice = "with one of names, colors, flip_pairs, gathers, background_id"
    assert advice in problems(override)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["dataset.sources.ccp=5"], "dataset.sources.ccp=5: must be a dataset: a dictionary with"),
        (["+dataset.sources.x={a:1}"], "dataset.sources.x={'a': 1}: must be a dataset"),
        (["+dataset.sources.x=[1]"], "dataset.sources.x=[1]: must be a dataset"),
        (["~dataset.sources.ccp._target_"], "must be a dataset: a dictionary with a `_target_`"),
        (["~dataset.sources.ccp", "~dataset.sources.cfpd"], "must have at least 1 item"),
    ],
)
def test_each_source_of_a_merged_dataset_is_a_dataset(overrides, message):
    roots = [
        f"dataset.sources.{name}.root=x"
        for name in ("ccp", "cfpd")
        if not any(o.removeprefix("~").startswith(f"dataset.sources.{name}") for o in overrides)
    ]
    for check in (check_command, check_dataset):
        with pytest.raises(ConfigError) as error:
            check(["dataset=ccp_cfpd", *roots, *overrides])
        assert message in "\n".join(error.value.problems)


@pytest.mark.parametrize(
    "key",
    [
        *("data.batch_size", "data.workers", "data.max_train_images", "dataset.num_images"),
        *("trainer.threads", "trainer.devices", "trainer.max_epochs", "trainer.accumulation_steps"),
        *("dataset.seed", "split.seed", "seed"),
    ],
)
def test_a_number_that_no_machine_has_is_rejected_before_a_run_begins(key):
    assert f"{key}=999999999999: must be less than" in problems(f"{key}=999999999999")


@pytest.mark.parametrize("override", ["init_from=", "rerun_from=", 'rerun_from=""'])
def test_the_folder_of_a_run_is_not_empty(override):
    key = override.partition("=")[0]
    assert f"{key}=: is empty; name the folder of a run, or null for none" in problems(override)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["seed=range(1000)", "split.seed=range(1000)"], "1,000,000 combinations of values, but"),
        (
            ["optimizer.lr=range(1e9)"],
            "1,000,000,000 values, but a command has at most 10,000 jobs",
        ),
        (["seed=range(0,inf)"], "endlessly many values"),
        (["model=range(1e9)"], "1,000,000,000 values"),
        (["seed=range(101)", "split.folds=100"], "10,100 jobs, but a command has at most 10,000"),
    ],
)
def test_an_endless_sweep_is_rejected_before_it_is_enumerated(overrides, message):
    with pytest.raises(ConfigError) as error:
        check_command(overrides, every_fold=True)
    assert message in "\n".join(error.value.problems)


def test_jobs_are_counted_where_the_number_of_folds_is_swept(monkeypatch):
    """The limit is lower here, because ten thousand jobs take a minute to compose."""
    monkeypatch.setattr(composition, "MAX_JOBS", 300)
    assert len(check_command(["seed=range(2)", "split.folds=2,100"], every_fold=True)) == 204
    with pytest.raises(ConfigError, match="306 jobs, but a command has at most"):
        check_command(["seed=range(3)", "split.folds=2,100"], every_fold=True)


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [
        ("train", ["seed=range(9999)"], "require a sweep: add -m to the command"),
        ("evaluate", ["run=range(9999)"], "this command accepts a single value"),
        ("dataset", ["seed=range(9999)"], "this command accepts a single value"),
        ("train", ["--cfg", "nope"], "--cfg nope: no such value; available: all, hydra, job"),
        ("train", ["--cfg=jop"], "--cfg jop: no such value; did you mean `job`?"),
        ("train", ["-c"], "-c: its value is missing; write -c job|hydra|all"),
        ("train", ["--cfg", "-m"], "--cfg: its value is missing; write --cfg job|hydra|all"),
        ("train", ["-i", "defalts"], "-i defalts: no such value; did you mean `defaults`?"),
        ("train", ["--cfg", "job", "-p"], "-p: its value is missing; write -p <key>"),
    ],
)
def test_a_command_names_what_it_accepts(command, arguments, message, capsys, monkeypatch):
    monkeypatch.setattr("clothseg.config.composition.Composer.compose", None)
    assert main(command, arguments) == 1
    assert message in capsys.readouterr().err


def test_hydra_explains_itself_whatever_else_is_on_the_command_line(capsys):
    assert main("train", ["model=fpn", "optimizer.lr=1e-3", "--hydra-help"]) == 0
    assert "--hydra-help" in capsys.readouterr().out


def test_long_lists_of_choices_are_counted():
    text = did_you_mean("03100", [f"{number:04}" for number in range(1, 805)])
    assert text.startswith("did you mean `0310`? Available: 0001, 0002, ")
    assert text.endswith(", 0080, and 724 more")
