"""Exports trained policies as files for other programs."""

import rigl_rl.quiet  # noqa: F401, before the libraries load
