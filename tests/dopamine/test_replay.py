"""The smallest replay of the Atari agents that is accepted always has a transition to sample."""

import itertools

import numpy as np
import pytest

from rigl_rl.dopamine.hyperparameters import AgentHyperparameters
from rigl_rl.dopamine.replay import replay_buffer
from rigl_rl.environments.frames import FRAME_SHAPE
from rigl_rl.errors import ConfigError

FRAME = np.zeros(FRAME_SHAPE, np.uint8)
EPISODES = ([1], [2], [5], [20], [1000], [1, 7, 2, 4])


def filled(lengths, horizon, capacity=100):
    """The buffer after each step, in episodes of these lengths over and over."""
    replay = replay_buffer(0.99, horizon, capacity, batch_size=4)
    for length in itertools.cycle(lengths):
        for left in reversed(range(length)):
            replay.add(FRAME, 0, 0.0, left == 0)
            yield replay


@pytest.mark.parametrize("lengths", EPISODES, ids=str)
@pytest.mark.parametrize(("horizon", "least"), [(1, 9), (3, 11)])
def test_the_least_capacity(lengths, horizon, least):
    cursors = set()
    for replay in itertools.islice(filled(lengths, horizon, least), 10 * least):
        if replay.is_full():
            replay.sample_transition_batch()
            cursors.add(int(replay.cursor()))
    assert cursors == set(range(least))
    with pytest.raises(ConfigError, match=f"capacity is {least - 1}, .* at least {least}"):
        replay_buffer(0.99, horizon, least - 1)


@pytest.mark.parametrize("lengths", EPISODES, ids=str)
@pytest.mark.parametrize(
    ("horizon", "period", "least"), [(1, 1, 4), (3, 1, 6), (10, 1, 13), (1, 2, 1), (3, 4, 1)]
)
def test_the_least_history(lengths, horizon, period, least):
    for steps, replay in enumerate(filled(lengths, horizon), 1):
        if replay.add_count > least and steps % period == 0:
            break
    replay.sample_transition_batch()
    given = dict(update_horizon=horizon, update_period=period)
    AgentHyperparameters(min_replay_history=least, **given)
    with pytest.raises(ConfigError, match="min_replay_history is .* at least"):
        AgentHyperparameters(min_replay_history=least - 1, **given)
