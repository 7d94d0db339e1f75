"""Server that runs commands sequentially in one process, so that libraries are imported only once.

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

from support.paths import REPOSITORY

ENVIRONMENT = {"CUDA_VISIBLE_DEVICES": "", "WANDB_API_KEY": "", "NETRC": os.devnull}
"""Hides GPUs and API keys of the machine from tests."""


class CommandServer:
    """Client of a process that runs commands in :data:`ENVIRONMENT`.

    Args:
        folder: folder of the files with the console output.
    """

    def __init__(self, folder):
        self.paths = folder / "stdout", folder / "stderr"
        self.read_end, write_end = os.pipe()
        with contextlib.ExitStack() as stack:
            output, error = (stack.enter_context(path.open("ab")) for path in self.paths)
            self.process = subprocess.Popen(
                [sys.executable, "-m", "support.command_server", str(write_end)],
                cwd=REPOSITORY,
                env=os.environ | ENVIRONMENT | {"PYTHONPATH": _search_path()},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=error,
                pass_fds=[write_end],
                text=True,
                start_new_session=True,
            )
        os.close(write_end)

    def run(self, arguments, seconds=300):
        """Run a command to its end; return its status and output."""
        before = [path.stat().st_size for path in self.paths]
        self.process.stdin.write(json.dumps([str(a) for a in arguments]) + "\n")
        self.process.stdin.flush()
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
        """Stop the server process."""
        self.process.stdin.close()
        self.process.wait(timeout=60)
        os.close(self.read_end)


def _search_path():
    """Folder of the tests, followed by the PYTHONPATH of the environment."""
    return os.pathsep.join(filter(None, [str(REPOSITORY / "tests"), os.environ.get("PYTHONPATH")]))


def main(answers):
    """Run the commands from standard input until it is closed."""
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
