"""Jobs: many runs, on this machine or on a cluster, retried, resumed and summed up."""
