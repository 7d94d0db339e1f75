"""Train, cross-validate or sweep: `python train.py --help`, and conf/README.md for every choice."""

import sys

from clothseg.commands.main import main

if __name__ == "__main__":
    sys.exit(main("train", sys.argv[1:]))
