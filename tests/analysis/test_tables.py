"""Best hyperparameters of sweeps, on SYNTHETIC runs whose best settings are known."""

import itertools

import pandas as pd
import pytest

from analysis.collect import collect
from analysis.figures import __main__ as figures
from analysis.report.page import render
from analysis.tables import SWEEPS
from rigl_rl.errors import NoRunsError

DECAY = "train_eval.weight_decay"
AWARE = "init_masks.fixed_sparse_init"
TABLE1, _, _, TABLE5 = SWEEPS


@pytest.fixture
def sweep(tmp_path, launched):
    """Dense and Static on Acrobot over two hyperparameters, three seeds, the best known."""
    returns = {0.0: -100.0, 1e-6: -90.0, 1e-4: -95.0}
    for decay, seed in itertools.product(returns, (0, 1, 2)):
        # Deviation 2 sqrt(3), so the standard error is 2 and the interval 2 * 4.303 (t table).
        value = returns[decay] + 2 + 2 * 3**0.5 * (seed - 1)
        launched(
            env="Acrobot-v1",
            method="dense",
            seed=seed,
            returns=[value],
            parameters={DECAY: decay},
        )
        for aware in (False, True):
            launched(
                env="Acrobot-v1",
                method="static",
                seed=seed,
                # Best: the largest weight decay without sparsity-aware initialization.
                returns=[value + (20 if decay == 1e-4 and not aware else 0)],
                parameters={DECAY: decay, AWARE: aware},
            )
    return tmp_path / "runs"


def test_best_settings_stand_beside_the_papers(sweep):
    dense, static = TABLE1.data(collect(sweep)).to_dict("records")
    assert (dense["method"], dense["weight_decay"], dense["weight_decay_paper"]) == (
        *("dense", 1e-6, 1e-6),
    )
    assert (round(dense["mean"], 9), dense["n_seeds"], dense["settings"]) == (-88.0, 3, 3)
    assert (static["weight_decay"], static["sparsity_aware_init"]) == (1e-4, False)
    assert (static["weight_decay_paper"], static["sparsity_aware_init_paper"]) == (1e-6, True)
    assert (round(static["mean"], 9), static["settings"]) == (-73.0, 6)


def test_what_does_not_belong_to_the_sweep_changes_nothing(sweep, launched):
    before = TABLE1.data(collect(sweep))
    good = {"returns": [-1.0], "parameters": {DECAY: 1e-3, AWARE: False}, "method": "static"}
    launched(env="CartPole-v0", **good)
    launched(env="Acrobot-v1", sparsity=0.5, **good)
    launched(env="Acrobot-v1", distribution="uniform", **good)
    launched(env="Acrobot-v1", width=0.5, **good)
    launched(env="Acrobot-v1", preset="smoke", steps=50, **good)
    pd.testing.assert_frame_equal(TABLE1.data(collect(sweep)), before)


def test_a_setting_of_fewer_seeds_is_not_the_best(sweep, launched, capsys):
    lucky = {DECAY: 1e-3, AWARE: False}
    launched(env="Acrobot-v1", method="static", seed=1, returns=[-10.0], parameters=lucky)
    static = TABLE1.data(collect(sweep)).to_dict("records")[1]
    assert (static["weight_decay"], static["settings"]) == (1e-4, 6)
    assert "left out 1 setting(s) of static of fewer than 3 seeds" in capsys.readouterr().err


def test_a_setting_of_more_seeds_is_cut_to_the_others(sweep, launched, capsys):
    """The paper's setting has further seeds if a figure shows it, too."""
    before = TABLE1.data(collect(sweep))
    for seed in (3, 4):
        launched(
            env="Acrobot-v1",
            method="static",
            seed=seed,
            returns=[-1.0],
            parameters={DECAY: 1e-6, AWARE: True},
        )
    pd.testing.assert_frame_equal(TABLE1.data(collect(sweep)), before)
    message = "only the first 3 seed(s) of 1 setting(s) of static count, as many as other settings"
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("seeds", "best"), [((3, 1), -10.0), ((3, 2, 1), -15.0)])
def test_where_no_two_settings_have_as_many_seeds_two_are_left(tmp_path, launched, seeds, best):
    for decay, count in zip((1e-6, 1e-4, 1e-3), seeds):
        for seed in range(count):
            returns = [-20.0 if decay == 1e-6 else -10.0 * (1 + seed)]
            parameters = {DECAY: decay}
            launched(
                env="Acrobot-v1", method="dense", seed=seed, returns=returns, parameters=parameters
            )
    (row,) = TABLE1.data(collect(tmp_path / "runs")).to_dict("records")
    assert (row["settings"], row["n_seeds"], row["mean"]) == (2, seeds[1], best)
    assert (row["mean_paper"], row["rank_paper"]) == (-20.0, 2)


def test_written_in_the_papers_layout(sweep, tmp_path):
    argv = ["--runs", str(sweep), "--out", str(tmp_path / "out"), "--only", "table1"]
    assert figures.main(argv) == 0
    lines = (tmp_path / "out" / "table1.md").read_text().splitlines()
    assert lines[2:5] == [
        "| Algorithm | Weight decay | Update interval | Drop fraction | Sparsity-aware init "
        "| Final reward | Seeds | Settings | Paper's setting |",
        "| --- | --: | --: | --: | --- | --: | --: | --: | --: |",
        "| Dense | 1e-06 | - | - | - | -88 [-96.61, -79.39] | 3 | 3 | -88, rank 1 |",
    ]
    # Static's best is the largest weight decay without, the paper's the middle one with it.
    assert lines[5].startswith("| Static | 0.0001 (1e-06) | - | - | False (True) | -73 [")
    assert lines[5].endswith("| 3 | 6 | -88, rank 2 |")
    assert not (tmp_path / "out" / "table1.tex").exists()
    assert figures.main([*argv, "--latex"]) == 0
    assert (
        r"Dense & 1e-06 & - & - & - & -88 [-96.61, -79.39] & 3 & 3 & -88, rank 1 \\"
        in (tmp_path / "out" / "table1.tex").read_text()
    )
    written = pd.read_csv(tmp_path / "out" / "table1.csv")
    assert list(written["method"]) == ["dense", "static"]


def test_the_report_has_the_tables_there_are_runs_for(sweep):
    page = render(collect(sweep))
    assert "<h3>Table 1: DQN, classic control</h3>" in page
    assert "<td>False (True)</td>" in page
    assert "<td>Table 2: SAC</td><td><code>python -m launch run table2" in page


def test_the_resnets_sweep_averages_normalized_scores_over_games(tmp_path, launched):
    # By game, twice as good and as good as a human; the other rate is the other way round.
    human = {"MsPacman": (307.3, 6951.6), "Pong": (-20.7, 14.6), "Qbert": (163.9, 13455.0)}
    for (game, (low, high)), rate in itertools.product(human.items(), (1e-4, 1e-3)):
        times = 2.0 if rate == 1e-4 else 1.0
        launched(
            env=game,
            method="dense",
            suite="atari_resnet",
            returns=[low + times * (high - low)],
            parameters={"AdamOptimizer.learning_rate": rate, "SparseDQNAgent.weight_decay": 0.0},
        )
    (row,) = TABLE5.data(collect(tmp_path)).to_dict("records")
    assert (row["learning_rate"], row["learning_rate_paper"], row["settings"]) == (1e-4, 1e-4, 2)
    assert row["mean"] == pytest.approx(2.0)
    assert row["weight_decay_paper"] == 1e-5

    argv = ["--runs", str(tmp_path), "--out", str(tmp_path / "out"), "--only", "table5"]
    assert figures.main([*argv, "--human_scores", "nature"]) == 0
    # There, the human of MsPacman is more than twice as good.
    assert pd.read_csv(tmp_path / "out" / "table5.csv")["mean"].item() < 1.8


def test_no_sweep_is_one_line_with_the_command(tmp_path, run, capsys):
    run(tmp_path / "runs" / "a", env="Acrobot-v1", method="dense", parameters={DECAY: 1e-6})
    with pytest.raises(NoRunsError, match="launch run table1"):
        TABLE1.data(collect(tmp_path / "runs"))
    argv = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out"), "--only", "table1"]
    assert figures.main(argv) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "out").exists()
