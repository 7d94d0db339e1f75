"""Training and testing of one configuration on one fold, and the record of it."""
