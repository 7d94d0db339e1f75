"""Entry point of `python -m clothseg <command>`, equivalent to the console command `clothseg`."""

import sys

from clothseg.commands.main import console

if __name__ == "__main__":
    sys.exit(console())
