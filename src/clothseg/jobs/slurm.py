"""Jobs of a sweep on a cluster: submitted to SLURM by submitit, polled and collected."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from clothseg.error import ConfigError, DataError
from clothseg.extras import require_extra
from clothseg.jobs.machine import Machine, Slot
from clothseg.jobs.outcome import Outcome, complete_outcome, run_isolated, run_job
from clothseg.jobs.process import Processes
from clothseg.jobs.progress import SweepProgress, following
from clothseg.run.job import Job
from clothseg.run.record import CLAIM_TIMEOUT
from clothseg.terminal.screen import say

if TYPE_CHECKING:
    import submitit

POLL_SECONDS = {"slurm": 5.0, "local": 0.5}
"""Seconds between two polls of the jobs, per cluster."""
MAX_MISSED_POLLS = 2
"""Successive polls of SLURM's queue that may miss a job before it counts as lost."""


@dataclass(frozen=True)
class Request:
    """Resources requested from a cluster for each job.

    The fields are documented at :class:`hydra_plugins.clothseg_launchers.SubmititLauncher`.
    """

    cluster: Literal["slurm", "local"]
    folder: str
    cpus_per_task: int
    gpus_per_node: int
    mem_gb: float | None
    timeout_min: int
    max_timeouts: int
    max_parallel: int
    partition: str | None
    additional: dict[str, Any]

    @property
    def machine(self) -> Machine:
        """Resources of one job."""
        return Machine(
            self.cpus_per_task, tuple(str(number) for number in range(self.gpus_per_node))
        )

    def executor(self) -> "submitit.AutoExecutor":
        """Create the submitit executor.

        Raises:
            ConfigError: SLURM is not available, or does not know a parameter.
            DataError: the log folder is not writable.
        """
        require_extra("slurm", f"hydra/launcher=submitit_{self.cluster}")
        import submitit

        try:
            Path(self.folder).mkdir(parents=True, exist_ok=True)
            executor = submitit.AutoExecutor(
                self.folder, cluster=self.cluster, slurm_max_num_timeout=self.max_timeouts
            )
        except OSError as error:
            raise DataError(f"{self.folder} cannot be written: {error.strerror}") from error
        except RuntimeError as error:  # no sbatch
            raise ConfigError(
                [
                    f"hydra.launcher.cluster={self.cluster}: SLURM is not available here "
                    f"({error}); use hydra/launcher=local to run the jobs on this machine"
                ]
            ) from error
        executor.update_parameters(
            name="clothseg",
            timeout_min=self.timeout_min,
            tasks_per_node=1,
            cpus_per_task=self.cpus_per_task,
            gpus_per_node=self.gpus_per_node or None,
            mem_gb=self.mem_gb,
            stderr_to_stdout=True,
            slurm_partition=self.partition,
            slurm_array_parallelism=self.max_parallel,
            slurm_additional_parameters=self.additional,
        )
        return executor


@dataclass
class ClusterTask:
    """Function that submitit runs on a node; it is resubmitted when it reaches its time limit.

    Args:
        job: the job to run.
        slot: the resources that the job may use.
    """

    job: Job
    slot: Slot

    def __call__(self) -> Outcome:
        """Run the job."""
        processes = Processes()
        with processes.stop_on_signals():
            return run_job(self.job, lambda job: run_isolated(job, processes, self.slot))

    def checkpoint(self) -> "submitit.helpers.DelayedSubmission":
        """Resubmit this job when the time limit is near; it resumes from its last checkpoint."""
        import submitit

        return submitit.helpers.DelayedSubmission(ClusterTask(self.job, self.slot))


def run_jobs(jobs: Sequence[Job], request: Request) -> list[Outcome]:
    """Submit jobs and wait for them; returns their outcomes in the order of the jobs.

    Ctrl-C cancels the jobs that have not finished.

    Args:
        jobs: the jobs to run.
        request: the resources of each job.

    Raises:
        ConfigError: SLURM is not available, or rejects the request.
        DataError: the log folder is not writable.
    """
    outcomes = {n: done for n, job in enumerate(jobs) if (done := complete_outcome(job))}
    pending = [n for n in range(len(jobs)) if n not in outcomes]
    if not pending:
        return list(outcomes.values())
    executor = request.executor()
    say(f"{len(pending)} jobs for {request.cluster}; logs are in {request.folder}")
    submitted = _SubmittedJobs(request.cluster)
    with following(jobs) as progress:
        progress.parallel = request.max_parallel
        for number, outcome in outcomes.items():
            progress.end(jobs[number], outcome)
        outcomes |= _follow(jobs, pending, submitted, executor, request, progress)
    return [outcomes[number] for number in range(len(jobs))]


def _follow(
    jobs: Sequence[Job],
    pending: list[int],
    submitted: "_SubmittedJobs",
    executor: "submitit.AutoExecutor",
    request: Request,
    progress: SweepProgress,
) -> dict[int, Outcome]:
    """Submit jobs by their numbers, and collect the outcomes by the same numbers."""
    outcomes: dict[int, Outcome] = {}
    try:
        while pending or submitted.handles:
            room = (
                len(pending)
                if request.cluster == "slurm"
                else request.max_parallel - len(submitted.handles)
            )
            batch, pending = pending[:room], pending[room:]
            submitted.handles |= _submit({n: jobs[n] for n in batch}, executor, request)
            for number in batch:
                progress.begin(jobs[number])
            for number, handle in submitted.pop_ended().items():
                outcome = _collect_outcome(jobs[number], handle)
                say(f"{jobs[number].title}  {outcome.result}  {outcome.detail}")
                outcomes[number] = outcome
                progress.end(jobs[number], outcome)
            time.sleep(POLL_SECONDS[request.cluster] if submitted.handles else 0)
    except KeyboardInterrupt:
        for handle in submitted.handles.values():
            handle.cancel(check=False)
        cancelled = [*submitted.handles, *pending]
        outcomes |= {n: Outcome.of(jobs[n], "interrupted", "cancelled") for n in cancelled}
    return outcomes


class _SubmittedJobs:
    """Jobs that are queued or running on a cluster.

    Args:
        cluster: `slurm` or `local`.
    """

    def __init__(self, cluster: str) -> None:
        self.cluster = cluster
        self.handles: dict[int, submitit.Job[Outcome]] = {}  # by index in the sweep
        self._missed_polls: dict[int, int] = {}

    def pop_ended(self) -> "dict[int, submitit.Job[Outcome]]":
        """Remove and return the jobs that have ended since the last poll."""
        queue = _slurm_queue() if self.cluster == "slurm" else None
        ended = {
            n: handle for n, handle in self.handles.items() if self._has_ended(n, handle, queue)
        }
        for number in ended:
            del self.handles[number]
        return ended

    def _has_ended(
        self, number: int, handle: "submitit.Job[Outcome]", queue: set[str] | None
    ) -> bool:
        if handle.paths.result_pickle.exists():
            return True
        if self.cluster == "local":
            return handle.done()
        # A cancelled job leaves no result, and SLURM accounting, which submitit relies on, is not
        # always available. Results may also appear on a shared disk with a delay.
        missed = queue is not None and handle.job_id not in queue
        self._missed_polls[number] = self._missed_polls.get(number, 0) + 1 if missed else 0
        return self._missed_polls[number] > MAX_MISSED_POLLS


def _submit(
    jobs: Mapping[int, Job], executor: "submitit.AutoExecutor", request: Request
) -> "dict[int, submitit.Job[Outcome]]":
    from submitit.core.utils import FailedJobError

    if not jobs:
        return {}
    tasks = [
        ClusterTask(
            replace(job, wait=1.5 * CLAIM_TIMEOUT),
            Slot(max(1, request.cpus_per_task // job.world_size)),
        )
        for job in jobs.values()
    ]
    try:
        with _redirect_stderr(Path(request.folder) / "submitit.log"):
            return dict(zip(jobs, executor.submit_array(tasks), strict=True))
    except FailedJobError as error:
        raise ConfigError([f"SLURM rejected the jobs: {str(error).strip()}"]) from error


@contextlib.contextmanager
def _redirect_stderr(path: Path) -> Iterator[None]:
    """Redirect the stderr of child processes to a file.

    Processes that submitit starts on this machine would print tracebacks to the terminal on Ctrl-C.
    """
    sys.stderr.flush()
    original = os.dup(2)
    with path.open("ab") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(original, 2)
        os.close(original)


def _collect_outcome(job: Job, handle: "submitit.Job[Outcome]") -> Outcome:
    """Return the outcome of a job that has ended."""
    from submitit.core.utils import FailedJobError, UncompletedJobError

    if not handle.paths.result_pickle.exists():
        detail = f"job {handle.job_id} was cancelled or killed"
        log = handle.paths.stdout
        return Outcome.of(job, "failed", detail, str(log) if log.exists() else None)
    try:
        return handle.result()
    except (FailedJobError, UncompletedJobError) as error:
        detail = (str(error).strip() or type(error).__name__).splitlines()[-1]
        return Outcome.of(job, "failed", detail, str(handle.paths.stdout))


def _slurm_queue() -> set[str] | None:
    """Ids of the jobs in SLURM's queue; None if SLURM does not respond."""
    try:
        answer = subprocess.run(
            ["squeue", "--noheader", "--array", "--format=%i"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return set(answer.stdout.split())
