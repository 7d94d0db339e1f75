"""clothseg: reproducible clothing segmentation experiments, composed from YAML files."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pandas import DataFrame

# albumentations checks a server for updates at every import, which takes seconds when offline.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

# OpenMP threads of PyTorch spin for milliseconds while they wait. If another program shares the
# cores, a training step takes ten times as long; shorter spins cost nothing on an idle machine.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

__version__ = "0.2.0"


def results(
    folder: str | Path,
    *,
    part: Literal["test", "validation"] = "test",
    per_class: bool = False,
    keys: Literal["differing", "all"] = "differing",
) -> "DataFrame":
    """Read the results of all finished runs below a folder, one row per run.

    Unfinished and damaged runs are left out with a warning; records that `rerun=true` moved aside
    are left out without one. Scores are 0 to 1, and NaN where they are undefined.

    Args:
        folder: folder that is searched, such as `outputs`; it may be a run folder.
        part: part of the split that was scored. For validation, the scores are those of the best
            epoch, and runs of version 0.1.0 are left out.
        per_class: one row per run and class instead.
        keys: columns of the configuration: `differing`, the options of dataset, labels, model and
            backbone, and other options and keys in which the runs differ and that can affect the
            result; or `all`.

    Returns:
        A table with these columns, in this order, sorted by run folder:

        - `run`, `configuration`: run folder, and the folder that all folds share.
        - `fold`, `seed`: index of the tested fold, missing for a split without folds; random seed.
        - `dataset`, `labels`, `model`, `backbone`: options of the run, followed by those of other
          groups, and by keys of the configuration under their dotted names such as `optimizer.lr`.
          Lists are JSON text.
        - `part`, `num_images`: the scored part, and its number of images.
        - The scores of the part, by the names of :data:`clothseg.metric.names.SCORES`: `accuracy`,
          `mean_iou`, `mean_f1` and so on; for human parsing also `apr`, `app`, `pcp`, `person_ap`,
          and `apcr/<kind>` and `miou/<kind>` of each characteristic. With `per_class` instead
          `class_id`, `class_name`, `support`, the number of its pixels in the ground truth, and
          the scores of the class: `iou`, `f1` and so on.
        - `suspect`: reasons to doubt the scores; empty without any.
        - `monitor`, `validation_score`: metric that selected the best epoch, and its value there,
          by which configurations should be selected.
        - `best_epoch`, `epochs`, `parameters`: best epoch from 1, number of epochs and of trainable
          parameters.
        - `train_seconds`, `validation_seconds`, `images_per_second`, `inference_ms`: times and
          speed of training, and time of a prediction.
        - `device`, `commit`: hardware, and commit of the code.

    Raises:
        ConfigError: pandas is not installed (extra `results`), or `part` or `keys` has another
            value.
        DataError: there is no such folder, or no finished run with the part in it.
    """
    import warnings

    from clothseg.error import DataError
    from clothseg.extras import require_extra
    from clothseg.run.finished import finished_runs
    from clothseg.run.rows import COUNTS, result_rows

    require_extra("results", "clothseg.results")
    import pandas

    reasons: list[str] = []
    rows = result_rows(
        finished_runs(Path(folder), reasons.append), part, per_class, keys, reasons.append
    )
    if not rows:
        raise DataError(f"no finished run in {folder} or below has {part} scores")
    for reason in reasons:
        warnings.warn(f"left out: {reason}", stacklevel=2)
    return pandas.DataFrame(rows).astype(dict.fromkeys(COUNTS, "Int64"))
