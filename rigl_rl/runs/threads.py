"""The number of TensorFlow's threads, on which the last bits of a run depend."""

import tensorflow as tf

from rigl_rl.errors import warn


def use(number: int) -> None:
    """Sets the number of threads; call it before anything starts TensorFlow."""
    tf.config.threading.set_intra_op_parallelism_threads(number)
    tf.config.threading.set_inter_op_parallelism_threads(number)


def number() -> int:
    """The number of threads that was set; 0: TensorFlow chooses."""
    return tf.config.threading.get_intra_op_parallelism_threads()


def warn_of_change(before: int | None) -> None:
    """Warns on standard error if a run resumes with another number of threads.

    before: of the process that wrote the checkpoint; None if it did not record it.
    """
    if before is not None and before != number():
        warn(
            f"the checkpoint was written with --threads={before}, but this process has {number()}: "
            "the run may differ in the last bits from an uninterrupted one"
        )
