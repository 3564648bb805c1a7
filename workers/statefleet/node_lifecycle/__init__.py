"""Draw the consequences of what becomes of nodes."""
