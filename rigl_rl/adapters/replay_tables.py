"""Reads and saves the tables of TF-Agents' `TFUniformReplayBuffer` by row."""

import rigl_rl.quiet  # noqa: F401, before the libraries load

# isort: split
import tensorflow as tf
from tensorflow.python.trackable.autotrackable import AutoTrackable
from tf_agents.replay_buffers import tf_uniform_replay_buffer

READ_IN = {"tf-agents": "0.19.0", "tensorflow": "2.15.1"}


class Frames:
    """The frames of a replay buffer of batch size 1, numbered from 0 in the order of writing.

    Args:
      replay: the buffer.
    """

    def __init__(self, replay: tf_uniform_replay_buffer.TFUniformReplayBuffer):
        self._table = replay._data_table
        self._capacity = replay._max_length
        self._last_id = replay._last_id

    def range(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Numbers of the oldest and the newest frame in the buffer: int64 scalars."""
        newest = self._last_id.read_value()
        return tf.maximum(newest + 1 - self._capacity, 0), newest

    def read(self, numbers: tf.Tensor):
        """Reads the frames with these numbers: a trajectory with a leading dimension."""
        return self._table.read(numbers % self._capacity)

    def step_types(self, numbers: tf.Tensor) -> tf.Tensor:
        """Reads only the step types of these frames, not the observations."""
        return self._table.read(numbers % self._capacity, self._table.slots.step_type)


class ReplayState(AutoTrackable):
    """Represents a replay buffer in a `tf.train.Checkpoint` and saves only the rows in use.

    The tables have their full capacity from the start: a million steps of Humanoid are 1.6 GB.
    TensorFlow's lookup tables save their contents in the same way (`_serialize_to_tensors`),
    because their size is not known in advance either.

    Args:
      replay: a buffer of batch size 1; its rows fill up one by one, from the first.
    """

    def __init__(self, replay: tf_uniform_replay_buffer.TFUniformReplayBuffer):
        self._last_id = replay._last_id
        # Not tracked as attributes; the methods below save a part of them.
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
