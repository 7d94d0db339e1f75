"""Run: train and test one configuration on one fold, and record it."""
