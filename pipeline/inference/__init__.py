"""Shards -> predictions, next to the model: in a job's container, or on a laptop."""
