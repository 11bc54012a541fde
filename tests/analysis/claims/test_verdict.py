"""Levels, Holm's correction and verdicts, by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from analysis.claims.pairs import DIFFERENCE, PROBABILITY, Estimates
from analysis.claims.verdict import (
    CONTRADICTED,
    SUPPORTED,
    TOO_FEW,
    UNDECIDED,
    Evidence,
    Range,
    fewest,
    holm,
    judge,
)


def estimates(value, error, freedom=8.0, tasks=None, task_error=0.02):
    tasks = np.array([value] if tasks is None else tasks, dtype=float)
    by_task = (tasks, np.full(tasks.shape, task_error), np.full(tasks.shape, freedom))
    return Estimates(np.array(value), np.array(error), np.array(freedom), by_task)


@pytest.mark.parametrize(
    ("value", "wanted", "away", "within"),
    [
        (0.7, Range(0.5), 0.2, True),
        (0.4, Range(0.5), 0.1, False),
        (0.01, Range(-0.05, 0.05), 0.04, True),  # the nearer end
        (0.09, Range(-0.05, 0.05), 0.04, False),
    ],
)
def test_the_level_is_that_of_the_interval_that_touches_the_range(value, wanted, away, within):
    level, holds, against = judge(estimates(value, 0.05), wanted, 0.0)
    assert level == pytest.approx(2 * stats.t.sf(away / 0.05, 8))
    assert (bool(holds), int(against)) == (within, -1)
    half = stats.t.ppf(1 - level / 2, 8) * 0.05
    assert half == pytest.approx(away)
    assert judge(estimates(value, 0.05), wanted, 0.9)[0] == 0.9


def test_without_any_spread_a_value_at_the_end_says_nothing():
    assert judge(estimates(0.5, 0.0), Range(0.5), 0.0)[0] == 1.0
    assert judge(estimates(0.6, 0.0), Range(0.5), 0.0)[0] == 0.0


def test_a_failed_task_contradicts_whatever_the_others_gain():
    wanted = Range(-0.1, every_task=True)
    found = estimates(0.2, 0.05, tasks=[0.6, 0.6, -0.6])
    level, holds, against = judge(found, wanted, 0.0)
    assert (bool(holds), int(against)) == (False, 2)
    assert level == pytest.approx(3 * 2 * stats.t.sf(0.5 / 0.02, 8))
    # One that is only just below it neither supports nor clearly contradicts.
    level, holds, _ = judge(estimates(0.2, 0.05, tasks=[0.6, 0.6, -0.11]), wanted, 0.0)
    assert not holds
    assert level > 0.5
    # Without the demand the average counts.
    assert judge(found, Range(-0.1), 0.0)[1]


def test_holm_by_hand():
    p = np.array([0.012, 0.2, 0.016, np.nan, 0.024])
    # 0.05/4 = 0.0125, 0.05/3 = 0.0167, 0.05/2 = 0.025, 0.05.
    assert holm(p).tolist() == [True, False, True, False, True]
    # The first that fails stops all after it, even one below its own limit.
    assert holm(np.array([0.012, 0.02, 0.021, 0.9])).tolist() == [True, False, False, False]
    assert holm(np.stack([p, p[::-1]])).tolist() == [holm(p).tolist(), holm(p[::-1]).tolist()]
    assert not holm(np.full(3, np.nan)).any()


def evidence(value=0.7, error=0.05, seeds=6, holds=True, quantity=PROBABILITY):
    return Evidence(
        quantity, value, error, 10.0, {"a": value}, 0.01, holds, "", 1, seeds, "rigl", 12
    )


@pytest.mark.parametrize(
    ("seeds", "holds", "decided", "verdict"),
    [
        (5, True, True, SUPPORTED),
        (5, False, True, CONTRADICTED),
        (5, True, False, UNDECIDED),
        (4, True, True, TOO_FEW),
        (-1, True, True, SUPPORTED),  # counted
    ],
)
def test_verdicts(seeds, holds, decided, verdict):
    assert evidence(seeds=seeds, holds=holds).verdict(decided) == verdict


def test_a_single_pair_of_settings_needs_more_seeds():
    assert [fewest(PROBABILITY, pairs) for pairs in (1, 2, 9)] == [10, 5, 5]
    assert fewest(DIFFERENCE, 1) == 5
    assert evidence(seeds=9)._replace(enough=10).verdict(True) == TOO_FEW


def test_intervals_start_at_three_seeds_and_probabilities_end_at_one():
    half = stats.t.ppf(0.975, 10) * 0.2
    assert evidence(error=0.2, seeds=3).ends == (pytest.approx(0.7 - half), 1.0)
    assert evidence(error=0.2, seeds=3, quantity=DIFFERENCE).ends[1] == pytest.approx(0.7 + half)
    assert all(math.isnan(end) for end in evidence(seeds=2).ends)


def test_seeds_needed_are_those_at_which_the_interval_leaves_the_limit():
    found = evidence(value=0.6, error=0.1, seeds=6)
    needed = found.seeds_needed(Range(0.5), claims=4)

    def half(seeds):
        level = 1 - 0.05 / 4 / 2
        return stats.t.ppf(level, 10.0 * seeds / 6) * 0.1 * math.sqrt(6 / seeds)

    assert half(needed) < 0.1 <= half(needed - 1)
    assert evidence(value=0.501, error=0.1).seeds_needed(Range(0.5), 4) is None
    assert evidence(value=0.9, error=0.01, seeds=2).seeds_needed(Range(0.5), 4) == 5
