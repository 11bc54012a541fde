"""Probabilities, differences and verdicts, against rliable and numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from rliable import library, metrics

from analysis.claims import evidence
from analysis.claims.evidence import CONTRADICTED, SUPPORTED, UNDECIDED, Evidence, Range
from analysis.intervals import paired_interval


def table(cells):
    """{env: scores} as runs."""
    rows = [(env, score) for env, scores in cells.items() for score in scores]
    runs = pd.DataFrame(rows, columns=["env", "score"])
    return runs.assign(path=[f"{env}/{score}" for env, score in rows])


def test_the_probability_is_rliables():
    random = np.random.default_rng(0)
    x, y = random.integers(0, 9, (7, 5)).astype(float), random.integers(0, 9, (4, 5)).astype(float)
    expected = metrics.probability_of_improvement(x, y)
    assert evidence.probability_of_improvement(x, y) == pytest.approx(expected)
    assert evidence.probability_of_improvement(x, x) == 0.5


def test_the_interval_is_rliables():
    random = np.random.default_rng(1)
    x, y = random.normal(0.3, 1, (6, 3)), random.normal(0, 1, (5, 3))
    np.random.seed(0)  # noqa: NPY002, what rliable draws from
    _, intervals = library.get_interval_estimates(
        {"pair": (x, y)},
        lambda a, b: np.array([metrics.aggregate_iqm(a) - metrics.aggregate_iqm(b)]),
        reps=300,
    )
    value, low, high = paired_interval(
        x, y, lambda a, b: metrics.aggregate_iqm(a) - metrics.aggregate_iqm(b), repetitions=300
    )
    assert value == pytest.approx(metrics.aggregate_iqm(x) - metrics.aggregate_iqm(y))
    assert [low, high] == pytest.approx(intervals["pair"].ravel())


def test_cells_are_compared_with_themselves_only():
    first = table({"easy": [10, 11], "hard": [1, 2, 3], "other": [99, 99]})
    second = table({"easy": [8, 12], "hard": [0, 0]})
    found = evidence.probability(first, second, ["env"])
    # easy: 10 and 11 each beat one of two; hard: all beat all, of its first two runs.
    assert (found.value, found.cells, found.seeds) == (0.75, 2, 2)
    assert found.runs == 4 + 3  # the second's two runs of 0 are one path here
    found = evidence.difference(first, second, ["env"])
    # Middle halves of {10, 1, 11, 2} and {8, 0, 12, 0}.
    assert found.value == pytest.approx((10 + 2) / 2 - (8 + 0) / 2)
    assert evidence.probability(first, table({"none": [1]}), ["env"]).cells == 0


@pytest.mark.parametrize(
    ("seeds", "cells", "kept"),
    [((2, 2, 1), 2, 2), ((5, 2, 2), 3, 2), ((1, 1, 2), 3, 1), ((2, 1), 1, 2), ((9, 2, 2), 1, 9)],
)
def test_a_cell_with_few_runs_does_not_cost_the_others_theirs(seeds, cells, kept):
    first = table({str(cell): range(n) for cell, n in enumerate(seeds)})
    second = table({str(cell): range(100, 100 + n) for cell, n in enumerate(seeds)})
    found = evidence.probability(first, second, ["env"])
    assert (found.value, found.cells, found.seeds, found.runs) == (0, cells, kept, 2 * cells * kept)


def test_runs_that_several_cells_share_are_drawn_once():
    random = np.random.default_rng(2)
    first, second = (table({"a": random.normal(shift, 1, 6)}) for shift in (0.3, 0.0))
    alone = evidence.probability(first, second, ["env"])
    # The same comparison nine times over is no more evidence.
    again = [
        pd.concat([runs.assign(method=number) for number in range(9)]) for runs in (first, second)
    ]
    repeated = evidence.probability(*again, ["env", "method"])
    assert (repeated.value, repeated.low, repeated.high) == (alone.value, alone.low, alone.high)
    assert (repeated.cells, repeated.independent, repeated.runs) == (9, 1, 12)
    # Others against the same second group: as many independent cells as the second has groups.
    others = pd.concat(
        table({"a": random.normal(0.3, 1, 6)}).assign(method=number) for number in range(9)
    )
    assert evidence.probability(others, again[1], ["env", "method"]).independent == 1
    # Two networks of the same runs have scores of their own.
    networks = pd.concat(
        [first.assign(network=0), first.assign(network=1, score=first["score"] + 1)]
    )
    against = pd.concat([second.assign(network=0), second.assign(network=1)])
    assert evidence.probability(networks, against, ["network"]).value > alone.value


@pytest.mark.parametrize(
    ("low", "high", "wanted", "verdict"),
    [
        (0.51, 0.9, Range(0.5), SUPPORTED),
        (0.49, 0.9, Range(0.5), UNDECIDED),
        (0.1, 0.49, Range(0.5), CONTRADICTED),
        (-0.09, 0.3, Range(-0.1), SUPPORTED),
        (-0.04, 0.04, Range(-0.05, 0.05), SUPPORTED),
        (-0.06, 0.04, Range(-0.05, 0.05), UNDECIDED),
        (0.06, 0.2, Range(-0.05, 0.05), CONTRADICTED),
    ],
)
def test_verdicts(low, high, wanted, verdict):
    found = Evidence((low + high) / 2, low, high, 3, 3, seeds=5, runs=30)
    assert found.verdict(wanted) == verdict
    assert (found.seeds_needed(wanted) == 5) == (verdict != UNDECIDED)


@pytest.mark.parametrize(
    ("seeds", "cells", "enough"),
    # Ways to deal 2n runs to two sides: 2, 6, 20, 70 for n = 1 to 4, to the power of cells.
    [(3, 1, False), (4, 1, True), (2, 2, False), (2, 3, True), (1, 9, False)],
)
def test_too_few_runs_prove_nothing(seeds, cells, enough):
    found = Evidence(1.0, 1.0, 1.0, cells, cells, seeds, runs=99)
    assert found.verdict(Range(0.5)) == (SUPPORTED if enough else UNDECIDED)
    shared = Evidence(1.0, 1.0, 1.0, 99, cells, seeds, runs=99)
    assert shared.verdict(Range(0.5)) == found.verdict(Range(0.5))


def test_a_single_seed_has_no_interval():
    found = evidence.probability(table({"a": [2], "b": [2]}), table({"a": [1], "b": [3]}), ["env"])
    assert found.value == 0.5
    assert math.isnan(found.low)
    assert found.verdict(Range(0.5)) == UNDECIDED
    assert found.seeds_needed(Range(0.5)) == 3  # for two cells: 20 * 20 ways


def test_seeds_needed_follow_the_square_root():
    # Twice as far from the threshold as it is would do: four times as many.
    assert Evidence(0.6, 0.4, 0.75, 2, 2, 5, 20).seeds_needed(Range(0.5)) == 20
    assert Evidence(0.501, 0.4, 0.6, 2, 2, 5, 20).seeds_needed(Range(0.5)) is None
