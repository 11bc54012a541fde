"""The fast way to step an environment in the graph, against TF-Agents' way."""

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.environments import tf_py_environment

from rigl_rl.adapters.in_graph_environment import InGraphEnvironment
from rigl_rl.environments.gymnasium_environment import GymnasiumEnvironment


def steps_of(env, actions):
    """All time steps that a graph sees as it steps through `actions`."""

    @tf.function
    def run():
        seen = [env.current_time_step()]
        for action in actions:
            seen.append(env.step(tf.constant(action[np.newaxis])))
        return seen

    return tf.nest.map_structure(lambda tensor: tensor.numpy().tolist(), run())


def actions_of(name, number=40):
    rng = np.random.default_rng(0)
    if name == "CartPole-v0":
        return rng.integers(0, 2, number)
    return rng.uniform(-1, 1, (number, 6)).astype(np.float32)


@pytest.mark.parametrize("name", ["CartPole-v0", "HalfCheetah-v4"])
def test_time_steps_are_those_of_tf_agents(name):
    actions = actions_of(name)
    found = []
    for kind in (InGraphEnvironment, tf_py_environment.TFPyEnvironment):
        py_env = GymnasiumEnvironment(name, seed=3)
        py_env.reset()
        env = kind(py_env)
        env.reset()
        found.append((steps_of(env, actions), env.time_step_spec()))
    assert found[0] == found[1]
    if name == "CartPole-v0":  # over and started again: after a LAST step comes a FIRST
        kinds = [step.step_type[0] for step in found[0][0]]
        assert kinds[kinds.index(2) + 1] == 0


def test_a_restored_environment_continues_where_it_was():
    actions = actions_of("HalfCheetah-v4")
    py_env = GymnasiumEnvironment("HalfCheetah-v4", seed=3)
    py_env.reset()
    steps_of(InGraphEnvironment(py_env), actions[:10])
    state = py_env.get_state()
    expected = steps_of(InGraphEnvironment(py_env), actions[10:])
    other = GymnasiumEnvironment("HalfCheetah-v4", seed=4)
    in_graph = InGraphEnvironment(other)
    other.set_state(state)
    assert steps_of(in_graph, actions[10:]) == expected
