"""Runs Dopamine's own TF1 agent; writes its inputs and results to one .npz file.

python dopamine_side.py OUT. It needs a separate process, because the agent turns TensorFlow 2 off.
"""

import sys

import gin
import numpy as np
import tensorflow as tf
from both_sides import ADAM, REPLAY, SETTINGS, play
from dopamine.agents.dqn import dqn_agent
from dopamine.replay_memory import circular_replay_buffer

ACTIONS, STEPS, GAMMA = 6, 500, 0.99
SHAPES = [(8, 8, 4, 32), (4, 4, 32, 64), (3, 3, 64, 64), (7744, 512), (512, ACTIONS)]


def new_weights(rng):
    weights = []
    for shape in SHAPES:
        limit = np.sqrt(6 / (np.prod(shape[:-2]) * sum(shape[-2:])))
        weights.append(rng.uniform(-limit, limit, shape).astype(np.float32))
        weights.append(rng.uniform(-0.1, 0.1, shape[-1]).astype(np.float32))
    return weights


def new_agent(learning_rate, epsilon, online, target, **settings):
    graph = tf.Graph()
    with graph.as_default():
        agent = dqn_agent.DQNAgent(
            None,
            ACTIONS,
            gamma=GAMMA,
            optimizer=tf.compat.v1.train.AdamOptimizer(learning_rate, epsilon=epsilon),
            **settings,
        )
        for network, weights in ((agent.online_convnet, online), (agent.target_convnet, target)):
            for variable, value in zip(network.trainable_weights, weights):
                variable.load(value, agent._sess)
    return agent, graph


def one_step(found, rng, online, target):
    """Loss, gradients and weights after one step on a batch, for both optimizers."""
    batch = {
        "state": rng.integers(0, 256, (32, 84, 84, 4), np.uint8),
        "action": rng.integers(0, ACTIONS, 32).astype(np.int32),
        "reward": rng.normal(0, 2, 32).astype(np.float32),  # both branches of the Huber loss
        "next_state": rng.integers(0, 256, (32, 84, 84, 4), np.uint8),
        "terminal": (rng.random(32) < 0.3).astype(np.uint8),
    }
    found.update({f"batch_{name}": value for name, value in batch.items()})
    sampled = (
        *(batch[name] for name in ("state", "action", "reward", "next_state")),
        *(batch["action"], batch["reward"], batch["terminal"], np.zeros(32, np.int32)),
    )
    buffer = circular_replay_buffer.OutOfGraphReplayBuffer
    sample, buffer.sample_transition_batch = buffer.sample_transition_batch, lambda self: sampled
    for name, (learning_rate, epsilon) in ADAM.items():
        agent, graph = new_agent(learning_rate, epsilon, online, target)
        with graph.as_default():
            loss = tf.reduce_mean(tf.compat.v1.losses.get_losses()[0])
            gradients = tf.gradients(loss, agent.online_convnet.trainable_weights)
            found["loss"], *values = agent._sess.run([loss, *gradients])
            agent._sess.run(agent._train_op)
            after = agent._sess.run(agent.online_convnet.trainable_weights)
        for index, (gradient, weight) in enumerate(zip(values, after)):
            found[f"gradient_{index}"] = gradient
            found[f"after_{name}_{index}"] = weight
    buffer.sample_transition_batch = sample


def many_steps(found, rng, online, target):
    """Actions, epsilon and target network step by step, and the replay at the end."""
    frames = rng.integers(0, 256, (STEPS, 84, 84, 1), np.uint8)
    rewards = rng.integers(-1, 2, STEPS)
    ends = rng.random(STEPS) < 0.03
    agent, graph = new_agent(*ADAM["resnet"], online, target, **SETTINGS)
    actions, epsilons, targets = [], [], []
    with graph.as_default():
        output = agent.target_convnet.trainable_weights[-2]
        for action in play(agent, frames, rewards, ends):
            actions.append(action)
            epsilons.append(
                agent.epsilon_fn(
                    agent.epsilon_decay_period,
                    agent.training_steps,
                    agent.min_replay_history,
                    agent.epsilon_train,
                )
            )
            targets.append(agent._sess.run(output))
    store = agent._replay.memory._store
    found.update({f"replay_{name}": values for name, values in store.items()})
    found.update(frames=frames, rewards=rewards, ends=ends, actions=actions, epsilons=epsilons)
    found.update(targets=targets, add_count=agent._replay.memory.add_count)


def main(path):
    tf.compat.v1.disable_v2_behavior()
    rng = np.random.default_rng(0)
    online, target = new_weights(rng), new_weights(rng)
    found = {f"online_{index}": weight for index, weight in enumerate(online)}
    found.update({f"target_{index}": weight for index, weight in enumerate(target)})
    gin.bind_parameter("WrappedReplayBuffer.replay_capacity", 1000)
    one_step(found, rng, online, target)
    for name, value in REPLAY.items():
        gin.bind_parameter(f"WrappedReplayBuffer.{name}", value)
    many_steps(found, rng, online, target)
    np.savez(path, **found)


if __name__ == "__main__":
    main(sys.argv[1])
