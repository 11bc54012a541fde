"""Schedules against hand-worked values and the numbers measured on the original code."""

import math

import pytest
import tensorflow as tf

from rigl_rl.sparsity.schedules import DropFraction, UpdateTimes, cubic_sparsity, is_schedule


def _due_steps(times, until):
    return [step for step in range(until) if bool(times.due(step))]


# -- when ------------------------------------------------------------------------------------


def test_updates_from_step_0_to_the_last_step_inclusive():
    assert _due_steps(UpdateTimes(5, end=20), 40) == [0, 5, 10, 15, 20]
    assert _due_steps(UpdateTimes(5, end=19), 40) == [0, 5, 10, 15]


def test_a_negative_last_step_never_stops():
    assert _due_steps(UpdateTimes(10, end=-1), 50) == [0, 10, 20, 30, 40]
    assert bool(UpdateTimes(1000, end=-1).due(10_000_000_000))


def test_last_step_0_never_updates():
    times = UpdateTimes(5, end=0)
    assert times.never
    assert _due_steps(times, 20) == []
    assert not UpdateTimes(5, end=-1).never
    assert not UpdateTimes(5, end=1).never


def test_intervals_are_counted_from_the_first_update():
    assert _due_steps(UpdateTimes(4, end=15, begin=3), 30) == [3, 7, 11, 15]
    assert _due_steps(UpdateTimes(4, end=-1, begin=3), 12) == [3, 7, 11]


@pytest.mark.parametrize("begin", [1, 7])
def test_a_schedule_of_one_step_has_one_update(begin):
    assert _due_steps(UpdateTimes(4, end=begin, begin=begin), 30) == [begin]


def test_due_can_be_traced():
    times = UpdateTimes(3, end=6)

    @tf.function
    def due(step):
        return times.due(step)

    steps = range(10)
    assert [s for s in steps if bool(due(tf.constant(s, tf.int64)))] == [0, 3, 6]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (dict(frequency=1, begin=10, end=5), ["end at step 5", "10"]),
    ],
)
def test_bad_update_times(arguments, words):
    with pytest.raises(ValueError, match=r".") as error:
        UpdateTimes(**arguments)
    assert all(word in str(error.value) for word in words)


# -- how much --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "fraction"),
    [(0, 0.5), (1_000, 0.49999809), (10_000, 0.49980724), (400_000, 0.25), (800_000, 0.0)],
)
def test_cosine_is_the_originals(step, fraction):
    # The original computes in float32, whose numbers lie 3e-8 apart just below 0.5.
    assert float(DropFraction(0.5, "cosine", 800_000)(step)) == pytest.approx(fraction, abs=5e-8)


def test_cosine_by_hand_and_beyond_its_end():
    fraction = DropFraction(0.4, "cosine", 90)
    assert float(fraction(30)) == pytest.approx(0.3)  # cos 60 degrees = 1/2
    assert float(fraction(60)) == pytest.approx(0.1)
    assert float(fraction(91)) == 0.0
    assert float(fraction(1000)) == 0.0


def test_cosine_resolves_neighboring_steps_of_a_long_run():
    # Steps beyond 2^24 are not all float32 numbers; near the middle the slope is steepest.
    fraction = DropFraction(0.9, "cosine", 40_000_001)
    exact = 0.45 * (1 + math.cos(math.pi * 20_000_003 / 40_000_001))
    assert float(fraction(tf.constant(20_000_003, tf.int64))) == pytest.approx(exact, abs=3e-8)


@pytest.mark.parametrize("name", ["constant", ""])
def test_constant(name):
    fraction = DropFraction(0.3, name)
    assert [float(fraction(step)) for step in (0, 10, 10**7)] == pytest.approx([0.3] * 3)


def test_exponential_by_hand():
    assert float(DropFraction(0.8, "exponential_2", 100)(50)) == pytest.approx(0.2)  # 0.8 / 4
    assert float(DropFraction(0.8, "exponential_3", 100)(50)) == pytest.approx(0.1)  # 0.8 / 8
    assert float(DropFraction(0.6, "exponential_0.5", 100)(75)) == pytest.approx(0.3)
    assert float(DropFraction(0.8, "exponential_3", 100)(100)) == 0.0
    assert float(DropFraction(0.8, "exponential_3", 100)(150)) == 0.0


@pytest.mark.parametrize(
    ("schedule", "halfway"), [("cosine", 0.25), ("exponential_1", 0.25), ("exponential_3", 0.0625)]
)
def test_the_decay_begins_with_the_first_update(schedule, halfway):
    fraction = DropFraction(0.5, schedule, end=10_000, begin=5_000)
    found = [float(fraction(step)) for step in (5_000, 7_500, 10_000)]
    assert found == pytest.approx([0.5, halfway, 0.0])
    assert float(DropFraction(0.5, schedule, end=100, begin=100)(100)) == 0.5  # the only update


def test_proportional_to_the_learning_rate():
    fraction = DropFraction(0.4, "lr")
    assert float(fraction(0)) == pytest.approx(0.4)
    assert float(fraction(5000, learning_rate_ratio=0.25)) == pytest.approx(0.1)
    assert float(fraction(5000, learning_rate_ratio=tf.constant(0.5))) == pytest.approx(0.2)


@pytest.mark.parametrize("schedule", ["cosine", "constant", "exponential_3", "lr"])
def test_fractions_are_float32_and_can_be_traced(schedule):
    fraction = DropFraction(0.5, schedule, 10)
    traced = tf.function(fraction)(tf.constant(5, tf.int64))
    assert traced.dtype == tf.float32
    assert float(traced) == float(fraction(5))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (dict(initial=0.5, schedule="cosine", end=0), ["'cosine'", "positive", "0"]),
        (dict(initial=0.5, schedule="exponential_3", end=-1), ["'exponential_3'", "-1"]),
        (dict(initial=0.5, schedule="exponential_0", end=0), ["'exponential_0'", "positive", "0"]),
    ],
)
def test_bad_drop_fractions(arguments, words):
    with pytest.raises(ValueError, match=r".") as error:
        DropFraction(**arguments)
    assert all(word in str(error.value) for word in words)


def test_names_of_schedules():
    assert all(map(is_schedule, ("", "constant", "cosine", "lr", "exponential_3")))
    assert is_schedule("exponential_0.5")
    assert not any(map(is_schedule, ("linear", "exponential_", "exponential_x", "cosine ", 3)))


# -- pruning ---------------------------------------------------------------------------------


def test_cubic_schedule_by_hand():
    # From 0 to 0.8 over steps 100 to 300; (1 - 1/2)^3 = 1/8, (1 - 1/4)^3 = 27/64.
    by_hand = {0: 0, 100: 0, 150: 0.8 * 37 / 64, 200: 0.7, 250: 0.8 * 63 / 64, 300: 0.8, 999: 0.8}
    for step, sparsity in by_hand.items():
        assert float(cubic_sparsity(step, 0.0, 0.8, 100, 300)) == pytest.approx(sparsity, abs=1e-7)


def test_cubic_schedule_from_an_initial_sparsity():
    assert float(cubic_sparsity(0, 0.2, 0.9, 10, 20)) == pytest.approx(0.2)
    assert float(cubic_sparsity(15, 0.2, 0.9, 10, 20)) == pytest.approx(0.9 - 0.7 / 8)
    assert float(cubic_sparsity(20, 0.2, 0.9, 10, 20)) == pytest.approx(0.9)


def test_a_cubic_schedule_of_one_step_goes_all_the_way_in_it():
    found = [float(cubic_sparsity(step, 0.2, 0.9, 20, 20)) for step in (0, 19, 20, 21, 99)]
    assert found == pytest.approx([0.2, 0.2, 0.9, 0.9, 0.9])
    assert float(cubic_sparsity(0, 0.2, 0.9, 0, 0)) == pytest.approx(0.9)
