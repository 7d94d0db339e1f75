"""Scores of instance-level human parsing: of parts, people and characterized parts."""
