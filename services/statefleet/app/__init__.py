"""Put processes together: the whole suite in one, or each part in its own.

Nothing else may import both services and workers.
"""
