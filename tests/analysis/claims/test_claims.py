"""Verdicts on the paper's findings, from SYNTHETIC runs made to bear them out or not."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.claims import __main__ as claims
from analysis.claims.findings import CLAIMS, evaluate
from analysis.collect import collect
from rigl_rl import paper
from rigl_rl.command_line import exit_code

ERK, UNIFORM = "erdos_renyi_kernel", "uniform"
TASKS = paper.MUJOCO_MAIN
SEEDS = range(3)


@pytest.fixture
def write(launched):
    """Writes SYNTHETIC SAC runs of one setting: each task, three seeds 1 apart around the score."""

    def write(score, **settings):
        for env in TASKS:
            for seed in SEEDS:
                returns = (0.0, score + seed - 1)
                settings = {"agent": "sac", "suite": "mujoco", **settings}
                launched(env=env, seed=seed, returns=returns, **settings)

    return write


@pytest.fixture
def verdict(tmp_path):
    """The row of a claim, evaluated on the runs written."""

    def verdict(name):
        rows = evaluate(collect(tmp_path / "runs")).set_index("claim")
        return rows.loc[name]

    return verdict


def both(write, better, worse):
    write(90.0, **better)
    write(80.0, **worse)
    write(100.0, method="dense")


PAIRS = {
    "pruning-is-best": ({"method": "prune"}, {"method": "set"}),
    "dynamic-beats-static": ({"method": "rigl"}, {"method": "static"}),
    "erk-beats-uniform": ({"distribution": ERK}, {"distribution": UNIFORM}),
    "small-weight-decay-helps": (
        {"parameters": {"train_eval.weight_decay": 1e-6}},
        {"parameters": {"train_eval.weight_decay": 0.0}},
    ),
    "aware-init-helps-uniform": (
        {"distribution": UNIFORM, "parameters": {"init_masks.fixed_sparse_init": True}},
        {"distribution": UNIFORM, "parameters": {"init_masks.fixed_sparse_init": False}},
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_what_scores_higher_is_better(write, verdict, name):
    better, worse = PAIRS[name]
    both(write, better, worse)
    row = verdict(name)
    assert (row["agent"], row["verdict"], row["value"]) == ("SAC mujoco", "supported", 1.0)
    assert row["seeds"] == 3


@pytest.mark.parametrize("name", PAIRS)
def test_the_other_way_round_it_is_contradicted(write, verdict, name):
    better, worse = PAIRS[name]
    both(write, worse, better)
    assert verdict(name)["verdict"] == "contradicted"


def test_sparse_is_compared_with_dense_networks_of_its_size(write, verdict):
    write(100.0, method="dense")
    write(90.0, method="rigl")
    write(80.0, method="dense", width=151 / 512)  # 28,226 parameters; the sparse one has 28,985
    write(99.0, method="dense", width=0.9)
    row = verdict("sparse-beats-matched-dense")
    assert (row["verdict"], row["cells"], row["value"]) == ("supported", len(TASKS), 1.0)


@pytest.mark.parametrize(
    ("score", "expected"), [(95.0, "supported"), (91.0, "not enough data"), (50.0, "contradicted")]
)
def test_a_loss_below_a_tenth_is_minimal(write, verdict, score, expected):
    write(100.0, method="dense")
    write(score, method="prune")
    row = verdict("90-percent-without-loss")
    assert row["verdict"] == expected
    assert row["value"] == pytest.approx(score / 100 - 1)
    assert verdict("80-percent-without-loss")["cells"] == 0


@pytest.mark.parametrize(("score", "expected"), [(90.5, "supported"), (75.0, "contradicted")])
def test_rigl_and_set_are_equal_within_a_twentieth(write, verdict, score, expected):
    both(write, {"method": "rigl"}, {"method": "static"})
    write(score, method="set")
    assert verdict("rigl-equals-set")["verdict"] == expected


def test_returns_below_zero_count_from_the_worst_one(launched, verdict):
    for seed in SEEDS:
        for method, score in (("dense", -100.0), ("prune", -110.0)):
            launched(env="Acrobot-v1", method=method, seed=seed, returns=(score,))
    # Acrobot's worst is -500: 400 above it, and 390.
    assert verdict("90-percent-without-loss")["value"] == pytest.approx(390 / 400 - 1)


@pytest.mark.parametrize(("score", "expected"), [(89.0, "supported"), (70.0, "contradicted")])
def test_aware_init_is_no_difference_within_a_twentieth_of_dense(write, verdict, score, expected):
    for aware, reached in ((True, 90.0), (False, score)):
        write(reached, method="rigl", parameters={"init_masks.fixed_sparse_init": aware})
    # Without a standard dense run a difference has no unit.
    assert verdict("aware-init-leaves-erk")["cells"] == 0
    write(100.0, method="dense")
    row = verdict("aware-init-leaves-erk")
    assert (row["verdict"], row["cells"]) == (expected, len(TASKS))
    assert row["value"] == pytest.approx((90.0 - score) / 100)


def test_a_starved_critic_and_a_starved_actor(write, verdict):
    def split(score, actor, critic, text):
        write(
            score,
            method="dense",
            parameters={"train_eval.actor_critic_widths_str": text},
            network_params={"actor": actor, "critic_1": critic, "critic_2": critic},
        )

    split(90.0, 100, 450, "0.5_1.2")
    split(80.0, 900, 50, "1.6_0.2")
    write(85.0, method="dense", network_params={"actor": 340, "critic_1": 330, "critic_2": 330})
    row = verdict("starved-critic-hurts-more")
    assert (row["verdict"], row["cells"], row["value"]) == ("supported", len(TASKS), 1.0)
    assert row["runs"] == 2 * len(TASKS) * len(SEEDS)  # the standard split starves nobody


def test_signal_to_noise(write, verdict):
    write(1.0, method="dense", snr=[(50, 0.4), (100, 0.2)], network="critic")
    write(1.0, method="rigl", snr=[(50, 0.2), (100, 0.1)], network="critic")
    row = verdict("snr-falls-with-sparsity")
    assert (row["verdict"], row["cells"]) == ("supported", len(TASKS))
    assert verdict("snr-lower-for-actors")["cells"] == 0


def test_signal_to_noise_is_a_finding_about_each_distribution(write, tmp_path):
    write(1.0, method="dense", snr=[(50, 0.2)], network="critic")
    for sparsity in (0.5, 0.9):
        write(1.0, method="rigl", sparsity=sparsity, snr=[(50, 0.3)], network="critic")
    write(1.0, method="rigl", distribution=UNIFORM, snr=[(50, 0.1)], network="critic")
    rows = evaluate(collect(tmp_path / "runs"))
    rows = rows[rows["claim"] == "snr-falls-with-sparsity"].set_index("agent")
    assert rows["verdict"].to_dict() == {
        "SAC mujoco, ERK 50, 90%": "contradicted",
        "SAC mujoco, Uniform 90%": "supported",
    }
    assert rows["cells"].tolist() == [2 * len(TASKS), len(TASKS)]


def test_signal_to_noise_of_actors_is_compared_within_a_distribution(run, tmp_path, verdict):
    def networks(number, actor, critic, distribution):
        for env in TASKS:
            for seed in SEEDS:
                directory = tmp_path / "runs" / f"{number}-{env}-{seed}"
                settings = {"agent": "sac", "suite": "mujoco", "distribution": distribution}
                run(directory, env=env, seed=seed, snr=[(50, actor)], network="actor", **settings)
                with (directory / "snr.csv").open("a") as file:
                    file.write(f"60,50,critic,{critic}\n")

    # Within each distribution the actor's is lower, though ERK's actor is above uniform's critic.
    networks(0, 0.3, 0.4, ERK)
    networks(1, 0.01, 0.02, UNIFORM)
    row = verdict("snr-lower-for-actors")
    assert (row["verdict"], row["value"], row["cells"]) == ("supported", 1.0, 2 * len(TASKS))


def test_noise(launched, verdict):
    def policy(kept, seed, **settings):
        settings = {"suite": "atari_cnn", "env": "Pong", "returns": (11.0,), **settings}
        directory = launched(seed=seed, **settings)
        # Random play of Pong scores -20.7.
        noisy = -20.7 + kept * (11.0 + 20.7)
        (directory / "robustness.csv").write_text(
            "train_step,sigma,avg_return,std_return,episodes\n"
            f"100,0.0,11.0,0.0,5\n100,30.0,{noisy},0.0,5\n100,10.0,-21.0,0.0,5\n"
        )
        return directory

    def no_better_than_random(seed):
        directory = policy(0.2, seed, method="set", sparsity=0.9)
        path = directory / "robustness.csv"
        path.write_text(path.read_text().replace("11.0", "-20.6"))

    for seed in range(4):
        no_better_than_random(seed)
        policy(0.2, seed, method="dense")
        policy(0.4, seed, method="dense", width=0.29)
        policy(0.6, seed, method="rigl", sparsity=0.9)
        # Figure 6 is about ERK.
        policy(0.1, seed, method="rigl", sparsity=0.9, distribution=UNIFORM)
    for name in ("sparse-resists-noise", "smaller-resists-noise"):
        row = verdict(name)
        assert (row["verdict"], row["value"], row["cells"]) == ("supported", 1.0, 1)


def test_the_command_prints_every_claim_and_writes_a_table(write, tmp_path, capsys):
    both(write, {"method": "prune"}, {"method": "set"})
    argv = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "claims.csv")]
    assert exit_code(claims.main, argv) == 0
    printed = capsys.readouterr().out
    assert all(claim.text in printed for claim in CLAIMS)
    assert "  SAC mujoco supported: probability 1.00 [1.00, 1.00], 3 cell(s), 3 seed(s)" in printed
    assert "no runs; make them with: python -m launch run figure3 --preset reduced" in printed
    written = pd.read_csv(tmp_path / "claims.csv")
    assert list(written["claim"].unique()) == [claim.name for claim in CLAIMS]


def test_an_empty_directory_is_one_line(tmp_path, capsys):
    (tmp_path / "runs").mkdir()
    assert exit_code(claims.main, ["--runs", str(tmp_path / "runs")]) == 1
    assert "no finished run" in capsys.readouterr().err
