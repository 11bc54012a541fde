"""Evaluates trained policies under noise on their observations: section 8, Figure 6."""

import rigl_rl.quiet  # noqa: F401, before the libraries load

EPISODES = 20
"""Of each strength of noise, unless another number is given."""
