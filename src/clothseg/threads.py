"""Ordered, bounded parallel map over threads."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

PREFETCH = 16
"""Default number of results computed ahead per thread; bounds the memory."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def map_in_order(
    work: Callable[[Item], Result], items: Iterable[Item], ahead: int = PREFETCH
) -> Iterator[Iterator[Result]]:
    """Apply a function to items in threads and yield an iterator over the results in order.

    Items that have not been started when the context exits are cancelled.

    Args:
        work: function applied to each item.
        items: any number of items.
        ahead: number of results that each thread may compute ahead of the consumer.
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
