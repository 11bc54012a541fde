import matplotlib.pyplot as plt
import pandas as pd
import pytest

from analysis import learning_curves, notes
from analysis.as_text import markdown
from analysis.collect import collect
from analysis.curves import on_common_steps
from rigl_rl.command_line import exit_code


@pytest.fixture
def demo(launched, tmp_path):
    """SYNTHETIC: three of the demo's lines, RigL with three seeds."""
    launched(method="dense", returns=(10.0, 200.0))
    launched(method="dense", width=0.3125, returns=(10.0, 90.0))
    for seed, last in ((0, 150.0), (1, 160.0), (2, 170.0)):
        launched(seed=seed, returns=(20.0, last))
    return tmp_path / "runs"


def data(root):
    tables = collect(root)
    return learning_curves.data(learning_curves.labeled(tables), tables)


def test_curves_are_means_over_seeds_with_the_small_dense_net_apart(demo, tmp_path):
    points = data(demo).set_index(["label", "env_step"])
    assert points["mean"].to_dict() == {
        ("Dense (266k)", 10): 10.0,
        ("Dense (266k)", 110): 200.0,
        ("Dense, width 0.312 (27k)", 10): 10.0,
        ("Dense, width 0.312 (27k)", 110): 90.0,
        ("RigL 90% (28k)", 10): 20.0,
        ("RigL 90% (28k)", 110): 160.0,
    }
    last = points.loc[("RigL 90% (28k)", 110)]
    half = 4.3027 * 10 / 3**0.5  # the t table at 2 degrees of freedom
    expected = [160 - half, 160 + half, 3]
    assert last[["low", "high", "n_seeds"]].tolist() == pytest.approx(expected, abs=1e-3)
    png, pdf, csv = learning_curves.draw(data(demo), tmp_path / "out")
    assert plt.imread(png).std() > 0.02
    assert pdf.read_bytes().startswith(b"%PDF")
    written = pd.read_csv(csv).set_index(["label", "env_step"])
    assert written["mean"].to_dict() == points["mean"].to_dict()


def test_seeds_of_other_intervals_are_interpolated_to_the_coarsest(launched, tmp_path, capsys):
    """Evaluated every 25, 50 and 100 of 100 steps, as `eval_interval` may differ."""
    for seed, returns in enumerate([(0, 40, 0, 80, 100), (3, 33, 63), (6, 6)]):
        launched(seed=seed, returns=[float(value) for value in returns])
    launched(method="set", returns=(1.0, 2.0, 3.0))
    points = data(tmp_path / "runs").set_index(["method", "env_step"])
    assert points["mean"].to_dict() == {
        ("rigl", 10): 3.0,
        ("rigl", 110): pytest.approx(169 / 3),
        **{("set", step): value for step, value in ((10, 1.0), (60, 2.0), (110, 3.0))},
    }
    assert points.loc["rigl", "n_seeds"].tolist() == [3, 3]
    error = capsys.readouterr().err
    assert "learning_curves: the runs of 1 line(s) were measured at different steps" in error


def test_common_steps_are_those_that_all_runs_cover():
    curves = pd.DataFrame(
        {
            "path": [*"aaabb", "c"],
            "line": [*"xxxxx", "y"],
            "env_step": [0, 10, 21, 5, 20, 7],
            "score": [0.0, 10.0, 21.0, 1.0, 4.0, 9.0],
        }
    )
    found = on_common_steps(curves, ["line"], "score", "figure")
    rows = found[["path", "env_step", "score"]].itertuples(index=False, name=None)
    # Of b's steps; a is a straight line.
    assert list(rows) == [("a", 5, 5), ("a", 20, 20), ("b", 5, 1), ("b", 20, 4), ("c", 7, 9)]


def test_iterations_of_atari_are_averaged_if_runs_have_as_many(launched, tmp_path, capsys):
    """Iterations end with an episode, so seeds evaluate a few steps apart."""

    def atari(seed, returns, steps, iterations):
        schedule = {
            "SparseTrainRunner.num_iterations": iterations,
            "SparseTrainRunner.training_steps": 1_000 // iterations,
        }
        where = {"agent": "dqn", "suite": "atari_cnn", "env": "Pong"}
        launched(seed=seed, returns=returns, steps=steps, parameters=schedule, **where)

    atari(0, (1.0, 2.0, 4.0), 1_000, 2)
    atari(1, (3.0, 4.0, 6.0), 1_040, 2)
    points = data(tmp_path / "runs")
    assert points["env_step"].tolist() == [10, 520, 1_030]
    assert points["mean"].tolist() == [2.0, 3.0, 5.0]
    assert "different steps" not in capsys.readouterr().err
    # Equally long, but its second iteration is where the others' first one is.
    atari(2, (0.0, 1.0, 2.0, 3.0, 4.0), 1_000, 4)
    points = data(tmp_path / "runs")
    assert points["env_step"].tolist() == [10, 510, 1_010]
    second = (2 + (3 + 500 / 520) + 2) / 3
    assert points["mean"].tolist() == pytest.approx(
        [4 / 3, second, (4 + (4 + 2 * 480 / 520) + 4) / 3]
    )
    assert points["n_seeds"].tolist() == [3, 3, 3]
    assert "measured at different steps" in capsys.readouterr().err


def test_all_lines_are_said_to_be_shown_only_if_some_are_not(demo, run, tmp_path, capsys):
    """A shorter run is left out for its length, which has its own message."""
    run(demo / "short", seed=9, steps=50, returns=(1.0, 2.0))
    argv = ["--runs", str(demo), "--out", str(tmp_path / "out")]
    assert exit_code(learning_curves.main, argv) == 0
    error = capsys.readouterr().err
    assert "shorter than 100 steps" in error
    assert "the table has all" not in error


def test_distributions_are_separate_lines(run, tmp_path):
    run(tmp_path / "a", returns=(0.0, 1.0))
    run(tmp_path / "b", returns=(0.0, 3.0), distribution="uniform")
    points = data(tmp_path)
    assert sorted(points["label"].unique()) == ["RigL ERK 90% (28k)", "RigL Uniform 90% (28k)"]
    assert (points["n_seeds"] == 1).all()


def test_summary_table(demo):
    scores = learning_curves.scores(learning_curves.labeled(collect(demo)))
    assert markdown(learning_curves.text(scores)).splitlines()[2:] == [
        "| CartPole-v0 | Dense | 0% | 266,242 | 200.0 | 1 |",
        "| CartPole-v0 | Dense, width 0.312 | 0% | 26,882 | 90.0 | 1 |",
        "| CartPole-v0 | RigL | 90% | 27,547 | 160.0 [135.2, 184.8] | 3 |",
    ]


def test_command_line_prints_the_table(demo, tmp_path, capsys):
    argv = ["--runs", str(demo), "--out", str(tmp_path / "out")]
    assert exit_code(learning_curves.main, argv) == 0
    assert "| RigL | 90% | 27,547 |" in capsys.readouterr().out


def test_each_agent_has_a_figure_of_at_most_eight_lines(demo, launched, tmp_path, capsys):
    launched(agent="ppo", suite="mujoco", env="Hopper-v2", returns=(1.0, 2.0))
    for sparsity in (0.5, 0.6, 0.7, 0.8, 0.95, 0.98):
        launched(sparsity=sparsity, returns=(20.0, 30.0))
    out = tmp_path / "out"
    assert exit_code(learning_curves.main, ["--runs", str(demo), "--out", str(out)]) == 0
    assert {path.name for path in out.glob("*.png")} == {
        "learning_curves_dqn_classic.png",
        "learning_curves_ppo_mujoco.png",
    }
    of_dqn = pd.read_csv(out / "learning_curves_dqn_classic.csv")
    assert set(of_dqn["label"]) == {"Dense (266k)", "RigL 90% (28k)"}
    assert set(pd.read_csv(out / "learning_curves_ppo_mujoco.csv")["panel"]) == {"Hopper-v2"}
    heard = capsys.readouterr()
    assert heard.out.count("RigL | 95%") == 1
    assert "learning_curves_dqn_classic shows standard dense networks" in heard.err


def test_a_figure_shows_the_notes_on_its_own_agent(demo, launched, tmp_path, capsys, monkeypatch):
    for steps, seed in ((100, 0), (100, 1), (9_000, 2)):
        task = dict(agent="ppo", suite="mujoco", env="Hopper-v2")
        launched(**task, steps=steps, seed=seed, returns=(1.0, 2.0))
    beside = {}

    def draw(points, out, name):
        beside[name] = notes.so_far()
        return []

    monkeypatch.setattr(learning_curves, "draw", draw)
    argv = ["--runs", str(demo), "--out", str(tmp_path / "out")]
    assert exit_code(learning_curves.main, argv) == 0
    assert beside["learning_curves_dqn_classic"] == []
    (note,) = beside["learning_curves_ppo_mujoco"]
    assert "left out 1 ppo Hopper-v2 run(s) longer" in note
    assert capsys.readouterr().err.count(note) == 1


def test_nothing_to_draw_is_one_line(tmp_path, run, capsys):
    argv = ["--runs", str(tmp_path), "--out", str(tmp_path / "out")]
    assert exit_code(learning_curves.main, argv) == 1
    error = capsys.readouterr().err
    assert "no finished run" in error
    assert error.count("\n") == 1
    (run(tmp_path / "a") / "evals.csv").unlink()
    assert exit_code(learning_curves.main, argv) == 1
    assert "no evals.csv" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
