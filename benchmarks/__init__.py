"""Measurements of speed and of resuming. Run one with `python -m benchmarks.NAME`."""

import rigl_rl.tfagents  # noqa: F401, quietens the libraries before they load
