"""Records of finished runs, against counts worked out by hand and against each other."""

import json
import re

import gin
import gymnasium
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tf_agents.trajectories import time_step as ts

from analysis import hyperparameters, old_runs
from analysis.collect import collect
from analysis.hyperparameters import COLUMNS
from rigl_rl.runs import config, random_state
from rigl_rl.sparsity import kernels_of
from rigl_rl.tfagents import dqn_train_eval

METHODS = ["dense", "prune", "static", "set", "rigl"]
SMALL = (
    "train_eval.fc_layer_params = (32, 32)",
    "train_eval.initial_collect_steps = 200",
    "train_eval.eval_episodes = 2",
)

# ERK at 90% on kernels (4, 32), (32, 32), (32, 2), of which 128 - 115, 1024 - 921 and 64 - 57, in
# all 123 weights, stay. Densities are eps (n_in + n_out) / (n_in n_out), so that
# eps (36 + 64 + 34) = 123: 33.04, 58.75 and 31.21 connections. Random masks have
# size - floor(size - that) of them; pruning rounds.
RANDOM_ERK = [34, 59, 32]
ERK = {"static": RANDOM_ERK, "set": RANDOM_ERK, "rigl": RANDOM_ERK, "prune": [33, 59, 31]}
BIASES = 32 + 32 + 2


def result_of(run):
    return json.loads((run / "result.json").read_text())


def evals_of(run) -> pd.DataFrame:
    """As text: equal text means equal bits."""
    return pd.read_csv(run / "evals.csv", dtype=str)


def without_clock(run) -> pd.DataFrame:
    return evals_of(run).drop(columns="wall_s")


def saved_kernels(run, step=400):
    """The kernels within the saved policy, from input to output."""
    reader = tf.train.load_checkpoint(
        str(run / "policies" / f"{step:09d}" / "variables" / "variables")
    )
    kernels = [
        reader.get_tensor(name)
        for name, shape in sorted(reader.get_variable_to_shape_map().items())
        if len(shape) == 2
    ]
    assert len(kernels) == 3
    return kernels


def events_of(run) -> EventAccumulator:
    events = EventAccumulator(str(run / "tensorboard"), size_guidance={"tensors": 0})
    events.Reload()
    return events


def series(events, tag) -> dict:
    return {e.step: float(tf.make_ndarray(e.tensor_proto)) for e in events.Tensors(tag)}


@pytest.mark.parametrize("method", METHODS)
def test_evaluations(trainings, method):
    evals = pd.read_csv(trainings[method] / "evals.csv")
    columns = ["env_step", "train_step", "avg_return", "std_return", "episodes", "wall_s"]
    assert list(evals.columns) == [*columns, "greedy_return"]
    assert evals["train_step"].tolist() == list(range(0, 401, 20))
    assert evals["env_step"].tolist() == list(range(200, 601, 20))
    assert set(evals["episodes"]) == {3}
    assert evals["avg_return"].between(5, 200).all()
    for score in ("avg_return", "greedy_return"):
        assert (evals[score] * 3).round(9).mod(1).eq(0).all()  # 3 whole numbers
    assert not evals["avg_return"].equals(evals["greedy_return"])
    assert evals["wall_s"].is_monotonic_increasing


@pytest.mark.parametrize("method", METHODS)
def test_result(trainings, method):
    run = trainings[method]
    result = result_of(run)
    labels = {"agent": "dqn", "suite": "classic", "env": "CartPole-v0", "method": method, "seed": 0}
    assert labels.items() <= result.items()
    evals = pd.read_csv(run / "evals.csv", float_precision="round_trip")
    # 21 evaluations: the last int(2.1).
    for name, column in (("final_return", "avg_return"), ("final_return_greedy", "greedy_return")):
        assert result[name] == (evals[column].iloc[-1] + evals[column].iloc[-2]) / 2
    assert result["evaluations"] == 21
    assert (result["env_steps"], result["train_steps"]) == (600, 400)
    assert result["steps_per_s"] == pytest.approx(400 / result["wall_s"], rel=0.1)
    assert 100 < result["peak_memory_mb"] < 4000
    assert result["versions"]["tensorflow"] == tf.__version__


def test_the_hyperparameters_in_effect_are_in_the_result(trainings):
    found = result_of(trainings["rigl"])["hyperparameters"]
    # Table 1, conftest's bindings, and what follows from them: 80% of 400 train steps.
    expected = dict(
        env_name="CartPole-v0",
        max_episode_steps=200,
        num_iterations=400,
        fc_layer_params=[32, 32],
        initial_epsilon_greedy=1.0,
        weight_decay=1e-6,
        weight_decay_of="sum(w^2)",
        update_freq=20,
        drop_fraction=0.5,
        begin_step=0,
        last_update_step=320,
        sparsity_aware_init=True,
    )
    assert {name: found[name] for name in expected} == expected
    assert "initial_sparsity" not in found
    assert found["other_bindings"] == {}
    pruned = result_of(trainings["prune"])["hyperparameters"]
    assert (pruned["begin_step"], pruned["last_update_step"]) == (80, 320)
    assert (pruned["initial_sparsity"], pruned.get("drop_fraction")) == (0.0, None)


@pytest.mark.parametrize("method", METHODS)
def test_analysis_reads_of_the_result_what_the_operative_config_says(trainings, method):
    run = trainings[method]
    config = (run / "operative_config.gin").read_text()
    assert hyperparameters.of_run(result_of(run)) == old_runs.of_run(config, method)


@pytest.mark.parametrize("method", ERK)
def test_active_connections_of_sparse_runs(trainings, method):
    result = result_of(trainings[method])
    assert (result["target_sparsity"], result["width"]) == (0.9, 1.0)
    assert result["distribution"] == "erdos_renyi_kernel"
    assert [layer["shape"] for layer in result["layers"]] == [[4, 32], [32, 32], [32, 2]]
    assert [layer["active"] for layer in result["layers"]] == ERK[method]
    assert {layer["network"] for layer in result["layers"]} == {"q"}
    assert result["active_params"] == sum(ERK[method]) + BIASES
    assert result["total_params"] == 1216 + BIASES
    assert result["sparsity"] == pytest.approx(1 - sum(ERK[method]) / 1216, abs=1e-12)


def test_parameters_of_a_dense_run_of_half_width(trainings):
    result = result_of(trainings["dense"])
    assert [layer["shape"] for layer in result["layers"]] == [[4, 16], [16, 16], [16, 2]]
    assert [layer["active"] for layer in result["layers"]] == [64, 256, 32]
    assert result["active_params"] == result["total_params"] == 352 + 34
    assert (result["sparsity"], result["target_sparsity"], result["width"]) == (0.0, 0.0, 0.5)
    assert result["distribution"] is None


def test_flops_follow_the_active_connections(trainings):
    dense, rigl = result_of(trainings["dense"]), result_of(trainings["rigl"])
    # A multiplication and an addition per connection.
    assert dense["forward_flops"]["q"] == pytest.approx(2 * 352, abs=34)
    assert rigl["forward_flops"]["q"] == pytest.approx(2 * 125, abs=66)


@pytest.mark.parametrize("method", ERK)
def test_the_saved_policy_is_as_sparse_as_the_result_says(trainings, method):
    kernels = saved_kernels(trainings[method])
    assert [kernel.shape for kernel in kernels] == [(4, 32), (32, 32), (32, 2)]
    nonzero = np.array([np.count_nonzero(kernel) for kernel in kernels])
    active = np.array(ERK[method])
    if method in ("static", "prune"):
        assert nonzero.tolist() == active.tolist()
    else:  # what has grown at a unit that never fires still is at zero
        assert (nonzero <= active).all()
        assert (nonzero >= 0.6 * active).all()


def test_a_saved_policy_acts_greedily_on_a_batch(trainings):
    run = trainings["static"]
    policy = tf.saved_model.load(str(run / "policies" / "000000400"))
    observations = tf.random.stateless_uniform([50, 4], [1, 2], -1, 1)
    actions = policy.action(ts.restart(observations, batch_size=50)).action.numpy()
    assert actions.shape == (50,)
    assert set(actions) <= {0, 1}


# Table 1, where the values affect the method; the interval is these runs'.
INITIALIZED = {"sparsity_aware_init": True, "sparse_initializer": "glorot"}
READ = {
    "dense": {},
    "prune": {"update_freq": 20},
    "static": INITIALIZED,
    "set": {**INITIALIZED, "update_freq": 20, "drop_fraction": 0.5},
    "rigl": {**INITIALIZED, "update_freq": 20, "drop_fraction": 0.5},
}


@pytest.mark.parametrize("method", METHODS)
def test_analysis_reads_what_the_run_was(trainings, capsys, method):
    tables = collect(trainings[method])
    assert capsys.readouterr().err == ""
    (row,) = tables.runs.to_dict("records")
    expected = {"weight_decay": 1e-6, "batch_size": 128, **READ[method]}
    if method != "dense":
        expected["sparse_output_layer"] = True
    assert {name: row[name] for name in COLUMNS if not pd.isna(row[name])} == expected
    assert len(tables.evals) == 21


@pytest.fixture(scope="module")
def session(tmp_path_factory, configs, watching):
    """A short run in this process with soft target updates, and its parts."""
    run = tmp_path_factory.mktemp("dqn") / "set"
    changes = (
        "train_eval.num_iterations = 12",
        "train_eval.eval_interval = 4",
        "train_eval.target_update_tau = 0.5",
        "train_eval.target_update_period = 1",
        "mask_updater.update_freq = 1",
    )
    config.parse([str(configs / "set.gin")], (*SMALL, *changes))
    try:
        with watching(dqn_train_eval.dqn_agent) as watched:
            dqn_train_eval.train_eval(str(run), 0, config_text=config.text(0), show_bar=False)
    finally:
        gin.clear_config()
    return watched


def test_soft_targets_vanish_where_the_masks_do(session):
    kernels = session.agent.optimizer.kernels
    targets = list(kernels_of(session.agent.target_q_network).values())
    assert len(kernels) == len(targets) == 3
    for kernel, target in zip(kernels, targets):
        mask = kernel.mask.numpy()
        assert not target.numpy()[mask == 0].any()
        assert target.numpy()[mask == 1].any()


def test_every_evaluation_is_of_episodes_of_its_own(session):
    session.assert_evaluations_are_of_episodes_of_their_own(evaluations=4)


def test_the_result_comes_last(session):
    session.assert_the_result_came_last()


@pytest.mark.parametrize("method", ["dense", "rigl"])
def test_the_greedy_score_is_that_of_the_saved_policy(trainings, method):
    run = trainings[method]
    policy = tf.saved_model.load(str(run / "policies" / "000000400"))
    env = gymnasium.make("CartPole-v0")
    seed = random_state.seed_from(0, random_state.Stream.EVAL_ENVS, 400)
    returns = []
    for episode in range(3):
        observation, _ = env.reset(seed=seed + episode)
        length, over = 0, False
        while not over:
            batch = ts.restart(tf.constant(observation[np.newaxis]), batch_size=1)
            action = int(policy.action(batch).action[0])
            observation, _, terminated, truncated, _ = env.step(action)
            length, over = length + 1, terminated or truncated
        returns.append(length)
    last = pd.read_csv(run / "evals.csv").iloc[-1]
    assert last["greedy_return"] == pytest.approx(np.mean(returns))


@pytest.mark.parametrize("method", METHODS)
def test_the_operative_config_gives_the_requested_values_back(trainings, method):
    config.parse([str(trainings[method] / "operative_config.gin")], [])
    bound = gin.get_bindings("train_eval")
    assert (bound["num_iterations"], bound["eval_interval"]) == (400, 20)
    assert (bound["gamma"], bound["batch_size"]) == (0.99, 128)  # never bound on the command line
    assert bound["train_mode"] == ("dense" if method == "dense" else "sparse")
    if method in ("rigl", "set"):
        assert gin.get_bindings("mask_updater")["update_alg"] == method
        assert gin.get_bindings("init_masks")["sparsity"] == 0.9


@pytest.mark.parametrize("method", METHODS)
def test_a_run_is_quiet_but_for_its_evaluations(trainings, method):
    completed = trainings.completed(method)
    assert completed.stderr == ""
    lines = completed.stdout.splitlines()
    if method != "dense":  # how it is computed: sparsely, or why not
        assert re.match("(sparse|dense) execution", lines.pop(0))
    assert len(lines) == 21
    assert all(line.startswith(f"step {20 * n}: return ") for n, line in enumerate(lines))


def test_a_finished_run_leaves_no_checkpoints(trainings):
    assert not (trainings["rigl"] / "checkpoints").exists()


def test_started_again_a_finished_run_does_nothing(trainings, train, rigl_flags, contents):
    run = trainings["rigl"]
    before = contents(run)
    completed = train(*rigl_flags, f"--root_dir={run}")
    assert completed.returncode == 0
    assert completed.stderr == ""
    assert "is finished; nothing to do" in completed.stdout
    assert contents(run) == before


def test_looking_changes_nothing_and_the_seed_determines_the_run(trainings):
    """With equal seeds, one of two runs also measures gradients, logs mask images and summaries."""
    assert without_clock(trainings["rigl logged"]).equals(without_clock(trainings["rigl"]))
    for one, other in zip(
        saved_kernels(trainings["rigl logged"]), saved_kernels(trainings["rigl"])
    ):
        np.testing.assert_array_equal(one, other)


def test_another_seed_is_another_run(trainings):
    one, other = without_clock(trainings["rigl"]), without_clock(trainings["rigl seed 1"])
    assert one["train_step"].equals(other["train_step"])
    assert not one["avg_return"].equals(other["avg_return"])
    masks = [
        [kernel != 0 for kernel in saved_kernels(trainings[name])]
        for name in ("rigl", "rigl seed 1")
    ]
    assert not all((a == b).all() for a, b in zip(*masks))


def test_signal_to_noise_ratios_are_recorded_when_asked_for(trainings):
    assert not (trainings["rigl"] / "snr.csv").exists()
    snr = pd.read_csv(trainings["rigl logged"] / "snr.csv")
    assert list(snr.columns) == ["env_step", "train_step", "network", "snr"]
    assert snr["train_step"].tolist() == list(range(50, 401, 50))
    assert snr["env_step"].tolist() == list(range(250, 601, 50))
    assert set(snr["network"]) == {"q"}
    assert snr["snr"].between(0, 10, inclusive="neither").all()
    logged = series(events_of(trainings["rigl logged"]), "snr/q")
    assert logged == pytest.approx(dict(zip(snr["train_step"], snr["snr"])), rel=1e-6)


def test_tensorboard_of_a_sparse_run(trainings):
    run = trainings["rigl logged"]
    events = events_of(run)
    evals = pd.read_csv(run / "evals.csv")
    for column in ("avg_return", "std_return", "greedy_return"):
        expected = dict(zip(evals["train_step"], evals[column]))
        assert series(events, f"eval/{column}") == pytest.approx(expected, rel=1e-6)
    expected = dict(zip(evals["env_step"], evals["avg_return"]))
    assert series(events, "eval/avg_return_by_env_step") == pytest.approx(expected, rel=1e-6)
    losses = series(events, "train/loss")
    assert max(losses) == 400
    assert all(loss > 0 for loss in losses.values())
    assert all(rate > 0 for rate in series(events, "train/steps_per_s").values())
    assert set(series(events, "sparsity/active_params").values()) == {125 + BIASES}
    total = series(events, "sparsity/total")
    assert list(total.values()) == pytest.approx([1 - 125 / 1216] * len(total), abs=1e-6)
    # Cosine from 0.5 to 0 at 80% of training: half of it at step 160.
    fraction = series(events, "sparsity/q/drop_fraction")
    assert fraction[160] == pytest.approx(0.25, abs=1e-6)
    assert fraction[400] == 0.0
    layers = [tag for tag in events.Tags()["tensors"] if tag.startswith("sparsity/layers/q/")]
    assert len(layers) == 3


def test_mask_images_when_asked_for(trainings):
    def images(name):
        return [tag for tag in events_of(trainings[name]).Tags()["tensors"] if "masks/" in tag]

    assert len(images("rigl logged")) == 3
    assert images("rigl") == []


def test_pruning_follows_its_schedule(trainings):
    active = series(events_of(trainings["prune"]), "sparsity/active_params")
    assert {active[step] for step in range(20, 81, 20)} == {1216 + BIASES}  # until 20%
    # Halfway, at step 200: (1 - 0.5^3) of each layer's final sparsity; masks change in the step
    # after the one counted as 200.
    assert active[220] == pytest.approx(1216 - (1 - 0.5**3) * (1216 - 123) + BIASES, abs=2)
    assert {active[step] for step in range(340, 401, 20)} == {sum(ERK["prune"]) + BIASES}
    steps = sorted(active)
    assert all(active[a] >= active[b] for a, b in zip(steps, steps[1:]))


def test_a_config_with_the_authors_names(trainings):
    run = trainings["original"]
    result = result_of(run)
    assert result["method"] == "rigl_inverted"
    assert result["distribution"] == "uniform"
    # Uniform, 90%: (2, 32) and (32, 32) keep size - floor(0.9 size); the output stays dense.
    assert [layer["active"] for layer in result["layers"]] == [7, 103, 96]
    assert result["active_params"] == 7 + 103 + 96 + 32 + 32 + 3
    assert result["sparsity"] == pytest.approx(1 - 110 / 1088, abs=1e-12)
    # With so little training, no episode reaches the flag; the mean is over the last half.
    assert result["final_return"] == -200.0
    assert result["evaluations"] == 4
    assert sorted(p.name for p in (run / "policies").iterdir()) == ["000000030", "000000060"]
