"""Keep StatefulSets as they were declared: observe, plan, execute."""
