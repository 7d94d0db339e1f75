"""Even division of a batch over processes and gradient accumulation steps."""


def batch_problem(
    batch_size: int, world_size: int, accumulation_steps: int, min_images: int
) -> str | None:
    """Error message if a batch cannot be divided evenly, otherwise None.

    Args:
        batch_size: images in one training step, over all processes.
        world_size: number of processes.
        accumulation_steps: micro-batches that each process accumulates per step.
        min_images: images that the network needs in each micro-batch.
    """
    parts = world_size * accumulation_steps
    if batch_size % parts == 0 and batch_size >= min_images * parts:
        return None
    allowed = ", ".join(str(parts * (min_images + more)) for more in range(3))
    if parts == 1:
        return (
            f"data.batch_size={batch_size}: the batch normalization of this network needs at least "
            f"{min_images} images in training; allowed: {allowed}, …"
        )
    divisors = [f"{world_size} processes (trainer.devices)"] if world_size > 1 else []
    if accumulation_steps > 1:
        divisors += [f"{accumulation_steps} micro-batches (trainer.accumulation_steps)"]
    minimum = (
        "1 image" if min_images == 1 else f"{min_images} images, which batch normalization needs,"
    )
    return (
        f"data.batch_size={batch_size} cannot be divided evenly among {' x '.join(divisors)} with "
        f"at least {minimum} in each; allowed: {allowed}, …"
    )
