"""All studies' runs in one directory, with the launcher's names and configurations: each figure
finds all of its own runs and no others.

The runs are SYNTHETIC. No two scores are equal, so a figure's points can be traced to its runs.
"""

import dataclasses
import re
import zlib

import pandas as pd
import pytest

from analysis import hyperparameters
from analysis.claims.evaluation import evaluate
from analysis.claims.findings import CLAIMS
from analysis.claims.runs import Runs
from analysis.collect import CURVES, collect
from analysis.figures.catalog import FIGURES, TABLES
from analysis.run_tables import Tables
from analysis.select import comparable
from launch import demo
from launch.agent_runs import DISTRIBUTIONS, agent_run
from launch.agents import AGENTS, PPO, SAC
from launch.studies.all_studies import STUDIES, expand
from launch.studies.presets import PRESETS
from rigl_rl import paper

# As long as the paper's, but fewer of everything; with the sparsities of Figures 4 and 13 (80%) and
# 6 (on Atari 50%), whose standard runs belong to other figures, too.
PRESET = dataclasses.replace(
    PRESETS["paper"],
    seeds=1,
    sparsities=(0.8, 0.9),
    iqm_sparsities=(0.9,),
    actor_shares=(0.1, 0.9),
    snr_sparsities={"erk": (0.9,), "uniform": (0.9,)},
    games=paper.GAMES_MAIN,
    atari_seeds=1,
    atari_sparsities=(0.5, 0.9),
    atari_iqm_sparsities=(0.5, 0.9),
    weight_decays=(1e-6, 1e-4),
    update_intervals=(250, 1000),
    drop_fractions=(0.1, 0.5),
    resnet_weight_decays=(0.0, 1e-5),
    resnet_learning_rates=(1e-4, 1e-3),
    seeds_of={},
)
RUNS = {study: expand([study], PRESET) for study in STUDIES}
# Runs that no figure has but a user may train: sparse and half as wide ...
OTHERS = [
    agent_run(
        agent,
        task,
        "rigl",
        0,
        PRESET.schedule(agent),
        distribution=distribution,
        sparsity=sparsity,
        units=agent.units // 2,
        snr_freq=PRESET.snr_freq,
    )
    for agent in AGENTS.values()
    for task in (agent.tasks if agent.gin.task.startswith("train") else paper.GAMES_MAIN)
    for distribution in DISTRIBUTIONS
    for sparsity in (0.8, 0.9)
]
# ... and sweeps where Figures 4 and 13 have none: at another sparsity or width, of another agent.
OTHERS += [
    agent_run(
        agent,
        paper.SENSITIVITY_TASK,
        "rigl",
        0,
        PRESET.schedule(agent),
        distribution="erk",
        sparsity=sparsity,
        units=units,
        **{name: value},
    )
    for agent, sparsity, units in ((SAC, 0.9, 256), (SAC, 0.8, 128), (PPO, 0.8, 64))
    for name, value in (("weight_decay", 1e-3), ("batch_size", 32), ("drop_fraction", 0.1))
    if (agent, name) != (PPO, "batch_size")  # whose name is another
]


def score(run) -> float:
    """No two runs' are equal, but for those that train alike, one of them with its SNR measured."""
    return float(zlib.crc32(run.name.replace("-snr", "").encode()))


@pytest.fixture(scope="module")
def everything(tmp_path_factory, write_launched):
    """All runs, other ones and the demo's, which are shorter, in one directory."""
    root = tmp_path_factory.mktemp("all") / "runs"
    # Each study as if launched alone: runs of some are there with and without their SNR.
    for run in dict.fromkeys([*(run for runs in RUNS.values() for run in runs), *OTHERS]):
        write_launched(run, root, score(run))
    for run in demo.runs():
        write_launched(run, root, score(run), steps=200)
    return collect(root)


def only(tables: Tables, runs) -> Tables:
    """What there would be if nothing else had been trained."""
    paths = {run.name for run in runs}
    parts = [table[table["path"].isin(paths)].reset_index(drop=True) for table in tables[:4]]
    return tables._replace(**dict(zip(tables._fields, parts)))


def test_runs_are_collected_under_the_launchers_names(everything):
    names = {run.name for runs in RUNS.values() for run in runs}
    names |= {run.name for run in [*demo.runs(), *OTHERS]}
    assert set(everything.runs["path"]) == names
    alike = everything.runs["path"].str.replace("-snr", "")
    assert everything.runs["final_return"].nunique() == alike.nunique()
    assert set(CURVES) == set(Tables._fields[1:4])


def test_standard_runs_have_the_papers_hyperparameters_and_sweeps_do_not(everything):
    changes = everything.runs.apply(hyperparameters.changes, axis=1)
    shorts = [f"-{short}" for short in ("wd", "every", "lr", "drop", "aware", "batch", "out", "ac")]
    varied = [
        sum(f"-{part}".startswith(tuple(shorts)) for part in path.split("/")[2].split("-")[1:])
        for path in everything.runs["path"]
    ]
    assert sum(number > 0 for number in varied) > 100
    assert changes.tolist() == varied


GROWING = {"set", "rigl"}


@pytest.mark.parametrize(
    ("column", "methods"),
    [
        ("weight_decay", {"dense", "prune", "static", *GROWING}),
        ("batch_size", {"dense", "prune", "static", *GROWING}),
        ("sparsity_aware_init", {"static", *GROWING}),
        ("update_freq", {"prune", *GROWING}),
        ("drop_fraction", GROWING),
    ],
)
def test_what_the_tables_name_is_read_of_every_run_and_no_other(everything, column, methods):
    known = everything.runs[column].notna()
    assert set(everything.runs["method"]) == {"dense", "prune", "static", *GROWING}
    assert known.tolist() == everything.runs["method"].isin(methods).tolist()


POINTS = ["2", "3", "4_left", "4_center", "4_right", "8", "9", "10", "11", "12", "13", "14_left"]
POINTS += ["14_right"]


@pytest.mark.parametrize("name", POINTS)
def test_the_points_of_a_figure_are_the_runs_of_its_study(everything, name):
    points = FIGURES[name].data(everything)
    expected = {score(run) for run in RUNS[f"figure{name}"]}
    assert expected
    assert set(points["mean"]) == expected
    assert set(points["n_seeds"]) == {1}


@pytest.mark.parametrize(("name", "expected"), [("5_left", 9), ("5_right", 9), ("6", 3 * 7)])
def test_the_lines_of_a_figure_are_the_runs_of_its_study(everything, name, expected):
    points = FIGURES[name].data(everything)
    lines = points[points["sigma"] == 0.0] if "sigma" in points else points
    scores = sorted(score(run) for run in RUNS[f"figure{name}"])
    assert sorted(lines["mean"]) == pytest.approx(scores, rel=1e-12)
    assert len(lines) == expected


@pytest.mark.parametrize("name", FIGURES)
def test_other_studies_in_the_directory_change_no_figure(everything, name):
    figure = FIGURES[name]
    own = only(everything, RUNS[f"figure{name}"])
    if name == "7":  # counted
        own = everything
    pd.testing.assert_frame_equal(figure.data(everything), figure.data(own))


@pytest.mark.parametrize("name", ["table1", "table2", "table3"])
def test_a_sweeps_table_has_every_setting_and_the_best_one(everything, name):
    rows = TABLES[name].data(everything).set_index("method")
    own: dict[str, set] = {}
    for run in RUNS[name]:
        agent, task, kind = run.label.split("/")
        method = kind.split("-")[0]
        own.setdefault(method, set()).add(run)
        # The standard run is a setting, too, if the grid does not have it.
        standard = f"{agent}/{task}/" + "-".join(kind.split("-")[: 1 if method == "dense" else 3])
        own[method] |= {each for runs in RUNS.values() for each in runs if each.label == standard}
    assert set(rows.index) == set(own)
    assert rows["settings"].to_dict() == {method: len(runs) for method, runs in own.items()}
    best = {method: max(map(score, runs)) for method, runs in own.items()}
    assert rows["mean"].to_dict() == best


@pytest.mark.parametrize("name", ["table1", "table2", "table3"])
def test_further_seeds_of_the_papers_setting_change_no_table(everything, name):
    """Figures show it with more seeds than the sweep has."""
    standard = everything.runs[everything.runs.apply(hyperparameters.changes, axis=1) == 0]
    more = [
        standard.assign(seed=n, path=standard["path"].str.replace("seed0", f"seed{n}"))
        for n in (1, 2)
    ]
    runs = pd.concat([everything.runs, *more], ignore_index=True)
    found = TABLES[name].data(everything._replace(runs=runs))
    pd.testing.assert_frame_equal(found, TABLES[name].data(everything))


def test_the_resnets_sweep_has_every_setting_on_three_games(everything):
    (row,) = TABLES["table5"].data(everything).to_dict("records")
    grid = len(PRESET.resnet_weight_decays) * len(PRESET.resnet_learning_rates)
    assert (row["method"], row["settings"], row["n_seeds"]) == ("dense", grid, 1)
    assert len(RUNS["table5"]) == 3 * grid


def test_the_mark_of_80_percent_is_the_standard_networks(everything):
    """Names of narrower networks come first in a directory: 'dense-h116/' before 'dense/'."""
    points = FIGURES["8"].data(everything)
    found = points.groupby("env")["params_at_80"].unique().apply(list).to_dict()
    # 512 units: kernels, a fifth of which stay, and biases.
    assert found == {
        task: [round(0.2 * (n * 512 + 512 * 512 + 512 * m)) + 1024 + m]
        for task, (n, m) in {
            "CartPole-v0": (4, 2),
            "Acrobot-v1": (6, 3),
            "MountainCar-v0": (2, 3),
        }.items()
    }


# What the two sides of a claim are called, but for an '-snr' at the end.
SIDES = {
    "sparse-beats-matched-dense": (r"(prune|set|rigl)-erk-s0\.\d+", r"dense-h\d+"),
    "80-percent-without-loss": (r"(prune|set|rigl)-erk-s0\.80", r"dense"),
    "90-percent-without-loss": (r"(prune|set|rigl)-erk-s0\.90", r"dense"),
    "pruning-is-best": (r"prune-erk-s0\.\d+", r"(set|rigl)-erk-s0\.\d+"),
    "dynamic-beats-static": (r"(set|rigl)-erk-s0\.\d+", r"static-erk-s0\.\d+"),
    "rigl-equals-set": (r"rigl-erk-s0\.\d+", r"set-erk-s0\.\d+"),
    "erk-beats-uniform": (
        r"(prune|static|set|rigl)-erk-s0\.\d+",
        r"(prune|static|set|rigl)-uniform-s0\.\d+",
    ),
    "small-weight-decay-helps": 2
    * (r"(dense|(prune|set|rigl)-erk-s0\.\d+)(-(wd|every|drop|aware).*)?",),
    "aware-init-helps-uniform": 2 * (r"(static|set|rigl)-uniform-s0\.\d+(-aware[01])?",),
    "aware-init-leaves-erk": 2 * (r"(set|rigl)-erk-s0\.\d+(-(wd|every|drop|aware).*)?",),
    "aware-init-may-harm-static": 2 * (r"static-erk-s0\.\d+(-(wd|every|drop|aware).*)?",),
    "starved-critic-hurts-more": 2 * (r"(dense|rigl-erk-s0\.[89]0)-ac.*",),
    "snr-falls-with-sparsity": (r"dense", r"rigl-(erk|uniform)-s0\.90"),
    "sparse-resists-noise": (r"(set|rigl)-erk-s0\.\d+", r"dense(-h\d+)?"),
}


@pytest.mark.parametrize("name", SIDES)
def test_a_claim_compares_the_runs_that_its_words_name(everything, name):
    (claim,) = (claim for claim in CLAIMS if claim.name == name)
    tables = only(everything, [run for runs in RUNS.values() for run in runs])
    sides = list(claim.compare(Runs(tables)))
    assert sides
    for side, pattern in enumerate(SIDES[name]):
        paths = pd.concat([each[1 + side]["path"] for each in sides])
        kinds = {path.split("/")[2].replace("-snr", "") for path in paths}
        assert kinds
        assert {kind for kind in kinds if not re.fullmatch(pattern, kind)} == set()
    agents = {
        run.label.split("/")[0]
        for study in claim.studies
        for run in RUNS[study]
        if re.fullmatch(SIDES[name][0], run.label.split("/")[2].replace("-snr", ""))
    }
    assert {path.split("/")[0] for each in sides for path in each[1]["path"]} >= agents


def test_split_networks_share_no_figure_with_others(everything):
    """Not even where nothing is there to be preferred to them."""
    splits = [run for run in RUNS["figure3"] if "-ac" in run.label]
    standard = [run for run in RUNS["figure3"] if run not in splits]
    assert splits
    assert comparable(only(everything, splits).scored, "figure2").empty
    found = comparable(only(everything, RUNS["figure3"]).scored, "figure2")
    assert set(found["path"]) == {run.name for run in standard}


def test_split_networks_are_no_sparse_networks_like_others(everything):
    """Figure 3's alone, one split of a sparsity: nothing is there to be preferred to it."""
    sparse = {
        (run.task, run.label.split("-s0.")[1][:2]): run
        for run in RUNS["figure3"]
        if "rigl" in run.label
    }
    assert len(sparse) == 2 * len(paper.MUJOCO_MAIN)
    dense = [run for run in RUNS["figure3"] if "rigl" not in run.label]
    rows = evaluate(only(everything, [*dense, *sparse.values()])).set_index("claim")
    assert set(rows.index[rows["cells"] > 0]) == {
        *("starved-critic-hurts-more", "standard-split-is-best", "erk-doubles-flops")
    }
