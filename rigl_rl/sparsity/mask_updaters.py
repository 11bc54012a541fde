"""Prune, Static, SET and RigL: how one kernel's mask changes.

The maths are two pure functions, `magnitude_mask` and `drop_and_grow`. The updaters below say
which of them a method uses, when, and with which scores. They assign nothing: the sparse optimizer
(`optimizer.py`) does, for whichever kernels it was given.
"""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from rigl_rl.sparsity.schedules import DropFraction, UpdateTimes, cubic_sparsity

METHODS = ("dense", "prune", "static", "set", "rigl", "rigl_inverted")


def top_k_mask(scores, k):
    """0/1 float32 tensor, ones at the `k` largest `scores`; ties go to the lowest flat index."""
    flat = tf.reshape(tf.cast(scores, tf.float32), [-1])
    _, chosen = tf.math.top_k(flat, k, sorted=False)
    ones = tf.ones_like(chosen, tf.float32)
    mask = tf.scatter_nd(chosen[:, tf.newaxis], ones, tf.shape(flat))
    return tf.reshape(mask, tf.shape(scores))


def drop_and_grow(mask, drop_score, grow_score, drop_fraction):
    """Replaces a fraction of the active connections; the number of ones stays the same.

    Of the n active connections, int(n * drop_fraction) with the smallest `drop_score` are dropped,
    then as many with the largest `grow_score` are activated among all that were not kept: a
    connection dropped here may come straight back. Ties go to the lowest flat index.

    Args:
      mask: 0/1 array or tensor of any shape.
      drop_score: same shape; |weight| for SET and RigL. Read at active connections only.
      grow_score: same shape; |dense gradient| for RigL, uniform noise for SET.
      drop_fraction: scalar within [0, 1].

    Returns:
      The new mask: float32 tensor, same shape.
    """
    mask = tf.cast(tf.convert_to_tensor(mask), tf.float32)
    drop_score = tf.cast(tf.convert_to_tensor(drop_score), tf.float32)
    grow_score = tf.cast(tf.convert_to_tensor(grow_score), tf.float32)
    # Counted in integers: float32 sums are exact only up to 2^24 connections.
    n_ones = tf.math.count_nonzero(mask, dtype=tf.int32)
    # The product in float32 is the original's, and decides the count near whole numbers.
    n_drop = tf.cast(tf.cast(n_ones, tf.float32) * tf.cast(drop_fraction, tf.float32), tf.int32)
    lowest = tf.fill(tf.shape(mask), -float("inf"))
    kept = top_k_mask(tf.where(mask > 0, drop_score, lowest), n_ones - n_drop)
    grown = top_k_mask(tf.where(kept > 0, lowest, grow_score), n_drop)
    return kept + grown


def magnitude_mask(weights, sparsity):
    """Keeps the largest weights: ones where |w| reaches the k-th largest |w|.

    k = max(round(size * (1 - sparsity)), 1), so a layer is never emptied. Weights that tie with
    the k-th are all kept.

    Args:
      weights: array or tensor of any shape.
      sparsity: scalar within [0, 1].

    Returns:
      0/1 float32 tensor of the weights' shape.
    """
    magnitudes = tf.abs(tf.convert_to_tensor(weights))
    flat = tf.reshape(magnitudes, [-1])
    size = tf.cast(tf.size(flat), tf.float32)
    k = tf.maximum(tf.cast(tf.round(size * (1.0 - tf.cast(sparsity, tf.float32))), tf.int32), 1)
    threshold = tf.reduce_min(tf.math.top_k(flat, k, sorted=False).values)
    return tf.cast(magnitudes >= threshold, tf.float32)


@dataclasses.dataclass(frozen=True)
class MaskUpdater:
    """A method: when masks change, and to what. This one never changes them: Static, and dense.

    Attributes:
      method: its name, one of `METHODS`.
      times: its update steps.
    """

    method: str = "static"
    times: UpdateTimes = UpdateTimes(frequency=1, end=0)

    @property
    def replaces(self) -> bool:
        """Whether an update drops and grows connections, by the gradient it is about to step by.

        Such an update comes before the optimizer's step, and what it grows starts from nothing.
        """
        return False

    def due(self, step):
        """Boolean tensor: do masks change at train step `step`?"""
        return self.times.due(step)

    def drop_fraction(self, step, learning_rate_ratio=1.0):
        """Share of the active connections that an update at train step `step` replaces."""
        return tf.constant(0.0)

    def new_mask(self, mask, weights, gradient, sparsity, step, learning_rate_ratio, index):
        """Mask of one kernel after an update.

        Args:
          mask: the kernel's mask now.
          weights: the kernel, same shape.
          gradient: its dense gradient, same shape; None for methods that replace nothing.
          sparsity: share of zeros that the kernel ends at.
          step: train steps already taken, int64 scalar.
          learning_rate_ratio: current over initial learning rate.
          index: of the kernel among its optimizer's.
        """
        return mask


@dataclasses.dataclass(frozen=True)
class Prune(MaskUpdater):
    """Gradual magnitude pruning (Zhu & Gupta 2018) from a dense network to each layer's sparsity.

    The paper prunes from 20 % to 80 % of training (section A.3).

    Attributes:
      initial_sparsity: of every layer when pruning begins.
    """

    method: str = "prune"
    initial_sparsity: float = 0.0

    def __post_init__(self):
        if not 0.0 <= self.initial_sparsity < 1.0:
            raise ValueError(
                f"pruning starts at sparsity {self.initial_sparsity}, but must lie within [0, 1)"
            )
        if self.times.end < 0:
            raise ValueError(
                f"pruning ends at step {self.times.end}, but its schedule needs a last step"
            )

    def due(self, step):
        """Also at the last step, so that the target is reached whatever the interval."""
        return tf.logical_or(self.times.due(step), tf.equal(step, self.times.end))

    def new_mask(self, mask, weights, gradient, sparsity, step, learning_rate_ratio, index):
        """The largest weights, as many as the cubic schedule leaves."""
        begin, end = self.times.begin, self.times.end
        now = cubic_sparsity(step, self.initial_sparsity, sparsity, begin, end)
        return magnitude_mask(weights, now)


@dataclasses.dataclass(frozen=True)
class DropAndGrow(MaskUpdater):
    """SET (Mocanu et al. 2018), RigL (Evci et al. 2020) and its control 'rigl_inverted'.

    'set' grows at random, 'rigl' where the dense gradient is largest, 'rigl_inverted' where it is
    smallest. The paper updates from step 0 to 80 % of training (section A.3).

    Attributes:
      fraction: the share of active connections that one update replaces.
      seed: of SET's random scores and of the noise.
      drop_noise: standard deviation of Gaussian noise on the magnitudes of active connections, the
        smallest of which are dropped.
    """

    method: str = "rigl"
    fraction: DropFraction = DropFraction(0.0, "constant")
    seed: int = 0
    drop_noise: float = 0.0

    def __post_init__(self):
        if not 0.0 <= self.drop_noise < float("inf"):
            raise ValueError(f"drop noise is {self.drop_noise}, but must be at least 0")

    @property
    def replaces(self) -> bool:
        """True."""
        return True

    def drop_fraction(self, step, learning_rate_ratio=1.0):
        """As scheduled."""
        return self.fraction(step, learning_rate_ratio)

    def new_mask(self, mask, weights, gradient, sparsity, step, learning_rate_ratio, index):
        """Weak connections replaced, the number of connections kept."""
        # A function of (seed, kernel, step): nothing to store, and a resumed run draws alike.
        kernel_seed = self.seed * 10_007 + index
        drop_score = tf.abs(mask * weights)
        if self.drop_noise:
            # The complement: no number of SET's growth is drawn twice.
            seed = tf.stack([tf.constant(~kernel_seed, tf.int64), step])
            drop_score += tf.random.stateless_normal(tf.shape(mask), seed, stddev=self.drop_noise)
        if self.method == "set":
            seed = tf.stack([tf.constant(kernel_seed, tf.int64), step])
            grow_score = tf.random.stateless_uniform(tf.shape(mask), seed)
        else:
            grow_score = tf.abs(gradient)
            if self.method == "rigl_inverted":
                grow_score = -grow_score
        fraction = self.drop_fraction(step, learning_rate_ratio)
        return drop_and_grow(mask, drop_score, grow_score, fraction)
