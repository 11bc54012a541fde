"""Environments: gymnasium for TF-Agents, and batched evaluation. Knows no agent."""

import rigl_rl.quiet  # noqa: F401, before the libraries load
