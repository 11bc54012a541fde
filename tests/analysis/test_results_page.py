"""The tables of docs/results.md hold what the committed runs give.

So do README's rows. To renew a table, run these tests: a failure shows it as it should be.
"""

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest

from analysis import intervals, parameter_splits, select, style
from analysis.as_text import markdown, with_interval
from analysis.claims import evaluation
from analysis.collect import load
from launch import __main__ as launch
from rigl_rl.paper import BUDGETS, ERK, METHODS, UNIFORM

ROOT = Path(__file__).resolve().parents[2]
RUNS = ROOT / "results" / "runs.parquet"
PAGE = (ROOT / "docs" / "results.md").read_text()
README = (ROOT / "README.md").read_text()
MUJOCO = ["HalfCheetah-v2", "Hopper-v2", "Walker2d-v2"]
FURTHER = ["Humanoid-v2", "Ant-v2"]
FULL = ["HalfCheetah-v2", "Walker2d-v2"]
CLASSIC = ["CartPole-v0", "Acrobot-v1", "MountainCar-v0"]
NAMES = {method: style.method_name(method) for method in METHODS}


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
        "Small dense": runs[narrow & near],
        **{name: sparse[sparse["method"] == method] for method, name in NAMES.items()},
    }


def cell(row, form: str) -> str:
    """A row of `intervals.over_seeds`: the mean with its interval, and the number of seeds."""
    return f"{with_interval(row.mean, row.low, row.high, form)} ({row.n_seeds})"


def scores(
    agent, suite, tasks, distribution=ERK, sparsity=0.9, score="protocol", steps=None
) -> dict:
    """{name of a row: {task: its cell}}."""
    runs = load(RUNS, score, steps).scored
    runs = runs[(runs["agent"] == agent) & (runs["suite"] == suite) & runs["env"].isin(tasks)]
    runs = select.comparable(runs, "results")
    form = ",.0f" if suite == "mujoco" else ",.1f"
    return {
        name: {
            each.env: cell(each, form)
            for each in intervals.over_seeds(own, ["env"], "final_return").itertuples()
        }
        for name, own in settings_of(runs, distribution, sparsity).items()
    }


def final_returns(agent, suite, tasks, *which, **length) -> str:
    """A table of final returns, with the numbers of seeds in parentheses; a row per method that has
    runs.
    """
    rows = []
    for name, found in scores(agent, suite, tasks, *which, **length).items():
        cells = {task: found.get(task, "") for task in tasks}
        if found:
            rows.append({"method": name, **cells})
    return markdown(pd.DataFrame(rows))


VARIANTS = {
    "as in the paper": "",
    "drop fraction 0.1": "-drop0.1",
    "update interval 5,000": "-every5000",
    "the agent's initialization": "-aware0",
    "the agent's, rescaled": "-initrescale",
}


def changed(agent: str, tasks: list[str], methods: list[str], variants: list[str]) -> str:
    """A table of final returns by seed, with single hyperparameters changed."""
    runs = pd.read_parquet(RUNS)
    labels, rows = runs["path"].str.replace("-snr", "").str.rpartition("/")[0], []
    for task in tasks:
        for method in methods:
            row = {"task": task, "method": NAMES[method]}
            for variant in variants:
                label = f"{agent}/{task}/{method}-erk-s0.90{VARIANTS[variant]}"
                own = runs[labels == label].drop_duplicates("seed").sort_values("seed")
                form = ".1f" if agent == "dqn_classic" else ",.0f"
                values = [f"{each.final_return:{form}} ({each.seed})" for each in own.itertuples()]
                row[variant] = ", ".join(values)
            rows.append(row)
    return markdown(pd.DataFrame(rows))


CHANGED = {
    "MountainCar": ("dqn_classic", CLASSIC[2:], [*NAMES][1:], [*VARIANTS]),
    "PPO's initialization": (
        "ppo_mujoco",
        ["HalfCheetah-v2", "Walker2d-v2"],
        ["static", "rigl"],
        ["as in the paper", "the agent's initialization", "the agent's, rescaled"],
    ),
}


@pytest.mark.parametrize("table", CHANGED.values(), ids=CHANGED)
def test_changed_hyperparameters(table):
    assert changed(*table) in PAGE


def claims() -> str:
    """A table of the committed verdicts."""
    found = pd.read_csv(RUNS.with_name("claims.csv"))
    rows = [
        {
            "claim": each.text,
            "agent": each.agent,
            "quantity": f"{each.quantity} {evaluation.value(each)}",
            "worst": f"{each.worst_task} {each.worst:.2f}",
            "runs": f"{each.runs:,.0f}",
            "verdict": each.verdict,
        }
        for each in found[found["verdict"].notna()].itertuples()
    ]
    return markdown(pd.DataFrame(rows))


def test_claims():
    assert claims() in PAGE


def result_of(agent, suite, task, steps=None) -> str:
    """The cells of a row in README's table: final returns at 90%, ERK, with numbers of seeds."""
    found = scores(agent, suite, [task], steps=steps).values()
    return re.sub(" +", " ", " | ".join(each.get(task, "") for each in found))


@pytest.mark.parametrize(
    "table",
    [
        ("dqn", "classic", CLASSIC, ERK, 0.9),
        ("dqn", "classic", CLASSIC, UNIFORM, 0.9),
        ("dqn", "classic", CLASSIC, ERK, 0.95),
        ("dqn", "classic", CLASSIC, ERK, 0.9, "greedy"),
        ("ppo", "mujoco", MUJOCO, ERK, 0.9),
        ("sac", "mujoco", MUJOCO, ERK, 0.9),
        ("sac", "mujoco", FURTHER, ERK, 0.9),
    ],
    ids=["DQN", "DQN uniform", "DQN 95%", "DQN greedy", "PPO", "SAC", "SAC, one seed"],
)
@pytest.mark.filterwarnings("ignore")
def test_final_returns(table):
    assert final_returns(*table) in PAGE


@pytest.mark.filterwarnings("ignore")
def test_final_returns_at_full_length():
    assert final_returns("sac", "mujoco", FULL, steps=1_000_000) in PAGE


def of_shares(task: str, budget: float) -> str:
    """A table of SAC's final returns by the actor's share of a budget of parameters."""
    runs = parameter_splits.splits(load(RUNS, "protocol").scored, "results", BUDGETS)
    runs = runs[(runs["env"] == task) & (runs["budget"] == budget)]
    runs = runs.assign(share=runs["actor_share"].round(1))
    found = intervals.over_seeds(runs, ["method", "share"], "final_return")
    rows: dict[str, dict[str, str]] = {}
    for each in found.itertuples():
        cells = rows.setdefault(each.method, {"method": style.method_name(each.method)})
        cells[f"{each.share:.0%}"] = cell(each, ",.0f")
    return markdown(pd.DataFrame(rows.values()))


@pytest.mark.filterwarnings("ignore")
def test_final_returns_by_the_actors_share():
    assert of_shares("Walker2d-v2", 0.2) in PAGE


def test_every_task_and_length_has_a_table():
    runs = pd.read_parquet(RUNS)
    shown = {("dqn", task, 100_000) for task in CLASSIC} | {("dqn", "Pong", 500_000)}
    shown |= {("ppo", task, 156_480) for task in MUJOCO}
    shown |= {("sac", task, 100_000) for task in [*MUJOCO, *FURTHER]}
    shown |= {("sac", task, 1_000_000) for task in FULL}
    assert set(zip(runs["agent"], runs["env"], select.length_of(runs))) == shown


@pytest.mark.parametrize(
    "task",
    [
        *(("dqn", "classic", task) for task in CLASSIC),
        *(("ppo", "mujoco", task) for task in MUJOCO),
        *(("sac", "mujoco", task) for task in MUJOCO),
        *(("sac", "mujoco", task, 1_000_000) for task in FULL),
        ("dqn", "atari_cnn", "Pong"),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore")
def test_rows_of_the_readme(task):
    assert f"| {result_of(*task)} |".replace("  ", " ") in README


# Runs of the page's commands that have not been trained; the page says so.
LEFT = {"figure8": 71, "Humanoid-v2": 2, "--preset paper": 2, "figure3": 15}


@pytest.mark.parametrize("command", re.findall("^python -m launch (run .+)$", PAGE, re.MULTILINE))
def test_commands_train_the_runs_of_the_page(command, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert launch.main([*shlex.split(command), "--dry_run"]) == 0
    left = sum(count for part, count in LEFT.items() if part in command)
    assert f"; the {left} left take" in capsys.readouterr().err


def test_the_page_says_how_many_runs_there_are():
    runs = pd.read_parquet(RUNS)
    assert f"{len(runs)} finished runs" in PAGE
    assert runs[["seed", "versions.rigl_rl", "wall_s"]].notna().all().all()
