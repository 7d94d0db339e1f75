"""Config: from the words of a command line to a checked configuration, without torch."""
