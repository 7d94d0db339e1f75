"""Commands, one module for each script."""
