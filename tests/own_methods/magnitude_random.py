"""A user's method, as in docs/extending.md: drops by magnitude, grows at random."""

import tensorflow as tf

from rigl_rl.sparsity import DropAndGrow, register


@register("magnitude_random")
class MagnitudeRandom(DropAndGrow):
    """Drops the smallest weights, grows at random."""

    def grow_score(self, weights, gradient, seed):
        """Uniform noise."""
        return tf.random.stateless_uniform(tf.shape(weights), seed)
