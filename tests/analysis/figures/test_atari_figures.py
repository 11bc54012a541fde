"""Figures of DQN on Atari, from SYNTHETIC runs with numbers worked out by hand."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from analysis import hyperparameters, learning_curves, old_runs, style
from analysis.collect import collect, load
from analysis.collect import main as collect_main
from analysis.figures import __main__ as figures
from analysis.figures.catalog import FIGURES
from rigl_rl import paper
from rigl_rl.command_line import exit_code
from rigl_rl.errors import NoRunsError

ERK, UNIFORM = "erdos_renyi_kernel", "uniform"

# Random and human scores of three games as published: DQN Zoo's, and Mnih et al. (2015).
SCORES = {
    "MsPacman": {"random": 307.3, "modern": 6951.6, "nature": 15693.4},
    "Pong": {"random": -20.7, "modern": 14.6, "nature": 9.3},
    "Qbert": {"random": 163.9, "modern": 13455.0, "nature": 13455.0},
}


@pytest.fixture
def atari(launched):
    """Writes one SYNTHETIC Atari run; scores are final returns."""

    def write(score, env="Pong", suite="atari_cnn", **settings):
        settings = {"suite": suite, "returns": (0.0, score), **settings}
        return launched(env=env, agent="dqn", **settings)

    return write


def points_of(name, tmp_path):
    return FIGURES[name].data(collect(tmp_path / "runs"))


def drawn(name, tmp_path):
    """The figure's panels, after checks of what was written."""
    tables = collect(tmp_path / "runs")
    with pytest.MonkeyPatch.context() as patch:
        kept = []
        patch.setattr("analysis.style.plt.close", kept.append)
        png, pdf, csv = FIGURES[name].draw(tables, tmp_path / "out")
    assert plt.imread(png).std() > 0.02
    assert pdf.read_bytes().startswith(b"%PDF")
    points = FIGURES[name].data(tables)
    pd.testing.assert_frame_equal(pd.read_csv(csv), points.fillna(np.nan), check_dtype=False)
    return {axes.get_title(): axes for axes in kept[0].axes}


def human(game, share, table="modern"):
    """The score that is so much of a human's: 0 random, 1 human."""
    scores = SCORES[game]
    return scores["random"] + share * (scores[table] - scores["random"])


# -- figures 1, 17 and 18 ----------------------------------------------------------------------


@pytest.fixture
def three_games(atari):
    """RigL at shares 0.1 to 1.2 of a human's score, dense at 1; SET lacks a game."""
    shares = iter((0.1, 0.3, 0.5, 0.7, 0.9, 1.2))
    for game in SCORES:
        for seed in (0, 1):
            atari(human(game, 1.0), game, method="dense", seed=seed)
            atari(human(game, next(shares)), game, seed=seed)
    atari(0.0, "Pong", method="set")


def test_iqm_of_human_normalized_scores(three_games, tmp_path, capsys):
    points = points_of("17", tmp_path).set_index("label")
    # Six scores: scipy's trimmed mean cuts int(6 / 4) = 1 off each end.
    assert points.loc["RigL", "iqm"] == pytest.approx((0.3 + 0.5 + 0.7 + 0.9) / 4)
    assert points.loc["RigL", ["n_seeds", "n_tasks"]].tolist() == [2, 3]
    assert points.loc["Dense: 100%", "iqm"] == pytest.approx(1.0)
    assert set(points.index) == {"RigL", "Dense: 100%"}
    assert set(points["target_sparsity"]) == {0.9}
    error = capsys.readouterr().err
    assert "DQN (CNN), 90% has no runs of Dense, Pruning, Static; make" in error
    assert "DQN (CNN), 90%: left out SET, which lack one of" in error
    (title,) = drawn("17", tmp_path)
    assert title == "DQN (CNN), 90%\n3 of 15 games"


def test_the_other_table_of_human_scores(three_games, tmp_path):
    argv = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out"), "--only", "17"]
    assert exit_code(figures.main, [*argv, "--human_scores", "nature"]) == 0
    points = pd.read_csv(tmp_path / "out" / "figure17.csv").set_index("label")
    # 0.1, 0.3 on MsPacman, 0.5, 0.7 on Pong, 0.9, 1.2 on Qbert in the other's units.
    pacman = (6951.6 - 307.3) / (15693.4 - 307.3)
    pong = (14.6 + 20.7) / (9.3 + 20.7)
    shares = sorted([0.1 * pacman, 0.3 * pacman, 0.5 * pong, 0.7 * pong, 0.9, 1.2])
    assert points.loc["RigL", "iqm"] == pytest.approx(np.mean(shares[1:-1]))
    assert exit_code(figures.main, argv) == 0
    points = pd.read_csv(tmp_path / "out" / "figure17.csv").set_index("label")
    assert points.loc["RigL", "iqm"] == pytest.approx(0.6)


def test_every_game_has_scores():
    from analysis.normalization import ATARI_SCORES

    table = pd.read_csv(ATARI_SCORES, comment="#", index_col="game")
    assert sorted(table.index) == sorted(paper.GAMES)
    assert (table["human_modern"] > table["random"]).all()
    assert (table["human_nature"] > table["random"]).all()
    for game, scores in SCORES.items():
        found = table.loc[game, ["random", "human_modern", "human_nature"]]
        assert found.tolist() == list(scores.values())


def test_figure1_has_a_panel_for_each_agent_and_network(atari, launched, tmp_path):
    for game in paper.GAMES:
        for suite in ("atari_cnn", "atari_resnet"):
            atari(1.0, game, suite, method="dense")
            atari(2.0, game, suite, sparsity=0.9)
    for task in paper.MUJOCO:
        for method in ("dense", "rigl"):
            launched(env=task, agent="sac", suite="mujoco", method=method)
    panels = drawn("1", tmp_path)
    assert [title for title in panels if title] == [
        "SAC, 90%\nAnt, HalfCheetah, Hopper,\nHumanoid, Walker2d",
        "DQN (CNN), 90%\n15 games",
        "DQN (ResNet), 90%\n15 games",
    ]
    labels = [axes.get_xlabel() for title, axes in panels.items() if title]
    assert labels == ["IQM of normalized score", *["IQM of human-normalized score"] * 2]


# -- figures 2, 10, 11 and 12 --------------------------------------------------------------------


def test_scaling_figures_of_atari(atari, tmp_path):
    for suite, score in (("atari_cnn", 10.0), ("atari_resnet", 20.0)):
        for game in ("Pong", "Assault"):
            atari(score, game, suite, method="dense")
            atari(score / 2, game, suite, method="dense", width=0.5)
            atari(score + 1, game, suite)
            atari(score + 2, game, suite, distribution=UNIFORM)
    found = {
        name: points_of(name, tmp_path).set_index(["suite", "env", "method", "width"])["mean"]
        for name in ("2", "10", "11", "12")
    }
    pong = {("dense", 0.5): 5.0, ("dense", 1.0): 10.0, ("rigl", 1.0): 11.0}
    assert found["2"].to_dict() == {("atari_cnn", "Pong", *key): v for key, v in pong.items()}
    assert found["12"]["atari_cnn", "Pong", "rigl", 1.0] == 12.0
    assert set(found["10"].index.get_level_values("env")) == {"Pong", "Assault"}
    assert found["10"]["atari_cnn", "Assault", "rigl", 1.0] == 11.0
    assert set(found["11"].index.get_level_values("suite")) == {"atari_resnet"}
    assert found["11"]["atari_resnet", "Pong", "rigl", 1.0] == 21.0
    panels = drawn("11", tmp_path)
    # Two of the three rows of five games have runs; the shorter names are of one seed each.
    assert list(panels)[0] == "Assault, DQN (ResNet), ERK"
    assert "Pong, DQN (ResNet), ERK" in panels
    dense, rigl, reward, _ = panels["Pong, DQN (ResNet), ERK"].lines
    assert dense.get_ydata().tolist() == [10.0, 20.0]
    assert rigl.get_ydata().tolist() == [21.0]
    assert list(reward.get_ydata()) == [20.0, 20.0]


def test_gaps_of_many_games_are_few_lines(atari, tmp_path, capsys):
    atari(1.0)
    drawn("10", tmp_path)
    lines = [line for line in capsys.readouterr().err.splitlines() if "figure10" in line]
    # Pong lacks dense networks and three methods, all other games lack everything.
    assert len(lines) == 2
    assert "no runs on Assault, Asterix, BeamRider, Boxing, Breakout, Crazy" in lines[0]
    assert "no runs on Pong of standard dense, dense of other widths, prune" in lines[1]


def test_runs_that_end_with_a_long_episode_are_of_equal_length(atari, tmp_path, capsys):
    # Each iteration may take up to 27,000 agent steps more for its last episode.
    def iterations(number):
        return {
            "SparseTrainRunner.num_iterations": number,
            "SparseTrainRunner.training_steps": 250_000,
        }

    for seed, steps in enumerate((2_495_000, 2_495_400, 2_760_000)):
        atari(float(seed), seed=seed, steps=steps, parameters=iterations(40))
    atari(100.0, seed=3, steps=2_750_000, parameters=iterations(39))
    points = points_of("10", tmp_path)
    assert points[["mean", "n_seeds"]].to_numpy().tolist() == [[1.0, 3]]
    assert "left out 1 dqn Pong run(s) shorter than 10,000,000 steps" in capsys.readouterr().err


# -- figure 6 -------------------------------------------------------------------------------------


def test_figure6_plots_the_mean_return_at_each_strength_of_noise(atari, tmp_path, capsys):
    for seed, score in ((0, 18.0), (1, 20.0)):
        atari(score, seed=seed, method="dense", noise=[(0.0, score), (30.0, score - 40)])
        atari(score, seed=seed, sparsity=0.5, noise=[(0.0, 15.0), (30.0, -5.0 - seed)])
    # 28,226 of 280,610 parameters: the dense network of a tenth.
    atari(9.0, method="dense", width=151 / 512, noise=[(0.0, 9.0), (30.0, -21.0)])
    atari(9.0, method="set", noise=[(0.0, 8.0), (30.0, -20.0)])
    atari(1.0, method="dense", width=0.9, noise=[(0.0, 0.0)])  # of no size that is shown
    atari(1.0, method="rigl")  # not evaluated under noise
    atari(1.0, method="prune", noise=[(0.0, 0.0)])
    points = points_of("6", tmp_path)
    found = points.set_index(["method", "share", "sigma"])
    assert found["mean"].to_dict() == {
        ("dense", 1.0, 0.0): 19.0,
        ("dense", 1.0, 30.0): -21.0,
        ("rigl", 0.5, 0.0): 15.0,
        ("rigl", 0.5, 30.0): -5.5,
        ("dense", 0.1, 0.0): 9.0,
        ("dense", 0.1, 30.0): -21.0,
        ("set", 0.1, 0.0): 8.0,
        ("set", 0.1, 30.0): -20.0,
    }
    assert found.loc[("dense", 1.0, 0.0), "n_seeds"] == 2
    capsys.readouterr()
    panels = drawn("6", tmp_path)
    assert list(panels) == ["Pong"]
    looks = {(line.get_color(), line.get_linestyle()) for line in panels["Pong"].lines}
    assert looks == {("#0072B2", "-"), ("#CC79A7", "--"), ("#3B0F70", "-"), ("#3B0F70", ":")}
    error = capsys.readouterr().err
    assert "no noisy evaluations on Pong of Dense, 50% of parameters, SET, 50%" in error
    assert "then: python -m rigl_rl.robustness --run" in error


def test_figure6_has_one_set_of_seeds_per_line(atari, tmp_path, capsys):
    """Not the mean of other runs at each strength of noise."""
    atari(18.0, seed=0, method="dense", noise=[(0.0, 18.0), (15.0, 9.0), (30.0, -20.0)])
    atari(10.0, seed=1, method="dense", noise=[(0.0, 10.0), (30.0, -10.0), (60.0, -21.0)])
    atari(10.0, seed=0, sparsity=0.5, noise=[(0.0, 10.0), (15.0, 1.0)])
    points = points_of("6", tmp_path).set_index(["method", "sigma"])
    assert points["mean"].to_dict() == {
        **{("dense", 0.0): 14.0, ("dense", 30.0): -15.0},
        **{("rigl", 0.0): 10.0, ("rigl", 15.0): 1.0},
    }
    assert points.loc["dense", "n_seeds"].tolist() == [2, 2]
    error = capsys.readouterr().err
    assert "figure6: left out noise 15, 60 where not all runs of a line have it" in error


def test_figure6_shows_the_last_policy_of_a_run(atari, tmp_path, capsys):
    for seed, earlier in ((0, "40"), (1, "")):
        run = atari(18.0, seed=seed, method="dense", noise=[(0.0, 18.0), (30.0, -20.0)])
        table = (run / "robustness.csv").read_text()
        own = table.splitlines()[1].split(",")
        rows = "".join(",".join([*own[:4], "40", sigma, "-21.0,0.0,20\n"]) for sigma in ("0", "30"))
        text = table + rows if earlier else table.splitlines()[0] + "\n" + rows
        (run / "robustness.csv").write_text(text)
    points = points_of("6", tmp_path)
    assert points["mean"].tolist() == [18.0, -20.0]
    assert set(points["n_seeds"]) == {1}
    error = capsys.readouterr().err
    assert "figure6: left out 4 evaluation(s) under noise of other policies than the last" in error


def test_figure6_does_not_mix_epsilons(atari, tmp_path, capsys):
    for seed, epsilon in enumerate((0.001, 0.001, 0.05)):
        run = atari(1.0, method="dense", seed=seed, noise=[(0.0, float(seed))])
        header, row = (run / "robustness.csv").read_text().split()
        text = f"{header},epsilon,noise_seed\n{row},{epsilon},0\n"
        (run / "robustness.csv").write_text(text)
    atari(1.0, method="dense", seed=3, noise=[(0.0, 5.0)])  # an older table
    points = FIGURES["6"].data(collect(tmp_path / "runs"))
    assert points["n_seeds"].tolist() == [3]
    assert points["mean"].tolist() == [2.0]  # of 0, 1 and 5
    error = capsys.readouterr().err
    assert "left out 1 evaluation(s) under noise with another epsilon than most: 0.05" in error


def test_figure6_is_the_same_from_a_table(atari, tmp_path):
    atari(18.0, method="dense", noise=[(0.0, 18.0), (30.0, -20.0)])
    table = tmp_path / "t.parquet"
    assert collect_main(["--runs", str(tmp_path / "runs"), "--out", str(table)]) == 0
    pd.testing.assert_frame_equal(FIGURES["6"].data(load(table)), points_of("6", tmp_path))


def test_figure6_without_noisy_evaluations_says_how_to_make_them(atari, tmp_path):
    atari(1.0)
    with pytest.raises(NoRunsError, match="launch run figure6 .*then: python -m rigl_rl.robust"):
        points_of("6", tmp_path)


# -- figure 7 -------------------------------------------------------------------------------------


def test_figure7_plots_the_counted_flops(tmp_path):
    (tmp_path / "runs").mkdir()
    points = points_of("7", tmp_path).set_index(["network", "distribution", "sparsity"])
    assert set(points.index.get_level_values("sparsity")) == {
        0.5,
        0.6,
        0.7,
        0.8,
        0.9,
        0.95,
        0.98,
        0.99,
    }
    # Uniform takes its share of the dense network's; ERK's weights sit where they work often.
    dense_cnn = 2 * (441 * 8192 + 121 * (32768 + 36864) + 3964928 + 9 * 512)
    assert points.loc[("cnn", "uniform", 0.5), "flops"] == dense_cnn / 2
    assert points.loc[("resnet", "uniform", 0.9), "share"] == pytest.approx(0.1, abs=1e-4)
    ratio = points["flops"].unstack("distribution")
    ratio = (ratio[ERK] / ratio[UNIFORM]).unstack("network")
    # "ERK doubles the FLOPs required compared to uniform" (A.2): this network, that distribution.
    assert ratio["cnn"].round(2).tolist() == [1.55, 1.66, 1.77, 1.77, 1.76, 1.74, 1.69, 1.69]
    assert ratio["resnet"].round(2).tolist() == [1.8, 2.04, 2.33, 2.39, 2.57, 2.77, 2.68, 2.68]
    panels = drawn("7", tmp_path)
    assert list(panels) == ["Nature CNN, MsPacman", "IMPALA ResNet, MsPacman"]
    erk, uniform = panels["IMPALA ResNet, MsPacman"].lines
    assert erk.get_xdata().tolist() == uniform.get_xdata().tolist()
    np.testing.assert_allclose(uniform.get_ydata(), 1 - uniform.get_xdata(), atol=1e-4)
    np.testing.assert_allclose(erk.get_ydata()[4], 0.257, atol=5e-4)


# -- what else tells the two networks apart -------------------------------------------------------


def test_learning_curves_name_the_network(atari, tmp_path):
    atari(1.0)
    atari(2.0, suite="atari_resnet")
    tables = collect(tmp_path / "runs")
    points = learning_curves.data(learning_curves.labeled(tables), tables)
    assert set(points["panel"]) == {"DQN (CNN), Pong", "DQN (ResNet), Pong"}


def test_learning_curves_join_seeds_whose_iterations_end_steps_apart(atari, tmp_path):
    planned = {"SparseTrainRunner.num_iterations": 2, "SparseTrainRunner.training_steps": 100}
    for seed, score in enumerate((1.0, 3.0)):
        atari(score, seed=seed, steps=100 + 2 * seed, parameters=planned)
    tables = collect(tmp_path / "runs")
    points = learning_curves.data(learning_curves.labeled(tables), tables)
    assert points[["env_step", "mean", "n_seeds"]].to_numpy().tolist() == [[10, 0, 2], [111, 2, 2]]


def test_agent_names():
    assert style.agent_name("sac", "mujoco") == "SAC"
    assert style.agent_name("dqn", "atari_resnet") == "DQN (ResNet)"


CONFIG = """
AdamOptimizer.learning_rate = 0.0001
SparseDQNAgent.weight_decay = 1e-05
WrappedReplayBuffer.batch_size = 32
init_masks.fixed_sparse_init = True
UpdatedRigLOptimizer.drop_fraction = 0.3
UpdatedRigLOptimizer.frequency = 5000
"""


def test_hyperparameters_by_dopamines_names():
    rigl = old_runs.of_run(CONFIG, "rigl")
    assert {name: value for name, value in rigl.items() if value is not None} == {
        "weight_decay": 1e-5,
        "batch_size": 32,
        "learning_rate": 1e-4,
        "drop_fraction": 0.3,
        "sparsity_aware_init": True,
        "update_freq": 5000,
    }
    # Table 5; Table 4 has no weight decay and another learning rate.
    run = {"agent": "dqn", "method": "rigl", **rigl}
    assert hyperparameters.changes({**run, "suite": "atari_resnet"}) == 0
    assert hyperparameters.changes({**run, "suite": "atari_cnn"}) == 2
