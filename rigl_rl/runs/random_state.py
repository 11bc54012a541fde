"""Random numbers that a checkpoint can hold.

TensorFlow's ordinary random operations keep their counters inside the runtime, where checkpoints
cannot reach them, so a resumed run would draw different exploration noise and replay samples.
TF-Agents' agents and replay buffers use these operations internally. While the training function
is traced, `draws_from` therefore makes every such operation draw from one `tf.random.Generator`,
whose state is a variable.
"""

import contextlib
import enum
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from rigl_rl.adapters import tf_random_ops


class Stream(enum.IntEnum):
    """Independent streams of random numbers, all determined by the run's seed.

    Changing one of these numbers changes every run. Two names may share a number if no run uses
    both. EVAL_POLICY and SNR_ACTOR_CRITIC share one although runs of SAC and PPO use both. This is
    harmless: evaluation and the SNR only read the agent, and no result combines the two. Another
    number would change snr.csv of existing runs.
    """

    NETWORK = 0
    MASKS = 1
    TRAIN_ENV = 2
    TRAINING = 3
    EVAL_ENVS = 4
    EVAL_POLICY = 5
    SNR_ACTOR_CRITIC = 5
    SNR = 6
    # For a phase of an Atari iteration: environment, exploration and replay.
    ATARI_TRAINING = 2
    ATARI_EVALUATION = 3


# Operations with hidden state; a traced training function may contain none of them.
_STATEFUL_OPS = frozenset(
    [
        "Multinomial",
        "ParameterizedTruncatedNormal",
        "RandomGamma",
        "RandomPoissonV2",
        "RandomShuffle",
        "RandomStandardNormal",
        "RandomUniform",
        "RandomUniformInt",
        "TruncatedNormal",
    ]
)


def generator(*seeds: int) -> tf.random.Generator:
    """A checkpointable generator. Different seeds (except trailing zeros) are independent."""
    return tf.random.Generator.from_state(_state(*seeds), alg="philox")


def reseed(random: tf.random.Generator, *seeds: int) -> None:
    """Restarts a generator as if it were made from `seeds`."""
    random.state.assign(_state(*seeds))


def seed_from(*seeds: int) -> int:
    """A 31-bit seed for a library that wants an integer, independent for different `seeds`."""
    return int(np.random.SeedSequence(seeds).generate_state(1)[0] >> 1)


def _state(*seeds: int) -> np.ndarray:
    key = np.random.SeedSequence(seeds).generate_state(1, np.uint64)
    return np.concatenate([np.zeros(2, np.uint64), key]).view(np.int64)


@contextlib.contextmanager
def draws_from(random: tf.random.Generator) -> Iterator[None]:
    """Within this context, TensorFlow's stateful random operations draw from `random`.

    Use it around code that is traced into a `tf.function`. The six operations replaced here make
    uniform, normal and truncated normal numbers, integers, categories and shuffles.
    `assert_resumable` finds any other operation with hidden state, such as `tf.random.gamma`.
    """

    def uniform(shape, dtype, seed=0, seed2=0, name=None):
        return random.uniform(shape, dtype=dtype, name=name)

    def uniform_int(shape, minval, maxval, seed=0, seed2=0, name=None):
        return random.uniform(shape, minval, maxval, dtype=minval.dtype, name=name)

    def normal(shape, dtype, seed=0, seed2=0, name=None):
        return random.normal(shape, dtype=dtype, name=name)

    def truncated_normal(shape, dtype, seed=0, seed2=0, name=None):
        return random.truncated_normal(shape, dtype=dtype, name=name)

    def multinomial(logits, num_samples, seed=0, seed2=0, output_dtype=tf.int64, name=None):
        seeds = random.make_seeds(1)[:, 0]
        return tf.random.stateless_categorical(logits, num_samples, seeds, output_dtype, name)

    def shuffle(value, seed=0, seed2=0, name=None):
        keys = random.uniform([tf.shape(value)[0]])
        return tf.gather(value, tf.argsort(keys), name=name)

    replacements: dict[str, Callable] = {
        "random_uniform": uniform,
        "random_uniform_int": uniform_int,
        "random_standard_normal": normal,
        "truncated_normal": truncated_normal,
        "multinomial": multinomial,
        "random_shuffle": shuffle,
    }
    with tf_random_ops.exchanged(replacements):
        yield


def operations_of(function: tf.types.experimental.ConcreteFunction) -> set[str]:
    """Types of all operations in a traced function and in those that it calls."""
    definition = function.graph.as_graph_def()
    inner = (node for each in definition.library.function for node in each.node_def)
    return {node.op for node in (*definition.node, *inner)}


def assert_resumable(function: tf.types.experimental.ConcreteFunction) -> None:
    """Raises if a traced function draws random numbers that a checkpoint would not hold."""
    hidden = sorted(operations_of(function) & _STATEFUL_OPS)
    if hidden:
        raise AssertionError(f"stateful random operations in a training function: {hidden}")
