"""Threads give results in order, a bounded number ahead, and stop when nobody asks any more."""

import os
import threading
import time

import pytest

from clothseg.threads import AHEAD, in_order


def test_results_come_in_the_order_of_the_items():
    def slow_when_even(number):
        time.sleep(0.002 * (number % 2 == 0))
        return -number

    with in_order(slow_when_even, range(200)) as results:
        assert list(results) == [-number for number in range(200)]


def test_threads_are_a_bounded_number_ahead():
    begun = []
    with in_order(begun.append, range(10_000)) as results:
        next(results)
        time.sleep(0.1)
        assert len(begun) <= AHEAD * (os.cpu_count() or 1) + 1


def test_an_error_reaches_the_one_who_asks_and_the_rest_is_dropped():
    done = []

    def work(number):
        if number == 3:
            raise ValueError("three")
        done.append(number)

    with pytest.raises(ValueError, match="three"), in_order(work, range(10_000)) as results:
        list(results)
    assert len(done) < 10_000
    assert threading.active_count() < 10
