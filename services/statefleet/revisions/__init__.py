"""The revision history: what a set's template has been, by number, and how to get back to it."""
