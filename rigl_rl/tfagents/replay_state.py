"""Replay buffers in checkpoints: the part that is filled."""

from __future__ import annotations

import tensorflow as tf
from tensorflow.python.trackable.autotrackable import AutoTrackable
from tf_agents.replay_buffers import tf_uniform_replay_buffer


class ReplayState(AutoTrackable):
    """Stands for a replay buffer in a `tf.train.Checkpoint`.

    The tables have their full capacity from the start: a million steps of Humanoid are 1.6 GB. This
    saves the rows that hold something. Lookup tables of TensorFlow save what they hold in the same
    way (`_serialize_to_tensors`), because their size is not known in advance either.

    Args:
      replay: a buffer of batch size 1: its rows fill up one by one, from the first.
    """

    def __init__(self, replay: tf_uniform_replay_buffer.TFUniformReplayBuffer):
        self._last_id = replay._last_id
        # Not tracked as attributes: saved below, in part.
        self._rows = lambda: [v for v in replay.variables() if v is not replay._last_id]
        self._capacity = int(replay._capacity_value)

    def _serialize_to_tensors(self):
        filled = tf.minimum(self._last_id + 1, self._capacity)
        return {f"rows_{index}": table[:filled] for index, table in enumerate(self._rows())}

    def _restore_from_tensors(self, restored):
        for index, table in enumerate(self._rows()):
            rows = restored[f"rows_{index}"]
            table[: tf.shape(rows)[0]].assign(rows)
        return tf.no_op()
