"""Threaded map: ordered results, bounded lookahead and cancellation."""

import threading
import time

import pytest

from clothseg import threads
from clothseg.threads import PREFETCH, map_in_order


def test_results_are_in_the_order_of_the_items():
    def slow_when_even(number):
        time.sleep(0.002 * (number % 2 == 0))
        return -number

    with map_in_order(slow_when_even, range(200)) as results:
        assert list(results) == [-number for number in range(200)]


def test_lookahead_is_bounded(monkeypatch):
    monkeypatch.setattr(threads.os, "cpu_count", lambda: 2)
    started = []
    with map_in_order(lambda number: started.append(number) or number, range(200)) as results:
        for index, number in enumerate(results):
            assert number == index
            assert len(started) <= index + 1 + 2 * PREFETCH
    assert sorted(started) == list(range(200))


def test_an_error_reaches_the_consumer_and_cancels_the_rest():
    done = []

    def work(number):
        if number == 3:
            raise ValueError("three")
        done.append(number)

    with pytest.raises(ValueError, match="three"), map_in_order(work, range(10_000)) as results:
        list(results)
    assert len(done) < 10_000
    assert threading.active_count() < 10
