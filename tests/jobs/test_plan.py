"""Planning of jobs: the inputs of a command are looked at once."""

from clothseg.config.command_line import check_command
from clothseg.dataset.co_parsing import CoParsing
from clothseg.jobs.inputs import Inputs
from clothseg.jobs.machine import Machine
from clothseg.jobs.plan import plan_jobs, without_repeats

MACHINE = Machine(2, ())


def compose(root, output, *overrides):
    paths = [f"dataset.root={root}", f"output={output}", f"data.cache={output}/cache"]
    return check_command(
        ["dataset=ccp", "trainer=cpu", "backbone.weights=null", *paths, *overrides],
        every_fold=True,
    )


def test_a_dataset_is_checked_and_hashed_once_for_all_jobs(small_ccp, tmp_path, monkeypatch):
    calls = {"samples": 0, "fingerprint": 0}
    for name in calls:
        method = getattr(CoParsing, name)

        def counted(self, name=name, method=method):
            calls[name] += 1
            return method(self)

        monkeypatch.setattr(CoParsing, name, counted)
    composed = compose(small_ccp, tmp_path, "seed=0,1", "labels=ccp59,body4")
    inputs = Inputs()
    inputs.require(job.config for job in composed)
    jobs = plan_jobs(composed, MACHINE, inputs)
    assert len(jobs) == 20
    assert len({job.folder for job in jobs}) == 20
    assert {job.fingerprint for job in jobs} == {inputs.fingerprint(composed[0].config)}
    assert calls["fingerprint"] == 1
    assert calls["samples"] == 2  # in the check, and by the hash of its files


def test_a_job_has_the_configuration_that_was_checked(small_ccp, tmp_path):
    composed = compose(small_ccp, tmp_path, "optimizer.lr=0.1", "split.folds=2")
    jobs = plan_jobs(composed, MACHINE, Inputs())
    assert [job.fold for job in jobs] == [0, 1]
    for job, checked in zip(jobs, composed, strict=True):
        assert job.config is checked.config
        assert job.folder.name == f"fold-{job.fold}"
        assert job.overrides[-1] == f"split.fold={job.fold}"


def test_equal_runs_are_planned_once(small_ccp, tmp_path, capsys):
    composed = compose(small_ccp, tmp_path, "data.workers=0,1", "split=holdout")
    jobs = plan_jobs(composed, MACHINE, Inputs())
    assert without_repeats(jobs) == jobs[:1]
    said = capsys.readouterr().out
    assert "data.workers=1 is the same run as data.workers=0; it runs only once" in said


def test_a_job_is_alone_unless_another_fold_of_its_configuration_is_planned(small_ccp, tmp_path):
    for overrides, alone in [
        (["split.folds=2"], [False, False]),
        (["split.folds=2", "split.fold=1"], [True]),
        (["split=holdout", "seed=0,1"], [True, True]),
        (["split.folds=2", "split.fold=1", "data.workers=0,1"], [True, True]),  # one run
    ]:
        jobs = plan_jobs(compose(small_ccp, tmp_path, *overrides), MACHINE, Inputs())
        assert [job.alone for job in jobs] == alone
