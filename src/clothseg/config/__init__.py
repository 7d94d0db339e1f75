"""Parsing and validation of the command line and its configuration, without importing torch."""
