"""Hydra sweepers that search ranges and choices, for the options of `conf/hydra/sweeper`.

Like the launchers, they are discovered by Hydra at every start. The parameters are the keys of the
config files; the work is done in :mod:`clothseg.jobs.search`, imported by a search.
"""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from hydra.core.global_hydra import GlobalHydra
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig
from pydantic import Field

if TYPE_CHECKING:
    from clothseg.config.search_space import Dimension
    from clothseg.jobs.search.study import Study
    from clothseg.jobs.sweep import Sweep

Count = Annotated[int, Field(ge=1, le=10_000)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]


class ClothsegSweeper(Sweeper):
    """Base class of sweepers whose trials are all folds of a configuration.

    Args:
        trials: number of trials of the whole search.
        seed: random seed of the sampler.
        parallel: number of trials that run side by side; None for one per GPU.
    """

    def __init__(self, *, trials: Count, seed: Seed, parallel: Count | None) -> None:
        self.trials, self.seed, self.parallel = trials, seed, parallel

    @property
    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Settings that decide which trials are chosen, and tell one search from another."""

    @abstractmethod
    def open_study(self, folder: Path, space: "Sequence[Dimension]", maximize: bool) -> "Study":
        """Create the study of a search, or open that of an earlier start.

        Args:
            folder: folder of the search.
            space: its search space.
            maximize: whether higher values are better.
        """

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Store the function that plans and runs the configurations of a sweeper."""
        self._sweep = cast("Sweep", task_function)

    def sweep(self, arguments: list[str]) -> None:
        """Run the trials of the search that the arguments describe."""
        from clothseg.jobs.search.run import run_search

        GlobalHydra.instance().clear()  # composing configurations initializes it anew
        run_search(self._sweep, arguments, self)


class RandomSweeper(ClothsegSweeper):
    """Sweeper that draws every trial independently of all others; arguments as above."""

    @property
    def settings(self) -> dict[str, Any]:
        """Seed."""
        return {"sweeper": "random", "seed": self.seed}

    def open_study(self, folder: Path, space: "Sequence[Dimension]", maximize: bool) -> "Study":
        """Return a study without any file: its trials follow from seed and number."""
        from clothseg.jobs.search.random_study import RandomStudy

        return RandomStudy(space, self.seed)


class OptunaSweeper(ClothsegSweeper):
    """Sweeper whose trials a sampler of Optuna chooses by the values of earlier ones.

    Args:
        trials: number of trials of the whole search.
        seed: random seed of the sampler.
        parallel: number of trials that run side by side; None for one per GPU.
        sampler: sampler of Optuna.
        pruner: rule that ends hopeless trials after one of their folds.
    """

    def __init__(
        self,
        *,
        trials: Count,
        seed: Seed,
        parallel: Count | None,
        sampler: Literal["tpe", "random", "gp", "cmaes", "qmc", "grid"],
        pruner: Literal["median", "wilcoxon", "none"],
    ) -> None:
        super().__init__(trials=trials, seed=seed, parallel=parallel)
        self.sampler, self.pruner = sampler, pruner

    @property
    def settings(self) -> dict[str, Any]:
        """Sampler with its seed, and pruner."""
        chosen = {"sampler": self.sampler, "pruner": self.pruner, "seed": self.seed}
        return {"sweeper": "optuna", **chosen}

    def open_study(self, folder: Path, space: "Sequence[Dimension]", maximize: bool) -> "Study":
        """Open the SQLite file of the study."""
        from clothseg.jobs.search.optuna_study import OptunaStudy

        return OptunaStudy(folder, space, maximize, self.sampler, self.pruner, self.seed)
