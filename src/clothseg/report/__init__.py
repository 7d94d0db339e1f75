"""Output for users: tables for the terminal and figures of runs and datasets."""
