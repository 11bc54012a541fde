"""How often do the claims err? Simulated studies whose truth is known.

    python -m benchmarks.false_verdicts [--studies 1000] [--seed 0]

Scores are drawn around the dense network's, 1, with a deviation of 0.15, for the grid of classic
control at 90% sparsity and for SAC's. All claims go through the code that judges real runs. Prints
the tables of docs/statistics.md:

- without any effect: the share of studies with a false verdict, and with p < 0.05 before Holm's
  correction and whatever the number of seeds;
- how often a true effect of one deviation is found;
- how often the intervals cover the truth.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import itertools
import sys
from collections.abc import Iterator, Sequence
from typing import Callable

import numpy as np
import pandas as pd
from scipy import stats

from analysis.claims.claim import Claim
from analysis.claims.findings import CLAIMS
from analysis.claims.pairs import DIFFERENCE, PROBABILITY, Pairs
from analysis.claims.runs import Runs
from analysis.claims.verdict import LEVEL, Range, fewest, holm, judge
from analysis.intervals import iqm_error, reach
from benchmarks.simulated_runs import CLASSIC, SAC, tables

DEVIATION = 0.15
SEEDS = (2, 3, 5, 10)
Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
SCORES: dict[str, tuple[Draw, float]] = {
    "normal": (lambda random, shape: random.normal(size=shape), 0.0),
    "skewness 1": (lambda random, shape: random.gamma(4.0, size=shape) / 2, 2.0),
    "skewness 2": (lambda random, shape: random.exponential(size=shape), 1.0),
}
"""Distributions of variance 1, and their means: normal, gamma and exponential."""


@dataclasses.dataclass
class Compared:
    """A claim about one agent: which of the drawn scores are those of its groups' rows."""

    claim: Claim
    name: str
    pairs: Pairs
    first: np.ndarray
    second: np.ndarray


class Grid:
    """A study's runs, and what its claims compare; scores are drawn for many studies at once."""

    def __init__(self, settings: Sequence[dict], seeds: int):
        """Of these settings, so many seeds each."""
        made = tables(settings, seeds)
        runs = Runs(made)
        self.seeds = seeds
        self._places: dict[str, int] = {}
        self.compared = []
        for claim in CLAIMS:
            if claim.compare is None or "noise" in claim.name:
                continue
            for title, first, second in claim.compare(runs):
                pairs = claim.pairs(first, second)
                if pairs.cells:
                    sides = [self._place(side) for side in (first, second)]
                    name = " ".join([claim.name, *title.split(", ")[1:]])
                    self.compared.append(Compared(claim, name, pairs, *sides))
        standard = made.runs[made.runs["setting"].str.endswith("/dense")]
        self._dense = {env: self._place(own) for env, own in standard.groupby("env")}
        self._tasks = pd.Series(
            [place.split("/")[1] for place in self._places], index=range(len(self._places))
        )

    def _place(self, side: pd.DataFrame) -> np.ndarray:
        names = side["path"] + (":" + side["network"] if "network" in side else "")
        return np.array([self._places.setdefault(name, len(self._places)) for name in names])

    def draw(self, random: np.random.Generator, studies: int) -> np.ndarray:
        """Scores [studies, runs] without any effect."""
        return 1 + DEVIATION * random.normal(size=(studies, len(self._places)))

    def judged(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """p, whether the claim holds, and whether it is decided, [studies, claims] each."""
        scores = scores.copy()
        means = {env: scores[:, dense].mean(1, keepdims=True) for env, dense in self._dense.items()}
        for env, mean in means.items():
            scores[:, self._tasks == env] /= mean
        p, holds = [], []
        for each in self.compared:
            found = each.claim.measured(each.pairs, scores[:, each.first], scores[:, each.second])
            p.append(found[1])
            holds.append(found[2])
        levels = np.stack(p, axis=-1)
        few = np.array(
            [
                each.pairs.seeds < fewest(each.claim.quantity, each.pairs.independent)
                for each in self.compared
            ]
        )
        return levels, np.stack(holds, -1), holm(np.where(few, np.nan, levels))


def quietly(settings: Sequence[dict], seeds: int) -> Grid:
    """A grid, without words about runs of one sweep that another has no use for."""
    with contextlib.redirect_stderr(io.StringIO()):
        return Grid(settings, seeds)


def without_effect(studies: int, random: np.random.Generator) -> Iterator[str]:
    """Shares of false verdicts: any of a claim about more or less, "contradicted" of the others."""
    for name, settings in (("Classic control, 90%", CLASSIC), ("SAC", SAC)):
        rows: dict[str, list[str]] = {}
        for seeds in SEEDS:
            grid = quietly(settings, seeds)
            p, holds, decided = grid.judged(grid.draw(random, studies))
            wrong = np.stack(
                [
                    ~hold if each.claim.quantity is DIFFERENCE else np.ones(studies, bool)
                    for each, hold in zip(grid.compared, holds.T)
                ],
                axis=-1,
            )
            for i, each in enumerate(grid.compared):
                shares = (wrong[:, i] & decided[:, i], wrong[:, i] & (p[:, i] < LEVEL))
                rows.setdefault(each.name, []).append("{} ({})".format(*map(_share, shares)))
            at_least_one = _share((wrong & decided).any(-1))
            rows.setdefault("at least one", []).append(f"**{at_least_one}**")
        yield f"\n| {name} | " + " | ".join(f"{n} seeds" for n in SEEDS) + " |"
        yield "|---|" + "--:|" * len(SEEDS)
        yield from (f"| {claim} | {' | '.join(cells)} |" for claim, cells in rows.items())


def few_pairs(studies: int, random: np.random.Generator) -> Iterator[str]:
    """How often p < 0.05 without any effect, by the number of independent pairs of settings."""
    counts = (3, 4, 5, 7, 10)
    yield "\n| pairs of settings | scores | " + " | ".join(f"{n} seeds" for n in counts) + " |"
    yield "|--:|---|" + "--:|" * len(counts)
    for tasks, (name, spread) in itertools.product(
        (1, 2, 3), (("of equal spread", 1.0), ("one side spread five times as wide", 5.0))
    ):
        cells = []
        for n in counts:
            pairs = _independent(tasks, n)
            scores = random.normal(size=(2, studies, tasks * n))
            found = pairs.estimate(scores[0], spread * scores[1], PROBABILITY)
            cells.append(_share(judge(found, Range(0.5), pairs.least_p())[0] < LEVEL))
        yield f"| {tasks} | {name} | {' | '.join(cells)} |"


def power(studies: int, random: np.random.Generator) -> Iterator[str]:
    """How often a claim is supported if its first group is one deviation better on three tasks; for
    a claim about a loss or equality: without any effect, and (false) with one at its limit.
    """
    rows: dict[str, list[str]] = {}
    for seeds in (5, 10):
        grid = quietly(CLASSIC, seeds)
        for i, each in enumerate(grid.compared):
            effects = {"1 deviation": DEVIATION}
            if each.claim.quantity is DIFFERENCE:
                effects = {"none": 0.0, "at the limit, false": each.claim.wanted.low}
            for label, effect in effects.items():
                scores = grid.draw(random, studies)
                scores[:, np.unique(each.first)] += effect
                _, holds, decided = grid.judged(scores)
                share = _share(holds[:, i] & decided[:, i])
                rows.setdefault(f"{each.name} | {label}", []).append(share)
    yield "\n| supported | true effect | 5 seeds | 10 seeds |\n|---|---|--:|--:|"
    yield from (f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())


def coverage(studies: int, random: np.random.Generator) -> Iterator[str]:
    """How often 95% intervals hold the truth."""
    counts = (3, 5, 10)
    yield "\n| interval | scores | " + " | ".join(f"{n} seeds" for n in counts) + " |"
    yield "|---|---|" + "--:|" * len(counts)
    for what, covered in (("mean", _mean), ("IQM, 5 tasks", _iqm), ("difference, 3 tasks", _pairs)):
        for name, (draw, mean) in SCORES.items():
            cells = [_share(covered(studies, n, draw, mean, random)) for n in counts]
            yield f"| {what} | {name} | {' | '.join(cells)} |"
    for shift in (0.0, 1.0):
        cells = [_share(_probability(studies, n, shift, random)) for n in counts]
        apart = f"normal, {shift:g} deviation{'s' if shift != 1 else ''} apart"
        yield f"| probability, 3 tasks | {apart} | {' | '.join(cells)} |"


def _mean(studies, n, draw, mean, random):
    scores = draw(random, (studies, n))
    half = reach(scores.std(1, ddof=1) / n**0.5, n - 1)
    return abs(scores.mean(1) - mean) <= half


LEVELS, SPREADS = np.array([0, 0.5, 1, 1.5, 3]), np.array([1, 0.5, 1, 0.3, 2])


def _iqm(studies, n, draw, mean, random):
    def value(scores):
        ordered = np.sort(scores.reshape(len(scores), -1), axis=-1)
        cut = ordered.shape[1] // 4
        return ordered[:, cut : ordered.shape[1] - cut].mean(1)

    truth = value(LEVELS + SPREADS * draw(random, (1, 200_000, 5)))[0]
    scores = LEVELS + SPREADS * draw(random, (studies, n, 5))
    return abs(value(scores) - truth) <= reach(*iqm_error(scores))


def _independent(tasks: int, n: int) -> Pairs:
    rows = [(f"task{t}", f"{t}/{seed}") for t in range(tasks) for seed in range(n)]
    side = pd.DataFrame(rows, columns=["env", "path"])
    return Pairs(side.assign(path="a/" + side["path"]), side, ("env",), ())


def _pairs(studies, n, draw, mean, random):
    first, second = draw(random, (2, studies, 3 * n))
    found = _independent(3, n).estimate(first, second, DIFFERENCE)
    return abs(found.value) <= reach(found.error, found.freedom)


def _probability(studies, n, shift, random):
    first, second = random.normal(size=(2, studies, 3 * n))
    found = _independent(3, n).estimate(first + shift, second, PROBABILITY)
    return abs(found.value - stats.norm.cdf(shift / 2**0.5)) <= reach(found.error, found.freedom)


def _share(found: np.ndarray) -> str:
    return f"{100 * np.mean(found):.1f}"


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.false_verdicts")
    parser.add_argument("--studies", type=int, default=1000, help="simulated per grid")
    parser.add_argument("--seed", type=int, default=0, help="of the simulation")
    args = parser.parse_args(argv)
    random = np.random.default_rng(args.seed)
    print(f"Percent of {args.studies:,} studies.")
    for table in (without_effect, power):
        print("\n".join(table(args.studies, random)), flush=True)
    for table in (few_pairs, coverage):
        print("\n".join(table(10 * args.studies, random)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
