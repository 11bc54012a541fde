"""Samples transitions within episodes only, which TF-Agents' replay buffer does not do."""

import tensorflow as tf
from tf_agents.replay_buffers import tf_uniform_replay_buffer
from tf_agents.trajectories import StepType, trajectory

from rigl_rl.adapters.replay_tables import Frames

LEAST_CAPACITY = 3
"""Frames: at least one of the last three that a driver wrote starts a transition."""

_MOST_DRAWS = 1_000


def sample_transitions(
    replay: tf_uniform_replay_buffer.TFUniformReplayBuffer, batch_size: int
) -> trajectory.Transition:
    """Draws real transitions uniformly, with replacement.

    Drivers also write a frame between two episodes, from the last state of one to the first state
    of the next. No transition starts at such a frame. `DqnAgent` leaves it out of its loss, but
    `SacAgent` would learn from it.

    Such a frame is drawn again until another one comes up, so all others are equally likely. At
    most every second frame is of this kind.

    Args:
      replay: a buffer of trajectories with batch size 1.
      batch_size: transitions to draw.

    Returns:
      Tensors (batch_size, ...); `reward` and `discount` are in `next_time_step`. Agents use it as
      it is; a stacked Trajectory would go through a general n-step reduction in every train step.

    Raises:
      tf.errors.InvalidArgumentError: the buffer holds no transition.
    """
    frames = Frames(replay)
    oldest, newest = frames.range()

    def draw():
        return tf.random.uniform([batch_size], oldest, newest, tf.int64)

    def starts_none(numbers):
        return frames.step_types(numbers) == StepType.LAST

    def any_redrawn(numbers, redrawn, draws):
        return tf.reduce_any(redrawn)

    def draw_again(numbers, redrawn, draws):
        tf.debugging.assert_less(draws, _MOST_DRAWS, "the replay buffer holds no transition")
        numbers = tf.where(redrawn, draw(), numbers)
        return numbers, starts_none(numbers), draws + 1

    numbers = draw()
    numbers, _, _ = tf.while_loop(any_redrawn, draw_again, (numbers, starts_none(numbers), 1))
    return trajectory.to_transition(frames.read(numbers), frames.read(numbers + 1))
