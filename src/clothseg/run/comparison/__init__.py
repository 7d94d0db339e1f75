"""Comparison of finished runs: which configurations cannot be told from the best.

A configuration is all its runs, which differ in fold and seed only. The best is chosen by the
validation score. Every other is tested against it in the test score of the same kind (the mean IoU
where the loss was monitored), at a level of 5 %. Bold are the best, and all that cannot be told
from it; what is better on the test part is told from it too. The runs decide the test:

==================  ===================================  ==========================================
runs                test                                 chance that it accounts for
==================  ===================================  ==========================================
one                 permutation test over test images    choice of test images; not the training,
                                                         so that it compares trained networks
several seeds,      t-test over seeds and test images    training, and choice of test images
one split
folds, with one     corrected resampled t-test over      training, and choice of training and test
or several seeds    folds and seeds, paired              images
==================  ===================================  ==========================================

Their functions are :func:`clothseg.metric.significance.paired.permutation_test`,
:func:`clothseg.metric.significance.seeds_t.seeds_t_test` and
:func:`clothseg.metric.significance.resampled_t.resampled_t_test`, which name their sources.

- p-values are adjusted by Holm's method, over the pairs with the best if it was chosen by other
  images than those that test it: single runs with a validation part of their own. Otherwise the
  best is the luckiest of several, since a network that happened to train well has high scores on
  both parts, and all pairs count. Of C equal configurations any is then told from the best in 5 %
  of cases at most. The price: of twenty configurations with five folds, only very large differences
  are found; more seeds, or fewer configurations, find smaller ones.
- Only configurations with the same test images are paired. Others, and those whose records lack the
  scores of each image (written since version 0.2.0; folds do not need them), are not bold.
- Where nothing can be tested, the highest mean is bold.
- Intervals are bootstrap intervals of 95 % over test images, of each fold on its own; they account
  for the choice of test images only.
"""

from clothseg.run.comparison.compare import (
    ALPHA,
    TESTS,
    Comparison,
    Standing,
    compare,
    compare_classes,
)
from clothseg.run.comparison.scored import Bounds, Difference, Method

__all__ = [
    "ALPHA",
    "TESTS",
    "Bounds",
    "Comparison",
    "Difference",
    "Method",
    "Standing",
    "compare",
    "compare_classes",
]
