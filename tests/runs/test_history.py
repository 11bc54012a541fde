"""Scores, and the tables from which they are computed."""

import io
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from rigl_rl.errors import RiglRlError
from rigl_rl.final_score import final_score
from rigl_rl.record import EVAL_COLUMNS
from rigl_rl.runs.history import Clock, History, as_csv


@pytest.mark.parametrize(
    ("count", "last"),
    [(51, 5), (50, 5), (20, 2), (19, 1), (10, 1), (9, 1), (1, 1)],  # int(0.1 n), at least one
)
def test_final_score_is_the_mean_of_the_last_tenth(count, last):
    returns = [float(number) for number in range(count)]  # their mean: the middle of the last ones
    assert final_score(returns) == (returns[-1] + returns[-last]) / 2


def test_final_score_of_another_fraction():
    assert final_score([100.0, 1.0, 2.0, 6.0], 0.75) == 3.0
    assert final_score([100.0, 1.0, 2.0, 6.0], 0.0) == 6.0
    assert final_score([4.0, 1.0, 2.0, 6.0], 1.0) == 3.25


def test_an_evaluation_is_summed_up():
    history = History()
    history.add_evaluation(3000, 2000, np.array([9.0, 11.0, 40.0]), 1.23456)
    (row,) = history.evals
    assert tuple(row) == EVAL_COLUMNS
    assert row["avg_return"] == 20.0
    # The standard deviation over episodes: sqrt((121 + 81 + 400) / 3)
    assert row["std_return"] == pytest.approx(14.16569, abs=1e-5)
    assert (row["env_step"], row["train_step"], row["episodes"]) == (3000, 2000, 3)
    assert row["wall_s"] == 1.23


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("greedy", [False, True])
def test_a_return_that_is_no_number_stops_the_run(bad, greedy):
    history = History()
    returns = ([1.0, 2.0], [1.0, bad]) if greedy else ([1.0, bad], None)
    with pytest.raises(RiglRlError, match="infinite or NaN in the evaluation at train step 2000;"):
        history.add_evaluation(3000, 2000, returns[0], 0.0, returns[1])
    assert history.evals == []


def test_a_greedy_score_has_a_column_where_it_was_measured():
    history = History()
    for step, greedy in enumerate([None, [1.0, 2.0], [4.0, 6.0], [7.0, 8.0]]):
        history.add_evaluation(step, step, [float(step)], 0.0, greedy)
    text = as_csv(history.evals, history.eval_columns)
    greedy = pd.read_csv(io.StringIO(text))["greedy_return"]
    assert np.isnan(greedy[0])
    assert greedy.tolist()[1:] == [1.5, 5.0, 7.5]
    assert history.final_scores(0.5) == {"final_return": 2.5, "final_return_greedy": 6.25}
    # The first evaluation comes from an older version that did not measure it.
    assert history.final_scores(1.0) == {"final_return": 1.5}


def test_without_a_greedy_score_there_is_no_column():
    history = History()
    history.add_evaluation(0, 0, [1.0], 0.0)
    assert history.eval_columns == EVAL_COLUMNS
    assert history.final_scores(0.1) == {"final_return": 1.0}


def test_csv_gives_back_every_bit():
    rng = np.random.default_rng(0)
    history = History()
    for step in range(200):
        history.add_evaluation(step, step, rng.normal(size=7) * 10.0 ** rng.integers(-9, 9), step)
    text = as_csv(history.evals, EVAL_COLUMNS)
    read = pd.read_csv(io.StringIO(text), float_precision="round_trip")
    assert list(read.columns) == list(EVAL_COLUMNS)
    for column in EVAL_COLUMNS:
        assert read[column].tolist() == [row[column] for row in history.evals]


def test_a_state_is_a_copy():
    history = History()
    history.add_evaluation(0, 0, [1.0], 0.0)
    state = history.state()
    history.add_evaluation(10, 10, [2.0], 0.0)
    history.add_snr(10, 10, "q", 0.5)
    history.restore(state)
    assert [row["avg_return"] for row in history.evals] == [1.0]
    assert history.snr == []


def test_reading_a_checkpoint_takes_no_time_of_the_run(monkeypatch):
    now = 50.0
    monkeypatch.setattr("rigl_rl.runs.history.time", SimpleNamespace(monotonic=lambda: now))
    clock = Clock()
    now = 57.0  # a checkpoint has been read
    clock.restore(100.0)
    assert clock.seconds() == 100.0
    now = 59.5
    assert clock.seconds() == 102.5
