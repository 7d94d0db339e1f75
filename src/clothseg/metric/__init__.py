"""Scores of a segmentation: what is counted, what follows from it, how it is written."""
