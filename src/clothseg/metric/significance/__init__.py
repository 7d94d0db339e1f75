"""Arithmetic that separates real differences from chance: intervals, tests, ranks.

Every score here follows from sums over images, :class:`clothseg.metric.significance.terms.Terms`:

- `bootstrap.interval`: uncertainty of a score.
- `paired.difference` and `paired.permutation_test`: two trained networks on the same images.
- `resampled_t.resampled_t_test`: two configurations over folds and seeds.
- `holm.holm`: p-values of several classes or pairs at once.
- `ranks.ranking`: many trained networks on the same images, and those as good as the best.

Assumptions and limits:

- Images are independent. Near-duplicates are not: `Terms.grouped` combines each group of them into
  one unit and keeps the score.
- Bootstrap and permutations of images account for the choice of test images, not for the training.
  Two runs of one configuration with different seeds are two networks, and given enough images the
  test tells them apart, correctly. A statement about configurations needs several runs of each:
  `resampled_t_test`, or a permutation test whose units are whole runs, again by `Terms.grouped`.
- Folds share most of their training images, so that their scores are correlated; the plain t-test
  ignores this and finds differences that are not there. `resampled_t_test` assumes a correlation.
  Exchanging whole runs assumes none, but is a statement about these training images only.
- A difference that is not found may exist: its interval shows how large it can be.
"""
