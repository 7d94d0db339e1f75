"""Signals that end a command."""

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import signal, sys, time
# As nohup does, under which these tests may run as well.
signal.signal(signal.SIGHUP, signal.SIG_IGN if "ignore" in sys.argv else signal.SIG_DFL)
from clothseg.terminal.signals import interrupt_on_signals, raise_if_interrupted
interrupt_on_signals()
class Swallow:
    def __del__(self):
        print("ready", flush=True)
        time.sleep(10)
try:
    if "swallow" in sys.argv:
        Swallow()  # Python ignores exceptions in this method
        raise_if_interrupted()
    else:
        print("ready", flush=True)
        time.sleep(10 if "ignore" not in sys.argv else 0.5)
    print("finished")
except KeyboardInterrupt:
    print("interrupted")
"""


def output(number, *arguments):
    """Output of a program that receives a signal."""
    command = [sys.executable, "-c", PROGRAM, *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout.readline() == "ready\n"
        program.send_signal(number)
        return program.stdout.read().strip()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_kill_and_a_closed_terminal_interrupt(number):
    assert output(number) == "interrupted"


def test_a_command_that_was_started_with_nohup_outlives_its_terminal():
    assert output(signal.SIGHUP, "ignore") == "finished"


def test_an_interruption_that_python_swallows_is_raised_later():
    assert output(signal.SIGINT, "swallow") == "interrupted"
