"""What TF-Agents' replay buffer does not do: transitions within episodes, and small checkpoints.

Both read private parts of `TFUniformReplayBuffer` (TF-Agents 0.19).
"""

from __future__ import annotations

import tensorflow as tf
from tensorflow.python.trackable.autotrackable import AutoTrackable
from tf_agents.replay_buffers import tf_uniform_replay_buffer
from tf_agents.trajectories import StepType, trajectory

LEAST_CAPACITY = 3
"""Frames: of the last three that a driver wrote, one at least starts a transition."""

_MOST_DRAWS = 1_000


def sample_transitions(
    replay: tf_uniform_replay_buffer.TFUniformReplayBuffer, batch_size: int
) -> trajectory.Transition:
    """Draws transitions uniformly, with replacement, from those that happened.

    Drivers also write a frame between two episodes, from the last state of one to the first state
    of the next. Nothing happens there: no transition starts at such a frame. `DqnAgent` leaves it
    out of its loss, `SacAgent` would learn from it.

    A frame that starts no transition is drawn again until it does, so each of the others has the
    same chance. At most every second frame starts none.

    Args:
      replay: a buffer of trajectories with batch size 1.
      batch_size: transitions to draw.

    Returns:
      Tensors (batch_size, ...); `reward` and `discount` are in `next_time_step`. Agents take it as
      it is: a stacked Trajectory would go through a general n-step reduction in every train step.

    Raises:
      tf.errors.InvalidArgumentError: the buffer holds no transition.
    """
    capacity = replay._max_length
    newest = replay._last_id.read_value()
    oldest = tf.maximum(newest + 1 - capacity, 0)
    step_type_slot = replay._data_table.slots.step_type

    def draw():
        return tf.random.uniform([batch_size], oldest, newest, tf.int64)

    def starts_none(frames):
        return replay._data_table.read(frames % capacity, step_type_slot) == StepType.LAST

    frames = draw()
    redrawn = starts_none(frames)
    draws = tf.constant(1)
    while tf.reduce_any(redrawn):
        tf.debugging.assert_less(draws, _MOST_DRAWS, "the replay buffer holds no transition")
        frames = tf.where(redrawn, draw(), frames)
        redrawn = starts_none(frames)
        draws += 1
    now = replay._data_table.read(frames % capacity)
    after = replay._data_table.read((frames + 1) % capacity)
    return trajectory.to_transition(now, after)


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
