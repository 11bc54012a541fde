"""Pairwise comparison of two groups of runs: every pair of methods within its task, all runs.

A cell is one pair of settings in one task: RigL and SET on Hopper at 90%. Its quantity is the mean
of a kernel over all pairs of a run of one and a run of the other:

- the probability of improvement (Agarwal et al., 2021): 1 where the first run scores higher, 1/2 on
  a tie;
- the difference of their scores.

The quantity of a task is the mean over its cells, and that of a claim the mean over tasks: a task
does not count more if it has more sparsities or more seeds.

Its standard error comes from each run's influence (DeLong et al., 1988, Biometrics 44): how much
the quantity depends on that run in all of its cells. A dense network that is compared with four
methods therefore counts once, not four times. Runs of the same cells are seeds of a setting;
settings are independent. Degrees of freedom are Welch and Satterthwaite's. With one cell, the
difference is Welch's t test, and the probability is Brunner and Munzel's (2000, Biometrical
Journal 42), apart from one pseudo-run per setting, whose influence has the variance expected
without any effect. Without it, five runs that happen to lie above five others would give
certainty.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd


class Quantity(NamedTuple):
    """A quantity that is measured on a pair of runs.

    kernel: scores of the first and the second run -> its value, elementwise.
    variance: variance of a run's influence without any effect, for the pseudo-run; 0: none.
    """

    name: str
    kernel: Callable[[np.ndarray, np.ndarray], np.ndarray]
    variance: float = 0.0


# Without any effect, the share of other runs below a run is uniform over [0, 1]: variance 1/12.
PROBABILITY = Quantity(
    "probability of improvement", lambda x, y: (x > y) + 0.5 * (x == y), variance=1 / 12
)
DIFFERENCE = Quantity("difference in units of the dense score", np.subtract)


class Cell(NamedTuple):
    """One pair of settings: positions of its rows in the two sides, and of their runs."""

    task: int
    name: str
    weight: float
    """Its share in the mean of its task."""
    first: np.ndarray
    second: np.ndarray
    first_runs: np.ndarray
    second_runs: np.ndarray


class Group(NamedTuple):
    """The seeds of a setting: runs of one width that belong to the same cells."""

    task: int
    runs: np.ndarray
    weight: float
    """The sum of its cells' weights."""


class Estimates(NamedTuple):
    """A quantity, its standard error and degrees of freedom [...], also by task [..., tasks].

    NaN where a setting has only one run.
    """

    value: np.ndarray
    error: np.ndarray
    freedom: np.ndarray
    by_task: tuple[np.ndarray, np.ndarray, np.ndarray]


class Pairs:
    """Which runs of two sides are compared with which; scores come with `estimate`.

    Attributes:
      cells: those that both sides have.
      tasks: names, in the order of `Estimates.by_task`.
      seeds: number of runs of the setting with the fewest.
      fewest: the directory of that setting.
      runs: number of runs of both sides, each counted once.
      groups: the settings.
    """

    def __init__(
        self,
        first: pd.DataFrame,
        second: pd.DataFrame,
        by: Sequence[str],
        kinds: Sequence[str] = ("method",),
    ):
        """Pairs the rows of two sides, each with the columns `by` and `kinds`, `env` and `path`.

        by: a pair has equal values in these. kinds: distinguish the settings of a side; each of the
        first side is paired with each of the second.
        """
        members = [_members(side, by, kinds) for side in (first, second)]
        paths = [side["path"].to_numpy() for side in (first, second)]
        number: dict[str, int] = defaultdict(lambda: len(number))
        found = []
        for key, of_first in members[0].items():
            for kind, rows in of_first.items():
                for other, its_rows in members[1].get(key, {}).items():
                    runs = [np.array([number[p] for p in paths[0][rows]])]
                    runs += [np.array([number[p] for p in paths[1][its_rows]])]
                    name = " ".join(map(str, (*key, *kind, "against", *other)))
                    found.append((first["env"].iloc[rows[0]], name, rows, its_rows, *runs))
        self.tasks = sorted({task for task, *_ in found})
        per_task: dict[str, int] = defaultdict(int)
        for task, *_ in found:
            per_task[task] += 1
        self.cells = [
            Cell(self.tasks.index(task), name, 1 / per_task[task], *rest)
            for task, name, *rest in found
        ]
        self.runs = len(number)
        widths: dict[int, float] = {}
        for side in (first, second):
            if "width" in side:
                widths.update(
                    (number[p], w) for p, w in zip(side["path"], side["width"]) if p in number
                )
        self.groups = self._groups(widths)
        names = {run: path for path, run in number.items()}
        fewest = min(self.groups, key=lambda group: len(group.runs), default=None)
        self.seeds = 0 if fewest is None else len(fewest.runs)
        self.fewest = "" if fewest is None else str(names[fewest.runs[0]]).rpartition("/")[0]

    def _groups(self, widths: dict) -> list[Group]:
        cells_of: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for place, cell in enumerate(self.cells):
            for side, runs in enumerate((cell.first_runs, cell.second_runs)):
                for run in runs:
                    cells_of[run].append((place, side))
        alike: dict[tuple, list[int]] = defaultdict(list)
        for run, places in cells_of.items():
            alike[tuple(places), widths.get(run)].append(run)
        return [
            Group(
                self.cells[places[0][0]].task,
                np.array(runs),
                sum(self.cells[place].weight for place, _ in places),
            )
            for (places, _), runs in alike.items()
        ]

    def estimate(self, first: np.ndarray, second: np.ndarray, quantity: Quantity) -> Estimates:
        """The quantity for the scores of both sides, [..., rows] each; any leading dimensions."""
        shape, tasks = first.shape[:-1], len(self.tasks)
        value = np.zeros((*shape, tasks))
        influence = np.zeros((*shape, self.runs))
        for cell in self.cells:
            kernel = quantity.kernel(
                first[..., cell.first, np.newaxis], second[..., np.newaxis, cell.second]
            )
            mean = kernel.mean((-2, -1))
            value[..., cell.task] += cell.weight * mean
            for axis, runs in ((-1, cell.first_runs), (-2, cell.second_runs)):
                away = kernel.mean(axis) - mean[..., np.newaxis]
                influence[..., runs] += cell.weight / len(runs) * away
        variance, square = np.zeros((2, *shape, tasks))
        pseudo = int(quantity.variance > 0)
        for group in self.groups:
            n = len(group.runs)
            own = influence[..., group.runs]
            spread = ((own - own.mean(-1, keepdims=True)) ** 2).sum(-1)
            spread = spread + quantity.variance * group.weight**2 / n**2
            its = n * spread / (n - 1 + pseudo) if n > 1 else np.full(shape, np.nan)
            variance[..., group.task] += its
            square[..., group.task] += its**2 / max(1, n - 1)
        return Estimates(
            value.mean(-1),
            np.sqrt(variance.sum(-1)) / tasks,
            _freedom(variance.sum(-1), square.sum(-1)),
            (value, np.sqrt(variance), _freedom(variance, square)),
        )

    def least_p(self) -> float:
        """The smallest p value that a permutation test could give; no p value may be lower.

        If the scores of the two sides do not overlap, this is one of all possible assignments of
        the runs to the sides, in each of a task's cells that share no runs.
        """
        ways = 0.0
        for task, independent in enumerate(self._independent()):
            cells = [cell for cell in self.cells if cell.task == task]
            n, m = (min(map(len, side)) for side in zip(*((c.first, c.second) for c in cells)))
            ways += independent * math.log(math.comb(n + m, n))
        return min(1.0, 2 * math.exp(-ways))

    @property
    def independent(self) -> int:
        """Cells that share no runs."""
        return sum(self._independent())

    def _independent(self) -> list[int]:
        sides: list[tuple[set, set]] = [(set(), set()) for _ in self.tasks]
        for cell in self.cells:
            for side, runs in zip(sides[cell.task], (cell.first_runs, cell.second_runs)):
                side.add(tuple(runs))
        return [min(map(len, both)) for both in sides]


def _members(
    side: pd.DataFrame, by: Sequence[str], kinds: Sequence[str]
) -> dict[tuple, dict[tuple, np.ndarray]]:
    """Positions of the rows of each setting: {values of `by`: {values of `kinds`: positions}}."""
    found: dict[tuple, dict[tuple, np.ndarray]] = defaultdict(dict)
    columns = [*by, *kinds]
    for key, rows in side.groupby(columns, dropna=False, sort=True).indices.items():
        key = key if isinstance(key, tuple) else (key,)
        found[key[: len(by)]][key[len(by) :]] = rows
    return found


def _freedom(variance: np.ndarray, square: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(square > 0, variance**2 / square, np.inf)
