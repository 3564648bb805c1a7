"""The workload store: what users declare and workers create for a workload, and the rules of each such kind."""
