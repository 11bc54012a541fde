import math
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from analysis.collect import collect
from analysis.figures import __main__ as figures
from analysis.figures.catalog import FIGURES, TABLES
from rigl_rl.command_line import exit_code
from rigl_rl.errors import NoRunsError

figure8, figure5_left, figure14_right = (FIGURES[n] for n in ("8", "5_left", "14_right"))
ERK, UNIFORM = "erdos_renyi_kernel", "uniform"
ALL_CARTPOLE_PARAMS = 4 * 512 + 512 * 512 + 512 * 2 + 512 + 512 + 2


@pytest.fixture
def study(launched, tmp_path):
    """SYNTHETIC: a little of everything the three figures need."""
    for seed, score in ((0, 100.0), (1, 120.0), (2, 110.0)):
        launched(
            method="dense",
            seed=seed,
            returns=(0.0, score),
            snr=[(50, 0.4 + 0.1 * seed), (100, 0.2)],
        )
        launched(
            seed=seed,
            returns=(0.0, score - 50),
            snr=[(50, 0.1), (100, 0.05 + 0.05 * seed)],
        )
    launched(method="dense", width=0.25, returns=(0.0, 40.0))
    for distribution, score in ((ERK, -90.0), (UNIFORM, -150.0)):
        launched(
            env="Acrobot-v1",
            method="set",
            sparsity=0.5,
            distribution=distribution,
            returns=(-500.0, score),
        )
    launched(env="Acrobot-v1", method="dense", returns=(-500.0, -80.0))
    return tmp_path / "runs"


def assert_drawn(paths, data):
    """The PNG is no blank page, the PDF is one, and the CSV holds what data() gave."""
    png, pdf, csv = paths
    assert plt.imread(png).std() > 0.02
    assert pdf.read_bytes().startswith(b"%PDF")
    pd.testing.assert_frame_equal(pd.read_csv(csv), data.fillna(np.nan), check_dtype=False)


def test_figure8_plots_the_numbers_worked_out_by_hand(study, tmp_path):
    tables = collect(study)
    points = figure8.data(tables)
    cartpole = points[points["env"] == "CartPole-v0"].set_index(["method", "width"])
    dense, small, rigl = (
        cartpole.loc[key] for key in (("dense", 1.0), ("dense", 0.25), ("rigl", 1.0))
    )
    half = 4.3027 * 10 / 3**0.5  # the t table at 2 degrees of freedom
    assert dense[["mean", "n_seeds"]].tolist() == [110.0, 3]
    assert [dense["low"], dense["high"]] == pytest.approx([110 - half, 110 + half], abs=1e-3)
    assert dense["params"] == ALL_CARTPOLE_PARAMS
    assert rigl[["mean", "n_seeds"]].tolist() == [60.0, 3]
    assert [rigl["low"], rigl["high"]] == pytest.approx([60 - half, 60 + half], abs=1e-3)
    assert rigl["params"] == 205 + 26214 + 102 + 1026
    assert small["params"] == 4 * 128 + 128 * 128 + 128 * 2 + 258
    assert small[["mean", "n_seeds"]].tolist() == [40.0, 1]
    assert math.isnan(small["low"])
    assert (cartpole["dense_reward"] == 110.0).all()
    assert (cartpole["params_at_80"] == 1026 + round(0.2 * 265216)).all()
    assert set(points.loc[points["env"] == "Acrobot-v1", "distribution"].dropna()) == {ERK, UNIFORM}
    assert_drawn(figure8.draw(tables, tmp_path / "out"), points)


def test_figure8_panels_show_lines_at_the_data(study, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("analysis.style.plt.close", drawn.append)
    figure8.draw(collect(study), tmp_path)
    axes = {panel.get_title(): panel for panel in drawn[0].axes}
    # One seed stands behind most points of the figure, three behind most of CartPole's.
    assert list(axes) == [
        "Acrobot-v1, DQN, ERK",
        "CartPole-v0, DQN, ERK (n = 3)",
        "Acrobot-v1, DQN, Uniform",
        "CartPole-v0, DQN, Uniform (n = 3)",
    ]
    cartpole = axes["CartPole-v0, DQN, ERK (n = 3)"]
    assert [text.get_text() for text in cartpole.texts] == ["n=1"]  # the small dense net
    dense, rigl, reward, at_80 = cartpole.lines
    assert dense.get_ydata().tolist() == [40.0, 110.0]
    assert dense.get_xdata().tolist() == [17410, ALL_CARTPOLE_PARAMS]
    assert rigl.get_ydata().tolist() == [60.0]
    assert list(reward.get_ydata()) == [110.0, 110.0]
    assert list(at_80.get_xdata()) == [54069, 54069]
    assert cartpole.get_xscale() == "log"
    labels = [label.get_text() for label in cartpole.get_xticklabels()]
    assert labels == ["266k", "28k", "17k"]
    plt.close("all")


def test_figure8_says_what_is_missing_and_how_to_make_it(study, tmp_path, capsys):
    figure8.draw(collect(study), tmp_path)
    lines = capsys.readouterr().err.splitlines()
    assert any("no runs on MountainCar-v0" in line for line in lines)
    assert any("DQN, ERK: no runs on CartPole-v0 of prune" in line for line in lines)
    assert all("launch run figure8 --preset reduced --runs" in line for line in lines)


def test_one_seed_is_named_and_has_no_interval(run, tmp_path):
    run(tmp_path / "runs/a")
    points = figure8.data(collect(tmp_path / "runs"))
    assert points["n_seeds"].tolist() == [1]
    assert points[["low", "high", "dense_reward"]].isna().all(axis=None)
    assert_drawn(figure8.draw(collect(tmp_path / "runs"), tmp_path / "out"), points)


def test_a_panel_without_runs_says_so(run, tmp_path):
    run(tmp_path / "runs/a", env="Acrobot-v1", distribution=UNIFORM)
    run(tmp_path / "runs/b", env="CartPole-v0", distribution=ERK)
    tables = collect(tmp_path / "runs")
    assert_drawn(figure8.draw(tables, tmp_path / "out"), figure8.data(tables))


def test_of_settings_that_are_not_the_papers_only_one_is_shown(run, tmp_path, capsys):
    run(tmp_path / "a", method="set", parameters={"train_eval.weight_decay": 1e-6})
    run(tmp_path / "b", method="prune", parameters={"train_eval.weight_decay": 1e-3})
    for number, decay in enumerate((1e-3, 1e-4)):
        run(tmp_path / f"c{number}", method="rigl", parameters={"train_eval.weight_decay": decay})
    points = figure8.data(collect(tmp_path))
    assert points["method"].tolist() == ["prune", "set"]
    error = capsys.readouterr().err
    assert "left out 2 run(s) of sweeps" in error
    assert "1 run(s) do not have the paper's hyperparameters" in error
    assert "(first: b)" in error


def test_shortened_and_repeated_runs_are_no_further_seeds(run, tmp_path, capsys):
    run(tmp_path / "a", returns=(0.0, 10.0))
    run(tmp_path / "b-snr", returns=(0.0, 10.0), snr=[(100, 0.1)])  # the same run, SNR logged
    run(tmp_path / "c-short", returns=(0.0, 99.0), seed=1, steps=50)
    points = figure8.data(collect(tmp_path))
    assert points[["mean", "n_seeds"]].to_numpy().tolist() == [[10.0, 1]]
    error = capsys.readouterr().err
    assert "1 dqn CartPole-v0 run(s) shorter than 100 steps" in error
    assert "repeat" not in error
    run(tmp_path / "d-other", returns=(0.0, 60.0))
    assert figure8.data(collect(tmp_path))["mean"].tolist() == [10.0]
    assert "repeat another's setting and seed with another score" in capsys.readouterr().err


def test_figure14_compares_distributions_on_acrobot(study, tmp_path, capsys):
    tables = collect(study)
    points = figure14_right.data(tables)
    found = points.set_index(["method", points["distribution"].fillna("")])["mean"].to_dict()
    assert found == {("dense", ""): -80.0, ("set", ERK): -90.0, ("set", UNIFORM): -150.0}
    assert_drawn(figure14_right.draw(tables, tmp_path), points)
    assert f"no rigl {UNIFORM} runs" in capsys.readouterr().err


def test_figure14_needs_both_distributions(run, tmp_path):
    run(tmp_path / "a", env="Acrobot-v1", distribution=ERK)
    with pytest.raises(NoRunsError, match="distribution uniform .*launch run figure14_right"):
        figure14_right.draw(collect(tmp_path), tmp_path)


def test_figure5_plots_the_geometric_mean_of_each_steps_snr(study, tmp_path):
    tables = collect(study)
    points = figure5_left.data(tables)
    found = points.set_index(["target_sparsity", "env_step"])
    assert found["mean"].to_dict() == pytest.approx(
        {
            **{(0.0, 60): 0.12 ** (1 / 3), (0.0, 110): 0.2},  # (0.4 * 0.5 * 0.6) ** (1 / 3)
            **{(0.9, 60): 0.1, (0.9, 110): 0.00075 ** (1 / 3)},  # (0.05 * 0.1 * 0.15) ** (1 / 3)
        }
    )
    assert (found["n_seeds"] == 3).all()
    logs = np.log([0.05, 0.1, 0.15])
    half = 4.3027 * logs.std(ddof=1) / 3**0.5
    assert found.loc[(0.9, 110), ["low", "high"]].tolist() == pytest.approx(
        np.exp([logs.mean() - half, logs.mean() + half]), abs=1e-5
    )
    assert_drawn(figure5_left.draw(tables, tmp_path), points)


def test_figure5_tells_erk_from_uniform_on_one_scale(run, tmp_path, monkeypatch, capsys):
    levels = {
        (None, 0.0): 0.2,
        (ERK, 0.9): 0.25,
        (ERK, 0.99): 0.1,
        (UNIFORM, 0.9): 0.02,
        (UNIFORM, 0.95): 0.005,
    }
    for number, ((distribution, sparsity), level) in enumerate(levels.items()):
        run(
            tmp_path / f"runs/{number}",
            method="rigl" if distribution else "dense",
            distribution=distribution,
            sparsity=sparsity,
            snr=[(50, level), (100, level / 2)],
        )
    tables = collect(tmp_path / "runs")
    drawn = []
    monkeypatch.setattr("analysis.style.plt.close", drawn.append)
    figure5_left.draw(tables, tmp_path / "out")
    found = {
        axes.get_title(): {
            (line.get_linestyle(), round(line.get_ydata()[0], 9)) for line in axes.lines
        }
        for axes in drawn[0].axes
    }
    title = "CartPole-v0, Q-network\nRigL"
    assert found == {
        f"{title} ERK": {("-", 0.2), ("-", 0.25), ("-", 0.1)},
        f"{title} Uniform": {("-", 0.2), ("--", 0.02), ("--", 0.005)},
    }
    first, second = drawn[0].axes
    assert first.get_ylim() == second.get_ylim()
    # A sparsity has one color in both rows, and each its own.
    colors = {
        round(line.get_ydata()[0], 9): line.get_color()
        for axes in (first, second)
        for line in axes.lines
    }
    assert (colors[0.25] == colors[0.02]).all()
    assert len({tuple(colors[level]) for level in (0.25, 0.1, 0.005)}) == 3
    labels = [text.get_text() for text in drawn[0].legends[0].get_texts()]
    assert labels == ["Dense", "90%", "95%", "99%", "ERK", "Uniform"]
    plt.close("all")
    (line,) = capsys.readouterr().err.splitlines()
    assert "no SNR from dense, ERK, Uniform networks on Acrobot-v1, MountainCar-v0; make it" in line


def test_figure5_leaves_out_infinite_snr_and_zero_and_says_so(run, tmp_path, capsys):
    run(tmp_path / "a", snr=[(25, 0.0), (50, "inf"), (75, 0.0), (100, 0.5)])
    points = figure5_left.data(collect(tmp_path))
    assert points[["env_step", "mean"]].to_numpy().tolist() == [[110, 0.5]]
    error = capsys.readouterr().err
    assert (
        "figure5_left: left out 2 measurement(s) of SNR 0 (gradients vanish) in 1 run(s)" in error
    )
    assert "left out 1 measurement(s) of SNR infinity" in error


def test_figure5_of_vanished_gradients_alone_is_one_line(run, tmp_path, capsys):
    run(tmp_path / "a", snr=[(50, 0.0)])
    with pytest.raises(NoRunsError, match="no SNR in .* is positive and finite"):
        figure5_left.data(collect(tmp_path))


def test_figure5_has_one_step_grid_per_line(run, tmp_path, capsys):
    """The logarithm is interpolated to the steps of the run with the fewest."""
    run(tmp_path / "a", seed=0, snr=[(0, 0.01), (100, 1.0)])
    run(tmp_path / "b", seed=1, snr=[(0, 0.1), (20, 10.0), (100, 0.1)])
    run(tmp_path / "c", seed=2, snr=[(0, 0.1), (40, 0.1), (60, 10.0), (100, 10.0)])
    points = figure5_left.data(collect(tmp_path))
    assert points["env_step"].tolist() == [10, 110]
    assert points["mean"].tolist() == pytest.approx([10 ** (-4 / 3), 1.0])
    assert points["n_seeds"].tolist() == [3, 3]
    assert "measured at different steps" in capsys.readouterr().err


def test_the_command_line_draws_what_it_can_and_says_the_rest(run, tmp_path, capsys):
    run(tmp_path / "runs/a")
    argv = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]
    assert exit_code(figures.main, argv) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        f"figure{number}.{suffix}" for number in (7, 8) for suffix in ("png", "pdf", "csv")
    }
    assert "figure5_left: no finished DQN run" in capsys.readouterr().err
    assert exit_code(figures.main, [*argv, "--only", "8"]) == 0
    assert exit_code(figures.main, [*argv, "--only", "8,14"]) == 1  # asked for and not drawn


def test_figures_are_the_same_from_a_table(study, tmp_path):
    from analysis.collect import main as collect_main

    table = tmp_path / "t.csv"
    collect_main(["--runs", str(study), "--out", str(table)])
    for source, out in ((study, "a"), (table, "b")):
        assert figures.main(["--runs", str(source), "--out", str(tmp_path / out)]) == 0
    written, again = (
        {path.name: path.read_bytes() for path in (tmp_path / out).iterdir()} for out in "ab"
    )
    assert {"figure8.csv", "figure5_left.png", "figure14_right.pdf"} <= set(written)
    assert written == again


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("8", ["8"]),
        ("figure8", ["8"]),
        ("14", ["14_left", "14_right"]),
        ("14_right", ["14_right"]),
        ("figure5_left,8", ["5_left", "8"]),
        ("5_left 5", ["5_left", "5_right"]),
        ("Figure15", ["15"]),
    ],
)
def test_names_of_figures(asked, names):
    assert figures.figure_names(asked) == names


@pytest.mark.parametrize(
    ("extra", "reason", "code"),
    [
        (["--only", "8,99"], "--only 99: no such figure; there are 1, 2, 3, 4_left, ", 2),
        (["--human_scores", "mine"], "invalid choice: 'mine' (choose from 'modern', 'nature')", 2),
        (["--only", ""], "names no figure", 2),
        (["--onyl", "8"], "unrecognized arguments: --onyl 8", 2),
        (["--runs", "/nowhere/at/all"], "no such directory", 2),
        (
            ["--only", "8"],
            "make them with: python -m launch run figure8 --preset reduced --runs",
            1,
        ),
    ],
)
def test_command_line_errors_are_one_line(tmp_path, capsys, extra, reason, code):
    (tmp_path / "runs").mkdir()
    argv = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out"), *extra]
    assert exit_code(figures.main, argv) == code
    error = capsys.readouterr().err
    assert reason in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_empty_directory_names_every_figure_and_fails(tmp_path):
    """As the user would call it; and no TensorFlow is loaded on the way."""
    code = (
        "import sys, analysis.figures.__main__ as f; from rigl_rl.command_line import exit_code; "
        f"c = exit_code(f.main, ['--runs', {str(tmp_path)!r}, '--out', {str(tmp_path)!r}]); "
        "assert 'tensorflow' not in sys.modules; "
        "sys.exit(c)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    missing = [f"figure{n}" for n in FIGURES if n != "7"]  # whose numbers are counted
    missing += TABLES
    assert [line.split(": ")[1] for line in lines] == missing
    assert {path.stem for path in tmp_path.iterdir()} == {"figure7"}
