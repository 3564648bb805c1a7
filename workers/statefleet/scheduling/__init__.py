"""Give pending pods their nodes."""
