"""Measurements of speed and of resuming. Run one with `python -m benchmarks.NAME`."""

import rigl_rl.quiet  # noqa: F401, before the libraries load
