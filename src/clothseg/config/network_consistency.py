"""Consistency of a network with its backbone, the size of the images and the loss."""

from collections.abc import Mapping
from typing import Any

from clothseg.geometry import sides
from clothseg.loss.pooling_sizes import pooling_problem
from clothseg.model.compatibility import accepted_sizes, pair_problem
from clothseg.shipped import options

Node = Mapping[str, Any]

GUIDED = "clothseg.loss.guided"
"""Loss whose terms are those of the heads of one architecture."""
GUIDED_MODEL = "clothseg.model.pyramid_unet"
"""Architecture with these heads."""
HEADS = {"alpha": "image_heads", "beta": "segmentation_heads"}
"""Keys of the architecture by the keys of the loss that weight the terms of its heads."""


def network_contradictions(
    model: Node, loss: Node, data: Node, choices: Mapping[str, Any]
) -> list[str]:
    """Find what a network contradicts, one sentence each.

    Args:
        model: node of the configuration, like the next two; may violate the schema.
        loss: the loss.
        data: the input pipeline.
        choices: the selected option of each group, or the function in its place.
    """
    problems = []
    if choices.get("model") in options("model") and choices.get("backbone") in options("backbone"):
        stride = model.get("output_stride")
        problems += [
            pair_problem(
                choices["model"],
                choices["backbone"],
                options("model"),
                options("backbone"),
                stride if isinstance(stride, int) else None,
            )
        ]
    problems += [_size_problem(model, loss, data), *_head_problems(model, loss)]
    return [problem for problem in problems if problem]


def _size_problem(model: Node, loss: Node, data: Node) -> str | None:
    """Explain why a network or its loss does not take the images; None if they do."""
    size, sizes = data.get("image_size"), accepted_sizes(model)
    try:
        height, width = sides(size)  # type: ignore[arg-type]
        taken = sizes.take(height, width)
    except (TypeError, ValueError):  # reported by the schema
        return None
    if not taken:
        return (
            f"data.image_size={size}: model={_name(model)} takes {sizes}; "
            f"set data.image_size={sizes.smallest}, after a budget, which changes it, too"
        )
    has_pooling = (model.get("_target_"), loss.get("_target_")) == (GUIDED_MODEL, GUIDED)
    problem = pooling_problem(height, width) if has_pooling and loss.get("gamma") else None
    return problem and f"data.image_size={size}: {problem}, or loss.gamma=0"


def _head_problems(model: Node, loss: Node) -> list[str]:
    """Terms of a loss without their heads, and heads that no term trains."""
    if loss.get("_target_") == GUIDED and model.get("_target_") != GUIDED_MODEL:
        terms = [key for key in (*HEADS, "gamma") if loss.get(key)]
        return [
            f"loss.{key}={loss[key]}: model={_name(model)} has no head for this term; use "
            f"model={GUIDED_MODEL.rpartition('.')[2]}, or loss.{key}=0"
            for key in terms
        ]
    if model.get("_target_") != GUIDED_MODEL or not _is_shipped(loss):
        return []
    problems = []
    for key, head in HEADS.items():
        has_term = loss.get("_target_") == GUIDED and bool(loss.get(key))
        if has_term and model.get(head) is False:
            problems.append(
                f"loss.{key}={loss[key]}: needs the heads of model.{head}=true, or loss.{key}=0"
            )
        if not has_term and model.get(head) is True:
            term = f"loss.{key}=0" if loss.get("_target_") == GUIDED else f"loss={_name(loss)}"
            problems.append(
                f"model.{head}=true: {term} does not train these heads; set model.{head}=false, "
                f"or loss=guided with loss.{key}=1"
            )
    return problems


def _name(node: Node) -> str:
    """Name of the function that a node calls."""
    return str(node.get("_target_")).rpartition(".")[2]


def _is_shipped(node: Node) -> bool:
    return str(node.get("_target_")).startswith("clothseg.")
