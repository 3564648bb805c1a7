"""Say which pods stand behind each service."""
