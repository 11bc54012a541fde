"""When the topology changes, and by how much.

Every schedule counts *train steps*: optimizer steps already taken, so the first step is 0.
All functions take and return tensors (or Python numbers) and can be traced into a `tf.function`.
"""

import dataclasses
import math
import re

import tensorflow as tf

DROP_FRACTION_SCHEDULES = ("cosine", "constant", "exponential_K", "lr")


def is_schedule(name: object) -> bool:
    """Whether a schedule of the drop fraction has this name; K is a number, '' is 'constant'."""
    pattern = r"|cosine|constant|lr|exponential_\d+(\.\d+)?"
    return isinstance(name, str) and re.fullmatch(pattern, name) is not None


@dataclasses.dataclass(frozen=True)
class UpdateTimes:
    """The train steps at which masks change: every `frequency` steps within [begin, end].

    Attributes:
      frequency: train steps between two updates, at least 1.
      end: last train step at which an update may happen; negative means never stop, 0 never
        update (the meaning of the original's `last_update_step`).
      begin: train step of the first update.
    """

    frequency: int
    end: int = -1
    begin: int = 0

    def __post_init__(self):
        if 0 < self.end < self.begin:
            raise ValueError(
                f"mask updates end at step {self.end}, before they begin ({self.begin})"
            )

    @property
    def never(self) -> bool:
        """Whether no step is an update step."""
        return self.end == 0

    def due(self, step):
        """Boolean (tensor): is `step` an update step?"""
        if self.never:
            return tf.constant(False)
        step = tf.cast(step, tf.int64)
        due = tf.logical_and(step >= self.begin, (step - self.begin) % self.frequency == 0)
        return due if self.end < 0 else tf.logical_and(due, step <= self.end)


@dataclasses.dataclass(frozen=True)
class DropFraction:
    """Fraction of the active connections replaced by one update (SET and RigL).

    Attributes:
      initial: fraction of the first update, at train step `begin`; within [0, 1).
      schedule: 'cosine' decay to 0 at step `end` (Dettmers & Zettlemoyer 2019, the paper's
        choice), 'constant' (also ''), 'exponential_K' for initial * (1 - progress)^K, or 'lr':
        proportional to the optimizer's learning rate, the largest so far giving `initial`.
      end: train step at which 'cosine' and 'exponential_K' reach 0.
      begin: train step of the first update.
    """

    initial: float
    schedule: str = "cosine"
    end: int = 0
    begin: int = 0

    def __post_init__(self):
        if (self.schedule == "cosine" or self._exponent is not None) and self.end <= 0:
            raise ValueError(
                f"a {self.schedule!r} drop fraction decays until the last mask update, "
                f"which must be a positive train step, not {self.end}"
            )

    @property
    def _exponent(self) -> float | None:
        match = re.fullmatch(r"exponential_(\d+(?:\.\d+)?)", self.schedule)
        return float(match.group(1)) if match else None

    def __call__(self, step, learning_rate_ratio=1.0):
        """float32 drop fraction at train step `step`.

        Args:
          step: train steps already taken.
          learning_rate_ratio: current learning rate over the largest so far, used only by 'lr'.
        """
        if self.schedule == "lr":
            return self.initial * tf.cast(learning_rate_ratio, tf.float32)
        if self.schedule in ("", "constant"):
            return tf.constant(self.initial, tf.float32)
        # float64 until the end: progress has to be exact for runs of millions of steps.
        taken = tf.cast(step, tf.float64) - self.begin
        progress = tf.clip_by_value(taken / max(self.end - self.begin, 1), 0.0, 1.0)
        if self.schedule == "cosine":
            decay = (1.0 + tf.cos(math.pi * progress)) / 2.0
        else:
            decay = (1.0 - progress) ** self._exponent
        return tf.cast(self.initial * decay, tf.float32)


def cubic_sparsity(step, initial: float, final: float, begin: int, end: int):
    """Sparsity of gradual pruning at train step `step`: Zhu & Gupta (2018), equation 1.

    `initial` until `begin`, `final` from `end` on (train steps), float32. If `begin` and `end` are
    equal, the sparsity jumps at that step.
    """
    step = tf.cast(step, tf.float64)
    progress = tf.where(step < end, (step - begin) / max(end - begin, 1), 1.0)
    progress = tf.clip_by_value(progress, 0.0, 1.0)
    return tf.cast(final + (initial - final) * (1.0 - progress) ** 3, tf.float32)
