"""Measurements of speed and of resuming. Run one with `python -m benchmarks.NAME`."""

from pathlib import Path

import rigl_rl.quiet  # noqa: F401, before the libraries load

ROOT = Path(__file__).resolve().parents[1]
"""Of the repository."""
