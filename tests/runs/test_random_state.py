"""Random numbers inside a training function: their distributions and their checkpoints."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy import stats

from rigl_rl.runs.random_state import assert_resumable, draws_from, generator, reseed, seed_from

COUNT = 20_000
P_VALUE = 1e-3  # of a test on one fixed draw, so it is not flaky

DRAWS = {
    "uniform": lambda: tf.random.uniform([64]),
    "uniform between bounds": lambda: tf.random.uniform([64], -3.0, 5.0, dtype=tf.float64),
    "integers": lambda: tf.random.uniform([64], 0, 1000, dtype=tf.int64),
    "normal": lambda: tf.random.normal([64], 1.0, 2.0),
    "truncated normal": lambda: tf.random.truncated_normal([64]),
    "categories": lambda: tf.random.categorical([[0.0, 1.0, 0.5]], 64),
    "shuffle": lambda: tf.random.shuffle(tf.range(64)),
    "tfp normal": lambda: tfp.distributions.Normal(0.0, 1.0).sample(64),
    "dropout": lambda: tf.nn.dropout(tf.ones([64]), 0.5),
}


def _traced(draw, random):
    @tf.function
    def function():
        with draws_from(random):
            return draw()

    return function


def _draw(draw) -> np.ndarray:
    return _traced(draw, generator(7))().numpy()


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_restoring_the_generator_repeats_the_draws(draw):
    random = generator(1, 2)
    function = _traced(draw, random)
    assert_resumable(function.get_concrete_function())
    first = function().numpy()
    saved = random.state.numpy()
    second, third = function().numpy(), function().numpy()
    assert not np.array_equal(first, second)
    assert not np.array_equal(second, third)
    random.state.assign(saved)
    np.testing.assert_array_equal(function().numpy(), second)
    np.testing.assert_array_equal(function().numpy(), third)


def test_a_checkpoint_holds_the_state(tmp_path):
    random = generator(3)
    function = _traced(DRAWS["normal"], random)
    function()
    path = tf.train.Checkpoint(random=random).write(str(tmp_path / "state"))
    expected = function().numpy()
    other = generator(4)
    tf.train.Checkpoint(random=other).read(path).assert_consumed()
    np.testing.assert_array_equal(_traced(DRAWS["normal"], other)().numpy(), expected)


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_without_the_context_a_function_is_refused(draw):
    with pytest.raises(AssertionError, match="stateful random operations"):
        assert_resumable(tf.function(draw).get_concrete_function())


def test_a_hidden_operation_is_found_inside_of_branches_and_loops():
    @tf.function
    def function(n):
        total = 0.0
        for i in tf.range(n):
            if i % 2 == 0:
                total += tf.random.normal([])
        return total

    with pytest.raises(AssertionError, match="RandomStandardNormal"):
        assert_resumable(function.get_concrete_function(tf.TensorSpec((), tf.int32)))


def test_after_the_context_tensorflow_draws_as_before():
    def seeded():
        tf.random.set_seed(5)
        return tf.random.uniform([4]).numpy()

    before = seeded()
    random = generator(0)
    state = random.state.numpy()
    with pytest.raises(ZeroDivisionError), draws_from(random):
        raise ZeroDivisionError
    np.testing.assert_array_equal(seeded(), before)
    np.testing.assert_array_equal(random.state.numpy(), state)


def test_uniform():
    drawn = _draw(lambda: tf.random.uniform([COUNT], -2.0, 6.0))
    assert stats.kstest(drawn, stats.uniform(-2, 8).cdf).pvalue > P_VALUE


def test_normal():
    drawn = _draw(lambda: tf.random.normal([COUNT], 3.0, 0.5))
    assert stats.kstest(drawn, stats.norm(3, 0.5).cdf).pvalue > P_VALUE


def test_truncated_normal_ends_at_two_standard_deviations():
    drawn = _draw(lambda: tf.random.truncated_normal([COUNT], 1.0, 10.0))
    assert stats.kstest(drawn, stats.truncnorm(-2, 2, loc=1, scale=10).cdf).pvalue > P_VALUE


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
def test_integers_are_uniform_and_stay_below_the_upper_bound(dtype):
    drawn = _draw(lambda: tf.random.uniform([COUNT], -3, 8, dtype=dtype))
    values, counts = np.unique(drawn, return_counts=True)
    assert list(values) == list(range(-3, 8))
    assert stats.chisquare(counts).pvalue > P_VALUE


def test_categories_follow_their_probabilities():
    probabilities = np.array([[0.1, 0.2, 0.7], [0.5, 0.25, 0.25]])
    drawn = _draw(lambda: tf.random.categorical(np.log(probabilities), COUNT, dtype=tf.int64))
    for row, expected in zip(drawn, probabilities):
        counts = np.bincount(row, minlength=3)
        assert stats.chisquare(counts, expected * COUNT).pvalue > P_VALUE


def test_every_order_of_a_shuffle_is_equally_likely():
    function = _traced(lambda: tf.random.shuffle(tf.constant([10, 20, 30])), generator(7))
    drawn = [tuple(function().numpy()) for _ in range(3000)]
    orders = list(itertools.permutations([10, 20, 30]))
    assert set(drawn) == set(orders)
    assert stats.chisquare([drawn.count(order) for order in orders]).pvalue > P_VALUE


def test_a_shuffle_moves_whole_rows():
    rows = np.arange(12).reshape(4, 3)
    drawn = _draw(lambda: tf.random.shuffle(rows))
    assert sorted(map(tuple, drawn)) == sorted(map(tuple, rows))


def test_what_cannot_draw_from_a_generator_is_refused_not_forgotten():
    function = _traced(lambda: tf.random.gamma([64], 1.0), generator(7))
    with pytest.raises(AssertionError, match="RandomGamma"):
        assert_resumable(function.get_concrete_function())


def test_seeds_give_different_streams_and_reseeding_goes_back():
    seeds = [(0, 0), (0, 1), (1, 0), (0, 1, 1), (2**31, 5)]
    drawn = [generator(*each).uniform([100]).numpy() for each in seeds]
    for one, other in itertools.combinations(drawn, 2):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.4  # 4 standard deviations
    random = generator(9)
    random.uniform([10])
    reseed(random, *seeds[1])
    np.testing.assert_array_equal(random.uniform([100]).numpy(), drawn[1])


def test_seed_from_is_a_fixed_31_bit_number():
    seeds = [seed_from(run, stream) for run in range(100) for stream in range(10)]
    assert len(set(seeds)) == 1000
    assert 0 <= min(seeds) <= max(seeds) < 2**31
    assert max(seeds) > 2**30  # all bits in use
    assert seed_from(3, 4) == seed_from(3, 4)
