"""Threads give results in order, a bounded number ahead, and stop when nobody asks any more."""

import threading
import time

import pytest

from clothseg import threads
from clothseg.threads import AHEAD, map_in_order


def test_results_come_in_the_order_of_the_items():
    def slow_when_even(number):
        time.sleep(0.002 * (number % 2 == 0))
        return -number

    with map_in_order(slow_when_even, range(200)) as results:
        assert list(results) == [-number for number in range(200)]


def test_few_items_are_begun_ahead_of_the_one_that_is_asked_for(monkeypatch):
    monkeypatch.setattr(threads.os, "cpu_count", lambda: 2)
    begun = []
    with map_in_order(lambda number: begun.append(number) or number, range(200)) as results:
        for given, number in enumerate(results):
            assert number == given
            assert len(begun) <= given + 1 + 2 * AHEAD
    assert sorted(begun) == list(range(200))


def test_an_error_reaches_the_one_who_asks_and_the_rest_is_dropped():
    done = []

    def work(number):
        if number == 3:
            raise ValueError("three")
        done.append(number)

    with pytest.raises(ValueError, match="three"), map_in_order(work, range(10_000)) as results:
        list(results)
    assert len(done) < 10_000
    assert threading.active_count() < 10
