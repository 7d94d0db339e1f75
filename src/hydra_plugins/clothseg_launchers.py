"""Hydra launchers that run the jobs of a sweep, for the options of `conf/hydra/launcher`.

Hydra discovers launchers only in this package, and imports it at every start. The parameters are
the keys of the config files; the work is done in :mod:`clothseg.jobs`, imported by a sweep.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig
from pydantic import Field

if TYPE_CHECKING:
    from clothseg.jobs.inputs import Inputs
    from clothseg.jobs.machine import Machine
    from clothseg.jobs.outcome import Outcome
    from clothseg.jobs.sweep import Sweep
    from clothseg.run.job import Job

Count = Annotated[int, Field(ge=1)]


class ClothsegLauncher(Launcher):
    """Base class of launchers of the jobs of a sweep."""

    @property
    @abstractmethod
    def machine(self) -> "Machine":
        """Resources that one job may use where it runs."""

    @abstractmethod
    def run(self, jobs: "list[Job]", inputs: "Inputs") -> "list[Outcome]":
        """Run jobs; returns their outcomes in the order of the jobs.

        Args:
            jobs: jobs with different run folders.
            inputs: the inputs of the command.
        """

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Store the function that plans and runs the configurations of a sweeper."""
        self._sweep = cast("Sweep", task_function)

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run the configurations that a sweeper chooses; each returns its monitored score."""
        GlobalHydra.instance().clear()  # composing configurations initializes it anew
        scores = self._sweep.try_values(job_overrides)
        return [JobReturn(status=JobStatus.COMPLETED, _return_value=score) for score in scores]


class LocalLauncher(ClothsegLauncher):
    """Launcher that runs jobs in parallel on this machine.

    Args:
        max_parallel: number of parallel jobs; None for as many as the GPUs allow, or three
            processes on the CPU.
    """

    def __init__(self, *, max_parallel: Count | None) -> None:
        super().__init__()
        self.max_parallel = max_parallel

    @property
    def machine(self) -> "Machine":
        """This machine."""
        from clothseg.jobs.machine import Machine

        return Machine.here()

    def run(self, jobs: "list[Job]", inputs: "Inputs") -> "list[Outcome]":
        """Run jobs in processes on this machine, which share the inputs."""
        from clothseg.jobs.local import run_jobs

        return run_jobs(jobs, self.machine, self.max_parallel, inputs)


class SubmititLauncher(ClothsegLauncher):
    """Launcher that submits jobs to SLURM, or to local processes that emulate it, with submitit.

    Args:
        cluster: `slurm` or `local`.
        folder: folder for submitit's files and the log of each job, visible to all nodes.
        cpus_per_task: CPU cores per job.
        gpus_per_node: GPUs per job.
        mem_gb: memory per job in GiB; None for the partition's default.
        timeout_min: time limit of a job in minutes. A job that reaches it is requeued and resumes
            from its last checkpoint.
        max_timeouts: number of times that a job is requeued.
        max_parallel: number of jobs of the sweep that run in parallel.
        partition: SLURM partition; None for the default.
        additional: other sbatch parameters by their long names, such as `{account: vision}`.
    """

    def __init__(
        self,
        *,
        cluster: Literal["slurm", "local"],
        folder: str,
        cpus_per_task: Count,
        gpus_per_node: Annotated[int, Field(ge=0)],
        mem_gb: Annotated[float, Field(gt=0)] | None,
        timeout_min: Count,
        max_timeouts: Annotated[int, Field(ge=0)],
        max_parallel: Count,
        partition: str | None,
        additional: dict[str, Any],
    ) -> None:
        super().__init__()
        from clothseg.jobs.slurm import Request

        self.request = Request(
            cluster,
            folder,
            cpus_per_task,
            gpus_per_node,
            mem_gb,
            timeout_min,
            max_timeouts,
            max_parallel,
            partition,
            additional,
        )

    @property
    def machine(self) -> "Machine":
        """Resources requested for each job."""
        return self.request.machine

    def run(self, jobs: "list[Job]", inputs: "Inputs") -> "list[Outcome]":
        """Submit the jobs, which open their inputs on their nodes, and wait for them."""
        from clothseg.jobs.slurm import run_jobs

        return run_jobs(jobs, self.request)
