"""The terminal of a command: what is shown, the streams that it is written to, and its signals."""
