"""How far runs bear out that one group of them does better than another.

Two quantities of rliable (Agarwal et al., 2021), both with its 95 % stratified-bootstrap interval:
the probability that a run of the first group beats one of the second, averaged over cells (a task,
or a task at one sparsity), and the difference of the groups' interquartile means.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from rliable import metrics

from analysis.intervals import paired_interval

SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "not enough data"
MOST_SEEDS = 200
"""A need for more is said as such."""


class Range(NamedTuple):
    """What a quantity has to be for a claim to hold: within (low, high)."""

    low: float
    high: float = math.inf


class Evidence(NamedTuple):
    """A quantity, the ends of its 95 % interval (NaN for single seeds), and what it rests on."""

    value: float
    low: float
    high: float
    cells: int
    independent: int
    """Cells, those that share the runs of a side counted once."""
    seeds: int
    """Of each cell, on the side that has fewer."""
    runs: int
    """Of both sides, each counted once."""

    def verdict(self, wanted: Range) -> str:
        """Supported if the interval is within the range, contradicted if it is outside of it.

        Too few runs are not enough data, whatever the interval: a bootstrap of three seeds that
        happen to lie apart has no width at all. Few are too few where even groups that do not
        overlap in any cell could be told from chance less often than at the 5 % level (a
        permutation test).
        """
        if not self.seeds or math.isnan(self.low) or not _enough(self.seeds, self.independent):
            return UNDECIDED
        if self.low > wanted.low and self.high < wanted.high:
            return SUPPORTED
        if self.high < wanted.low or self.low > wanted.high:
            return CONTRADICTED
        return UNDECIDED

    def seeds_needed(self, wanted: Range) -> int | None:
        """Seeds per cell that would decide, if the quantity stays; None: more than MOST_SEEDS.

        An interval narrows with the square root of the number of seeds.
        """
        if self.verdict(wanted) != UNDECIDED:
            return self.seeds
        least = next(seeds for seeds in range(2, 100) if _enough(seeds, max(1, self.independent)))
        if math.isnan(self.low) or self.seeds < least:
            return least
        away = min(abs(self.value - end) for end in wanted)
        reach = max(self.value - self.low, self.high - self.value)
        if away * math.sqrt(MOST_SEEDS) <= reach * math.sqrt(self.seeds):
            return None
        return max(least, self.seeds + 1, math.ceil(self.seeds * (reach / away) ** 2))


NOTHING = Evidence(math.nan, math.nan, math.nan, 0, 0, 0, 0)


def _enough(seeds: int, cells: int) -> bool:
    return seeds > 1 and math.comb(2 * seeds, seeds) ** cells >= 40


def probability(first: pd.DataFrame, second: pd.DataFrame, by: Sequence[str]) -> Evidence:
    """That a run of `first` scores higher than one of `second` in the same cell; ties count half.

    Args:
      first, second: runs, with the columns `by`, `score` and `path`.
      by: tell the cells apart; cells that only one side has are left out, and those with so few
        runs that all others would have to do with as few.
    """
    return _evidence(first, second, by, probability_of_improvement)


def difference(first: pd.DataFrame, second: pd.DataFrame, by: Sequence[str]) -> Evidence:
    """Interquartile mean of `first` minus that of `second`; otherwise as `probability`."""
    return _evidence(
        first, second, by, lambda x, y: metrics.aggregate_iqm(x) - metrics.aggregate_iqm(y)
    )


def probability_of_improvement(x: np.ndarray, y: np.ndarray) -> float:
    """Rliable's metric of that name, [seeds, cells] each, a hundred times as fast."""
    above, equal = x[:, np.newaxis] > y, x[:, np.newaxis] == y
    return float(np.mean(above + 0.5 * equal))


def _evidence(first, second, by, statistic) -> Evidence:
    sides = [dict(list(side.groupby(list(by), dropna=False))) for side in (first, second)]
    cells = [key for key in sides[0] if key in sides[1]]
    if not cells:
        return NOTHING
    # rliable wants as many runs of each cell: the number of seeds that keeps the most runs, so that
    # a study whose last seed is under way counts the seeds before in full.
    fewer = {key: min(len(side[key]) for side in sides) for key in cells}
    seeds = max(fewer.values(), key=lambda n: (n * sum(m >= n for m in fewer.values()), n))
    cells = [key for key in cells if fewer[key] >= seeds]
    used = [
        [side[key].head(min(len(side[other]) for other in cells)) for key in cells]
        for side in sides
    ]
    (x, of_x), (y, of_y) = map(_groups, used)
    value, low, high = paired_interval(x, y, lambda x, y: statistic(x[:, of_x], y[:, of_y]))
    runs = pd.concat([cell["path"] for side in used for cell in side]).nunique()
    independent = min(x.shape[1], y.shape[1])
    return Evidence(value, low, high, len(cells), independent, min(len(x), len(y)), runs)


def _groups(cells: Sequence[pd.DataFrame]) -> tuple[np.ndarray, list[int]]:
    """Scores [seeds, groups], and the group of each cell.

    Cells of the same runs (a dense network beside several methods) are one group, so that a
    bootstrap draws its seeds once for all of them.
    """
    groups: dict[tuple, int] = {}
    runs = (tuple(zip(cell["path"], cell["score"])) for cell in cells)
    of_cell = [groups.setdefault(group, len(groups)) for group in runs]
    scores = [cells[of_cell.index(group)]["score"].to_numpy() for group in range(len(groups))]
    return np.stack(scores, axis=1), of_cell
