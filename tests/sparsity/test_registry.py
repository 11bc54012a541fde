"""Methods in the registry: what follows from a class and its name."""

import dataclasses

import gin
import numpy as np
import pytest
import tensorflow as tf

from rigl_rl.errors import ConfigError
from rigl_rl.runs import config
from rigl_rl.runs.by_method import by_method
from rigl_rl.sparsity import METHODS, DropAndGrow, MaskUpdater, register, sparsify
from rigl_rl.sparsity.gin_config import sparse_settings
from rigl_rl.sparsity.mask_updaters import magnitude_mask


@pytest.fixture
def registered():
    """Registers classes for a test."""
    before = dict(METHODS)
    yield lambda name, updater: register(name)(updater)
    METHODS.clear()
    METHODS.update(before)


class GrowLast(DropAndGrow):
    """Grows the connections with the highest index."""

    def grow_score(self, weights, gradient, seed):
        return tf.reshape(tf.range(tf.size(weights), dtype=tf.float32), tf.shape(weights))


class OneShot(MaskUpdater):
    """Prunes once, at the first update."""

    starts_dense = True

    def new_mask(self, mask, weights, gradient, sparsity, step, learning_rate_ratio, index):
        return magnitude_mask(weights, sparsity)


def kernels(*values):
    return [tf.Variable([values], dtype=tf.float32, name="kernel")]


def step(optimizer):
    (kernel,) = optimizer.kernels
    optimizer.apply_gradients([(tf.zeros_like(kernel.kernel), kernel.kernel)])
    return kernel.mask.numpy()[0].tolist()


def test_the_papers_methods():
    assert list(METHODS)[:6] == ["dense", "prune", "static", "set", "rigl", "rigl_inverted"]
    assert all(updater.method == name for name, updater in METHODS.items())


def test_a_registered_class_trains_with_the_users_settings(registered):
    registered("grow_last", GrowLast)
    net = kernels(4.0, 3.0, 2.0, 1.0, 0.0, 0.0, 0.0, 0.0)
    settings = dict(update_freq=2, drop_fraction=0.5, drop_fraction_schedule="constant")
    optimizer = sparsify(
        net, "grow_last", 0.5, "sgd", total_steps=10, sparsity_aware_init=False, **settings
    )
    (kernel,) = optimizer.kernels
    kernel.mask.assign([[1.0, 1, 1, 1, 0, 0, 0, 0]])
    kernel.kernel.assign([[4.0, 3, 2, 1, 0, 0, 0, 0]])
    assert step(optimizer) == [
        1,
        1,
        0,
        0,
        0,
        0,
        1,
        1,
    ]  # half of four go, the last come
    assert step(optimizer) == [1, 1, 0, 0, 0, 0, 1, 1]  # updates are every second step


def test_a_method_that_starts_dense(registered):
    registered("one_shot", OneShot)
    optimizer = sparsify(
        kernels(1.0, -4.0, 3.0, 2.0), "one_shot", 0.5, "sgd", begin_step=1, last_update_step=1
    )
    assert step(optimizer) == [1, 1, 1, 1]
    assert step(optimizer) == [0, 1, 1, 0]
    assert optimizer.updater.size_fixed_from == 2


def test_every_list_of_names_follows(registered):
    registered("grow_last", GrowLast)
    registered("one_shot", OneShot)
    gin.parse_config(["mask_updater.update_alg = 'grow_last'", "init_masks.sparsity = 0.8"])
    settings = sparse_settings("sparse")
    assert (settings.method, settings.sparsity) == ("grow_last", 0.8)
    gin.parse_config(["wrap_all_layers.mode = 'one_shot'", "wrap_all_layers.final_sparsity = 0.7"])
    settings = sparse_settings("sparse")
    assert (settings.method, settings.sparsity) == ("one_shot", 0.7)
    with pytest.raises(ValueError, match="'rigl_inverted', 'grow_last', 'one_shot'"):
        sparsify(kernels(1.0, 2.0), "one_shott")
    gin.clear_config()
    gin.parse_config(["mask_updater.update_alg = 'one_shott'"])
    with pytest.raises(ConfigError, match="one of '', .*, 'rigl_inverted', 'grow_last'$"):
        config.parse([], [])
    with pytest.raises(ConfigError, match="unknown method by_method.one_shott.*grow_last"):
        by_method(one_shott=1)


def test_its_own_hyper_parameters_are_fields_that_gin_binds(registered):
    @dataclasses.dataclass(frozen=True)
    class GrowBy(DropAndGrow):
        sign: float = 1.0

        def grow_score(self, weights, gradient, seed):
            return self.sign * gradient

    registered("grow_by", gin.configurable("GrowBy", module="tests.test_registry")(GrowBy))
    gin.parse_config("GrowBy.sign = -1.0")
    updater = sparsify(kernels(1.0, 2.0), "grow_by", 0.5, "sgd", total_steps=10).updater
    assert updater.sign == -1.0
    mask, weights = np.float32([1, 1, 0, 0]), np.float32([2, 1, 0, 0])
    new = updater.new_mask(
        mask, weights, np.float32([0, 0, 3, -4]), 0.5, tf.constant(0, tf.int64), 1.0, 0
    )
    assert new.numpy().tolist() == [1, 0, 0, 1]


def test_names_are_identifiers_and_belong_to_one_class(registered):
    with pytest.raises(ValueError, match="there is a method 'rigl' already: RigL"):
        registered("rigl", GrowLast)
    with pytest.raises(ValueError, match="cannot be named 'my-method'"):
        registered("my-method", GrowLast)
    registered("grow_last", GrowLast)
    registered("grow_last", GrowLast)  # as when its module is imported again
