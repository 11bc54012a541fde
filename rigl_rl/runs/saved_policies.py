"""Finds the saved policies of a run, and checks that they are greedy."""

import pathlib
import re

import tensorflow as tf

from rigl_rl.errors import ConfigError
from rigl_rl.runs.random_state import operations_of

LABELS = ("agent", "suite", "env", "method", "sparsity", "seed")
"""Keys that a run's record needs for its policies to be used."""

# TensorFlow's operations that draw random numbers, with hidden state, a seed or a generator.
_RANDOM = re.compile("Random|Multinomial|Truncated|Rng|StatefulStandardNormal|StatefulUniform")


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


def refuse_sampling(action: tf.types.experimental.ConcreteFunction) -> None:
    """Raises a ConfigError if a policy's function draws random numbers.

    The policy of a run with `SparsePPOAgent.greedy_eval = False` does. No seed determines them.
    """
    if any(map(_RANDOM.search, operations_of(action))):
        raise ConfigError(
            "its policy samples actions; only greedy ones can be exported or evaluated with noise"
        )
