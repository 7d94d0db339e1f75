"""`logger=wandb` in the environment that `wandb agent` gives to a trial of its sweep.

The variables are those that `wandb/wandb_agent.py` sets (0.31); no agent runs here.
"""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from clothseg.config.command_line import check_command
from clothseg.config.flags import split_flags
from clothseg.error import ConfigError
from clothseg.logger import wandb_environment as environment
from clothseg.logger.tracker import Subject
from clothseg.logger.wandb_tracker import WandbTracker
from support.command_line import files, records, segments
from support.paths import REPOSITORY
from support.shipped_config import label_space
from support.wandb_server import KEY, Run, StandIn

ACCOUNT = environment.Account("offline", "clothseg", None, (), 600)
INHERITED = {
    "WANDB_DIR": "/nonexistent/theirs",
    "WANDB_DISABLED": "true",
    "WANDB_FORK_FROM": "other?_step=1",
    "WANDB_JOB_TYPE": "theirs",
    "WANDB_LAUNCH": "true",
    "WANDB_MODE": "disabled",
    "WANDB_NAME": "theirs",
    "WANDB_PROJECT": "theirs",
    "WANDB_RESUME": "never",
    "WANDB_RUN_GROUP": "theirs",
    "WANDB_RUN_ID": "theirs",
    "WANDB_SERVICE": "3-1-tcp-localhost-1-1",
    "WANDB_TAGS": "their,tags",
}
"""Variables that would give a run another identity or place, or none."""


def agent(folder, run, **more):
    """The environment of a trial."""
    parameters = folder / f"config-{run}.yaml"
    parameters.write_text("wandb_version: 1\noptimizer.lr:\n  value: 0.001\n")
    variables = {"WANDB_SWEEP_ID": "s1", "WANDB_RUN_ID": run, "WANDB_PROJECT": "sweeps"}
    variables |= {"WANDB_ENTITY": "lab", "WANDB_DIR": str(folder), "NETRC": os.devnull}
    return variables | {"WANDB_SWEEP_PARAM_PATH": str(parameters)} | more


@pytest.fixture
def no_variables(monkeypatch):
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_ERROR_REPORTING"):
        monkeypatch.setenv(name, "")  # is restored after the client has set it
    environment.announce.cache_clear()
    yield
    environment.announce.cache_clear()


@pytest.fixture(scope="module")
def trial(command_line, tmp_path_factory):
    """A cross-validation that is a trial: its server, command, environment and result."""
    folder = tmp_path_factory.mktemp("trial")
    command = command_line.tiny(folder / "runs", "logger=wandb", "logger.wandb.mode=online", "-m")
    with StandIn() as server:
        server.runs["trial1"] = Run(about={"displayName": "fancy-sweep-1"})  # by the agent
        access = {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": KEY}
        variables = agent(folder, "trial1", WANDB_RUN_GROUP="theirs", **access)
        result = command_line.run(command, **variables)
        assert result.returncode == 0, result.stderr
        assert "warning" not in result.stdout
        yield server, command, variables, result


def output(command):
    (word,) = [word for word in command if word.startswith("output=")]
    return Path(word.removeprefix("output="))


@pytest.mark.slow(seconds=30)
def test_a_trial_is_one_run_with_its_folds_beside_it(trial):
    server, command, *_ = trial
    folds = records(output(command))
    group = folds[0].folder.parent
    ids = [json.loads((r.folder / "wandb.json").read_text())["id"] for r in folds]
    assert len({"trial1", *ids}) == 3
    assert server.runs.keys() == {"trial1", *ids}
    assert json.loads((group / "wandb.json").read_text())["id"] == "trial1"
    for run in server.runs.values():
        place = {"project": "sweeps", "entity": "lab", "groupName": "/".join(group.parts[-3:])}
        assert place.items() <= run.about.items()
    for identity, record in zip(ids, folds, strict=True):
        run = server.runs[identity]
        assert run.about["jobType"] == "fold"
        assert run.about.get("sweep") is None
        assert [row["_step"] for row in run.history] == [1, 2]
        assert run.config["split"]["value"]["fold"] == record.config["config"]["split"]["fold"]
        assert "optimizer.lr" not in run.config


@pytest.mark.slow
def test_the_run_of_a_trial_has_the_cross_validated_score(trial):
    server, command, *_ = trial
    folds = records(output(command))
    run, expected = server.runs["trial1"], [r.metrics["validation"]["mean"]["iou"] for r in folds]
    assert run.about["sweep"] == "s1"
    assert run.about["jobType"] == "summary"
    assert run.summary["score"] == pytest.approx(sum(expected) / 2)
    assert run.summary["val/mean_iou"] == pytest.approx(sum(expected) / 2)
    assert run.summary["folds"] == 2
    assert run.config["optimizer.lr"]["value"] == 0.001
    assert run.exit_code == 0


@pytest.mark.slow
def test_a_trial_and_the_ignored_variables_are_said_once(trial):
    *_, result = trial
    text = " ".join(result.stdout.split())
    assert text.count("W&B run trial1 of sweep s1 gets the score of this command") == 1
    assert text.count("logger.wandb ignores WANDB_RUN_GROUP; the section") == 1
    assert "wandb:" not in result.stdout + result.stderr


@pytest.mark.slow(seconds=13)
def test_a_repeated_trial_logs_nothing_new_with_or_without_its_agent(trial, command_line):
    server, command, variables, _ = trial
    folder = output(command)
    ids, before = set(server.runs), files(folder)
    access = {k: variables[k] for k in ("WANDB_BASE_URL", "WANDB_API_KEY", "NETRC")}
    for again in (variables | {"WANDB_RESUME": "allow"}, access):
        result = command_line.run(command, **again)
        assert "2 jobs: 2 skipped" in result.stdout
        assert files(folder) == before
        assert server.runs.keys() == ids


@pytest.mark.slow(seconds=6)
def test_another_trial_of_a_finished_configuration_gets_its_score(trial, command_line, tmp_path):
    server, command, variables, _ = trial
    ids = set(server.runs)
    again = agent(tmp_path, "trial2") | {
        k: variables[k] for k in ("WANDB_BASE_URL", "WANDB_API_KEY")
    }
    result = command_line.run(command, **again)
    assert "2 jobs: 2 skipped" in result.stdout
    assert server.runs.keys() == ids | {"trial2"}
    assert server.runs["trial2"].summary["score"] == server.runs["trial1"].summary["score"]


def run_of(segment):
    (entry,) = (record["run"] for record in segment if record["type"] == "run")
    return entry


def steps(segment):
    return [r["history"]["item"]["_step"] for r in segment if r["type"] == "history"]


def scores(segment):
    merged = {}
    for record in segment:
        merged |= record["summary"]["update"] if record["type"] == "summary" else {}
    return merged


@pytest.mark.slow(seconds=60)
def test_a_single_run_is_the_run_of_its_trial_even_if_it_had_finished(command_line, tmp_path):
    command = command_line.tiny(tmp_path / "runs", "logger=wandb")
    for identity in ("trial1", "trial2"):
        result = command_line.run(command, **agent(tmp_path, identity))
        assert result.returncode == 0, result.stderr
        words = " ".join(result.stdout.split())
        assert (
            f"W&B run {identity} of sweep s1 gets the score of this command after `wandb" in words
        )
    (record,) = records(tmp_path / "runs")
    assert json.loads((record.folder / "wandb.json").read_text())["id"] == "trial2"
    entries = {run_of(segment)["run_id"]: segment for segment in segments(record.folder)}
    assert entries.keys() == {"trial1", "trial2"}
    for segment in entries.values():
        assert run_of(segment)["sweep_id"] == "s1"
        assert run_of(segment)["project"] == "sweeps"
        assert steps(segment) == [1, 2]
        expected = record.metrics["validation"]["mean"]["iou"]
        assert scores(segment)["score"] == pytest.approx(expected)


@pytest.mark.slow(seconds=5)
@pytest.mark.parametrize("more", ["seed=1,2", "hydra/sweeper=basic"])
def test_a_trial_of_several_configurations_is_refused(more, command_line, tmp_path):
    command = command_line.tiny(tmp_path / "runs", "logger=wandb", more, "-m")
    result = command_line.run(command, **agent(tmp_path, "trial1"))
    assert result.returncode == 1
    assert "one trial (WANDB_RUN_ID=trial1), but it tries several" in result.stderr
    assert not (tmp_path / "runs").exists()


def subject(folder, **more):
    (job,) = check_command(["logger=wandb"])
    folder.mkdir(parents=True, exist_ok=True)
    labels = label_space("refined15")
    named = Subject(folder.name, folder, "a/b/c", job.config.plain, job.choices, labels)
    return replace(named, **more)


def log(subject, *epochs):
    """Log epochs of a run that does not get further."""
    tracker = WandbTracker("offline", "clothseg", None, ["mine"], False, 600)
    tracker.begin(subject)
    tracker.epochs([{"epoch": float(epoch), "val/loss": 1.0} for epoch in epochs])
    tracker.close("interrupted")


@pytest.mark.slow(seconds=9)
def test_a_preempted_trial_continues_its_run_and_so_does_a_repetition_without_agent(
    no_variables, monkeypatch, tmp_path
):
    alone = subject(tmp_path / "run", alone=True)
    for number, resumption in enumerate(({}, {"WANDB_RESUME": "allow"})):
        with monkeypatch.context() as patch:
            for name, value in agent(tmp_path, "trial1", **resumption).items():
                patch.setenv(name, value)
            patch.delenv("WANDB_SWEEP_PARAM_PATH")  # the library leaves that file open
            log(alone, *range(1, number + 2))
    log(alone, 1, 2, 3)
    found = segments(alone.folder)
    assert [run_of(segment)["run_id"] for segment in found] == ["trial1"] * 3
    assert [steps(segment) for segment in found] == [[1], [2], [3]]


@pytest.mark.slow(seconds=5)
def test_inherited_variables_change_no_run(no_variables, monkeypatch, tmp_path):
    folds = [subject(tmp_path / f"fold-{number}") for number in range(2)]
    with monkeypatch.context() as patch:
        for name, value in INHERITED.items():
            patch.setenv(name, value)
        patch.setenv("WANDB_NOTES", "a note")
        for fold in folds:
            log(fold, 1)
        log(folds[1], 1, 2)
        assert environment.ignored_variables(ACCOUNT) == sorted(
            INHERITED.keys() - {"WANDB_SERVICE"}
        )
    found = [segment for fold in folds for segment in segments(fold.folder)]
    assert [steps(segment) for segment in found] == [[1], [1], [2]]
    entries = [run_of(segment) for segment in found]
    ids = [entry["run_id"] for entry in entries]
    assert len({ids[0], ids[1], "theirs"}) == 3
    assert ids[2] == ids[1]
    for entry, fold in zip(entries, [folds[0], folds[1], folds[1]], strict=True):
        assert entry["display_name"] == fold.name
        assert entry["run_group"] == "a/b/c"
        assert (entry["project"], entry["tags"], entry["notes"]) == ("clothseg", ["mine"], "a note")
    assert not Path(INHERITED["WANDB_DIR"]).exists()


@pytest.mark.parametrize(
    ("in_agent", "variables", "ignored"),
    [
        (False, {"WANDB_API_KEY": KEY, "WANDB_BASE_URL": "x", "WANDB_NOTES": "n"}, []),
        (False, {"WANDB_ENTITY": "lab", "WANDB_X_FLAG": "1", "WANDB__FLAG": "1"}, []),
        (False, {"WANDB_MODE": "offline", "WANDB_RESUME": "allow", "WANDB_NAME": ""}, []),
        (False, {"WANDB_SWEEP_ID": "s1"}, ["WANDB_SWEEP_ID"]),
        (False, {"WANDB_MODE": "online", "WANDB_ANY": "1"}, ["WANDB_ANY", "WANDB_MODE"]),
        (True, {}, []),
        (True, {"WANDB_SWEEP_PARAM_PATH": "no file"}, ["WANDB_SWEEP_PARAM_PATH"]),
        (True, {"WANDB_NAME": "n", "WANDB_RESUME": "must"}, ["WANDB_NAME", "WANDB_RESUME"]),
    ],
)
def test_variables_that_ask_for_something_else_are_listed(
    in_agent, variables, ignored, no_variables, monkeypatch, tmp_path
):
    for name, value in ((agent(tmp_path, "t") if in_agent else {}) | variables).items():
        monkeypatch.setenv(name, value)
    assert environment.ignored_variables(ACCOUNT) == ignored
    before = dict(os.environ)
    with environment.client_environment():
        assert not set(ignored) & os.environ.keys()
        assert "WANDB_RUN_ID" not in os.environ
    assert dict(os.environ) == before


def test_a_configured_entity_has_precedence_except_in_a_sweep(no_variables, monkeypatch, tmp_path):
    ours = replace(ACCOUNT, entity="ours")
    monkeypatch.setenv("WANDB_ENTITY", "lab")
    assert environment.effective(ACCOUNT).entity == "lab"
    assert environment.effective(ours) == ours
    assert environment.ignored_variables(ours) == ["WANDB_ENTITY"]
    for name, value in agent(tmp_path, "t").items():
        monkeypatch.setenv(name, value)
    assert environment.effective(ours) == replace(ours, project="sweeps", entity="lab")


def test_several_configurations_are_allowed_without_an_agent(no_variables, monkeypatch, tmp_path):
    environment.require_one_configuration(several=True)
    for name, value in agent(tmp_path, "t").items():
        monkeypatch.setenv(name, value)
    environment.require_one_configuration(several=False)
    with pytest.raises(ConfigError, match="sweep s1 started this command for one trial"):
        environment.require_one_configuration(several=True)


def started_by_an_agent(sweep, chosen):
    """Words of the command that an agent starts for a trial, without the interpreter.

    Args:
        sweep: content of the YAML file of a sweep.
        chosen: values of its parameters.
    """
    from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

    parameters = {key: {"value": value} for key, value in chosen.items()}
    macros = create_sweep_command_args({"args": parameters})
    macros |= {"program": [sweep["program"]], "interpreter": ["python"], "env": ["/usr/bin/env"]}
    words = []
    for chunk in create_sweep_command([*sweep["command"]]):
        macro = chunk.startswith("${") and chunk.endswith("}")
        words += macros[chunk[2:-1]] if macro else [chunk]
    assert words[:2] == ["/usr/bin/env", "python"]
    return words[2:]


@pytest.fixture(scope="module")
def shipped_sweep():
    """Content of the YAML file, with the first of the values that it may choose."""
    sweep = yaml.safe_load((REPOSITORY / "conf/wandb/sweep.yaml").read_text())
    ranges = sweep["parameters"]
    chosen = {"optimizer.lr": 0.01, "loss": ranges["loss"]["values"][-1]}
    assert chosen.keys() == ranges.keys()
    bounds = ranges["optimizer.lr"]
    assert bounds["min"] < 0.01 < bounds["max"]  # YAML 1.1 reads 1e-4 as text
    assert sweep["metric"] == {"name": "score", "goal": "maximize"}
    return sweep, chosen


@pytest.mark.slow
def test_the_shipped_sweep_is_a_command_of_all_folds_for_each_value(shipped_sweep):
    sweep, chosen = shipped_sweep
    for loss in sweep["parameters"]["loss"]["values"]:
        program, *typed = started_by_an_agent(sweep, chosen | {"loss": loss})
        overrides, flags = split_flags(typed)
        assert (program, flags) == ("train.py", ["-m"])
        jobs = check_command(overrides, every_fold=True)
        assert [job.config.fold for job in jobs] == [0, 1, 2, 3, 4]
        assert {job.choices["loss"] for job in jobs} == {loss}
        assert all(job.config.plain["optimizer"]["lr"] == 0.01 for job in jobs)
        assert all(job.config.plain["logger"]["wandb"]["mode"] == "online" for job in jobs)


@pytest.mark.slow(seconds=40)
def test_a_trial_of_the_shipped_sweep_has_the_validation_score_of_its_folds(
    shipped_sweep, command_line, tmp_path
):
    sweep, chosen = shipped_sweep
    offline = {"logger.wandb.mode=online": "logger.wandb.mode=offline"}
    smoke = [*command_line.tiny(tmp_path / "runs")[1:]]
    smoke.remove("optimizer.lr=1e-3")
    words = [offline.get(word, word) for word in started_by_an_agent(sweep, chosen)]
    result = command_line.run([*words, *smoke], **agent(tmp_path, "trial1"))
    assert result.returncode == 0, result.stderr
    folds = records(tmp_path / "runs")
    (segment,) = segments(folds[0].folder.parent)
    entry = run_of(segment)
    assert (entry["run_id"], entry["sweep_id"]) == ("trial1", "s1")
    validation = [record.metrics["validation"]["mean"]["iou"] for record in folds]
    assert scores(segment)["score"] == pytest.approx(sum(validation) / 2)
    for record in folds:
        beside = run_of(segments(record.folder)[0])
        assert beside["run_group"] == entry["run_group"]
        assert "sweep_id" not in beside
