"""`python scripts/status.py`: what sweeps and runs are doing."""

import subprocess
import sys

import pytest

from clothseg.commands.main import main
from clothseg.commands.status import seconds_left, summary
from clothseg.config.run_config import RunConfig
from clothseg.files import write_json
from clothseg.jobs.sweep_folder import SweepFolder
from clothseg.run.activity import Activity
from clothseg.run.job import Job
from clothseg.run.record import Record
from clothseg.run.tables import write_history
from support.finished_run import write_finished
from support.paths import REPOSITORY


@pytest.fixture
def sweep(tmp_path):
    """Sweep of two configurations of three folds: done, running, failed and waiting."""
    jobs = []
    for loss in ("dice", "focal"):
        for fold in range(3):
            folder = tmp_path / f"ccp-refined15/fpn-b0/{loss}/fold-{fold}"
            config = RunConfig({"split": {"fold": fold, "folds": 3}, "rerun": False})
            jobs.append(Job(f"loss={loss}", folder, config, {}, []))
    with SweepFolder(["loss=dice,focal"], tmp_path).planned(jobs):
        for job in jobs[:2]:
            write_finished(job.folder, "loss=dice", "split.folds=3")
        write_finished(jobs[2].folder, "split.folds=3").set_state("failed", "no\x1b memory\nleft")
        write_finished(jobs[3].folder, "split.folds=3", "trainer.max_epochs=9").set_state("running")
        write_history([{"epoch": 1.0, "seconds": 5.0}], jobs[3].folder)
        (jobs[3].folder / "checksums.json").unlink()
    return tmp_path, jobs


def shown(capsys, *arguments):
    assert main("status", [*arguments]) == 0
    return " ".join(capsys.readouterr().out.split())


def test_a_sweep_is_counted_and_its_jobs_are_described(sweep, capsys):
    root, jobs = sweep
    with Record(jobs[3].folder).claimed():
        text = shown(capsys, f"runs={root}")
    assert "2 of 6 done, 1 running, 2 waiting, 1 failed" in text
    assert "loss=dice fold 2 failed no\\x1b memory" in text
    assert "loss=focal fold 0 running epoch 2/9, on " in text
    assert "sign of life " in text
    assert "40 s left" in text
    assert "loss=focal fold 2 waiting" in text
    assert "dead" in shown(capsys, f"runs={root}"), "its claim was released without a result"


def test_a_sweep_can_be_named_by_its_folder(sweep, capsys):
    (path,) = sweep[0].rglob("sweep.json")
    assert f"{path.parent.name} run state" in shown(capsys, f"runs={path.parent}")


def test_many_jobs_have_a_line_for_each_configuration(sweep, capsys):
    root, jobs = sweep
    with Record(jobs[3].folder).claimed():
        text = shown(capsys, f"runs={root}", "jobs=5")
    assert "fold 0" not in text
    assert "loss=dice 2 done, 1 failed" in text
    assert "loss=focal 1 running, 2 waiting" in text


def test_runs_of_no_sweep_are_named_by_their_folders(sweep, tmp_path, capsys):
    write_finished(tmp_path / "other/fpn-b0/1a/fold-0")
    text = shown(capsys, f"runs={tmp_path}")
    assert "runs of no sweep" in text
    assert "other/fpn-b0/1a fold 0 done" in text
    assert "other/fpn-b0/1a fold 0 done" not in shown(capsys, f"runs={tmp_path / 'ccp-refined15'}")
    assert "1a fold 0 done" in shown(capsys, f"runs={tmp_path / 'other/fpn-b0/1a/fold-0'}")


@pytest.mark.parametrize("run", ["a\0b", "\ud800", "../loop", "../loop/fold-0"])
def test_a_list_with_an_impossible_folder_is_left_out(tmp_path, capsys, run):
    (tmp_path / "loop").symlink_to("loop")
    path = tmp_path / "sweep-1" / "sweep.json"
    write_json(path, {"command": [], "jobs": [{"name": "a", "fold": 0, "run": run}]})
    assert main("status", [f"runs={tmp_path}"]) == 1
    output = capsys.readouterr()
    text = " ".join((output.out + output.err).split())
    assert f"left out: {path} is damaged (run={run!a}: no folder)" in text
    assert "no run and no sweep in this folder" in text


def test_a_damaged_list_is_left_out_and_its_runs_are_shown(sweep, capsys):
    root, _ = sweep
    (path,) = root.rglob("sweep.json")
    path.write_text("[]")
    text = shown(capsys, f"runs={root}")
    assert f"warning: left out: {path} is damaged" in text
    assert "2 of 4 done" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["runs=nowhere"], "runs=nowhere is not a folder, so there are no runs in it"),
        (["runs=."], "runs=.: no run and no sweep in this folder or below has begun"),
        (["jobs=0"], "jobs=0: must be greater than or equal to 1"),
        (["run=x"], "run: no such key; did you mean `runs`?"),
    ],
)
def test_an_unusable_command_line_is_one_message(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main("status", arguments) == 1
    assert message in capsys.readouterr().err


def test_the_remaining_time_follows_from_what_is_known():
    done, running = Activity("done", seconds=60), Activity("running", seconds_left=20)
    waiting, new = Activity("waiting"), Activity("running")
    assert seconds_left([done, running, waiting]) == 80
    assert seconds_left([done, running, running, waiting, waiting]) == pytest.approx(80)
    assert seconds_left([done, new]) == 60
    assert summary([running, waiting]) == "0 of 2 done, 1 running, 1 waiting"
    assert summary([done, waiting]) == "1 of 2 done, 1 waiting"


def test_nothing_heavy_is_imported(sweep):
    code = (
        "import sys; from clothseg.commands.main import main; "
        f"main('status', ['runs={sweep[0]}']); "
        "print([name for name in ('torch', 'scipy', 'pandas') if name in sys.modules])"
    )
    environment = {"PYTHONPATH": str(REPOSITORY / "src")}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert ended.stdout.splitlines()[-1] == "[]", ended.stderr
