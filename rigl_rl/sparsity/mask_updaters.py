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
class Static:
    """The random mask of the start, kept (and the method of a dense network, whose mask is full)."""

    method: str = "static"
    times: UpdateTimes = UpdateTimes(frequency=1, end=0)

    def drop_fraction(self, step, learning_rate_ratio=1.0):
        """0: a static network replaces nothing."""
        return tf.constant(0.0)


@dataclasses.dataclass(frozen=True)
class Prune:
    """Gradual magnitude pruning (Zhu & Gupta 2018) from a dense network to each layer's sparsity.

    Attributes:
      times: the paper prunes from 20 % to 80 % of training (section A.3).
      initial_sparsity: of every layer when pruning begins.
    """

    times: UpdateTimes
    initial_sparsity: float = 0.0
    method: str = "prune"

    def __post_init__(self):
        if not 0.0 <= self.initial_sparsity < 1.0:
            raise ValueError(
                f"pruning starts at sparsity {self.initial_sparsity}, but must within [0, 1)"
            )
        if self.times.end < 0:
            raise ValueError("pruning needs a last step: its schedule ends there")

    def new_mask(self, weights, final_sparsity: float, step):
        """Mask of one kernel after an update at train step `step`."""
        sparsity = cubic_sparsity(
            step, self.initial_sparsity, final_sparsity, self.times.begin, self.times.end
        )
        return magnitude_mask(weights, sparsity)

    def drop_fraction(self, step, learning_rate_ratio=1.0):
        """0: pruning drops without growing."""
        return tf.constant(0.0)


@dataclasses.dataclass(frozen=True)
class DropAndGrow:
    """SET (Mocanu et al. 2018), RigL (Evci et al. 2020) and its control 'rigl_inverted'.

    Attributes:
      method: 'set' grows at random, 'rigl' where the dense gradient is largest, 'rigl_inverted'
        where it is smallest.
      times: from step 0 to 80 % of training in the paper (section A.3).
      fraction: the share of active connections that one update replaces.
      seed: of SET's random scores.
    """

    method: str
    times: UpdateTimes
    fraction: DropFraction
    seed: int = 0

    def drop_fraction(self, step, learning_rate_ratio=1.0):
        """Share of active connections replaced by an update at `step`."""
        return self.fraction(step, learning_rate_ratio)

    def new_mask(self, mask, weights, gradient, step, learning_rate_ratio, index: int):
        """Mask of one kernel after an update at train step `step`.

        Args:
          mask, weights, gradient: the kernel's, equal shapes; the gradient is dense.
          step: int64 scalar.
          learning_rate_ratio: current over initial learning rate.
          index: of the kernel among its optimizer's, so that every kernel draws its own noise.
        """
        if self.method == "set":
            # A function of (seed, kernel, step): nothing to store, and a resumed run draws alike.
            seed = tf.stack([tf.constant(self.seed * 10_007 + index, tf.int64), step])
            grow_score = tf.random.stateless_uniform(tf.shape(mask), seed)
        else:
            grow_score = tf.abs(gradient)
            if self.method == "rigl_inverted":
                grow_score = -grow_score
        fraction = self.drop_fraction(step, learning_rate_ratio)
        return drop_and_grow(mask, tf.abs(mask * weights), grow_score, fraction)
