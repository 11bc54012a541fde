"""Verdicts on the paper's findings, from SYNTHETIC runs made to bear them out or not."""

import numpy as np
import pandas as pd
import pytest

from analysis.claims import __main__ as claims
from analysis.claims import measurements
from analysis.claims.evaluation import evaluate
from analysis.claims.findings import CLAIMS
from analysis.claims.runs import Runs
from analysis.collect import collect
from rigl_rl import paper
from rigl_rl.command_line import exit_code

ERK, UNIFORM = "erdos_renyi_kernel", "uniform"
TASKS = paper.MUJOCO_MAIN
SEEDS = range(5)


@pytest.fixture
def write(launched):
    """Writes SYNTHETIC SAC runs of one setting: each task, five seeds 1 apart around the score."""

    def write(score, **settings):
        for env in TASKS:
            for seed in SEEDS:
                returns = (0.0, score + seed - 2)
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
    "aware-init-may-harm-static": (
        {"method": "static", "parameters": {"init_masks.fixed_sparse_init": False}},
        {"method": "static", "parameters": {"init_masks.fixed_sparse_init": True}},
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
    assert (row["seeds"], row["tasks"]) == (5, len(TASKS))
    assert row["why"].endswith("with 5 seeds of each setting or more")


@pytest.mark.parametrize("name", PAIRS)
def test_the_other_way_round_it_is_contradicted(write, verdict, name):
    better, worse = PAIRS[name]
    both(write, worse, better)
    assert verdict(name)["verdict"] == "contradicted"


def test_sparse_is_compared_with_dense_networks_of_its_size(write, verdict):
    write(100.0, method="dense")
    write(90.0, method="rigl")
    write(10.0, method="static")  # of which the paper says the opposite
    write(80.0, method="dense", width=151 / 512)  # 28,226 parameters; the sparse one has 28,985
    write(99.0, method="dense", width=0.9)
    row = verdict("sparse-beats-matched-dense")
    assert (row["verdict"], row["cells"], row["value"]) == ("supported", len(TASKS), 1.0)


@pytest.mark.parametrize(
    ("score", "expected"), [(95.0, "supported"), (90.5, "undecided"), (50.0, "contradicted")]
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
    split(10.0, 300, 350, "0.9_1.1")  # close to the standard split, and its opposite
    split(95.0, 700, 150, "1.4_0.6")
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


def test_gradients_that_vanish_have_a_low_signal_to_noise_ratio(write, verdict):
    """Where all of a run's ratios are 0, and where some are."""
    write(1.0, method="dense", snr=[(50, 0.4), (100, 0.2)], network="critic")
    write(1.0, method="rigl", snr=[(50, 0.0), (100, 0.0)], network="critic")
    row = verdict("snr-falls-with-sparsity")
    assert (row["verdict"], row["cells"], row["value"]) == ("supported", len(TASKS), 1.0)


def test_signal_to_noise_of_zero_is_the_smallest_of_its_network_and_task(run, tmp_path):
    for i, (env, network, values) in enumerate(
        [
            ("Hopper-v2", "critic", (0.5, 0.0)),
            ("Hopper-v2", "critic", (0.0, 0.3)),
            ("Hopper-v2", "actor", (0.1,)),
            ("Ant-v2", "critic", (0.2,)),
            ("Ant-v2", "actor", (0.0,)),
        ]
    ):
        snr = [(10 * k, value) for k, value in enumerate(values)]
        settings = {"agent": "sac", "suite": "mujoco", "env": env, "network": network}
        run(tmp_path / str(i), seed=i, snr=snr, **settings)
    found = measurements._snr(Runs(collect(tmp_path))).set_index("path")["score"]
    expected = {"0": (0.5 * 0.3) ** 0.5, "1": 0.3, "2": 0.1, "3": 0.2, "4": 1.0}
    assert np.exp(found).to_dict() == pytest.approx(expected)


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

    for seed in range(10):  # what a single pair of settings needs
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
    argv += ["--latex", str(tmp_path / "claims.tex")]
    assert exit_code(claims.main, argv) == 0
    printed = capsys.readouterr().out
    assert all(claim.text in printed for claim in CLAIMS)
    assert "  SAC mujoco supported: probability 1.00 [0.9" in printed
    assert "In all: " in printed
    assert "SAC mujoco & probability 1.00 [0." in (tmp_path / "claims.tex").read_text()
    assert "no runs; make them with: python -m launch run figure3 --preset reduced" in printed
    written = pd.read_csv(tmp_path / "claims.csv")
    assert list(written["claim"].unique()) == [claim.name for claim in CLAIMS]


def test_an_empty_directory_is_one_line(tmp_path, capsys):
    (tmp_path / "runs").mkdir()
    assert exit_code(claims.main, ["--runs", str(tmp_path / "runs")]) == 1
    assert "no finished run" in capsys.readouterr().err


def test_a_failed_task_is_not_hidden_by_the_others(write, launched, verdict):
    write(100.0, method="dense")
    for env in TASKS:
        for aware, score in ((True, 90.0), (False, 74.0 if env == "Humanoid-v2" else 98.0)):
            parameters = {"init_masks.fixed_sparse_init": aware}
            settings = {"agent": "sac", "suite": "mujoco", "env": env, "parameters": parameters}
            for seed in SEEDS:
                launched(seed=seed, returns=(score + seed - 2,), **settings)
    row = verdict("aware-init-leaves-erk")
    assert (row["verdict"], row["worst_task"]) == ("contradicted", "Humanoid-v2")
    assert row["value"] == pytest.approx(0.0)
    assert row["worst"] == pytest.approx(0.16)


def rows(means, **settings):
    """A row per seed of each task; the score is 0.01 apart around the task's mean."""
    return pd.DataFrame(
        {
            "env": env,
            "score": mean + 0.01 * (seed - 2),
            "path": f"{env}/{settings['method']}/seed{seed}",
            "in_units": True,
            "target_sparsity": 0.9,
            "env_steps": 10_000_000,
            "planned_steps": None,
            **{"agent": "dqn", "suite": "atari_cnn", **settings},
        }
        for env, mean in means.items()
        for seed in SEEDS
    )


@pytest.mark.parametrize(
    ("name", "first", "second", "usual", "exception"),
    [
        # "On average DST algorithms maintain performance"; "in Qbert none of the methods" does.
        ("90-percent-without-loss", "rigl", "dense", 0.15, {"Qbert": -0.4}),
        ("90-percent-without-loss", "rigl", "dense", 0.0, {"Qbert": -0.4}),
        # "Little difference"; "the difference can be large (e.g. MsPacman)".
        ("rigl-equals-set", "rigl", "set", 0.0, {"MsPacman": 0.4}),
    ],
)
def test_the_games_that_the_paper_excepts_do_not_contradict_it(
    name, first, second, usual, exception
):
    (claim,) = (claim for claim in CLAIMS if claim.name == name)
    better = {**dict.fromkeys(paper.GAMES, 1 + usual), **{g: 1 + e for g, e in exception.items()}}
    found = claim.of_sides(
        rows(better, method=first), rows(dict.fromkeys(paper.GAMES, 1.0), method=second)
    )
    assert (found.verdict(found.p < 0.001), found.against) == ("supported", "")
    ((game, difference),) = exception.items()
    assert found.by_task[game] == pytest.approx(difference)


def test_a_reason_says_of_which_agents_the_paper_says_it():
    (claim,) = (claim for claim in CLAIMS if claim.name == "90-percent-without-loss")
    for agent, suite, note in (
        ("ppo", "mujoco", ("the paper says this of SAC and DQN",)),
        ("dqn", "atari_cnn", ()),
    ):
        task = {"agent": agent, "suite": suite, "env_steps": paper.ENV_STEPS[f"{agent}_{suite}"]}
        sides = (rows({"Ant-v2": 1.0}, method=method, **task) for method in ("rigl", "dense"))
        assert claim.of_sides(*sides).notes == note


def test_equal_failures_are_no_equality(launched, verdict):
    for seed in SEEDS:
        for env, dense, sparse in (("CartPole-v0", 100, 90), ("MountainCar-v0", -120, -200)):
            launched(env=env, method="dense", seed=seed, returns=(dense + seed,))
            for method in ("rigl", "set"):
                launched(env=env, method=method, seed=seed, returns=(sparse + seed * (sparse > 0),))
    row = verdict("rigl-equals-set")
    assert (row["tasks"], row["worst_task"]) == (1, "CartPole-v0")
    assert "without MountainCar-v0, where neither side has learned" in row["why"]


@pytest.mark.parametrize(
    ("steps", "note"),
    [
        (1_000_000, ""),
        (
            100_000,
            "SAC mujoco was trained for 100,000 environment steps, in the paper for 1,000,000",
        ),
        (2_000_000, "trained for 2,000,000 environment steps, in the paper for 1,000,000"),
    ],
)
def test_a_reason_says_how_long_runs_were_if_not_as_long_as_in_the_paper(
    write, verdict, steps, note
):
    write(90.0, method="prune", env_steps=steps + 10_000)  # with the initial collection
    write(80.0, method="set", env_steps=steps + 1_000)
    why = verdict("pruning-is-best")["why"]
    assert note in why
    assert ("in the paper" in why) == bool(note)


def test_on_atari_the_length_in_a_reason_is_the_planned_one(launched, verdict):
    planned = {
        "SparseTrainRunner.num_iterations": 10,
        "SparseTrainRunner.training_steps": 50_000,
    }
    for method in ("prune", "set"):
        settings = {"env": "Pong", "suite": "atari_cnn", "method": method, "parameters": planned}
        launched(preset="reduced", steps=123_486, env_steps=513_881, returns=(1.0,), **settings)
    assert (
        "trained for 500,000 environment steps, in the paper for 10,000,000"
        in (verdict("pruning-is-best")["why"])
    )


def test_few_seeds_give_an_estimate_and_no_verdict(launched, verdict):
    for seed in range(4):
        for env in TASKS:
            for method, score in (("prune", 90.0), ("set", 80.0)):
                settings = {"agent": "sac", "suite": "mujoco", "env": env, "method": method}
                launched(seed=seed, returns=(score + seed,), **settings)
    row = verdict("pruning-is-best")
    assert (row["verdict"], row["value"], row["seeds"]) == ("too few seeds", 1.0, 4)
    assert row["low"] < 1.0
    assert "has 4, a verdict needs 5; if the value stays, about 5 would decide" in row["why"]


def noisy(launched, kept, sigmas, seed, **settings):
    """A policy of Pong that keeps such shares of its return above random play."""
    settings = {"suite": "atari_cnn", "env": "Pong", "returns": (11.0,), **settings}
    rows = [f"100,{s},{-20.7 + k * 31.7},0.0,5" for s, k in zip((0, *sigmas), (1.0, *kept))]
    (launched(seed=seed, **settings) / "robustness.csv").write_text(
        "\n".join(["train_step,sigma,avg_return,std_return,episodes", *rows]) + "\n"
    )


def test_noise_is_the_strongest_that_all_policies_of_a_task_had(launched, verdict, capsys):
    for seed in SEEDS:
        # At 10 RigL keeps more; dense was measured at 30, too, where it keeps next to nothing.
        noisy(launched, (0.5,), (10,), seed, method="rigl", sparsity=0.9)
        noisy(launched, (0.6,), (10,), seed, method="set", sparsity=0.9)
        noisy(launched, (0.9, 0.01), (10, 30), seed, method="dense", width=0.29)
    assert verdict("sparse-resists-noise")["value"] == 0.0
    assert "noise above 10, which not all of its policies" in capsys.readouterr().err
    assert verdict("rigl-resists-noise-more-than-set")["value"] == 0.0


def test_noise_is_about_the_shares_of_figure_6(launched, verdict):
    for seed in SEEDS:
        noisy(launched, (0.5,), (10,), seed, method="dense")
        # A fifth of the parameters counts as neither a half nor a tenth.
        noisy(launched, (0.9,), (10,), seed, method="rigl", sparsity=0.8)
        noisy(launched, (0.1,), (10,), seed, method="set", sparsity=0.8)
    assert verdict("rigl-resists-noise-more-than-set")["cells"] == 0


def test_smaller_networks_are_dense_ones(launched, verdict):
    for seed in SEEDS:
        noisy(launched, (0.9,), (10,), seed, method="rigl", sparsity=0.9)
        noisy(launched, (0.5,), (10,), seed, method="dense")
    assert verdict("smaller-resists-noise")["cells"] == 0
    for seed in SEEDS:
        noisy(launched, (0.1,), (10,), seed, method="dense", width=0.29)
    assert verdict("smaller-resists-noise")["value"] == 0.0


@pytest.mark.parametrize(
    ("name", "parameter", "values"),
    [
        ("moving-connections-helps", "mask_updater.init_drop_fraction", (0.3, 0.0)),
        ("smaller-batches-hurt", "train_eval.batch_size", (256, 64)),
    ],
)
def test_hyper_parameters_of_figure_13(write, verdict, name, parameter, values):
    for value, score in zip(values, (90.0, 80.0)):
        write(score, method="set", parameters={parameter: value})
    row = verdict(name)
    assert (row["value"], row["cells"], row["verdict"]) == (1.0, len(TASKS), "supported")


def test_the_update_interval_hardly_matters_within_a_tenth(write, tmp_path):
    write(100.0, method="dense")
    # A loss with one interval is not made up for by a gain with another.
    for interval, score in ((1000, 98.0), (250, 99.0), (5000, 80.0)):
        write(score, method="set", parameters={"mask_updater.update_freq": interval})
    rows = evaluate(collect(tmp_path / "runs")).set_index("claim")
    found = rows.loc["update-interval-hardly-matters"].set_index("agent")["verdict"]
    assert found.to_dict() == {
        "SAC mujoco, every 250 steps": "supported",
        "SAC mujoco, every 5,000 steps": "contradicted",
    }


def test_the_standard_split(write, verdict):
    shares = {0.34: (340, 330), 0.3: (300, 350), 0.1: (100, 450), 0.8: (800, 100)}
    for share, (actor, critic) in shares.items():
        write(
            90.0 if share in (0.34, 0.3) else 80.0,
            method="dense",
            parameters={"train_eval.actor_critic_widths_str": f"{share}_1"}
            if share != 0.34
            else {},
            network_params={"actor": actor, "critic_1": critic, "critic_2": critic},
        )
    row = verdict("standard-split-is-best")
    # Each task: the standard share and 30% against 10% and 80%.
    assert (row["verdict"], row["value"], row["cells"]) == ("supported", 1.0, len(TASKS) * 4)


def test_rigl_and_set_are_compared_on_both_sides_of_95_percent(write, verdict):
    write(100.0, method="dense")
    for sparsity, lead in ((0.95, 0.0), (0.99, 9.0)):
        write(80.0 + lead, method="rigl", sparsity=sparsity)
        write(80.0, method="set", sparsity=sparsity)
    assert verdict("rigl-equals-set")["value"] == 0.0
    assert verdict("rigl-beats-set-at-high-sparsity")["value"] == 1.0


def test_a_resnet_is_worth_three_cnns(launched, verdict):
    # Random and human play: Pong -20.7 and 14.6, Boxing 0.1 and 12.1.
    for game, low, high in (("Pong", -20.7, 14.6), ("Boxing", 0.1, 12.1)):
        for suite, times in (("atari_cnn", 0.4), ("atari_resnet", 1.2)):
            for seed in SEEDS:
                score = low + (times + 0.01 * (seed - 2)) * (high - low)
                launched(env=game, suite=suite, method="dense", seed=seed, returns=(score,))
    row = verdict("resnet-three-times-cnn")
    assert row["value"] == pytest.approx(3.0)
    assert (row["verdict"], row["runs"], row["tasks"]) == ("supported", 20, 2)


def test_flops_are_counted_not_tested(write, verdict):
    write(1.0, method="dense")
    row = verdict("erk-doubles-flops")
    assert (row["verdict"], row["runs"]) == ("supported", 0)
    assert row["value"] == pytest.approx(
        (1.76 + 2.57) / 2, abs=0.01
    )  # docs/algorithms/dqn_atari.md
    assert pd.isna(row["p"])


def test_a_run_with_and_one_without_snr_are_one_seed(write, verdict):
    for snr in (None, [(50, 0.4)]):
        write(90.0, method="prune", snr=snr)
    write(80.0, method="set")
    row = verdict("pruning-is-best")
    assert (row["runs"], row["seeds"]) == (2 * len(TASKS) * len(SEEDS), len(SEEDS))
