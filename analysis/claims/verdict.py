"""From a quantity and its uncertainty to a verdict."""

import math
from typing import NamedTuple

import numpy as np
from scipy import stats

from analysis import intervals
from analysis.claims.pairs import Estimates, Quantity
from analysis.intervals import reach

SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"
TOO_FEW = "too few seeds"
ERROR_RATE = 0.05
"""For all claims that are shown together, by Holm's correction."""
FEWEST_FOR_VERDICT, FEWEST_ALONE = 5, 10
"""Seeds of each setting that a verdict needs; the second if a probability of improvement comes from
a single pair of settings. With fewer, more than 6% of studies can be wrong (docs/statistics.md).
"""
COUNTED = -1
"""In place of a number of seeds."""
MOST_SEEDS = 200
"""Above this, `seeds_needed` returns None."""


class Range(NamedTuple):
    """The range of a quantity, (low, high), in which a claim holds."""

    low: float
    high: float = math.inf
    every_task: bool = False
    """Whether every task must be within, so that no gain on one makes up for a loss on another."""

    def holds(self, value: np.ndarray) -> np.ndarray:
        """Whether each value is within."""
        return (value > self.low) & (value < self.high)

    def ends(self) -> list[float]:
        """The finite ends."""
        return [end for end in (self.low, self.high) if math.isfinite(end)]


def fewest(quantity: Quantity, independent: int) -> int:
    """Seeds needed for a verdict on a quantity with this many independent pairs of settings."""
    return FEWEST_ALONE if quantity.variance and independent < 2 else FEWEST_FOR_VERDICT


class Evidence(NamedTuple):
    """A quantity, its standard error and degrees of freedom, and the runs behind it."""

    quantity: Quantity
    value: float
    error: float
    freedom: float
    by_task: dict[str, float]
    p: float
    """The smallest level at which the quantity can be told from the ends of the claim's range."""
    holds: bool
    """Whether it is within that range."""
    against: str
    """The task that alone contradicts the claim, if one does at that level."""
    cells: int
    seeds: int
    """Seeds of the setting with the fewest; COUNTED: there is no randomness."""
    fewest: str
    """That setting."""
    runs: int
    enough: int = FEWEST_FOR_VERDICT
    """Seeds that a verdict needs."""
    notes: tuple[str, ...] = ()

    @property
    def counted(self) -> bool:
        """Whether the quantity was counted, without runs."""
        return self.seeds == COUNTED

    @property
    def ends(self) -> tuple[float, float]:
        """Of the 95% interval; NaN below three seeds."""
        if 0 <= self.seeds < intervals.FEWEST_FOR_INTERVAL:
            return math.nan, math.nan
        half = float(reach(self.error, self.freedom))
        low, high = self.value - half, self.value + half
        return (max(low, 0.0), min(high, 1.0)) if self.quantity.variance else (low, high)

    @property
    def testable(self) -> bool:
        """Whether there are enough seeds for a verdict."""
        return self.counted or self.seeds >= self.enough

    def verdict(self, decided: bool) -> str:
        """decided: whether `p` is small enough given those of the other claims (`holm`)."""
        if not self.testable:
            return TOO_FEW
        if not decided:
            return UNDECIDED
        return SUPPORTED if self.holds else CONTRADICTED

    def seeds_needed(self, wanted: Range, claims: int) -> int | None:
        """Seeds that would decide if the quantity stays; None: more than MOST_SEEDS, or unknown.

        The standard error falls with the square root of the number of seeds. claims: how many are
        shown together; the level is Holm's strictest.
        """
        if math.isnan(self.error):
            return self.enough
        away = min(abs(self.value - end) for end in wanted.ends())
        for seeds in range(max(self.enough, self.seeds + int(self.testable)), MOST_SEEDS + 1):
            times = seeds / self.seeds
            if reach(self.error / times**0.5, self.freedom * times, 1 - ERROR_RATE / claims) < away:
                return seeds
        return None


def judge(
    estimates: Estimates, wanted: Range, least: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Level of decision, whether the claim holds, and the number of the task against it or -1.

    The level is that of the widest t interval that still lies entirely inside or entirely outside
    the range. If every task must be inside, a single task whose interval is outside, at a level
    divided by the number of tasks (Bonferroni), also contradicts the claim.

    least: no level is lower (`Pairs.least_p`). Arrays of any shape, as in `estimates`.
    """
    level = np.maximum(_level(estimates.value, estimates.error, estimates.freedom, wanted), least)
    holds = wanted.holds(estimates.value)
    against = np.full(level.shape, -1)
    tasks = estimates.by_task[0].shape[-1]
    if wanted.every_task and tasks > 1:
        outside = ~wanted.holds(estimates.by_task[0])
        by_task = np.where(outside, _level(*estimates.by_task, wanted), np.inf)
        which = by_task.argmin(-1)
        own = np.minimum(1.0, by_task.min(-1, initial=np.inf) * tasks)
        alone = outside.any(-1) & (holds | (own < level))
        level, against = np.where(alone, own, level), np.where(alone, which, against)
        holds = holds & ~outside.any(-1)
    return level, holds, against


def _level(value: np.ndarray, error: np.ndarray, freedom: np.ndarray, wanted: Range) -> np.ndarray:
    away = np.min([abs(value - end) for end in wanted.ends()], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(away > 0, away / error, 0.0)
    return 2 * stats.t.sf(ratio, np.maximum(freedom, 1e-9))


def holm(p: np.ndarray) -> np.ndarray:
    """Which of the claims [..., claims] are decided together (Holm, 1979).

    The chance of one false decision or more is at most `ERROR_RATE`. NaN: not tested.
    """
    order = np.argsort(p, axis=-1)  # NaN last
    sorted_p = np.take_along_axis(p, order, -1)
    left = np.isfinite(p).sum(-1, keepdims=True) - np.arange(p.shape[-1])
    small = sorted_p <= ERROR_RATE / np.maximum(left, 1)
    decided = np.zeros(p.shape, dtype=bool)
    np.put_along_axis(decided, order, np.logical_and.accumulate(small, axis=-1), -1)
    return decided
