"""Delete what belongs to owners that are gone, as far and as fast as the deletion asked for."""
