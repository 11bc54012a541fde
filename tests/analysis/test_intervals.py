import math

import numpy as np
import pandas as pd
import pytest
from rliable import metrics
from scipy import stats

from analysis.intervals import (
    curves_over_seeds,
    iqm_error,
    iqm_interval,
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


def test_the_interval_of_a_mean_is_students():
    scores = np.array([[1.0, 10.0], [2.0, 30.0], [4.0, 20.0], [9.0, 40.0]])
    ours = mean_interval(scores)
    np.testing.assert_array_equal(ours.mean, [4.0, 25.0])
    for i, column in enumerate(scores.T):
        theirs = stats.ttest_1samp(column, 0.0).confidence_interval(0.95)
        assert (ours.low[i], ours.high[i]) == pytest.approx((theirs.low, theirs.high))


def test_three_seeds_by_hand():
    # Of 1, 2 and 3: standard error 1/sqrt(3), the t table's 4.303 at 2 degrees of freedom.
    _, low, high = mean_interval(np.array([[1.0], [2.0], [3.0]]))
    assert high[0] - 2 == pytest.approx(4.303 / math.sqrt(3), abs=1e-3)
    assert 2 - low[0] == pytest.approx(4.303 / math.sqrt(3), abs=1e-3)


@pytest.mark.parametrize("seeds", [1, 2])
def test_below_three_seeds_there_is_no_interval(seeds):
    scores = np.arange(2.0 * seeds).reshape(seeds, 2)
    for estimate in (mean_interval(scores), iqm_interval(scores)):
        assert np.isfinite(estimate.mean).all()
        assert np.isnan(estimate.low).all()
        assert np.isnan(estimate.high).all()


def test_the_iqm_is_rliables_and_its_interval_tukey_and_mclaughlins():
    scores = np.random.default_rng(0).normal(size=(12, 1))
    value, low, high = (float(end[0]) for end in iqm_interval(scores))
    assert value == pytest.approx(metrics.aggregate_iqm(scores))
    # One task: winsorized standard deviation over (1 - 2 * 0.25) sqrt(n).
    winsorized = stats.mstats.winsorize(scores[:, 0], (0.25, 0.25))
    error = np.asarray(winsorized).std(ddof=1) / (0.5 * math.sqrt(12))
    assert high - value == pytest.approx(stats.t.ppf(0.975, 11) * error)
    assert value - low == pytest.approx(high - value)


def test_only_the_spread_within_tasks_makes_an_iqm_uncertain():
    levels = np.array([0.0, 5.0, 10.0, 50.0])
    error, freedom = iqm_error(levels + np.zeros((5, 1)))
    assert error == 0
    assert freedom == 4
    # Its error is the deviation of the IQMs of many studies.
    many = levels + np.random.default_rng(1).normal(size=(3_000, 6, 4))
    found = [metrics.aggregate_iqm(study) for study in many]
    assert np.mean(iqm_error(many)[0] ** 2) == pytest.approx(np.var(found), rel=0.1)


def test_over_seeds_groups_missing_labels_too():
    table = pd.DataFrame(
        {
            "method": ["dense", "rigl", "rigl", "rigl"],
            "distribution": [None, "u", "u", "u"],
            "score": [1.0, 2.0, 3.0, 4.0],
        }
    )
    points = over_seeds(table, ["method", "distribution"], "score").set_index("method")
    assert points.loc["dense", ["mean", "n_seeds"]].tolist() == [1.0, 1]
    assert points.loc["dense", ["low", "high"]].isna().all()
    (low,), (high,) = mean_interval(np.array([[2.0], [3.0], [4.0]]))[1:]
    expected = [3.0, low, high, 3]
    assert points.loc["rigl", ["mean", "low", "high", "n_seeds"]].tolist() == pytest.approx(
        expected
    )


def test_curves_count_the_seeds_at_every_step():
    table = pd.DataFrame(
        {
            "m": "a",
            "path": ["x"] * 3 + ["y"] * 3 + ["z"] * 3,
            "step": [0, 1, 2] * 3,
            "value": [1.0, 2.0, math.nan, 3.0, math.nan, math.nan, 5.0, 4.0, math.inf],
        }
    )
    curve = curves_over_seeds(table, ["m"], "step", "value")
    assert curve["step"].tolist() == [0, 1]  # step 2 was measured by nobody
    assert curve["mean"].tolist() == [3.0, 3.0]
    assert curve["n_seeds"].tolist() == [3, 2]
    assert curve["low"].iloc[0] == pytest.approx(mean_interval(np.array([[1.0], [3], [5]])).low[0])
    assert math.isnan(curve["low"].iloc[1])
