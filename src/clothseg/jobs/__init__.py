"""Jobs: running many runs on this machine or a cluster, with resuming and summaries."""
