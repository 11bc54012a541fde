"""TF-Agents mains: thin scripts over an off-policy and an on-policy loop."""

import rigl_rl.quiet  # noqa: F401, before the libraries load
