"""Searches: trials of configurations, each of which is all of its folds.

A study holds the trials and chooses new ones by a sampler; :mod:`.run` is the same for all studies.
"""
