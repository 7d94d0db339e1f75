"""Pairs of architecture and backbone that cannot work, known before anything heavy is imported."""

from collections.abc import Sequence

REFUSED = {
    ("linknet", "mit"): "segmentation-models-pytorch builds no LinkNet on a Mix Transformer",
}
"""Architecture and first letters of the backbone's name, with the reason."""


def pair_problem(
    model: str, backbone: str, models: Sequence[str], backbones: Sequence[str]
) -> str | None:
    """Why an architecture cannot have a backbone, and what works instead; None when it can.

    Args:
        model: name of the architecture, an option of `conf/model`.
        backbone: name of the backbone, an option of `conf/backbone`.
        models: all architectures.
        backbones: all backbones.
    """
    reason = _reason(model, backbone)
    if reason is None:
        return None
    other_backbones = [name for name in backbones if _reason(model, name) is None]
    other_models = [name for name in models if _reason(name, backbone) is None]
    return (
        f"model={model} cannot have backbone={backbone}: {reason}. "
        f"model={model} works with {', '.join(other_backbones)}; "
        f"backbone={backbone} works with {', '.join(other_models)}"
    )


def _reason(model: str, backbone: str) -> str | None:
    matches = (why for (a, b), why in REFUSED.items() if a == model and backbone.startswith(b))
    return next(matches, None)
