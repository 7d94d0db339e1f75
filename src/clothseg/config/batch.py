"""Even division of a batch over processes and gradient accumulation steps."""


def batch_problem(
    batch_size: int, world_size: int, accumulation_steps: int, least: int
) -> str | None:
    """Why a batch cannot be shared evenly, None when it can.

    Args:
        batch_size: photos in one training step, over all processes together.
        world_size: processes that share it.
        accumulation_steps: parts that each works through one after the other.
        least: photos that a network has to see at once.
    """
    parts = world_size * accumulation_steps
    if batch_size % parts == 0 and batch_size >= least * parts:
        return None
    allowed = ", ".join(str(parts * (least + more)) for more in range(3))
    if parts == 1:
        return (
            f"data.batch_size={batch_size}: this network normalises over {least} photos or more "
            f"in training; allowed are {allowed} and so on"
        )
    who = [f"{world_size} processes (trainer.devices)"] if world_size > 1 else []
    who += (
        [f"{accumulation_steps} turns (trainer.accumulation_steps)"]
        if accumulation_steps > 1
        else []
    )
    each = "a photo" if least == 1 else f"the {least} photos that normalisation needs"
    return (
        f"data.batch_size={batch_size} cannot be shared evenly by {' of '.join(who)} with at least "
        f"{each} for each of them; allowed are {allowed} and so on"
    )
