"""Lightning modules for training and evaluation."""
