"""Signal-to-noise ratio of gradients (section 7, Figure 5).

The SNR of a parameter is |mean| / standard deviation of its gradient over the samples of a
minibatch; a network's SNR is the mean over all its parameters, inactive weights included. The
standard deviation is that of the minibatch itself (divided by B, not B - 1).

A parameter whose gradient is the same for every sample counts as 0. For a dead unit, mean and
standard deviation are both 0, and there is no signal. A constant nonzero gradient has no finite
ratio, and one such parameter would dominate the mean.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf

# float32 cannot tell a standard deviation this far below the mean from rounding.
_SMALLEST_RELATIVE_DEVIATION = 1e-6


def per_sample_gradients(
    loss_fn: Callable[..., tf.Tensor], variables: Sequence[tf.Variable], batch
) -> list[tf.Tensor]:
    """Gradients of every sample's loss.

    Args:
      loss_fn: called with a batch of *one* sample at a time (vectorized), so samples must not
        influence each other. Returns the sample's loss, shape (1,).
      variables: what to differentiate by.
      batch: nest of tensors with a leading batch dimension B.

    Returns:
      For each variable a tensor of shape (B, *variable.shape); zeros where the loss does not depend
      on it.

    Raises:
      ValueError: the loss is not one number per sample.
    """
    return tf.vectorized_map(lambda sample: _sample_gradient(loss_fn, variables, sample), batch)


def batch_snr(
    loss_fn: Callable[..., tf.Tensor],
    variables: Sequence[tf.Variable],
    batch,
    chunk_size: int | None = None,
) -> tf.Tensor:
    """Mean SNR over all parameters, in bounded memory.

    Args:
      loss_fn: (sample as a batch of one) -> loss of shape (1,).
      variables: what to differentiate by.
      batch: nest of tensors with a leading batch dimension of static size.
      chunk_size: samples whose gradients are held at a time; all of them by default. A network of
        P parameters takes about 4 x P x chunk_size bytes.

    Returns:
      float32 scalar, always finite for finite gradients.

    Raises:
      ValueError: the loss is not one number per sample, or there are fewer than two samples, which
        have no standard deviation.
    """
    total = tf.nest.flatten(batch)[0].shape[0]
    if total < 2:
        raise ValueError("SNR needs at least 2 samples: one alone has no deviation")
    step = chunk_size or total

    def chunk_moments(start):
        chunk = tf.nest.map_structure(lambda x: x[start : start + step], batch)
        return [_moments(g) for g in per_sample_gradients(loss_fn, variables, chunk)]

    moments = chunk_moments(0)
    for start in range(step, total, step):
        moments = [_merge(*pair) for pair in zip(moments, chunk_moments(start))]
    return _mean_ratio(moments)


def _sample_gradient(loss_fn, variables, sample):
    with tf.GradientTape() as tape:
        losses = loss_fn(tf.nest.map_structure(lambda x: x[tf.newaxis], sample))
        if losses.shape.rank != 1:
            raise ValueError(f"loss of shape {losses.shape}: expected one loss per sample, (B,)")
        loss = losses[0]
    return tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def _moments(gradient):
    """Number of samples, mean, and sum of squared deviations over the batch."""
    mean, variance = tf.nn.moments(gradient, axes=[0])
    number = tf.cast(tf.shape(gradient)[0], gradient.dtype)
    return number, mean, variance * number


def _merge(first, second):
    """Moments of two sets of samples together (Chan et al., 1983).

    Sums of squares would be simpler, but mean(g**2) - mean(g)**2 loses all digits in float32 when
    the standard deviation is small, which is exactly where the ratio is large.
    """
    (n_1, mean_1, deviations_1), (n_2, mean_2, deviations_2) = first, second
    number = n_1 + n_2
    shift = mean_2 - mean_1
    mean = mean_1 + shift * n_2 / number
    return number, mean, deviations_1 + deviations_2 + shift**2 * n_1 * n_2 / number


def _mean_ratio(moments):
    ratios = []
    for number, mean, deviations in moments:
        std = tf.sqrt(deviations / number)
        varies = std > _SMALLEST_RELATIVE_DEVIATION * tf.abs(mean)
        ratio = tf.where(varies, tf.abs(mean) / tf.where(varies, std, 1.0), 0.0)
        ratios.append(tf.reshape(ratio, [-1]))
    return tf.reduce_mean(tf.concat(ratios, axis=0))
