"""Threads that work on many items, a few ahead of the one that is asked for."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

AHEAD = 16
"""Results that each thread is usually ahead of the one that is asked for; memory stays flat."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def map_in_order(
    work: Callable[[Item], Result], items: Iterable[Item], ahead: int = AHEAD
) -> Iterator[Iterator[Result]]:
    """The results of all items in their order; whatever is not begun on leaving is dropped.

    Args:
        work: what is done to each item.
        items: in any number.
        ahead: results that each thread may be ahead.
    """
    threads = os.cpu_count() or 1
    pool = ThreadPoolExecutor(threads)

    def results() -> Iterator[Result]:
        waiting: deque[Future[Result]] = deque()
        for item in items:
            if len(waiting) == ahead * threads:
                yield waiting.popleft().result()
            waiting.append(pool.submit(work, item))
        while waiting:
            yield waiting.popleft().result()

    try:
        yield results()
    finally:
        pool.shutdown(cancel_futures=True)
