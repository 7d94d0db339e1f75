"""Comparison of two configurations over folds and seeds."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class ResampledT:
    """Result of the corrected resampled t-test; all NaN for fewer than two differences.

    Args:
        difference: mean difference.
        low: lower limit of its confidence interval.
        high: upper limit.
        t: the statistic; infinite if the differences do not vary, and NaN if all are 0.
        p: two-sided p-value, 0 to 1.
    """

    difference: float
    low: float
    high: float
    t: float
    p: float


def resampled_t_test(
    differences: np.ndarray, train_images: float, test_images: float, confidence: float = 0.95
) -> ResampledT:
    """Test whether two configurations differ in a score, over k folds and r seeds.

    The t-test takes runs for independent. Runs that share training images are correlated by about
    n_test / (n_test + n_train), which the factor 1/kr + n_test/n_train of the variance accounts
    for, where the t-test has 1/kr. The statistic has kr - 1 degrees of freedom.

    Args:
        differences: difference of the scores in each fold with each seed, float64 [kr]; undefined
            ones (NaN) are left out, and kr is the number of the others. Differences that do not
            vary have p = 0, the limit of small variance, or p = 1 if all are 0.
        train_images: training images of a run, or their mean over folds.
        test_images: test images of a run, or their mean.
        confidence: confidence of the interval, 0 to 1.

    Raises:
        ValueError: a number of images is not positive.

    Source: Nadeau and Bengio (2003), Inference for the generalization error, corrected resampled
        t-test; Bouckaert and Frank (2004) for repeated cross-validation.
    """
    if min(train_images, test_images) <= 0:
        raise ValueError(f"{train_images} training and {test_images} test images must be positive")
    defined = differences[~np.isnan(differences)]
    runs = len(defined)
    if runs < 2:
        return ResampledT(*[math.nan] * 5)
    mean = float(defined.mean())
    error = math.sqrt(defined.var(ddof=1) * (1 / runs + test_images / train_images))
    half = float(stats.t.ppf((1 + confidence) / 2, runs - 1)) * error
    t = mean / error if error > 0 else mean * math.inf
    p = 1.0 if math.isnan(t) else float(2 * stats.t.sf(abs(t), runs - 1))
    return ResampledT(mean, mean - half, mean + half, t, p)
