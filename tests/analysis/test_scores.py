"""The protocol score and the greedy one, from SYNTHETIC runs whose two scores say the opposite."""

import matplotlib.pyplot as plt
import pytest

from analysis import learning_curves
from analysis.as_text import markdown
from analysis.claims import __main__ as claims
from analysis.claims.evaluation import evaluate
from analysis.collect import collect, load, write
from analysis.figures import __main__ as figures
from analysis.figures.catalog import FIGURES, TABLES
from analysis.report import __main__ as report
from analysis.report.page import render
from rigl_rl.command_line import exit_code
from rigl_rl.errors import NoRunsError

COMMANDS = {
    "figures": figures.main,
    "claims": claims.main,
    "learning_curves": learning_curves.main,
    "report": report.main,
}


@pytest.fixture
def runs(run, tmp_path):
    """Pruning is ahead of SET in the protocol's score, behind in the greedy one; Static, an older
    run, has no greedy score, and SAC has one score.
    """
    root = tmp_path / "runs"
    scores = {"dense": (150.0, 200.0), "prune": (190.0, 120.0), "set": (110.0, 180.0)}
    for seed in range(10):
        for method, (score, greedy) in scores.items():
            run(
                root / f"{method}{seed}",
                method=method,
                seed=seed,
                returns=(9.0, score),
                greedy=(10.0, greedy),
            )
    run(root / "static", method="static", returns=(9.0, 170.0), snr=[(50, 0.1)])
    for method, score in (("dense", 5000.0), ("prune", 4000.0)):
        sac = {"agent": "sac", "suite": "mujoco", "env": "Hopper-v2"}
        run(root / f"sac-{method}", method=method, returns=(0.0, score), **sac)
    return root


def means(points):
    return points.set_index("method")["mean"].to_dict()


def test_a_score_figure_shows_the_score_that_was_asked_for(runs, capsys):
    protocol = {"dense": 150.0, "prune": 190.0, "set": 110.0, "static": 170.0}
    assert means(FIGURES["8"].data(load(runs))) == protocol
    assert capsys.readouterr().err == ""
    tables = load(runs, "greedy")
    assert capsys.readouterr().err == (
        "warning: --score greedy: scores of DQN classic are greedy; 1 of 31 runs have no greedy "
        "score and are left out\n"
    )
    points = FIGURES["8"].data(tables)
    assert means(points) == {"dense": 200.0, "prune": 120.0, "set": 180.0}
    assert (points["dense_reward"] == 200.0).all()
    assert means(FIGURES["9"].data(tables)) == {"dense": 5000.0, "prune": 4000.0}


def test_the_axis_says_which_score_it_is(runs, tmp_path, monkeypatch):
    labels = {}
    for name in ("8", "9"):
        for score in ("protocol", "greedy"):
            drawn = []
            monkeypatch.setattr("analysis.style.plt.close", drawn.append)
            FIGURES[name].draw(load(runs, score), tmp_path / "out")
            labels[name, score] = drawn[0].axes[0].get_ylabel()
    plt.close("all")
    assert labels == {
        ("8", "protocol"): "Final reward",
        ("8", "greedy"): "Final reward (greedy)",
        ("9", "protocol"): "Final reward",
        ("9", "greedy"): "Final reward",  # SAC has one score
    }


def test_what_is_no_score_loses_no_runs(runs):
    for score in ("protocol", "greedy"):
        points = FIGURES["5_left"].data(load(runs, score))
        assert points["method"].tolist() == ["static"]


def test_claims_are_about_the_score_that_was_asked_for(runs):
    verdicts = {}
    for score in ("protocol", "greedy"):
        rows = evaluate(load(runs, score))
        row = rows[rows["claim"] == "pruning-is-best"].iloc[0]
        verdicts[row["agent"]] = row["verdict"]
    assert verdicts == {"DQN classic": "supported", "DQN classic (greedy)": "contradicted"}


def test_learning_curves_and_their_table(runs):
    tables = load(runs, "greedy")
    labeled = learning_curves.labeled(tables)
    points = learning_curves.data(labeled, tables)
    curve = points[(points["method"] == "set") & (points["agent"] == "dqn")]
    assert curve["mean"].tolist() == [10.0, 180.0]
    assert set(points["panel"]) == {"DQN, CartPole-v0 (greedy)", "SAC, Hopper-v2"}
    table = markdown(learning_curves.text(learning_curves.scores(labeled)))
    assert "| DQN, CartPole-v0 (greedy) | SET | 90% | 27,547 | 180.0" in table
    assert "Static" not in table
    assert "| SAC, Hopper-v2 | Pruning | 90% |" in table


def test_sweeps_are_judged_by_the_score_that_was_asked_for(run, tmp_path):
    for decay, score, greedy in ((1e-6, -90.0, -80.0), (1e-4, -85.0, -95.0)):
        run(
            tmp_path / "runs" / str(decay),
            env="Acrobot-v1",
            method="dense",
            returns=(score,),
            greedy=(greedy,),
            parameters={"train_eval.weight_decay": decay},
        )
    found = {}
    for score in ("protocol", "greedy"):
        tables = load(tmp_path / "runs", score)
        rows = TABLES["table1"].data(tables)
        head = TABLES["table1"].text(rows, tables).columns[-4]
        found[head] = (rows["weight_decay"].iloc[0], rows["mean"].iloc[0])
    assert found == {"Final reward": (1e-4, -85.0), "Final reward (greedy)": (1e-6, -80.0)}


def test_the_report_says_which_score_it_shows(runs):
    protocol, greedy = (render(load(runs, score)) for score in ("protocol", "greedy"))
    line = "scores of DQN classic are greedy; 1 of 31 runs have no greedy score and are left out."
    assert line in greedy
    assert "greedy" not in protocol


def test_a_table_gives_the_same_as_its_directory(runs, tmp_path):
    for name in ("t.csv", "t.parquet"):
        write(collect(runs), tmp_path / name)
        points = FIGURES["8"].data(load(tmp_path / name, "greedy"))
        assert means(points) == {"dense": 200.0, "prune": 120.0, "set": 180.0}


@pytest.mark.parametrize("command", COMMANDS)
def test_no_greedy_score_at_all_is_one_line(run, tmp_path, capsys, command):
    run(tmp_path / "runs/a")
    out = tmp_path / "out"
    argv = ["--runs", str(tmp_path / "runs"), "--out", str(out), "--score", "greedy"]
    assert exit_code(COMMANDS[command], argv) == 1
    error = capsys.readouterr().err
    assert "error: --score greedy: none of the 1 runs in" in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_an_unknown_score_is_one_line(run, tmp_path, capsys):
    run(tmp_path / "runs/a")
    argv = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out"), "--score", "best"]
    assert exit_code(figures.main, argv) == 2
    assert "invalid choice: 'best' (choose from 'protocol', 'greedy')" in capsys.readouterr().err


def test_without_runs_the_score_is_not_what_is_missing(tmp_path):
    (tmp_path / "runs").mkdir()
    with pytest.raises(NoRunsError, match="no finished sparse run"):
        FIGURES["8"].data(load(tmp_path / "runs", "greedy"))
