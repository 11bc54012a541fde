"""The tables of docs/results.md hold what the committed runs give.

To renew a table there, run these tests: a failure shows the table as it should be.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from analysis import intervals, select
from analysis.as_text import markdown, with_interval
from analysis.collect import load
from rigl_rl.paper import ERK, UNIFORM

ROOT = Path(__file__).resolve().parents[2]
RUNS = ROOT / "results" / "runs.parquet"
PAGE = (ROOT / "docs" / "results.md").read_text()
MUJOCO = ["HalfCheetah-v2", "Hopper-v2", "Walker2d-v2"]
CLASSIC = ["CartPole-v0", "Acrobot-v1", "MountainCar-v0"]
NAMES = {"prune": "Pruning", "static": "Static", "set": "SET", "rigl": "RigL"}


def settings_of(runs: pd.DataFrame, distribution: str, sparsity: float) -> dict[str, pd.DataFrame]:
    """Runs by the name of their row: dense, dense of as many parameters, and the methods."""
    sparse = runs[
        (runs["distribution"] == distribution)
        & (runs["target_sparsity"] == sparsity)
        & (runs["width"] == 1.0)
    ]
    size = sparse["env"].map(sparse.groupby("env")["active_params"].mean())
    size = runs["env"].map(dict(zip(sparse["env"], size)))
    near = (runs["active_params"] / size - 1).abs() < select.MATCHES_WITHIN
    narrow = (runs["method"] == "dense") & (runs["width"] < 1.0)
    return {
        "Dense": runs[select.standard_dense(runs)],
        "Dense, as many parameters": runs[narrow & near],
        **{name: sparse[sparse["method"] == method] for method, name in NAMES.items()},
    }


def final_returns(agent, suite, tasks, distribution, sparsity, score="protocol") -> str:
    """A table of mean final returns, their intervals and the numbers of seeds."""
    runs = load(RUNS, score).scored
    runs = runs[(runs["agent"] == agent) & (runs["suite"] == suite) & runs["env"].isin(tasks)]
    runs = select.comparable(runs, "results")
    form = ",.1f" if suite == "classic" else ",.0f"
    rows = []
    for name, own in settings_of(runs, distribution, sparsity).items():
        found = intervals.over_seeds(own, ["env"], "final_return").set_index("env")
        cells = {}
        for task in tasks:
            if task in found.index:
                mean, low, high, n = found.loc[task, ["mean", "low", "high", "n_seeds"]]
                cells[task] = f"{with_interval(mean, low, high, form)} ({n:.0f})"
        rows.append({"method": name, **{task: cells.get(task, "") for task in tasks}})
    return markdown(pd.DataFrame(rows))


@pytest.mark.parametrize(
    "table",
    [
        ("dqn", "classic", CLASSIC, ERK, 0.9),
        ("dqn", "classic", CLASSIC, UNIFORM, 0.9),
        ("dqn", "classic", CLASSIC, ERK, 0.95),
        ("dqn", "classic", CLASSIC, ERK, 0.9, "greedy"),
        ("ppo", "mujoco", MUJOCO, ERK, 0.9),
        ("sac", "mujoco", MUJOCO, ERK, 0.9),
    ],
    ids=["DQN", "DQN uniform", "DQN 95%", "DQN greedy", "PPO", "SAC"],
)
@pytest.mark.filterwarnings("ignore")
def test_final_returns(table):
    assert final_returns(*table) in PAGE


def test_the_page_says_how_many_runs_there_are():
    runs = pd.read_parquet(RUNS)
    assert f"{len(runs)} finished runs" in PAGE
    assert runs[["seed", "versions.rigl_rl", "wall_s"]].notna().all().all()
