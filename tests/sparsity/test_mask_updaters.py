"""Drop, grow and prune against cases worked by hand and a plain Python reference."""

import numpy as np
import pytest
import tensorflow as tf

from rigl_rl.sparsity.mask_updaters import (
    METHODS,
    SET,
    Prune,
    RigL,
    drop_and_grow,
    magnitude_mask,
    top_k_mask,
)
from rigl_rl.sparsity.schedules import DropFraction, UpdateTimes


def _ones(mask):
    """Flat indices of a mask's ones; the mask must consist of zeros and ones."""
    flat = np.asarray(mask).ravel()
    assert set(flat) <= {0.0, 1.0}
    return np.flatnonzero(flat).tolist()


# -- drop_and_grow ---------------------------------------------------------------------------


def test_drops_the_smallest_and_grows_the_largest():
    mask = [1, 1, 1, 1, 0, 0, 0, 0]
    drop_score = [5.0, 1.0, 4.0, 2.0, 9, 9, 9, 9]  # of inactive connections: not looked at
    grow_score = [0.0, 0.1, 0.0, 0.2, 3.0, 1.0, 2.0, 0.5]
    # Half of four: 1 and 3 go, 4 and 6 come.
    assert _ones(drop_and_grow(mask, drop_score, grow_score, 0.5)) == [0, 2, 4, 6]


def test_a_dropped_connection_may_come_straight_back():
    mask = [1, 1, 1, 1, 0, 0, 0, 0]
    drop_score = [5.0, 1.0, 4.0, 2.0, 0, 0, 0, 0]
    grow_score = [9.0, 7.0, 9.0, 0.0, 3.0, 1.0, 2.0, 0.5]  # 0 and 2 are kept, not grown
    assert _ones(drop_and_grow(mask, drop_score, grow_score, 0.5)) == [0, 1, 2, 4]


def test_ties_go_to_the_lowest_index():
    mask = [0, 1, 1, 1, 1, 0, 0, 0]
    equal = np.ones(8)
    # Kept: 1 and 2, the first two of four equals. Grown: 0 and 3, the first two not kept.
    assert _ones(drop_and_grow(mask, equal, equal, 0.5)) == [0, 1, 2, 3]
    # Zero weights are active connections like others: they do not lose against inactive ones.
    assert _ones(drop_and_grow(mask, np.zeros(8), [0, 0, 0, 0, 0, 0, 0, 1], 0.25)) == [1, 2, 3, 7]


def test_nothing_changes_at_fraction_0():
    mask = [0, 1, 0, 1]
    assert _ones(drop_and_grow(mask, [0, 1, 0, 1], [9, 0, 9, 0], 0.0)) == [1, 3]


def test_less_than_one_connection_is_none():
    assert _ones(drop_and_grow([1, 1, 1, 0], [1, 2, 3, 0], [0, 0, 0, 9], 0.33)) == [0, 1, 2]
    assert _ones(drop_and_grow([1, 1, 1, 0], [1, 2, 3, 0], [0, 0, 0, 9], 0.34)) == [1, 2, 3]


def test_a_full_or_empty_layer_stays_as_it_is():
    scores = np.arange(6.0)
    assert _ones(drop_and_grow(np.ones(6), scores, scores, 0.5)) == list(range(6))
    assert _ones(drop_and_grow(np.zeros(6), scores, scores, 0.5)) == []


@pytest.mark.parametrize("worst", [-np.inf, np.nan])
def test_infinite_and_missing_scores_come_last(worst):
    mask, weights = [1, 1, 0, 0, 0], [2.0, 1.0, 0, 0, 0]
    assert _ones(drop_and_grow(mask, weights, [worst, worst, 3.0, worst, 9.0], 0.5)) == [0, 4]
    assert _ones(drop_and_grow(mask, [worst, 1.0, 0, 0, 0], [0, 0, 1, np.inf, 1], 0.5)) == [1, 3]
    # With no better candidate, one of them is grown: the number of connections stays.
    assert _ones(drop_and_grow(mask, weights, [worst] * 5, 0.5)) == [0, 1]


@pytest.mark.parametrize(("fraction", "dropped"), [(0.29, 29), (0.57, 57), (0.5, 50)])
def test_the_count_is_rounded_in_float32(fraction, dropped):
    # 100 * 0.29 is 28.99... in exact arithmetic on float64's 0.29, but 29 in float32.
    mask = np.concatenate([np.ones(100), np.zeros(100)])
    score = np.concatenate([np.zeros(100), np.ones(100)])
    new = drop_and_grow(mask, mask, score, fraction)
    assert np.sum(np.asarray(new)[100:]) == dropped
    assert np.sum(np.asarray(new)) == 100


def test_a_convolution_kernel_is_one_flat_list_of_connections():
    mask = np.zeros((2, 2, 1, 2), np.float32)
    mask[0, 0, 0, :] = 1  # flat indices 0 and 1
    drop_score = np.zeros_like(mask)
    drop_score[0, 0, 0] = [0.1, 0.2]
    grow_score = np.zeros_like(mask)
    grow_score[1, 0, 0, 1] = 1.0
    new = drop_and_grow(mask, drop_score, grow_score, 0.5)
    assert new.shape == mask.shape
    expected = np.zeros_like(mask)
    expected[0, 0, 0, 1] = expected[1, 0, 0, 1] = 1
    np.testing.assert_array_equal(new, expected)


def _reference(mask, drop_score, grow_score, fraction):
    shape = mask.shape
    mask, drop_score, grow_score = (array.ravel() for array in (mask, drop_score, grow_score))
    active = [i for i in range(mask.size) if mask[i]]
    n_drop = int(np.float32(len(active)) * np.float32(fraction))
    kept = sorted(active, key=lambda i: (-drop_score[i], i))[: len(active) - n_drop]
    free = sorted(set(range(mask.size)) - set(kept))
    grown = sorted(free, key=lambda i: (-grow_score[i], i))[:n_drop]
    new = np.zeros(mask.size)
    new[kept + grown] = 1
    return new.reshape(shape)


@pytest.mark.parametrize("shape", [(11,), (1, 1), (6, 7), (3, 3, 2, 4), (40, 30)])
@pytest.mark.parametrize("levels", [2, 5, 10**6], ids=["many ties", "ties", "hardly ties"])
def test_random_cases_equal_the_reference(shape, levels):
    rng = np.random.default_rng(len(shape) * levels)
    for fraction in (0.1, 0.3, 0.5, 0.99):
        mask = (rng.random(shape) < rng.random()).astype(np.float32)
        drop_score = np.abs(rng.integers(-levels, levels, shape)).astype(np.float32)
        grow_score = rng.integers(-levels, levels, shape).astype(np.float32)  # rigl_inverted: < 0
        new = drop_and_grow(mask, drop_score, grow_score, fraction)
        assert new.dtype == tf.float32
        np.testing.assert_array_equal(new, _reference(mask, drop_score, grow_score, fraction))


def test_top_k_mask_with_ties_and_extreme_k():
    scores = np.array([[1.0, 2.0, 2.0], [2.0, 0.0, 2.0]])
    assert _ones(top_k_mask(scores, 3)) == [1, 2, 3]
    assert _ones(top_k_mask(scores, 0)) == []
    assert _ones(top_k_mask(scores, 6)) == list(range(6))


# -- magnitude_mask --------------------------------------------------------------------------


def test_keeps_the_largest_magnitudes():
    weights = np.array([[0.1, -0.9, 0.3], [0.0, 0.5, -0.4]], np.float32)
    assert _ones(magnitude_mask(weights, 0.5)) == [1, 4, 5]
    assert _ones(magnitude_mask(weights, 0.0)) == list(range(6))


@pytest.mark.parametrize(
    ("size", "sparsity", "kept"),
    [
        (10, 0.9, 1),
        (10, 0.99, 1),  # round(0.1) = 0: a layer is never emptied
        (10, 1.0, 1),
        (10, 0.34, 7),  # 6.6
        (10, 0.36, 6),  # 6.4
        (512 * 512, 0.9, 26214),  # 26214.4
    ],
)
def test_number_of_kept_weights(size, sparsity, kept):
    weights = np.random.default_rng(0).permutation(np.arange(1, size + 1)).astype(np.float32)
    mask = np.asarray(magnitude_mask(weights, sparsity))
    np.testing.assert_array_equal(mask, weights > size - kept)


def test_weights_that_tie_with_the_threshold_are_all_kept():
    assert _ones(magnitude_mask([3.0, -1.0, 1.0, 1.0, 0.5], 0.6)) == [0, 1, 2, 3]


def test_magnitude_mask_of_a_convolution_kernel():
    weights = np.random.default_rng(1).standard_normal((3, 3, 4, 5)).astype(np.float32)
    mask = np.asarray(magnitude_mask(tf.Variable(weights), 0.75))
    assert mask.shape == weights.shape
    assert mask.sum() == 45
    assert np.abs(weights[mask == 1]).min() > np.abs(weights[mask == 0]).max()


# -- methods ---------------------------------------------------------------------------------

WEIGHTS = np.array([4.0, -3.0, 2.0, 1.0, 0, 0, 0, 0], np.float32)
MASK = np.array([1, 1, 1, 1, 0, 0, 0, 0], np.float32)
GRADIENT = np.array([0, 0, 0.1, 0.2, 1.0, -8.0, 0.0, -2.0], np.float32)


def _new_mask(method, step=0, index=0, seed=0, noise=0.0):
    updater = METHODS[method](UpdateTimes(1), DropFraction(0.5, "constant"), seed, noise)
    return np.asarray(
        updater.new_mask(
            mask=MASK,
            weights=WEIGHTS,
            gradient=GRADIENT,
            sparsity=0.5,
            step=tf.constant(step, tf.int64),
            learning_rate_ratio=1.0,
            index=index,
        )
    )


def test_rigl_grows_the_largest_dense_gradients_of_either_sign():
    assert _ones(_new_mask("rigl")) == [0, 1, 5, 7]


def test_rigl_inverted_grows_the_smallest():
    assert _ones(_new_mask("rigl_inverted")) == [0, 1, 2, 6]  # |gradients| 0 at 6, then 0.1 at 2


def test_set_ignores_the_gradient_and_grows_uniformly():
    draws = np.stack([_new_mask("set", step) for step in range(150)])
    assert np.all(draws.sum(axis=1) == 4)
    assert np.all(draws[:, :2] == 1)  # the kept ones
    # 2 of the 6 others each time: 50 of 150 expected, standard deviation 5.8.
    assert np.all(np.abs(draws[:, 2:].sum(axis=0) - 50) < 4 * 5.8)


def test_set_draws_by_seed_kernel_and_step():
    def draws(**changes):
        return [tuple(_new_mask("set", **{"step": step, **changes})) for step in range(8)]

    assert draws() == draws()
    assert draws() != draws(index=1)
    assert draws() != draws(seed=1)
    assert len(set(draws())) > 1


def test_set_draws_for_neighboring_seeds_share_nothing():
    """SAC's optimizers have neighboring seeds: no kernel of one may draw as one of the other."""
    draws = {
        (seed, index): tuple(tuple(_new_mask("set", step, index, seed)) for step in range(5))
        for seed in range(4)
        for index in range(6)
    }
    assert len(set(draws.values())) == len(draws)


def test_noise_lets_a_stronger_connection_be_dropped_as_often_as_its_deviation_says():
    def share_that_drops_the_stronger(noise, steps):
        updater = RigL(UpdateTimes(1), DropFraction(0.5, "constant"), 0, noise)
        arguments = ([1, 1, 0, 0], [-2.0, 1.0, 0, 0], [0, 0, 3.0, 4.0], 0.5)
        masks = [
            _ones(
                updater.new_mask(*map(np.float32, arguments), tf.constant(step, tf.int64), 1.0, 0)
            )
            for step in range(steps)
        ]
        assert all(mask in ([0, 3], [1, 3]) for mask in masks)  # one is kept, 3 has grown
        return np.mean([mask == [1, 3] for mask in masks])

    # The difference of the two, 1, is outdone by noise of deviation sqrt(2): Phi(-1 / sqrt(2)).
    assert share_that_drops_the_stronger(1.0, 600) == pytest.approx(0.2398, abs=4 * 0.0174)
    assert share_that_drops_the_stronger(1e-5, 30) == 0.0
    assert share_that_drops_the_stronger(0.0, 5) == 0.0


def test_noise_is_drawn_by_seed_kernel_and_step_and_leaves_growth_as_it_is():
    def draws(**changes):
        return [tuple(_new_mask("rigl", **{"step": s, "noise": 1.0, **changes})) for s in range(9)]

    assert draws() == draws()
    assert draws() != draws(index=1)
    assert draws() != draws(seed=1)
    assert len(set(draws())) > 1
    # Too little noise to matter: SET grows what it grows without.
    for step in range(20):
        np.testing.assert_array_equal(
            _new_mask("set", step, noise=1e-9), _new_mask("set", step, noise=0.0)
        )


def test_what_noise_drops_grows_back_as_often_as_anything_else_grows():
    updater = SET(UpdateTimes(1), DropFraction(0.25, "constant"), 0, drop_noise=1.0)
    mask = (np.arange(4_000) < 2_000).astype(np.float32)
    zeros, step = np.zeros(4_000, np.float32), tf.constant(3, tf.int64)
    new = np.asarray(updater.new_mask(mask, zeros, zeros, 0.5, step, 1.0, 0))
    # 500 of 2,000 are dropped, 500 of those and of 2,000 inactive ones grow: a fifth of either.
    grown = int(new[2_000:].sum())
    returned = 500 - grown
    assert grown == pytest.approx(400, abs=4 * 8)
    assert returned == pytest.approx(100, abs=4 * 8)


def test_prune_follows_its_own_layers_final_sparsity():
    updater = Prune(times=UpdateTimes(10, end=40, begin=20))
    weights = np.arange(1.0, 101.0, dtype=np.float32)
    mask = np.ones(100, np.float32)
    # Halfway (1/2)^3 of the way is left: 0.8 * 7/8 = 0.70 and 0.4 * 7/8 = 0.35.
    for final, step, kept in [(0.8, 20, 100), (0.8, 30, 30), (0.4, 30, 65), (0.8, 40, 20)]:
        new = updater.new_mask(mask, weights, None, final, step, 1.0, 0)
        assert _ones(new) == list(range(100 - kept, 100))


def test_prune_updates_at_its_end_whatever_the_interval():
    def due(**times):
        return [step for step in range(60) if bool(Prune(times=UpdateTimes(**times)).due(step))]

    assert due(frequency=10, begin=20, end=40) == [20, 30, 40]
    assert due(frequency=10, begin=20, end=45) == [20, 30, 40, 45]
    assert due(frequency=100, begin=20, end=45) == [20, 45]


def test_pruning_that_begins_and_ends_in_one_step_reaches_its_target_there():
    updater = Prune(times=UpdateTimes(10, begin=20, end=20))
    assert [step for step in range(60) if bool(updater.due(step))] == [20]
    weights = np.arange(1.0, 101.0, dtype=np.float32)
    new = updater.new_mask(np.ones(100, np.float32), weights, None, 0.8, 20, 1.0, 0)
    assert _ones(new) == list(range(80, 100))


def test_prune_refuses_an_open_end():
    with pytest.raises(ValueError, match="last step"):
        Prune(times=UpdateTimes(10, end=-1))
