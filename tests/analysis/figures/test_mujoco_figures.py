"""Figures of SAC and PPO, from SYNTHETIC runs with numbers worked out by hand."""

import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from analysis import hyperparameters, old_runs, style
from analysis.collect import collect
from analysis.figures.catalog import FIGURES
from analysis.notes import heard
from rigl_rl import paper
from rigl_rl.errors import NoRunsError

ERK, UNIFORM = "erdos_renyi_kernel", "uniform"
CHEETAH = "HalfCheetah-v2"


@pytest.fixture
def sac(launched):
    """Writes one SYNTHETIC SAC run; scores are final returns."""

    def write(score, env=CHEETAH, agent="sac", **settings):
        settings = {"suite": "mujoco", "returns": (0.0, score), **settings}
        return launched(env=env, agent=agent, **settings)

    return write


@pytest.fixture
def drawn(tmp_path):
    """Draws a figure from the runs; its numbers, after checks of what was written."""

    def draw(name):
        tables = collect(tmp_path / "runs")
        points = FIGURES[name].data(tables)
        png, pdf, csv = FIGURES[name].draw(tables, tmp_path / "out")
        assert plt.imread(png).std() > 0.02
        assert pdf.read_bytes().startswith(b"%PDF")
        written = pd.read_csv(csv)
        shared = written.columns.intersection(["mean", "iqm", "low", "high"])
        assert len(shared) == 3
        for column in shared:
            np.testing.assert_allclose(written[column], points[column].astype(float))
        return points

    return draw


def test_iqm_is_the_mean_of_the_middle_half_of_normalized_scores(sac, drawn, capsys):
    # Reference: dense SAC, mean of two seeds. Scores of RigL in its units, ten in all, by task.
    reference = {task: 100.0 * (i + 1) for i, task in enumerate(paper.MUJOCO)}
    scores = [(0.1, 0.2), (0.3, 0.4), (0.5, 0.6), (0.7, 0.8), (0.9, 9.0)]
    for (task, full), pair in zip(reference.items(), scores):
        for seed, (around, score) in enumerate(zip((0.9, 1.1), pair)):
            sac(full * around, task, method="dense", seed=seed)
            sac(full * score, task, seed=seed)
    sac(1e9, paper.MUJOCO[0], method="set")  # one task of five
    points = drawn("1").set_index("label")
    # A quarter of ten is two and a half; scipy's trimmed mean cuts two off each end.
    assert points.loc["RigL", "iqm"] == pytest.approx(np.mean([0.3, 0.4, 0.5, 0.6, 0.7, 0.8]))
    assert points.loc["RigL", ["n_seeds", "n_tasks"]].tolist() == [2, 5]
    assert points[["low", "high"]].isna().all(axis=None)  # two seeds
    assert points.loc["Dense: 100%", "iqm"] == pytest.approx(1.0)
    assert set(points.index) == {"RigL", "Dense: 100%"}
    error = capsys.readouterr().err
    assert "SAC, 90% has no runs of Dense, Pruning, Static; make" in error
    assert "SAC, 90%: left out SET, which lack one of" in error  # on the picture, too


def test_tasks_of_one_seed_take_no_seeds_from_the_others(sac, drawn, capsys):
    *three, fourth, fifth = paper.MUJOCO
    for task in three:
        for seed in range(3):
            for method in ("dense", "rigl", "static"):
                sac(10.0, task, method=method, seed=seed)
    for method in ("dense", "rigl"):
        for task in (fourth, fifth):
            sac(20.0, task, method=method)
        sac(10.0, three[0], method=method, seed=3)
    points = drawn("15")
    assert set(points["label"]) == {"Dense: 100%", "Static", "RigL"}
    assert set(points["n_seeds"]) == {3}
    assert "SAC, 50%" not in capsys.readouterr().err  # it has no bar to leave seeds out of


def test_iqm_counts_a_dense_net_of_equal_size_as_matched(sac, drawn):
    for task in paper.MUJOCO:
        sac(10.0, task, method="dense")
        sac(7.0, task)
        sac(4.0, task, method="dense", width=151 / 512)  # 28,226 parameters; the sparse one 28,985
        sac(1.0, task, method="dense", width=0.5)
    points = drawn("15").set_index("label")
    assert points["iqm"].to_dict() == pytest.approx({"Dense: 100%": 1, "Dense": 0.4, "RigL": 0.7})
    assert points[["low", "high"]].isna().all(axis=None)


def test_ppo_is_normalized_by_sac(sac, drawn):
    for task in paper.MUJOCO:
        sac(10.0, task, method="dense")
        sac(2.0, task, agent="ppo")
    points = drawn("16")
    assert points[["agent", "label"]].values.tolist() == [["ppo", "RigL"]]
    assert points["iqm"].tolist() == pytest.approx([0.2])


def test_iqm_averages_over_the_tasks_with_runs_of_the_standard_dense_network(sac, drawn):
    for task in paper.MUJOCO:
        sac(10.0, task, method="dense")
    *three, left_out = paper.MUJOCO[:4]
    for task in three:
        sac(5.0, task, method="dense", agent="ppo")
    for task in (*three, left_out):
        sac(2.0, task, agent="ppo")
    points = drawn("16").set_index("label")
    assert points["iqm"].to_dict() == pytest.approx({"Dense: 100%": 0.5, "RigL": 0.2})
    assert set(points["n_tasks"]) == {3}
    assert set(points["tasks"].iloc[0].split()) == set(three)


def test_a_further_task_with_few_of_the_methods_removes_no_bar(sac, drawn, capsys):
    """A study is extended task by task, dense networks first."""
    *three, further, unscored = paper.MUJOCO
    for task in (*three, further):
        sac(10.0, task, method="dense")
    for task in paper.MUJOCO:
        sac(5.0, task, method="dense", agent="ppo")
    for task in three:
        for method in paper.METHODS:
            sac(2.0, task, method=method, agent="ppo")
    before = drawn("16").drop(columns="env_steps")
    assert (len(before), set(before["n_tasks"])) == (1 + len(paper.METHODS), {3})
    error = capsys.readouterr().err
    assert f"left out {further}, which lacks Dense, Pruning, Static, SET, RigL" in error
    assert f"left out {unscored}, which lacks dense SAC to normalize by" in error
    sac(9.0, further, method="rigl", agent="ppo")
    pd.testing.assert_frame_equal(drawn("16").drop(columns="env_steps"), before)
    assert (
        f"left out {further}, which lacks Dense, Pruning, Static, SET\n" in capsys.readouterr().err
    )
    # Four bars on four tasks are more than five on three.
    for method in ("set", "static"):
        sac(9.0, further, method=method, agent="ppo")
    after = drawn("16")
    assert set(after["label"]) == {"Dense: 100%", "Static", "SET", "RigL"}
    assert set(after["n_tasks"]) == {4}


def test_the_figure_says_what_its_unit_rests_on(sac, drawn, capsys):
    """In its note, its numbers, and on stderr; SAC alone is its own unit."""
    for task in paper.MUJOCO:
        for seed in range(2):
            sac(10.0, task, method="dense", seed=seed)
            sac(5.0, task, seed=seed)
        for seed in range(3):
            sac(2.0, task, agent="ppo", seed=seed, env_steps=1_000)
    points = drawn("16")
    columns = ["n_seeds", "env_steps", "unit_seeds", "unit_env_steps"]
    assert points[columns].values.tolist() == [[3, 1_000, 2, 110]]
    message = (
        "PPO is normalized by dense SAC, which has 2 seeds per task of 110 steps; "
        "PPO has 3 of 1,000"
    )
    assert message in capsys.readouterr().err
    drawn("15")
    assert "is normalized by" not in capsys.readouterr().err


def test_a_note_says_that_bars_rest_on_different_numbers_of_seeds(sac, tmp_path, capsys):
    for task in paper.MUJOCO:
        for seed in range(3):
            sac(10.0, task, method="dense", seed=seed)
            if seed < 2 or task != paper.MUJOCO[1]:
                sac(5.0, task, seed=seed)
    notes = []
    with pytest.MonkeyPatch.context() as patch, heard():
        patch.setattr(style, "save", lambda figure, *_: notes.append(figure.legends[0]) or [])
        FIGURES["15"].draw(collect(tmp_path / "runs"), tmp_path / "out")
    text = notes[0].get_title().get_text()
    assert max(map(len, text.splitlines())) < 45  # it stands beside a single panel
    text = text.replace("\n", " ")
    # Of 15 scores, 3 are cut off at each end, of 10 scores 2.
    assert (
        "bars of one panel rest on 2 to 3 seeds per task, so 20% of their scores are cut"
    ) in text
    assert f"SAC, 90%, RigL, 2 of up to 3 seeds of each task, as {paper.MUJOCO[1]} has" in text


def test_scaling_figures_have_a_row_per_agent(sac, drawn):
    for agent, score in (("sac", 5.0), ("ppo", 3.0)):
        sac(score, agent=agent)
        sac(2 * score, agent=agent, method="dense")
        sac(99.0, agent=agent, distribution=UNIFORM)
    points = drawn("2").set_index(["agent", "method"])
    assert points["mean"].to_dict() == {
        ("sac", "rigl"): 5.0,
        ("ppo", "rigl"): 3.0,
        ("sac", "dense"): 10.0,
        ("ppo", "dense"): 6.0,
    }
    assert points["dense_reward"].to_dict()["ppo", "rigl"] == 6.0
    points = drawn("12")
    assert points.loc[points["method"] == "rigl", "mean"].tolist() == [99.0, 99.0]


@pytest.mark.parametrize(
    ("name", "distribution", "env", "shown"),
    [
        ("2", ERK, CHEETAH, {0.5, 0.95}),
        ("12", UNIFORM, CHEETAH, {0.5, 0.95}),  # "sparsities from 50% to 95%"
        ("9", ERK, "Hopper-v2", {0.4, 0.5, 0.95, 0.99}),  # its caption names no range
    ],
)
def test_a_figure_shows_the_sparsities_of_its_caption(
    sac, drawn, capsys, name, distribution, env, shown
):
    dense = json.loads((sac(100.0, env, method="dense") / "result.json").read_text())
    for sparsity in (0.4, 0.5, 0.95, 0.99):
        sparse = sac(100 * sparsity, env, sparsity=sparsity, distribution=distribution)
        size = json.loads((sparse / "result.json").read_text())["active_params"]
        # The dense network of that size, a little smaller.
        sac(sparsity, env, method="dense", width=sparsity / 2, active_params=round(0.95 * size))
    points = drawn(name)
    assert set(points.loc[points["method"] == "rigl", "target_sparsity"]) == shown
    matched = points[(points["method"] == "dense") & (points["width"] != 1.0)]
    # Dense networks of more parameters than the range has are between it and the standard one.
    assert set(2 * matched["width"]) == shown | {0.4}
    assert points["dense_reward"].eq(100.0).all()
    assert dense["active_params"] in set(points["params"])
    note = f"figure{name}: left out 3 run(s) beyond the caption's sparsities, 50% to 95%"
    assert (note in capsys.readouterr().err) == (len(shown) == 2)


def test_only_sparsities_beyond_the_caption_are_no_figure(sac, tmp_path):
    sac(1.0, sparsity=0.99)
    with pytest.raises(NoRunsError, match="figure2: no finished sparse run"):
        FIGURES["2"].data(collect(tmp_path / "runs"))


def test_a_sweep_is_not_mixed_with_standard_runs(sac, drawn, capsys):
    # Table 2: RigL's weight decay is 1e-6.
    sac(5.0, sparsity=0.8, parameters={"train_eval.weight_decay": 1e-6})
    sac(50.0, sparsity=0.8, parameters={"train_eval.weight_decay": 1e-4})
    points = drawn("2")
    assert points["mean"].tolist() == [5.0]
    assert "left out 1 run(s) of sweeps" in capsys.readouterr().err
    points = drawn("4_center")
    assert points[["value", "mean"]].values.tolist() == [[1e-6, 5.0], [1e-4, 50.0]]


def test_values_that_nobody_trained_at_the_best_setting_are_shown_all_the_same(sac, drawn):
    sac(50.0, parameters={"train_eval.weight_decay": 1e-4})
    assert drawn("2")["mean"].tolist() == [50.0]


def test_sensitivity_has_a_panel_for_each_hyperparameter_that_was_varied(sac, drawn, capsys):
    for fraction, score in ((0.0, 1.0), (0.3, 3.0), (0.5, 5.0)):
        sac(score, sparsity=0.8, parameters={"mask_updater.init_drop_fraction": fraction})
    for interval, score in ((100, 7.0), (1000, 8.0)):
        sac(
            score,
            method="prune",
            sparsity=0.8,
            parameters={"wrap_all_layers.frequency": interval, "mask_updater.update_freq": 1},
        )
    points = drawn("13").set_index(["column", "method", "value"])["mean"].to_dict()
    assert points == {
        ("drop_fraction", "rigl", 0.0): 1.0,
        ("drop_fraction", "rigl", 0.3): 3.0,
        ("drop_fraction", "rigl", 0.5): 5.0,
        ("update_freq", "prune", 100.0): 7.0,
        ("update_freq", "prune", 1000.0): 8.0,
    }
    assert "that differ in batch_size" in capsys.readouterr().err


def test_sensitivity_shows_a_method_that_is_not_the_papers(sac, drawn):
    for method in ("rigl", "mine"):
        for fraction, score in ((0.3, 3.0), (0.5, 5.0)):
            parameters = {"mask_updater.init_drop_fraction": fraction}
            sac(score, method=method, sparsity=0.8, parameters=parameters)
    points = drawn("13")
    assert set(points["method"]) == {"rigl", "mine"}


def test_sparsity_aware_initialization_on_and_off(sac, drawn):
    for aware, score in ((False, 1.0), (True, 2.0)):
        for distribution in (ERK, UNIFORM):
            sac(
                score,
                sparsity=0.8,
                distribution=distribution,
                parameters={"init_masks.fixed_sparse_init": aware},
            )
    points = drawn("4_right")
    assert points.groupby("distribution")["mean"].apply(list).to_dict() == {
        ERK: [1.0, 2.0],
        UNIFORM: [1.0, 2.0],
    }


def test_figure3_has_a_line_per_budget_over_the_actors_share(sac, drawn, capsys):
    def split(score, actor, critic, text, method="dense"):
        kind = "widths" if method == "dense" else "sparsities"
        parameters = {f"train_eval.actor_critic_{kind}_str": text} if text else {}
        params = {"actor": actor, "critic_1": critic, "critic_2": critic}
        sac(score, method=method, parameters=parameters, network_params=params)

    split(90.0, 340, 330, "")
    sac(50.0, env="Walker2d-v2", method="dense")  # without splits, no panel
    split(10.0, 900, 50, "1.6_0.2")
    split(80.0, 100, 450, "0.5_1.2")
    split(7.0, 20, 91, "0.2_0.5")  # 202 of 1,000: 20%
    split(8.0, 50, 25, "0.9_0.95", method="rigl")  # 10%
    split(1.0, 200, 200, "0.6_0.6")  # 60%: no budget
    points = drawn("3")
    assert set(points["env"]) == {CHEETAH}
    found = points.set_index(["method", "budget", "actor_share"])["mean"].to_dict()
    assert found == {
        ("dense", 1.0, 0.1): 80.0,
        ("dense", 1.0, 0.34): 90.0,
        ("dense", 1.0, 0.9): 10.0,
        ("dense", 0.2, 0.099): 7.0,
        ("rigl", 0.1, 0.5): 8.0,
    }
    assert set(points["dense_reward"]) == {90.0}
    assert set(points["standard_share"]) == {0.34}
    message = "figure3: left out 1 split run(s) with 60% of the standard networks' parameters"
    assert message in capsys.readouterr().err


def test_figure14_tells_a_dense_output_layer_from_a_sparse_one(sac, drawn):
    sac(9.0, method="dense")
    for output, score in ((True, 1.0), (False, 4.0)):
        for distribution in (ERK, UNIFORM):
            sac(
                score,
                distribution=distribution,
                parameters={"train_eval.sparse_output_layer": output},
            )
    points = drawn("14_left")
    sparse = points[points["method"] == "rigl"]
    assert sparse.groupby("sparse_output_layer")["mean"].apply(set).to_dict() == {
        True: {1.0},
        False: {4.0},
    }
    assert drawn("4_left").loc[lambda p: p["method"] == "rigl", "mean"].tolist() == [1.0, 1.0]


def test_snr_of_actor_and_critic_are_rows_of_their_own(sac, drawn):
    sac(0.0, snr=[(100, 0.1)], network="actor")
    sac(0.0, seed=1, snr=[(100, 0.4)], network="critic")
    points = drawn("5_right").set_index("network")
    assert points["mean"].to_dict() == pytest.approx({"actor": 0.1, "critic": 0.4})


def test_a_figure_without_runs_says_how_to_make_them(sac, tmp_path):
    sac(1.0, agent="dqn", suite="classic", env="CartPole-v0")
    tables = collect(tmp_path / "runs")
    names = ("1", "2", "3", "4_center", "4_right", "5_right", "9", "13", "14_left", "16")
    for name in (*names, "6", "10", "11", "12", "17", "18"):
        with pytest.raises(NoRunsError, match=f"launch run figure{name} --preset reduced"):
            FIGURES[name].draw(tables, tmp_path / "out")
    assert not (tmp_path / "out").exists()


CONFIG = """
# Parameters for train_eval:
train_eval.weight_decay = 1e-06
train_eval.batch_size = 256
train_eval.sparse_output_layer = False
train_eval.actor_critic_sparsities_str = ''
train_eval.actor_critic_widths_str = '0.5_1.0'
init_masks.fixed_sparse_init = True
init_masks.sparsity = %SPARSITY
mask_updater.init_drop_fraction = 0.3
mask_updater.update_freq = 250
wrap_all_layers.frequency = 1000
"""


def test_hyperparameters_that_matter_to_the_method():
    rigl = old_runs.of_run(CONFIG, "rigl")
    assert rigl == {
        "weight_decay": 1e-6,
        "batch_size": 256,
        "learning_rate": None,
        "drop_fraction": 0.3,
        "sparsity_aware_init": True,
        "sparse_initializer": None,
        "sparse_output_layer": False,
        "sparsities": None,
        "widths": "0.5_1.0",
        "update_freq": 250,
    }
    dense = old_runs.of_run(CONFIG, "dense")
    assert {name for name, value in dense.items() if value is not None} == {
        "weight_decay",
        "batch_size",
        "widths",
    }
    assert old_runs.of_run(CONFIG, "prune")["update_freq"] == 1000
    assert set(old_runs.of_run("", "set").values()) == {None}


def test_a_hyperparameter_that_is_bound_by_method():
    config = (
        CONFIG.replace("1e-06", "@by_method()") + "by_method.rigl = 0.25\nby_method.set = 0.5\n"
    )
    for method, expected in (("rigl", 0.25), ("set", 0.5), ("static", None)):
        assert old_runs.of_run(config, method)["weight_decay"] == expected


def test_changes_count_from_the_tables():
    run = {"agent": "sac", "suite": "mujoco", "method": "rigl"}
    known = old_runs.of_run(CONFIG, "rigl")
    # Table 2 has interval 1,000 and drop fraction 0.5; the output layer is sparse; no split.
    assert hyperparameters.changes({**run, **known}) == 4
    assert hyperparameters.changes({**run, **old_runs.of_run("", "rigl")}) == 0
    rescaled = {**known, "sparse_initializer": "rescale"}
    assert hyperparameters.changes({**run, **rescaled}) == 5
    assert hyperparameters.changes({**run, **known, "suite": "classic"}) == 0
