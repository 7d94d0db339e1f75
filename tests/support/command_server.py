"""Runs commands one after the other in one process.

Each command runs as the script that it names, with the console redirected to two files. Behavior
that needs a separate process (exit, signals, environment) cannot be tested this way.
"""

import contextlib
import json
import os
import runpy
import selectors
import subprocess
import sys
import traceback

from clothseg.jobs.process import prepare

ENVIRONMENT = {"CUDA_VISIBLE_DEVICES": "", "WANDB_API_KEY": "", "NETRC": os.devnull}
"""Hides GPUs and API keys of the machine from tests."""


class CommandServer:
    """Client of a process that runs commands in :data:`ENVIRONMENT`.

    Args:
        folder: where it keeps what commands say.
        origin: what it is forked from, with the libraries loaded.
    """

    def __init__(self, folder, origin):
        self.paths = folder / "stdout", folder / "stderr"
        self.read_end, answers = os.pipe()
        commands, self.commands = os.pipe()
        with contextlib.ExitStack() as stack:
            output, error = (stack.enter_context(path.open("ab")) for path in self.paths)
            self.process = origin.start(
                ["-m", "support.command_server"],
                os.environ | ENVIRONMENT,
                stdin=commands,
                stdout=output.fileno(),
                stderr=error.fileno(),
                inherited=[answers],
            )
        os.close(commands)
        os.close(answers)

    def run(self, arguments, seconds=300):
        """Run a command to its end; return its status and output."""
        before = [path.stat().st_size for path in self.paths]
        os.write(self.commands, json.dumps([str(a) for a in arguments]).encode() + b"\n")
        with selectors.DefaultSelector() as selector:
            selector.register(self.read_end, selectors.EVENT_READ)
            if not selector.select(seconds):
                raise TimeoutError(f"no answer to {arguments}")
        status = os.read(self.read_end, 1)
        output, error = (
            path.read_bytes()[start:].decode()
            for path, start in zip(self.paths, before, strict=True)
        )
        assert status, f"the server has ended: {error}"
        return subprocess.CompletedProcess(arguments, status[0], output, error)

    def close(self):
        """End the process and all that it has started."""
        os.close(self.commands)
        self.process.wait(timeout=60)
        os.close(self.read_end)


def main(answers):
    """Run the commands of standard input until it ends."""
    prepare()  # the server of job processes, which must not know what commands have left here
    for line in sys.stdin:
        sys.argv = json.loads(line)
        status = 0
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            traceback.print_exc()
            status = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(answers, bytes([status]))


if __name__ == "__main__":
    main(int(sys.argv[1]))
