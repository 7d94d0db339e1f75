"""Launching of jobs: sweeps whose configurations Hydra's sweeper chooses."""

import shutil

import pytest

from support.command_line import files


@pytest.mark.slow
def test_a_sweeper_gets_all_folds_of_what_it_chooses(swept, command_line, tmp_path):
    shutil.copytree(swept[0], tmp_path / "outputs")
    before = files(tmp_path)
    chosen = command_line.tiny(tmp_path / "outputs", "hydra/sweeper=basic", "seed=0,0", "-m")
    result = command_line.run(chosen)
    assert (result.returncode, result.stderr) == (0, "")
    assert "seed=0 fold 0 is the same run as seed=0 fold 0; it runs only once" in result.stdout
    assert "2 jobs: 2 skipped" in result.stdout
    assert files(tmp_path) == before


def test_an_error_in_what_a_sweeper_chooses_is_reported(command_line, tmp_path):
    wrong = command_line.tiny(tmp_path, "hydra/sweeper=basic", "data.batch_size=4,0", "-m")
    result = command_line.run(wrong)
    assert result.returncode == 1
    assert "data.batch_size=0: must be greater than or equal to 1" in result.stderr
    assert not list(tmp_path.iterdir())
