"""Sets of runs against each other, on SYNTHETIC runs; rliable alone is the truth."""

import numpy as np
import pandas as pd
import pytest
from rliable import library, metrics

from analysis.compare import __main__ as compare
from analysis.compare import statistics
from analysis.compare.groups import POINTS, groups_of
from rigl_rl.command_line import exit_code

TASKS = ("CartPole-v0", "Acrobot-v1")
SEEDS = range(4)


@pytest.fixture
def runs(launched, tmp_path):
    """Dense 200 and -100 (400 above the worst); RigL nine tenths, and worse from seed to seed."""
    for seed in SEEDS:
        launched(method="dense", seed=seed, returns=(0.0, 200.0))
        launched(method="dense", env="Acrobot-v1", seed=seed, returns=(-500.0, -100.0))
        launched(seed=seed, returns=(0.0, 190.0 - 10 * seed))
        launched(env="Acrobot-v1", seed=seed, returns=(-500.0, -140.0 - 4 * seed))
    launched(env="MountainCar-v0", seed=0, returns=(-150.0,))
    return tmp_path / "runs"


@pytest.fixture
def groups(runs):
    return groups_of([runs], "protocol")


def test_scores_are_in_units_of_the_dense_network(groups, capsys):
    assert groups.tasks == ("Acrobot-v1", "CartPole-v0")
    np.testing.assert_allclose(groups.scores["Dense"], np.ones((4, 2)))
    expected = [[(360 - 4 * s) / 400, (190 - 10 * s) / 200] for s in SEEDS]
    np.testing.assert_allclose(groups.scores["RigL 90%"], expected)


def test_curves_end_at_the_final_score_and_begin_at_the_first(groups):
    curve = groups.curves["Dense"][0, 1]
    assert curve.shape == POINTS.shape
    assert curve[-1] == pytest.approx(1.0)
    # Two evaluations, after 10 and 110 steps; half of 110 is 45 of the 100 steps between them.
    assert curve[np.isclose(POINTS, 0.5)] == pytest.approx(0.45)


@pytest.mark.parametrize("tasks", [False, True])
def test_aggregates_are_rliables(groups, tasks):
    found = statistics.aggregates(groups, tasks).set_index(["group", "statistic"])
    scores = groups.scores["RigL 90%"]
    for name, theirs in (
        ("mean", metrics.aggregate_mean),
        ("median", metrics.aggregate_median),
        ("iqm", metrics.aggregate_iqm),
        ("optimality_gap", metrics.aggregate_optimality_gap),
    ):
        assert found.loc[("RigL 90%", name), "value"] == pytest.approx(theirs(scores))
    np.random.seed(0)  # noqa: NPY002, what rliable draws from
    _, ends = library.get_interval_estimates(
        groups.scores,
        lambda x: np.array([metrics.aggregate_mean(x), 0.0, 0.0, 0.0]),
        task_bootstrap=tasks,
        reps=2000,
    )
    assert found.loc[("RigL 90%", "mean"), "low"] == pytest.approx(ends["RigL 90%"][0, 0])


def test_a_profile_is_the_share_of_runs_above(groups):
    found = statistics.profiles(groups)
    for group, line in found.groupby("group"):
        scores = groups.scores[group]
        expected = [(scores > tau).mean() for tau in line["tau"]]
        assert line["value"].tolist() == pytest.approx(expected)


def test_efficiency_ends_at_the_iqm(groups):
    found = statistics.efficiency(groups).groupby("group").last()
    assert found.loc["RigL 90%", "value"] == pytest.approx(
        metrics.aggregate_iqm(groups.curves["RigL 90%"][..., -1])
    )
    assert found.loc["RigL 90%", "low"] < found.loc["RigL 90%", "high"]


def test_improvements_are_rliables_probability(groups):
    found = statistics.improvements(groups).set_index(["first", "second"])
    x, y = groups.scores["Dense"], groups.scores["RigL 90%"]
    theirs = metrics.probability_of_improvement(x, y)
    assert found.loc[("Dense", "RigL 90%"), "value"] == pytest.approx(theirs)
    assert found.loc[("RigL 90%", "Dense"), "value"] == pytest.approx(1 - theirs)


def test_the_command_writes_all_of_it(runs, tmp_path, capsys):
    out = tmp_path / "out"
    argv = ["--runs", str(runs), "--out", str(out), "--latex"]
    assert exit_code(compare.main, argv) == 0
    printed = capsys.readouterr()
    assert "| Dense | 1.000 [1.000, 1.000] |" in printed.out
    assert "left out MountainCar-v0, which not all groups have" in printed.err
    assert (out / "compare.png").stat().st_size > 10_000
    assert r"RigL 90\% & 0." in (out / "compare.tex").read_text()
    improvements = pd.read_csv(out / "compare_improvements.csv")
    assert len(improvements) == 2


def test_several_directories_are_groups_of_their_own(runs, run, tmp_path):
    for seed in range(2):
        for task in TASKS:
            run(tmp_path / f"mine/{task}{seed}", env=task, seed=seed, returns=(0.0, 100.0))
    groups = groups_of([runs, tmp_path / "mine"], "protocol")
    assert set(groups.scores) == {"runs: Dense", "runs: RigL 90%", "mine: RigL 90%"}
    assert groups.scores["mine: RigL 90%"].shape == (2, 2)
    assert groups.scores["mine: RigL 90%"][0, 1] == pytest.approx(0.5)
    low = statistics.aggregates(groups).set_index(["group", "statistic"])["low"]
    assert np.isnan(low["mine: RigL 90%", "iqm"])  # two seeds


def test_nothing_to_compare_is_one_line(run, tmp_path, capsys):
    run(tmp_path / "runs/a")
    argv = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]
    assert exit_code(compare.main, argv) == 1
    assert "nothing to compare of RigL 90%: it takes two groups" in capsys.readouterr().err
