"""`python -m benchmarks.snr` against the probabilities of random masks."""

import pytest

from benchmarks import snr
from rigl_rl.sparsity import DENSE


def test_uniform_masks_cut_units_off():
    found = snr.measure("uniform90", "CartPole-v0", train_steps=0, seed=0)
    # Each of 512 units keeps none of 4 inputs, or none of 2 outputs, with these chances.
    no_input, no_output = 0.9**4, 0.9**2
    assert found.no_input == pytest.approx(no_input, abs=0.06)
    assert found.no_output == pytest.approx(no_output, abs=0.06)
    # Nearly all parameters lie between the hidden layers and have a gradient only if both of their
    # units are connected.
    assert found.dead == pytest.approx(1 - (1 - no_input) * (1 - no_output), abs=0.03)
    assert found.snr == pytest.approx((1 - found.dead) * found.snr_alive, rel=0.02)
    assert 0.005 < found.snr < 0.05


def test_names_of_networks():
    assert snr.sparse_settings("dense") == DENSE
    erk = snr.sparse_settings("erk99")
    assert (erk.distribution, erk.sparsity) == ("erdos_renyi_kernel", 0.99)
    for name in ("erk", "uniform9", "random90", "erk100"):
        with pytest.raises(ValueError, match=name):
            snr.sparse_settings(name)
