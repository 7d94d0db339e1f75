"""Train, cross-validate or sweep: `python train.py --help`, and conf/README.md for every choice."""

import sys

from clothseg.command import train

if __name__ == "__main__":
    sys.exit(train(sys.argv[1:]))
