"""Keep DaemonSets as they were declared, a pod on every node that suits them: observe, plan, execute."""
