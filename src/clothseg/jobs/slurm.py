"""The jobs of a sweep on a cluster: handed to SLURM by submitit, watched, and gathered."""

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
from clothseg.jobs.outcome import Outcome, previous_outcome, run_isolated, run_job
from clothseg.jobs.process import Processes
from clothseg.run.job import Job
from clothseg.run.record import CLAIM_TIMEOUT
from clothseg.screen import say

if TYPE_CHECKING:
    import submitit

LOOK = {"slurm": 5.0, "local": 0.5}
"""Seconds between two looks at the jobs."""
UNSEEN = 2
"""Looks at SLURM's queue that may miss a job before it counts as lost."""


@dataclass(frozen=True)
class Request:
    """What is asked of a cluster for each job.

    Names and meanings are those of :class:`hydra_plugins.clothseg_launchers.SubmititLauncher`.
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
        """What a job may use."""
        return Machine(
            self.cpus_per_task, tuple(str(number) for number in range(self.gpus_per_node))
        )

    def executor(self) -> "submitit.AutoExecutor":
        """What hands jobs over.

        Raises:
            ConfigError: there is no SLURM, or it has no such parameter.
            DataError: the folder cannot be written.
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
                    f"hydra.launcher.cluster={self.cluster}: there is no SLURM here ({error}); "
                    "hydra/launcher=local does the jobs on this machine"
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
class OnNode:
    """What is done where a job of the cluster runs; a time limit leads to another such job.

    Args:
        job: what is to be done.
        slot: what it may use.
    """

    job: Job
    slot: Slot

    def __call__(self) -> Outcome:
        """Do the job."""
        processes = Processes()
        with processes.stopped_by_signals():
            return run_job(self.job, lambda job: run_isolated(job, processes, self.slot))

    def checkpoint(self) -> "submitit.helpers.DelayedSubmission":
        """What submitit queues when the time limit is near: the same, which goes on."""
        import submitit

        return submitit.helpers.DelayedSubmission(OnNode(self.job, self.slot))


def run_jobs(jobs: Sequence[Job], request: Request) -> list[Outcome]:
    """Hand jobs over, and wait for them; returns what became of them, in their order.

    Ctrl-C takes back those that are not done.

    Args:
        jobs: what is to be done.
        request: what each of them gets.

    Raises:
        ConfigError: there is no SLURM, or it refuses the request.
        DataError: the folder of the logs cannot be written.
    """
    outcomes = {n: before for n, job in enumerate(jobs) if (before := previous_outcome(job))}
    left = [n for n in range(len(jobs)) if n not in outcomes]
    if not left:
        return list(outcomes.values())
    executor = request.executor()
    say(f"{len(left)} jobs for {request.cluster}; their logs are in {request.folder}")
    handed = _Handed(request.cluster)
    try:
        while left or handed.handles:
            room = (
                len(left)
                if request.cluster == "slurm"
                else request.max_parallel - len(handed.handles)
            )
            now, left = left[:room], left[room:]
            handed.handles |= _hand_over({n: jobs[n] for n in now}, executor, request)
            for number, ending in handed.ended().items():
                outcome = _outcome(jobs[number], ending)
                say(f"{jobs[number].title}  {outcome.result}  {outcome.detail}")
                outcomes[number] = outcome
            time.sleep(LOOK[request.cluster] if handed.handles else 0)
    except KeyboardInterrupt:
        for handle in handed.handles.values():
            handle.cancel(check=False)
        taken_back = [*handed.handles, *left]
        outcomes |= {n: Outcome.of(jobs[n], "interrupted", "taken back") for n in taken_back}
    return [outcomes[number] for number in range(len(jobs))]


class _Handed:
    """Jobs in the hands of a cluster.

    Args:
        cluster: `slurm` or `local`.
    """

    def __init__(self, cluster: str) -> None:
        self.cluster = cluster
        self.handles: dict[int, submitit.Job[Outcome]] = {}  # by their number in the sweep
        self._unseen: dict[int, int] = {}

    def ended(self) -> "dict[int, submitit.Job[Outcome]]":
        """Those that have ended since the last look, which are handed back."""
        queue = _slurm_queue() if self.cluster == "slurm" else None
        back = {
            n: handle for n, handle in self.handles.items() if self._has_ended(n, handle, queue)
        }
        for number in back:
            del self.handles[number]
        return back

    def _has_ended(
        self, number: int, handle: "submitit.Job[Outcome]", queue: set[str] | None
    ) -> bool:
        if handle.paths.result_pickle.exists():
            return True
        if self.cluster == "local":
            return handle.done()
        # A job that is cancelled leaves no result, and accounting, which submitit asks, is not
        # everywhere. A result may also need a while to be seen on a shared disk.
        unseen = queue is not None and handle.job_id not in queue
        self._unseen[number] = self._unseen.get(number, 0) + 1 if unseen else 0
        return self._unseen[number] > UNSEEN


def _hand_over(
    jobs: Mapping[int, Job], executor: "submitit.AutoExecutor", request: Request
) -> "dict[int, submitit.Job[Outcome]]":
    from submitit.core.utils import FailedJobError

    if not jobs:
        return {}
    work = [
        OnNode(
            replace(job, wait=1.5 * CLAIM_TIMEOUT),
            Slot(max(1, request.cpus_per_task // job.world_size)),
        )
        for job in jobs.values()
    ]
    try:
        with _errors_into(Path(request.folder) / "submitit.log"):
            return dict(zip(jobs, executor.submit_array(work), strict=True))
    except FailedJobError as error:
        raise ConfigError([f"SLURM refuses the jobs: {str(error).strip()}"]) from error


@contextlib.contextmanager
def _errors_into(path: Path) -> Iterator[None]:
    """Have processes that are started write their errors to a file.

    Those that submitit starts on this machine would answer Ctrl-C with tracebacks on the terminal.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with path.open("ab") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _outcome(job: Job, handle: "submitit.Job[Outcome]") -> Outcome:
    """What became of a job that has ended."""
    from submitit.core.utils import FailedJobError, UncompletedJobError

    if not handle.paths.result_pickle.exists():
        lost = f"job {handle.job_id} was cancelled or killed"
        log = handle.paths.stdout
        return Outcome.of(job, "failed", lost, str(log) if log.exists() else None)
    try:
        return handle.result()
    except (FailedJobError, UncompletedJobError) as error:
        last = (str(error).strip() or type(error).__name__).splitlines()[-1]
        return Outcome.of(job, "failed", last, str(handle.paths.stdout))


def _slurm_queue() -> set[str] | None:
    """Ids of the jobs that SLURM knows; None when it does not answer."""
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
