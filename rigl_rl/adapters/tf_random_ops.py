"""Replaces TensorFlow's stateful random operations while a function is traced."""

import contextlib
from collections.abc import Callable, Iterator, Mapping

from tensorflow.python.ops import gen_random_ops

READ_IN = {"tensorflow": "2.15.1"}
PARAMETERS = {
    "random_uniform": ("shape", "dtype", "seed", "seed2", "name"),
    "random_uniform_int": ("shape", "minval", "maxval", "seed", "seed2", "name"),
    "random_standard_normal": ("shape", "dtype", "seed", "seed2", "name"),
    "truncated_normal": ("shape", "dtype", "seed", "seed2", "name"),
    "multinomial": ("logits", "num_samples", "seed", "seed2", "output_dtype", "name"),
    "random_shuffle": ("value", "seed", "seed2", "name"),
}
"""The operations that can be replaced, and the parameters that a replacement must take."""


@contextlib.contextmanager
def exchanged(replacements: Mapping[str, Callable]) -> Iterator[None]:
    """Within this context, TensorFlow calls these functions for its random operations.

    The public functions (`tf.random.uniform`, `tf.random.shuffle`, ...) look up their operation in
    TensorFlow's module at each call, so agents and replay buffers use the replacements too.

    Args:
      replacements: a function for each key of `PARAMETERS`.
    """
    if set(replacements) != set(PARAMETERS):
        raise ValueError(f"replacements must be given for {', '.join(PARAMETERS)}")
    originals = {name: getattr(gen_random_ops, name) for name in replacements}
    for name, function in replacements.items():
        setattr(gen_random_ops, name, function)
    try:
        yield
    finally:
        for name, function in originals.items():
            setattr(gen_random_ops, name, function)
