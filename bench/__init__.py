"""Benchmarks. Each prints a ratio against a floor that was measured in the same run: `python -m bench.<name>`."""
