"""Launching: which runs make a figure (`studies`) and where they run (`execution`).

Nothing here imports TensorFlow: a run is a command line, started in a separate process.
"""

import rigl_rl  # noqa: F401  # a signal is one line from here on
