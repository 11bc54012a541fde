"""The sparse training methods, one class each: Prune, Static, SET, RigL.

The math is in two pure functions, `magnitude_mask` and `drop_and_grow`. A method defines which of
them it uses, when, and with which scores. It assigns no variables: the sparse optimizer
(`optimizer.py`) does this for its kernels. A new method is a class and a name:

    @register("magnitude_random")
    class MagnitudeRandom(DropAndGrow):
        def grow_score(self, weights, gradient, seed):
            return tf.random.stateless_uniform(tf.shape(weights), seed)

See `docs/extending.md`.
"""

import dataclasses

import tensorflow as tf

from rigl_rl.sparsity.registry import METHODS as METHODS
from rigl_rl.sparsity.registry import MaskUpdater, register
from rigl_rl.sparsity.schedules import DropFraction, cubic_sparsity


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
    then the same number with the largest `grow_score` are activated among all that were not kept: a
    connection dropped here may be regrown at once. Ties go to the lowest flat index. A score of
    -inf or NaN comes last: it is grown only if too few others are left.

    Args:
      mask: 0/1 array or tensor of any shape.
      drop_score: same shape; |weight| for SET and RigL. Read at active connections only.
      grow_score: same shape; |dense gradient| for RigL, uniform noise for SET.
      drop_fraction: scalar within [0, 1].

    Returns:
      The new mask: float32 tensor, same shape.
    """
    mask = tf.cast(tf.convert_to_tensor(mask), tf.float32)
    drop_score, grow_score = _finite(drop_score), _finite(grow_score)
    # Counted in integers: float32 sums are exact only up to 2^24 connections.
    n_ones = tf.math.count_nonzero(mask, dtype=tf.int32)
    # The product is in float32, as in the original, which decides the count near whole numbers.
    n_drop = tf.cast(tf.cast(n_ones, tf.float32) * tf.cast(drop_fraction, tf.float32), tf.int32)
    lowest = tf.fill(tf.shape(mask), -float("inf"))
    kept = top_k_mask(tf.where(mask > 0, drop_score, lowest), n_ones - n_drop)
    grown = top_k_mask(tf.where(kept > 0, lowest, grow_score), n_drop)
    return kept + grown


def _finite(scores):
    """Scores as float32 above -inf, which marks connections that are not to be chosen."""
    scores = tf.cast(tf.convert_to_tensor(scores), tf.float32)
    lowest = tf.float32.min
    return tf.where(tf.math.is_nan(scores), lowest, tf.maximum(scores, lowest))


def magnitude_mask(weights, sparsity):
    """Keeps the largest weights: ones where |w| reaches the k-th largest |w|.

    k = max(round(size * (1 - sparsity)), 1), so a layer is never empty. All weights that tie with
    the k-th are kept.

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


@register("dense")
class Dense(MaskUpdater):
    """No masks."""

    fixed = starts_dense = True


@register("prune")
@dataclasses.dataclass(frozen=True)
class Prune(MaskUpdater):
    """Gradual magnitude pruning (Zhu & Gupta 2018) from a dense network to each layer's sparsity.

    The paper prunes from 20% to 80% of training (section A.3).

    Attributes:
      initial_sparsity: of every layer when pruning begins.
    """

    starts_dense = True
    begins = 0.2

    initial_sparsity: float = 0.0

    @classmethod
    def from_settings(cls, settings, total_steps, seed):
        """Reads update times, which must end, and the initial sparsity."""
        times = cls._times(settings, total_steps)
        if settings.last_update_step is None and times.never:
            raise ValueError(
                f"total_steps is {total_steps}, but pruning needs at least 2 train steps"
            )
        return cls(times, settings.initial_sparsity)

    def __post_init__(self):
        if self.times.end < 0:
            raise ValueError(
                f"pruning ends at step {self.times.end}, but its schedule needs a last step"
            )

    def due(self, step):
        """Also at the last step, so that the target is reached with any interval."""
        return tf.logical_or(self.times.due(step), tf.equal(step, self.times.end))

    def new_mask(self, mask, weights, gradient, sparsity, step, learning_rate_ratio, index):
        """Keeps the largest weights, as many as the cubic schedule allows."""
        begin, end = self.times.begin, self.times.end
        now = cubic_sparsity(step, self.initial_sparsity, sparsity, begin, end)
        return magnitude_mask(weights, now)


@register("static")
class Static(MaskUpdater):
    """A random mask that never changes."""

    fixed = True


@dataclasses.dataclass(frozen=True)
class DropAndGrow(MaskUpdater):
    """Replaces weak connections. Subclasses define `grow_score`, which picks the replacements.

    The paper updates from step 0 to 80% of training (section A.3).

    Attributes:
      fraction: the share of active connections that one update replaces.
      seed: seeds random scores and the noise.
      drop_noise: standard deviation of Gaussian noise on the drop scores.
    """

    replaces = True

    fraction: DropFraction = DropFraction(0.0, "constant")
    seed: int = 0
    drop_noise: float = 0.0

    @classmethod
    def from_settings(cls, settings, total_steps, seed):
        """Reads update times, drop fraction and noise."""
        times = cls._times(settings, total_steps)
        schedule = settings.drop_fraction_schedule
        if times.end <= 0 and schedule != "lr":  # the others decay until the last update
            schedule = "constant"
        fraction = DropFraction(settings.drop_fraction, schedule, times.end, times.begin)
        return cls(times, fraction, seed, settings.drop_noise)

    def in_effect(self):
        """Adds the drop fraction."""
        return {
            **super().in_effect(),
            "drop_fraction": self.fraction.initial,
            "drop_fraction_schedule": self.fraction.schedule,
        }

    @property
    def follows_learning_rate(self):
        """As scheduled."""
        return self.fraction.schedule == "lr"

    def drop_fraction(self, step, learning_rate_ratio=1.0):
        """As scheduled."""
        return self.fraction(step, learning_rate_ratio)

    def drop_score(self, weights, gradient):
        """Score of every active connection; the smallest are dropped. By default |weight|.

        Args:
          weights: the kernel, zeros where inactive.
          gradient: its dense gradient, same shape.
        """
        return tf.abs(weights)

    def grow_score(self, weights, gradient, seed):
        """Score of every connection; the largest that were not kept are grown.

        Args:
          weights: the kernel, zeros where inactive.
          gradient: its dense gradient, same shape.
          seed: int64 (2,), for `tf.random.stateless_*`; different for each kernel and step.
        """
        raise NotImplementedError

    def new_mask(self, mask, weights, gradient, sparsity, step, learning_rate_ratio, index):
        """Replaces weak connections; the number of connections stays the same."""
        # A function of (seed, kernel, step): no state to store, and a resumed run draws the same.
        kernel_seed = self.seed * 10_007 + index
        weights = mask * weights
        drop_score = self.drop_score(weights, gradient)
        if self.drop_noise:
            # The bitwise complement, so that noise and random growth never share a seed.
            seed = tf.stack([tf.constant(~kernel_seed, tf.int64), step])
            drop_score += tf.random.stateless_normal(tf.shape(mask), seed, stddev=self.drop_noise)
        seed = tf.stack([tf.constant(kernel_seed, tf.int64), step])
        grow_score = self.grow_score(weights, gradient, seed)
        fraction = self.drop_fraction(step, learning_rate_ratio)
        return drop_and_grow(mask, drop_score, grow_score, fraction)


@register("set")
class SET(DropAndGrow):
    """Mocanu et al. (2018): grows at random."""

    def grow_score(self, weights, gradient, seed):
        """Uniform noise."""
        return tf.random.stateless_uniform(tf.shape(weights), seed)


@register("rigl")
class RigL(DropAndGrow):
    """Evci et al. (2020): drops the smallest weights, grows where the gradient is largest."""

    def grow_score(self, weights, gradient, seed):
        """Magnitude of the dense gradient."""
        return tf.abs(gradient)


@register("rigl_inverted")
class RigLInverted(DropAndGrow):
    """RigL's control: grows where the gradient is smallest."""

    def grow_score(self, weights, gradient, seed):
        """Its negative magnitude."""
        return -tf.abs(gradient)
