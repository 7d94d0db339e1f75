"""Losses of human parsing: of people, which are matched to queries, and of semantic maps."""
