"""Measurements of speed, resuming, finite training and bad input, and of other libraries.

Run one with `python -m benchmarks.NAME`.
"""

from pathlib import Path

import rigl_rl.quiet  # noqa: F401, before the libraries load

ROOT = Path(__file__).resolve().parents[1]
"""Of the repository."""
