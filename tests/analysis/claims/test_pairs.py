"""Pairwise comparison, against SciPy's tests and numbers worked out by hand."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.claims.pairs import DIFFERENCE, PROBABILITY, Pairs

PLAIN = PROBABILITY._replace(variance=0.0)


def side(cells, name):
    """{(env, method): scores} as runs; equal scores of a setting are different runs."""
    rows = [
        (env, method, float(score), f"{name}/{env}/{method}/seed{seed}")
        for (env, method), scores in cells.items()
        for seed, score in enumerate(scores)
    ]
    return pd.DataFrame(rows, columns=["env", "method", "score", "path"])


def estimate(first, second, quantity, by=("env",), kinds=("method",)):
    pairs = Pairs(first, second, by, kinds)
    return pairs, pairs.estimate(first["score"].to_numpy(), second["score"].to_numpy(), quantity)


def two(seed, n=6, m=9, shift=0.4):
    random = np.random.default_rng(seed)
    return random.normal(shift, 1, n), random.normal(0, 2, m)


@pytest.mark.parametrize("seed", range(3))
def test_one_difference_is_welchs_test(seed):
    x, y = two(seed)
    _, found = estimate(side({("a", "x"): x}, 1), side({("a", "y"): y}, 2), DIFFERENCE)
    welch = stats.ttest_ind(x, y, equal_var=False)
    assert found.value == pytest.approx(x.mean() - y.mean())
    assert found.value / found.error == pytest.approx(welch.statistic)
    assert 2 * stats.t.sf(abs(found.value / found.error), found.freedom) == pytest.approx(
        welch.pvalue
    )


@pytest.mark.parametrize("seed", range(3))
def test_one_probability_is_brunner_and_munzels_test_but_for_the_pseudo_run(seed):
    x, y = (np.round(each, 1) for each in two(seed))  # some ties
    sides = side({("a", "x"): x}, 1), side({("a", "y"): y}, 2)
    _, found = estimate(*sides, PLAIN)
    theirs = stats.brunnermunzel(x, y)
    assert -(found.value - 0.5) / found.error == pytest.approx(theirs.statistic)
    assert 2 * stats.t.sf(abs(theirs.statistic), found.freedom) == pytest.approx(theirs.pvalue)
    # With it: each side's variance is (n - 1 observed + 1/12) / n, of a mean of n.
    above = (x[:, None] > y) + 0.5 * (x[:, None] == y)
    by_hand = sum(
        (each.var() * len(each) + 1 / 12) / len(each) / len(each)
        for each in (above.mean(1), above.mean(0))
    )
    _, found = estimate(*sides, PROBABILITY)
    assert found.error == pytest.approx(math.sqrt(by_hand))


def test_every_pair_of_methods_within_a_task_and_all_runs():
    first = side({("easy", "p"): [10, 11], ("hard", "p"): [1, 2, 3], ("other", "p"): [99]}, 1)
    second = side({("easy", "s"): [8, 12], ("easy", "r"): [0], ("hard", "s"): [0, 0, 5]}, 2)
    pairs, found = estimate(first, second, PROBABILITY)
    # Easy: 2 of 4 pairs against s, 2 of 2 against r; hard: 6 of 9. Tasks count alike.
    assert pairs.tasks == ["easy", "hard"]
    assert found.by_task[0].tolist() == pytest.approx([0.75, 6 / 9])
    assert found.value == pytest.approx((0.75 + 6 / 9) / 2)
    assert (len(pairs.cells), pairs.runs, pairs.seeds) == (3, 5 + 6, 1)
    assert pairs.fewest == "2/easy/r"
    _, found = estimate(first, second, DIFFERENCE)
    assert found.by_task[0].tolist() == pytest.approx([(0.5 + 10.5) / 2, 2 - 5 / 3])
    assert math.isnan(found.error)  # r has one run


def test_dense_networks_of_two_widths_that_match_are_two_settings():
    first = side({("a", "p"): range(6)}, 1).assign(width=1.0)
    second = side({("a", "dense"): range(6)}, 2)
    pairs = Pairs(first, second.assign(width=[0.3] * 4 + [0.31] * 2), ("env",))
    assert (pairs.seeds, pairs.fewest, len(pairs.cells)) == (2, "2/a/dense", 1)
    assert Pairs(first, second.assign(width=0.3), ("env",)).seeds == 6


def test_only_equal_values_of_by_make_a_pair():
    first = side({("a", "p"): [1, 2], ("a", "q"): [3, 4]}, 1)
    second = side({("a", "p"): [0, 0], ("b", "q"): [9, 9]}, 2)
    pairs, found = estimate(first, second, PROBABILITY, by=("env", "method"), kinds=())
    assert (len(pairs.cells), pairs.runs, float(found.value)) == (1, 4, 1.0)
    assert not Pairs(first, second[:0], ("env",)).cells


def test_a_task_with_more_settings_counts_no_more():
    first = side({("a", "p"): [1.0, 1.2], ("b", "p"): [0.0, 0.1]}, 1)
    many = {("a", method): [0.5, 0.6] for method in "stuvw"}
    second = side({**many, ("b", "s"): [0.5, 0.6]}, 2)
    _, found = estimate(first, second, PROBABILITY)
    assert found.value == 0.5


def test_runs_that_several_cells_share_are_drawn_once():
    x, y = two(0)
    first, second = side({("a", "x"): x}, 1), side({("a", "y"): y}, 2)
    _, alone = estimate(first, second, PROBABILITY)
    # The same comparison nine times over is no more evidence.
    again = [pd.concat(each.assign(kind=number) for number in range(9)) for each in (first, second)]
    _, repeated = estimate(*again, PROBABILITY, by=("env", "kind"))
    assert float(repeated.error) == pytest.approx(float(alone.error))
    assert float(repeated.freedom) == pytest.approx(float(alone.freedom))


def test_the_error_of_shared_runs_is_that_of_many_studies():
    """Three methods against one dense network, and another task: a simulation of 4,000 studies."""
    random = np.random.default_rng(1)
    first = side({(e, m): [0] * 6 for e, m in itertools.product("ab", "xyz")}, 1)
    second = side({(e, "dense"): [0] * 6 for e in "ab"}, 2)
    pairs = Pairs(first, second, ("env",))
    scores = [random.normal(size=(4_000, len(each))) for each in (first, second)]
    for quantity, within in ((DIFFERENCE, 0.03), (PLAIN, 0.05)):
        found = pairs.estimate(*scores, quantity)
        assert np.mean(found.error**2) == pytest.approx(np.var(found.value), rel=within)


def test_critics_and_actors_of_the_same_runs_are_a_pair_of_measurements():
    """A run whose critic is high has a high actor: their difference varies less than either."""
    random = np.random.default_rng(2)
    level = random.normal(size=8)
    runs = side({("a", "x"): level}, 1)
    _, found = estimate(runs.assign(score=level + 0.1), runs, DIFFERENCE)
    assert found.value == pytest.approx(0.1)
    assert found.error == pytest.approx(0.0, abs=1e-12)


def test_many_studies_at_once_are_each_of_them():
    random = np.random.default_rng(3)
    first = side({("a", "x"): [0] * 4, ("b", "x"): [0] * 3}, 1)
    second = side({("a", "y"): [0] * 5, ("b", "y"): [0] * 3}, 2)
    pairs = Pairs(first, second, ("env",))
    x, y = random.normal(size=(7, 7)), random.normal(size=(7, 8))
    together = pairs.estimate(x, y, PROBABILITY)
    for i in range(7):
        one = pairs.estimate(x[i], y[i], PROBABILITY)
        assert float(one.value) == pytest.approx(together.value[i])
        assert float(one.error) == pytest.approx(together.error[i])
        assert one.by_task[2].tolist() == pytest.approx(together.by_task[2][i].tolist())


@pytest.mark.parametrize(
    ("first", "second", "ways"),
    [
        ({("a", "x"): [1] * 5}, {("a", "y"): [0] * 5}, math.comb(10, 5)),
        ({("a", "x"): [1] * 3, ("b", "x"): [1] * 3}, {(e, "y"): [0] * 3 for e in "ab"}, 20**2),
        # Two methods against one: its runs can be dealt once only.
        ({("a", "x"): [1] * 4, ("a", "z"): [1] * 4}, {("a", "y"): [0] * 4}, 70),
    ],
)
def test_no_level_is_below_what_a_permutation_test_could_find(first, second, ways):
    assert Pairs(side(first, 1), side(second, 2), ("env",)).least_p() == pytest.approx(2 / ways)
