"""`python -m clothseg <command>`, the same as the console command `clothseg`."""

import sys

from clothseg.commands.main import console

if __name__ == "__main__":
    sys.exit(console())
