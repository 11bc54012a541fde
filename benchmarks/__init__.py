"""Measurements of speed and of resuming. Run one with `python -m benchmarks.NAME`."""
