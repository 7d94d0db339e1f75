"""Tiny runs of human parsing on drawn groups."""

QUERIES = 3
TINY = [
    "model=hptr_tiny",
    "backbone=resnet18",
    "backbone.weights=null",
    "model.characteristics=[size,color]",
    f"model.queries={QUERIES}",
    "model.features=32",
    "model.heads=2",
    "model.hidden=32",
    "model.layers=1",
    "model.lateral_channels=32",
    "model.shared_channels=32",
    "data.image_size=64",
    "data.batch_size=2",
    "split.folds=2",
]
"""Overrides with which a training ends within seconds."""


def draw(command_line, folder, images):
    """Draw a dataset of groups; return the overrides that select it."""
    dataset = ["dataset=ccihp", f"dataset.root={folder / 'ccihp'}"]
    drawn = command_line.run(
        ["scripts/dataset.py", "action=draw", *dataset, f"num_images={images}"]
    )
    assert drawn.returncode == 0, drawn.stderr
    return dataset


def training(command_line, output, dataset, *overrides):
    """Arguments of a tiny training."""
    common = [o for o in command_line.common(output) if "dataset.root" not in o]
    return ["train.py", *common, *dataset, *TINY, *overrides]
