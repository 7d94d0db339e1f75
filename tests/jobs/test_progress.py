"""Progress of a sweep: counts, and the estimate of the remaining time."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clothseg.jobs.outcome import Outcome
from clothseg.jobs.progress import SweepProgress, following, time_left, time_text

JOBS = [SimpleNamespace(folder=Path(str(number))) for number in range(20)]


class Clock:
    """Clock that tests set."""

    now = 0.0

    def __call__(self):
        return self.now


def end(progress, job, result="done"):
    progress.end(job, Outcome("a", result, ""))


def test_done_failed_and_remaining_time_are_counted():
    clock = Clock()
    progress = SweepProgress(20, parallel=2, clock=clock)
    assert progress.text() == "0 of 20 done"
    for number in range(5):
        end(progress, JOBS[number], "skipped")
    assert progress.text() == "5 of 20 done"
    for job in JOBS[5:7]:
        progress.begin(job)
    clock.now = 120.0
    end(progress, JOBS[5])
    progress.begin(JOBS[7])
    end(progress, JOBS[6], "failed")
    progress.begin(JOBS[8])
    # A job takes 2 min; 2 of 13 are running, and 2 run in parallel.
    assert progress.text() == "6 of 20 done, 1 failed, 13 min left"
    clock.now = 180.0  # half of the running jobs
    assert progress.seconds_left() == pytest.approx((2 * 60 + 11 * 120) / 2)


def test_a_job_of_another_command_counts_when_it_has_ended():
    progress = SweepProgress(2)
    progress.begin(JOBS[0])
    end(progress, JOBS[0], "elsewhere")
    assert progress.text() == "0 of 2 done"
    end(progress, JOBS[0], "skipped")
    assert progress.text() == "1 of 2 done"


def test_at_the_end_no_time_is_left():
    progress = SweepProgress(1, clock=Clock())
    progress.begin(JOBS[0])
    end(progress, JOBS[0])
    assert progress.text() == "1 of 1 done"


@given(
    st.lists(st.floats(0, 100), max_size=5),
    st.integers(0, 50),
    st.floats(1, 100),
    st.integers(1, 8),
)
def test_the_remaining_time_is_between_perfect_and_no_parallelism(running, waiting, mean, parallel):
    left = time_left(running, waiting, mean, parallel)
    work = sum(running) + waiting * mean
    assert work / parallel - 1e-6 <= left <= work + 1e-6
    assert left >= max(running, default=0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (59, "59 s"), (90, "2 min"), (7199, "120 min"), (9000, "2.5 h")],
)
def test_durations_are_readable(seconds, text):
    assert time_text(seconds) == text


def test_without_a_terminal_the_progress_is_a_line_after_each_job(capsys):
    with following(JOBS[:2]) as progress:
        for job in JOBS[:2]:
            end(progress, job)
    assert capsys.readouterr().out == "1 of 2 done\n2 of 2 done\n"
    with following(JOBS[:1]) as progress:
        end(progress, JOBS[0])
    assert capsys.readouterr().out == "1 of 1 done\n"
