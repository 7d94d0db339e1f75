"""Networks with their losses: scored, used, and trained by Lightning."""
