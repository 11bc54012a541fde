"""What Dopamine's agent and ours are given in test_parity.py: settings, and the order of calls."""

import random

import numpy as np

ADAM = {"cnn": (2.5e-4, 1e-8), "resnet": (1e-4, 3.125e-4)}  # learning rate, epsilon: Table 7
SETTINGS = dict(
    min_replay_history=100, target_update_period=60, update_period=4, epsilon_decay_period=300
)
REPLAY = dict(replay_capacity=250, batch_size=8)


def play(agent, frames, rewards, ends):
    """The agent's action on each frame; `ends` says whether an episode ended before it."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002, the replay buffer draws from it
    for step, (frame, reward, end) in enumerate(zip(frames, rewards, ends)):
        if step == 0:
            yield agent.begin_episode(frame)
        elif end:
            agent.end_episode(reward)
            yield agent.begin_episode(frame)
        else:
            yield agent.step(reward, frame)
