"""The node registry: nodes, the sessions of their agents, and whether they are alive."""
