"""Sets of runs against each other, on SYNTHETIC runs; rliable alone is the truth."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rliable import library, metrics

from analysis.compare import __main__ as compare
from analysis.compare import statistics
from analysis.compare.groups import POINTS, comparisons
from launch.agent_runs import DISTRIBUTIONS
from launch.selection import Selection
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


def groups_of(*sources):
    """The only comparison of these directories."""
    [(name, groups)] = comparisons(sources, "protocol").items()
    assert name == "compare"
    return groups


@pytest.fixture
def groups(runs):
    return groups_of(runs)


def test_scores_are_in_units_of_the_dense_network(groups, capsys):
    assert groups.tasks == ("Acrobot-v1", "CartPole-v0")
    np.testing.assert_allclose(groups.scores["Dense"], np.ones((4, 2)))
    expected = [[(360 - 4 * s) / 400, (190 - 10 * s) / 200] for s in SEEDS]
    np.testing.assert_allclose(groups.scores["RigL 90%"], expected)


def test_the_dense_network_is_the_unit_without_being_compared(runs, launched):
    launched(method="set", seed=0, returns=(0.0, 50.0))
    launched(method="set", env="Acrobot-v1", seed=0, returns=(-500.0, -300.0))
    (groups,) = comparisons([runs], "protocol", ["RigL 90%", "SET 90%"]).values()
    assert list(groups.scores) == ["RigL 90%", "SET 90%"]
    np.testing.assert_allclose(groups.scores["SET 90%"], [[200 / 400, 50 / 200]])
    assert groups.unit == "A score of 1 is the mean of the standard dense network."


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
    assert "left out MountainCar-v0: no runs of Dense (--groups selects groups)" in printed.err
    assert (out / "compare.png").stat().st_size > 10_000
    assert r"RigL 90\% & 0." in (out / "compare.tex").read_text()
    improvements = pd.read_csv(out / "compare_improvements.csv")
    assert len(improvements) == 2


def test_several_directories_are_groups_of_their_own(runs, run, tmp_path):
    for seed in range(2):
        for task in TASKS:
            run(tmp_path / f"mine/{task}{seed}", env=task, seed=seed, returns=(0.0, 100.0))
    groups = groups_of(runs, tmp_path / "mine")
    assert set(groups.scores) == {"runs: Dense", "runs: RigL 90%", "mine: RigL 90%"}
    assert groups.scores["mine: RigL 90%"].shape == (2, 2)
    assert groups.scores["mine: RigL 90%"][0, 1] == pytest.approx(0.5)
    low = statistics.aggregates(groups).set_index(["group", "statistic"])["low"]
    assert np.isnan(low["mine: RigL 90%", "iqm"])  # two seeds


def test_groups_trained_unequally_long_are_reported(runs, run, tmp_path, capsys):
    for env in TASKS:
        for seed in SEEDS:
            run(tmp_path / f"b/{env}{seed}", seed=seed, env=env, returns=(0.0,), steps=1_000)
            run(tmp_path / f"c/{env}{seed}", seed=seed, env=env, returns=(0.0,), steps=105)
    groups_of(runs, tmp_path / "c")
    assert "unequally" not in capsys.readouterr().err
    groups_of(runs, tmp_path / "b")
    (line,) = (each for each in capsys.readouterr().err.splitlines() if "unequally" in each)
    assert line.endswith(
        "compare: Acrobot-v1, CartPole-v0: trained unequally long, for environment steps of "
        "110 (runs: Dense, runs: RigL 90%), 1,000 (b: RigL 90%)"
    )


def test_runs_of_edited_gin_files_are_groups_of_their_own(runs, run):
    for seed in range(2):
        for task, score in zip(TASKS, (100.0, -300.0)):
            name = f"dqn_classic/{task}/rigl-erk-s0.90-from_half/seed{seed}"
            run(runs / name, env=task, seed=seed, returns=(score,))
    groups = groups_of(runs)
    assert set(groups.scores) == {"Dense", "RigL 90%", "half: RigL 90%"}
    assert groups.scores["RigL 90%"].shape == (4, 2)
    np.testing.assert_allclose(groups.scores["half: RigL 90%"], 0.5)
    assert groups.unit == "A score of 1 is the mean of the standard dense network of runs."


def test_the_documented_command_gives_the_documented_groups(run, tmp_path):
    text = (Path(__file__).resolve().parents[2] / "docs" / "extending.md").read_text()
    named = set(re.findall("`(half_gamma: [^`]+)`", text))
    edited = ("half_gamma/dqn_classic/rigl.gin",)
    selected = Selection(("figure8",), "reduced", 1, methods=("rigl",), configs=edited)
    for each in selected.runs():
        kind = {"env": each.task, "method": each.method, "sparsity": each.sparsity}
        for distribution in (name for name in DISTRIBUTIONS if f"-{name}-" in each.name):
            run(tmp_path / each.name, distribution=DISTRIBUTIONS[distribution], **kind)
        if each.name.endswith("/dense/seed0"):
            run(tmp_path / each.name, **kind)
    assert len(named) == 2
    assert named < set(groups_of(tmp_path).scores)


def test_selected_groups_keep_tasks_that_others_lack(runs, run, tmp_path, capsys):
    run(runs / "one_task", sparsity=0.95, returns=(50.0,))
    [groups] = comparisons([runs], "protocol", ["Dense", "RigL 90%", "RigL 95%"]).values()
    assert groups.tasks == ("CartPole-v0",)
    error = capsys.readouterr().err
    assert "left out Acrobot-v1: no runs of RigL 95% (--groups" in error
    [groups] = comparisons([runs], "protocol", ["Dense", "RigL 90%"]).values()
    assert groups.tasks == ("Acrobot-v1", "CartPole-v0")
    assert set(groups.scores) == {"Dense", "RigL 90%"}
    argv = ["--runs", str(runs), "--out", str(tmp_path / "out"), "--groups", "RigL 80%"]
    assert exit_code(compare.main, argv) == 2
    assert "no group 'RigL 80%' (choose from 'Dense', " in capsys.readouterr().err


def test_a_group_of_one_task_takes_no_task_from_the_others(runs, run, capsys):
    for sparsity in (0.95, 0.98):
        run(runs / f"one_task{sparsity}", sparsity=sparsity, returns=(50.0,))
    groups = groups_of(runs)
    # Two groups with two tasks have more runs than four groups with one.
    assert (set(groups.scores), len(groups.tasks)) == ({"Dense", "RigL 90%"}, 2)
    error = capsys.readouterr().err
    assert (
        "left out 2 of 4 groups, which lack one of Acrobot-v1, CartPole-v0, the tasks compared: "
        "RigL 95%; RigL 98% (--groups"
    ) in error
    for sparsity in (0.5, 0.6, 0.7):
        for seed in SEEDS:
            run(runs / f"{sparsity}/{seed}", sparsity=sparsity, seed=seed, returns=(50.0,))
    assert groups_of(runs).tasks == ("CartPole-v0",)


def test_groups_that_share_a_task_are_compared_however_many_tasks_one_has(run, tmp_path):
    for env in (*TASKS, "MountainCar-v0"):
        run(tmp_path / f"runs/{env}", env=env)
    run(tmp_path / "runs/set", method="set")
    groups = groups_of(tmp_path / "runs")
    assert (set(groups.scores), groups.tasks) == ({"RigL 90%", "SET 90%"}, ("CartPole-v0",))


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (2, 2), (3, 3), (5, 4), (10, 15)])
def test_interquartile_means_are_rliables_to_the_bit(shape):
    scores = np.random.default_rng(0).normal(size=(*shape, 7))
    scores[..., 0] = np.round(scores[..., 0])  # ties
    theirs = [metrics.aggregate_iqm(scores[..., i]) for i in range(7)]
    assert statistics.iqms(scores).tolist() == theirs
    assert [statistics.AGGREGATES["iqm"](scores[..., i]) for i in range(7)] == theirs


def test_intervals_of_profiles_and_efficiency_are_rliables(groups, monkeypatch):
    monkeypatch.setattr(statistics, "REPETITIONS", 80)
    found = statistics.profiles(groups)
    taus = found["tau"].unique()
    np.random.seed(0)  # noqa: NPY002
    values, ends = library.create_performance_profile(groups.scores, taus, reps=20)
    for name, line in found.groupby("group"):
        assert line["value"].tolist() == values[name].tolist()
        assert line[["low", "high"]].T.to_numpy().tolist() == ends[name].tolist()

    def iqms(curves):
        return np.array([metrics.aggregate_iqm(curves[..., i]) for i in range(len(POINTS))])

    np.random.seed(0)  # noqa: NPY002
    values, ends = library.get_interval_estimates(groups.curves, iqms, reps=20)
    for name, line in statistics.efficiency(groups).groupby("group"):
        assert line["value"].tolist() == values[name].tolist()
        assert line[["low", "high"]].T.to_numpy().tolist() == ends[name].tolist()


def test_nothing_to_compare_is_one_line(run, tmp_path, capsys):
    run(tmp_path / "runs/a")
    argv = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]
    assert exit_code(compare.main, argv) == 1
    assert "nothing to compare of RigL 90%: it takes two groups" in capsys.readouterr().err


def test_sources_of_one_name_are_told_apart(run, tmp_path, capsys):
    for source, score in (("baseline/runs", 100.0), ("mine/runs", 50.0), ("runs.v1", 25.0)):
        run(tmp_path / source / "a", returns=(score,))
    sources = [tmp_path / name for name in ("baseline/runs", "mine/runs", "runs.v1")]
    groups = groups_of(*sources)
    found = {name: float(scores[0, 0]) for name, scores in groups.scores.items()}
    assert found == {
        "baseline/runs: RigL 90%": 1.0,
        "mine/runs: RigL 90%": 0.5,
        "runs.v1: RigL 90%": 0.25,
    }
    assert groups.unit == "A score of 1 is the mean of the best group."
    again = tmp_path / "mine" / ".." / "mine" / "runs"
    argv = ["--runs", *map(str, [sources[1], again]), "--out", str(tmp_path / "out")]
    assert exit_code(compare.main, argv) == 2
    assert f"--runs names {sources[1]} twice" in capsys.readouterr().err


def test_dense_networks_of_one_size_are_a_group_on_all_tasks(run, tmp_path):
    """Their widths differ between tasks; of two that match, the nearer one is the group's."""
    for env, width in (("CartPole-v0", 0.3164), ("Acrobot-v1", 0.314)):
        run(tmp_path / f"{env}-dense", env=env, method="dense", returns=(100.0,))
        run(tmp_path / f"{env}-sparse", env=env, returns=(90.0,))
        run(tmp_path / f"{env}-narrow", env=env, method="dense", width=width, returns=(80.0,))
    groups = groups_of(tmp_path)
    assert set(groups.scores) == {"Dense", "RigL 90%", "Dense (size of 90%)"}
    assert groups.scores["Dense (size of 90%)"][0, 1] == pytest.approx(0.8)
    run(tmp_path / "other", method="dense", width=0.31, returns=(1.0,))
    run(tmp_path / "far", method="dense", width=0.7, returns=(1.0,))
    names = ["Dense", "RigL 90%", "Dense (size of 90%)", "Dense, width 0.31", "Dense, width 0.7"]
    [groups] = comparisons([tmp_path], "protocol", names).values()
    assert set(groups.scores) == set(names)
    assert groups.tasks == ("CartPole-v0",)
    assert groups.scores["Dense (size of 90%)"][0, 0] == pytest.approx(0.8)


def test_the_unit_is_the_agents_dense_network_in_the_first_source(run, tmp_path):
    task = {"env": "Hopper-v2", "suite": "mujoco"}
    runs = (("sac", "a", 1000.0), ("sac", "b", 4000.0), ("ppo", "b", 200.0))
    for agent, source, dense in runs:
        path = tmp_path / source / agent
        run(path / "dense", agent=agent, method="dense", returns=(dense,), **task)
        run(path / "rigl", agent=agent, returns=(dense / 2,), **task)
    groups = groups_of(tmp_path / "a", tmp_path / "b")
    found = {name: float(scores[0, 0]) for name, scores in groups.scores.items()}
    assert found == {
        "sac mujoco, a: Dense": 1.0,
        "sac mujoco, a: RigL 90%": 0.5,
        "sac mujoco, b: Dense": 4.0,
        "sac mujoco, b: RigL 90%": 2.0,
        "ppo mujoco, b: Dense": 1.0,
        "ppo mujoco, b: RigL 90%": 0.5,
    }
    assert groups.unit == (
        "A score of 1 is the mean of the standard dense network of b (ppo mujoco); "
        "the standard dense network of a (sac mujoco)."
    )


def test_agents_that_share_no_tasks_are_compared_separately(
    runs, run, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(statistics, "REPETITIONS", 10)
    for agent in ("sac", "ppo"):
        run(runs / agent, agent=agent, suite="mujoco", env="Hopper-v2", returns=(50.0,))
    run(runs / "game", agent="dqn", suite="atari_cnn", env="Pong", returns=(1.0,))
    argv = ["--runs", str(runs), "--out", str(tmp_path / "out")]
    assert exit_code(compare.main, argv) == 0
    names = {path.name for path in (tmp_path / "out").glob("*.md")}
    assert names == {"compare_dqn_classic.md", "compare_ppo_mujoco_sac_mujoco.md"}
    text = (tmp_path / "out/compare_dqn_classic.md").read_text()
    assert text.endswith("\nA score of 1 is the mean of the standard dense network.\n")
    assert "nothing to compare of dqn atari_cnn, RigL 90%" in capsys.readouterr().err
