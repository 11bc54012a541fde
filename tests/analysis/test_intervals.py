from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from rliable import library as rliable

from analysis.intervals import (
    REPETITIONS,
    SEED,
    curves_over_seeds,
    mean_interval,
    over_seeds,
)
from rigl_rl.final_score import final_score


@pytest.mark.parametrize(
    ("returns", "score"),
    [
        ([7.0], 7.0),  # at least one evaluation
        (list(range(9)), 8.0),  # a tenth of 9 is less than one
        (list(range(51)), 48.0),  # the paper's 51 evaluations: the last 5, 46 to 50
        ([0.0] * 18 + [10.0, 30.0], 20.0),  # 20 evaluations: the last 2
    ],
)
def test_final_score_is_the_mean_of_the_last_tenth(returns, score):
    assert final_score(returns) == score


def test_final_score_of_no_evaluation_is_an_error():
    with pytest.raises(ValueError, match="no evaluation"):
        final_score([])


def test_interval_equals_rliables_own():
    scores = np.array([[1.0, 10.0], [2.0, 30.0], [4.0, 20.0], [9.0, 40.0]])
    np.random.seed(SEED)  # noqa: NPY002
    means, intervals = rliable.get_interval_estimates(
        {"x": scores}, lambda x: x.mean(axis=0), reps=REPETITIONS
    )
    ours = mean_interval(scores)
    np.testing.assert_array_equal(ours.mean, [4.0, 25.0])
    np.testing.assert_array_equal(ours.mean, means["x"])
    np.testing.assert_array_equal([ours.low, ours.high], intervals["x"])


def test_interval_of_two_seeds_is_their_range():
    # A resample of two is (a, a), (a, b) or (b, b); the outer two have a quarter of the mass each.
    low, high = mean_interval(np.array([[3.0], [5.0]]))[1:]
    assert (low[0], high[0]) == (3.0, 5.0)


def test_interval_is_reproducible_and_leaves_numpys_generator_alone():
    scores = np.arange(10.0).reshape(5, 2) ** 2
    np.random.seed(7)  # noqa: NPY002
    expected = np.random.random(3)  # noqa: NPY002
    np.random.seed(7)  # noqa: NPY002
    first, second = mean_interval(scores), mean_interval(scores)
    np.testing.assert_array_equal(np.random.random(3), expected)  # noqa: NPY002
    np.testing.assert_array_equal(first, second)


def test_one_seed_has_a_mean_and_no_interval():
    estimate = mean_interval(np.array([[2.0, 3.0]]))
    np.testing.assert_array_equal(estimate.mean, [2.0, 3.0])
    assert np.isnan(estimate.low).all()
    assert np.isnan(estimate.high).all()


def test_over_seeds_groups_missing_labels_too():
    table = pd.DataFrame(
        {
            "method": ["dense", "rigl", "rigl"],
            "distribution": [None, "u", "u"],
            "score": [1.0, 2.0, 4.0],
        }
    )
    points = over_seeds(table, ["method", "distribution"], "score").set_index("method")
    assert points.loc["dense", ["mean", "n_seeds"]].tolist() == [1.0, 1]
    assert points.loc["rigl", ["mean", "low", "high", "n_seeds"]].tolist() == [3.0, 2.0, 4.0, 2]


def test_curves_count_the_seeds_at_every_step():
    table = pd.DataFrame(
        {
            "m": "a",
            "path": ["x", "x", "x", "y", "y", "y"],
            "step": [0, 1, 2, 0, 1, 2],
            "value": [1.0, 2.0, math.nan, 3.0, math.nan, math.nan],
        }
    )
    curve = curves_over_seeds(table, ["m"], "step", "value")
    assert curve["step"].tolist() == [0, 1]  # step 2 was measured by nobody
    assert curve["mean"].tolist() == [2.0, 2.0]
    assert curve["n_seeds"].tolist() == [2, 1]
    assert curve["low"].iloc[0] == 1.0
    assert math.isnan(curve["low"].iloc[1])
