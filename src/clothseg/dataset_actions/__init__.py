"""What `scripts/dataset.py` can do with a dataset; one module for each action.

A module `<action>.py` has a function ``act(task: Task) -> int`` that does the work, says what it
wrote, and gives the exit status.
"""
