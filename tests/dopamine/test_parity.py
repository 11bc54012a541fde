"""The dense agent against Dopamine's own, in TF1, from equal weights and equal random numbers."""

import subprocess
import sys
from pathlib import Path

import gin
import numpy as np
import pytest
import tensorflow as tf

from rigl_rl.dopamine import dqn_agents
from rigl_rl.dopamine.gin_config import adam
from rigl_rl.dopamine.hyperparameters import AgentHyperparameters

from .both_sides import ADAM, REPLAY, SETTINGS, play

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def dopamine(tmp_path_factory):
    """The results of `dopamine_side.py`."""
    path = tmp_path_factory.mktemp("dopamine") / "side.npz"
    script = str(HERE / "dopamine_side.py")
    completed = subprocess.run(
        [sys.executable, "-W", "ignore", script, str(path)], capture_output=True, text=True
    )
    assert path.exists(), completed.stderr
    return np.load(path)


@pytest.fixture(autouse=True)
def small_replay():
    gin.clear_config()
    for name, value in REPLAY.items():
        gin.bind_parameter(f"WrappedReplayBuffer.{name}", value)
    yield
    gin.clear_config()


def new_agent(dopamine, learning_rate, epsilon, **settings):
    agent = dqn_agents.DQNAgent(
        6, AgentHyperparameters(optimizer=adam(learning_rate, epsilon=epsilon), **settings)
    )
    for name in ("online", "target"):
        network = getattr(agent, f"{name}_network")
        network.set_weights([dopamine[f"{name}_{index}"] for index in range(10)])
    return agent


@pytest.mark.parametrize("network", ADAM)
def test_one_train_step(dopamine, network):
    agent = new_agent(dopamine, *ADAM[network])
    names = ("state", "action", "reward", "next_state", "terminal")
    batch = [tf.constant(dopamine[f"batch_{name}"]) for name in names]
    variables = agent.online_network.trainable_variables
    assert len(variables) == 10
    with tf.GradientTape() as tape:
        loss = agent.loss(*batch)
    assert float(loss) == pytest.approx(float(dopamine["loss"]), abs=1e-5)
    for index, gradient in enumerate(tape.gradient(loss, variables)):
        np.testing.assert_allclose(gradient, dopamine[f"gradient_{index}"], rtol=0, atol=1e-5)
    assert float(agent.learn(*batch)) == pytest.approx(float(dopamine["loss"]), abs=1e-5)
    for index, variable in enumerate(variables):
        after = dopamine[f"after_{network}_{index}"]
        assert np.abs(after - dopamine[f"online_{index}"]).max() > 1e-5  # it did learn
        np.testing.assert_allclose(variable, after, rtol=0, atol=1e-5)


def test_five_hundred_steps(dopamine):
    agent = new_agent(dopamine, *ADAM["resnet"], **SETTINGS)
    frames, rewards, ends = (dopamine[name] for name in ("frames", "rewards", "ends"))
    output = agent.target_network.trainable_variables[-2]
    copies = 0
    assert len(frames) == 500
    for step, action in enumerate(play(agent, frames, rewards, ends)):
        assert action == dopamine["actions"][step], step
        assert agent.epsilon() == dopamine["epsilons"][step], step
        # Rounding differs over a hundred updates; a missed sync would differ by 1e-3.
        np.testing.assert_allclose(output, dopamine["targets"][step], rtol=0, atol=1e-4)
        copies += step > 0 and (dopamine["targets"][step] != dopamine["targets"][step - 1]).any()
    assert agent.replay.add_count == dopamine["add_count"]
    assert {"observation", "action", "reward", "terminal"} <= set(agent.replay._store)
    for name, values in agent.replay._store.items():
        np.testing.assert_array_equal(values, dopamine[f"replay_{name}"], err_msg=name)
    # Every 60 steps, starting with the first that follows more than 100 frames.
    assert copies == 7
    assert ends.sum() > 5
    assert int(agent.optimizer.iterations) > 90
