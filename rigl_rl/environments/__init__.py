"""Environments: gymnasium for TF-Agents, and batched evaluation. Independent of agents."""

import rigl_rl.quiet  # noqa: F401, before the libraries load
