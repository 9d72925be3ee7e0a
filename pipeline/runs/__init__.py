"""A run: what starts it, where its images come from, every S3 key of it, and its plan."""
