"""clothseg: experiments in clothing segmentation, composed from YAML and recorded in full."""

import os

# albumentations asks a server for a newer release at every import, which costs seconds offline.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

# PyTorch's threads spin for milliseconds while they wait for each other. When another program
# shares the cores, a step then takes ten times as long; short spins cost an idle machine nothing.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

__version__ = "0.2.0"
