"""Keep the reckoning of disruption budgets."""
