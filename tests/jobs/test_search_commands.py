"""Searches as commands: killed and resumed, started twice, and repeated by what they print."""

import json
import shlex

import pytest

from support.command_line import all_end, files, records, wait_until

RANGES = ["optimizer.lr=tag(log,interval(1e-4,1e-2))", "loss=focal,dice"]


def tiny_search(command_line, output, *overrides):
    """Training command of a search, without the learning rate of other tests."""
    typed = command_line.tiny(output, *RANGES, "hydra.sweeper.trials=3", *overrides, "-m")
    return [word for word in typed if word != "optimizer.lr=1e-3"]


def contents(output):
    """Times of the files of a search and of its runs, except that of the lock."""
    return {path: time for path, time in files(output).items() if path.suffix != ".lock"}


def best_of(output):
    (path,) = output.glob("*/search-*/best.json")
    return json.loads(path.read_text())


@pytest.mark.slow(seconds=45)
def test_a_search_that_was_killed_twice_continues_its_trials(command_line, tmp_path):
    command = tiny_search(command_line, tmp_path, "hydra/sweeper=optuna", "trainer.max_epochs=3")
    for finished in (0, 3):
        process = command_line.start(command)

        def is_training(finished=finished):
            states = [record.status["state"] for record in records(tmp_path)]
            saved = [*tmp_path.glob("*/*/*/fold-*/checkpoints/last.ckpt")]
            return states.count("done") >= finished and "running" in states and saved

        wait_until(is_training, process)
        process.kill()
        process.communicate(timeout=30)
        assert all_end(process.pid)
    result = command_line.run(command)
    assert result.returncode == 0, result.stderr
    assert "search of 3 trials" in result.stdout
    assert len(records(tmp_path)) == 6
    assert {record.status["state"] for record in records(tmp_path)} == {"done"}
    assert sum(record.status["attempts"] for record in records(tmp_path)) <= 8
    best = best_of(tmp_path)
    scores = [
        record.metrics["validation"]["mean"]["iou"]
        for record in records(tmp_path)
        if str(record.folder) in best["runs"]
    ]
    assert best["validation"] == pytest.approx(sum(scores) / 2)
    before = contents(tmp_path)
    again = command_line.run(command)
    assert "of which 3 have ended" in again.stdout
    assert contents(tmp_path) == before


@pytest.mark.slow(seconds=30)
def test_two_starts_of_a_search_share_its_trials(command_line, tmp_path):
    command = tiny_search(command_line, tmp_path, "hydra/sweeper=optuna")
    started = [command_line.start(command) for _ in range(2)]
    said = [process.communicate(timeout=300) for process in started]
    for process, (output, error) in zip(started, said, strict=True):
        assert process.returncode == 0, output + error
        assert f"best: trial {best_of(tmp_path)['trial']}" in output
    assert len(records(tmp_path)) == 6
    assert {record.status["attempts"] for record in records(tmp_path)} == {1}
    ended = [output.count(f"trial {n}  validation mean") for n in range(3) for output, _ in said]
    assert sum(ended) == 3


@pytest.mark.slow(seconds=25)
def test_the_printed_command_repeats_the_best_trial(command_line, tmp_path):
    result = command_line.run(tiny_search(command_line, tmp_path, "hydra/sweeper=random"))
    assert result.returncode == 0, result.stderr
    assert "all configurations, test set" not in result.stdout
    best = best_of(tmp_path)
    assert best["command"] in result.stdout
    repeated = command_line.run(shlex.split(best["command"])[1:])
    assert "2 jobs: 2 skipped" in repeated.stdout
