"""Furnish new namespaces and empty those that are to go."""
