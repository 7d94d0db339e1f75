"""Folder of a sweep, and the list of its jobs."""

from pathlib import Path

import pytest

from clothseg.config.run_config import RunConfig
from clothseg.error import DataError
from clothseg.files import write_text
from clothseg.jobs.sweep_folder import PLAN, SweepFolder, read_plan
from clothseg.run.job import Job
from support.finished_run import write_finished


def job(folder, fold=0, rerun=False):
    return Job("loss=dice", folder, RunConfig({"split": {"fold": fold}, "rerun": rerun}), {}, [])


def refuse(sweep, refused):
    """Let the jobs of a sweep be refused by an error."""
    with sweep.planned([refused]):
        assert list(sweep.output.rglob(PLAN))
        raise DataError("defective")


def test_the_jobs_are_listed_with_folders_that_survive_a_move(tmp_path):
    base = tmp_path / "outputs/ccp-refined15"
    jobs = [job(base / f"fpn-b0/1a2b/fold-{fold}", fold) for fold in range(2)]
    sweep = SweepFolder(["loss=dice,focal"], tmp_path / "outputs")
    with sweep.planned(jobs):
        path = base / sweep.name / PLAN
        first = read_plan(path)
    assert first["command"] == ["loss=dice,focal"]
    assert [one["fold"] for one in first["jobs"]] == [0, 1]
    assert [(path.parent / one["run"]).resolve() for one in first["jobs"]] == [
        one.folder for one in jobs
    ]
    moved = (tmp_path / "outputs").rename(tmp_path / "elsewhere")
    path = moved / path.relative_to(tmp_path / "outputs")
    assert (path.parent / read_plan(path)["jobs"][0]["run"]).resolve().is_relative_to(moved)


def test_a_refused_sweep_and_a_finished_one_leave_nothing(tmp_path):
    folder = tmp_path / "ccp-refined15/fpn-b0/1a2b"
    sweep = SweepFolder([], tmp_path)
    with pytest.raises(DataError, match="defective"):
        refuse(sweep, job(folder))
    assert not list(tmp_path.rglob(PLAN))
    assert not list(tmp_path.rglob("sweep-*"))
    write_finished(folder, "split=holdout")
    with sweep.planned([job(folder)]):
        assert not list(tmp_path.rglob(PLAN))
    with sweep.planned([job(folder, rerun=True)]):
        pass
    assert list(tmp_path.rglob(PLAN))
    with pytest.raises(DataError, match="defective"):
        refuse(sweep, job(folder, rerun=True))
    assert list(tmp_path.rglob(PLAN)), "that of an earlier command"


def test_a_damaged_list_is_one_sentence(tmp_path):
    write_text(tmp_path / PLAN, '{"command": [], "jobs": [{"name": 3}]}')
    with pytest.raises(DataError, match=r"sweep.json is damaged \(jobs.0.name: .*writes it again"):
        read_plan(tmp_path / PLAN)


def test_the_name_follows_from_what_is_tried():
    name = SweepFolder(["loss=dice,focal", "seed=1"], Path("o")).name
    same = ["seed=1", "loss=dice,focal", "hydra/launcher=local", "logger=csv", "+rerun=true"]
    assert SweepFolder(same, Path("p")).name == name
    assert SweepFolder(["loss=dice", "seed=1"], Path("o")).name != name
    assert SweepFolder(["loss=dice,focal", "seed=1", "split.fold=0"], Path("o")).name == name
