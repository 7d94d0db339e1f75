"""Compute resources, and their allocation to jobs and processes."""

import itertools
import os
from dataclasses import dataclass
from pathlib import Path

from clothseg.config.batch import batch_problem
from clothseg.config.run_config import RunConfig
from clothseg.error import ConfigError
from clothseg.model.compatibility import min_batch_size

MAX_PARALLEL_ON_CPU = 3
"""Parallel processes on the CPU. A small network keeps little more than one core busy, and one
process more than there are cores leaves none idle while the last folds finish."""

MIN_CPU_PROCESS_LIMIT = 8
"""Processes per run allowed on any CPU; enough to try out distributed training."""
MAX_PROCESSES_PER_CORE = 4
"""Processes per run and core; more only wait for each other."""


@dataclass(frozen=True)
class Slot:
    """Resources of one job.

    Args:
        threads: CPU threads of PyTorch per process, unless the configuration sets a number.
        gpus: visible GPUs; None for all.
    """

    threads: int
    gpus: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Machine:
    """Resources that are available to jobs.

    Args:
        cores: number of CPU cores.
        gpus: identifiers of the GPUs, as in CUDA_VISIBLE_DEVICES.
    """

    cores: int
    gpus: tuple[str, ...]

    @classmethod
    def here(cls) -> "Machine":
        """Resources available to this process."""
        return cls(usable_cores(), tuple(visible_gpus()))

    def training_world_size(self, config: RunConfig) -> int:
        """World size of a run: one process per device.

        Raises:
            ConfigError: the devices are not available, or cannot split the batch evenly.
        """
        execution, batch_size = config.execution, config.data.batch_size
        world_size = self.world_size(execution.accelerator, execution.devices)
        least = min_batch_size(config.plain)
        problem = batch_problem(batch_size, world_size, execution.accumulation_steps, least)
        if problem:
            raise ConfigError([problem])
        return world_size

    def world_size(self, accelerator: str, devices: int | None) -> int:
        """Number of processes for a number of devices; None for one per GPU.

        Raises:
            ConfigError: the devices are not available, or the CPU has too few cores.
        """
        gpus = 0 if accelerator == "cpu" else len(self.gpus)
        if accelerator == "gpu" and gpus == 0:
            raise ConfigError(
                [
                    "trainer.accelerator=gpu: no CUDA GPU is available, and NCCL needs one; use "
                    "trainer=cpu for the CPU, or trainer=ddp_cpu for several processes on the CPU"
                ]
            )
        if gpus and devices is not None and devices > gpus:
            available = f"{gpus} GPU{'s' if gpus > 1 else ''} ({', '.join(self.gpus)})"
            raise ConfigError([f"trainer.devices={devices}: only {available} available"])
        limit = max(MIN_CPU_PROCESS_LIMIT, MAX_PROCESSES_PER_CORE * self.cores)
        if not gpus and devices is not None and devices > limit:
            cores = f"{self.cores} CPU core{'s' if self.cores > 1 else ''}"
            raise ConfigError(
                [
                    f"trainer.devices={devices}: too many processes for {cores}; "
                    f"at most {limit} are allowed here"
                ]
            )
        return devices or gpus or 1

    def slots(self, num_parallel: int | None, world_size: int, accelerator: str) -> list[Slot]:
        """Divide the machine among jobs that run in parallel.

        Args:
            num_parallel: number of jobs; None lets the machine decide.
            world_size: processes per job.
            accelerator: `auto`, `cpu` or `gpu`.
        """
        gpus = () if accelerator == "cpu" else self.gpus
        max_processes = len(gpus) or min(MAX_PARALLEL_ON_CPU, self.cores + 1)
        num_parallel = num_parallel or max(1, max_processes // world_size)
        threads = max(1, self.cores // (num_parallel * world_size))
        next_gpus = itertools.cycle(gpus)
        return [
            Slot(threads, tuple(itertools.islice(next_gpus, world_size)) if gpus else None)
            for _ in range(num_parallel)
        ]


def visible_gpus() -> list[str]:
    """Identifiers of the GPUs, as in CUDA_VISIBLE_DEVICES; querying CUDA itself takes seconds."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name.strip() not in ("", "-1")]
    return [str(number) for number, _ in enumerate(Path("/dev").glob("nvidia[0-9]*"))]


def usable_cores() -> int:
    """Number of cores this process may run on; a scheduler may limit them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
