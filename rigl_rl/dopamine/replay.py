"""The replay buffer of the Atari agents: it stores single frames and stacks them in sampling."""

from __future__ import annotations

import gin
import numpy as np

from rigl_rl.adapters.frame_replay import FrameReplayBuffer
from rigl_rl.environments.frames import FRAME_SHAPE, STACK_SIZE
from rigl_rl.parameters import Allowed, check, declares


@gin.configurable("WrappedReplayBuffer", denylist=["gamma", "update_horizon"])
@declares(replay_capacity=Allowed(low=1), batch_size=Allowed(low=1))
def replay_buffer(
    gamma: float,
    update_horizon: int = 1,
    replay_capacity: int = 1_000_000,
    batch_size: int = 32,
) -> FrameReplayBuffer:
    """The replay buffer of Table 6.

    Args:
      gamma: discount for the `update_horizon` rewards that a transition sums.
      update_horizon: steps from a transition's state to its next state.
      replay_capacity: frames.
      batch_size: transitions per sample.
    """
    least = STACK_SIZE + update_horizon
    check("WrappedReplayBuffer.replay_capacity", replay_capacity, "int", low=least)
    return FrameReplayBuffer(
        FRAME_SHAPE,
        STACK_SIZE,
        replay_capacity,
        batch_size,
        update_horizon,
        gamma,
        observation_dtype=np.uint8,
    )
