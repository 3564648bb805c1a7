"""Node agents: run the pods bound to their nodes and report what became of them."""
