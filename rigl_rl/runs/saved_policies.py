"""Finds the saved policies of a run."""

import pathlib

from rigl_rl.errors import ConfigError

LABELS = ("agent", "suite", "env", "method", "sparsity", "seed")
"""Keys that a run's record needs for its policies to be used."""


def policy_of(run: pathlib.Path, step: int | None = None) -> pathlib.Path:
    """The directory of the policy saved at a train step, by default the last one.

    Raises:
      ConfigError: the run has no (such) policy.
    """
    saved = {int(path.name): path for path in run.glob("policies/*") if path.name.isdigit()}
    if not saved:
        raise ConfigError("no saved policy in policies/")
    if step is None:
        step = max(saved)
    if step not in saved:
        steps = ", ".join(map(str, sorted(saved)))
        raise ConfigError(f"no policy of step {step}; saved steps: {steps}")
    return saved[step]
