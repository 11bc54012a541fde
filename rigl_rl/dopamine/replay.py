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
      replay_capacity: frames; enough that a full buffer always has a transition to sample.
      batch_size: transitions per sample.
    """
    # A full buffer lacks STACK_SIZE + update_horizon states around its newest frame. Of the others,
    # at most STACK_SIZE - 1 in a row span two episodes.
    least = 2 * STACK_SIZE + update_horizon
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
