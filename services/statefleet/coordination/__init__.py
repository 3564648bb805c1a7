"""Who leads and who takes part: liveness only, for safety comes from the log."""
