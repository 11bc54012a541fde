"""The score of a run (section 3), for training and analysis alike."""

from collections.abc import Sequence
from typing import Any

import numpy as np

LAST_FRACTION = 0.1
"""Share of the evaluations, from the end, in the score (section 3)."""


def last_of(values: Sequence[Any], last_fraction: float) -> Sequence[Any]:
    """The last int(last_fraction * n) of n values, at least one."""
    return values[-max(1, int(last_fraction * len(values))) :]


def final_score(returns: Sequence[float], last_fraction: float = LAST_FRACTION) -> float:
    """Mean of the last int(last_fraction * n) of n evaluations, at least one (section 3).

    Raises:
      ValueError: there are no evaluations.
    """
    if len(returns) == 0:
        raise ValueError("no evaluation to take a final score of")
    return float(np.mean(last_of(returns, last_fraction)))
