"""Finished runs with the scores of imaginary images, in memory, for tests of comparisons."""

from pathlib import Path

import numpy as np

from clothseg.run.finished import FinishedRun
from clothseg.run.tables import ImageTable
from support.random_counts import Photos
from support.scores import counts_card


class Experiment:
    """Dataset whose test images are the same for all configurations.

    Args:
        seed: seed of the random numbers.
        images: number of test images of each fold.
        folds: number of folds; 0 for a split without folds.
        luck: standard deviation of the skill of a network over seeds of its training.
        validation: fraction of the validation part, or `test`.
    """

    def __init__(self, seed=0, images=40, folds=0, luck=0.0, validation=0.1):
        self.generator = np.random.default_rng(seed)
        self.folds, self.luck, self.validation = folds, luck, validation
        self.photos = [Photos(self.generator, images) for _ in range(max(folds, 1))]
        self.tables = {}

    def runs(self, skill=0.0, seeds=1, chosen=None):
        """Runs of a configuration, one for each fold and seed.

        Args:
            skill: skill of its networks.
            seeds: number of seeds.
            chosen: validation score; None: that of the test part, which has the luck of a network.
        """
        return [
            self._run(fold, seed, skill + self.generator.normal(0, self.luck), chosen)
            for seed in range(seeds)
            for fold in range(len(self.photos))
        ]

    def read(self, folder):
        """Scores of the images of a run."""
        return self.tables[folder]

    def _run(self, fold, seed, skill, chosen):
        counts = self.photos[fold].counts(skill)
        names = np.array([f"{fold}-{number}" for number in range(len(counts))])
        iou_plus = np.full((len(counts), counts.shape[2]), np.nan)
        folder = Path(f"run-{len(self.tables)}")
        self.tables[folder] = ImageTable(names, counts, iou_plus)
        test = counts_card(counts)
        score = test["mean"]["iou"] if chosen is None else chosen
        validation = {**test, "mean": {**test["mean"], "iou": score}}
        split = {"validation": self.validation}
        split |= {"fold": fold, "folds": self.folds} if self.folds else {}
        metrics = {"test": test, "validation": validation, "validation_loss": 1.0}
        metrics |= {"monitor": "val/mean_iou", "division": "d"}
        config = {"choices": {"dataset": "ccp"}, "config": {"seed": seed, "split": split}}
        return FinishedRun(folder, config, {}, metrics)
