"""Pairs for actor and critic, and the settings made from them."""

import gin
import pytest

from rigl_rl.errors import ConfigError
from rigl_rl.parameters import pair
from rigl_rl.tfagents import actor_critic
from rigl_rl.tfagents.hyperparameters import SacHyperparameters


@pytest.fixture
def rigl():
    gin.parse_config("init_masks.sparsity = 0.5\nmask_updater.update_alg = 'rigl'")


def settings_of_both(actor, critic, sparsities=""):
    given = SacHyperparameters(
        train_mode_actor=actor, train_mode_value=critic, actor_critic_sparsities_str=sparsities
    )
    return actor_critic.settings_of_both(given)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.9_0.8", (0.9, 0.8)),
        ("0_1e-1", (0.0, 0.1)),
        ("1_2", (1.0, 2.0)),
        ("", None),
        (None, None),
    ],
)
def test_pairs(text, expected):
    assert pair("x", text) == expected


@pytest.mark.parametrize("text", ["0.9", "0.9_0.8_0.7", "0.9,0.8", "a_b", "_", 0.9])
def test_what_is_no_pair_is_refused_by_name(text):
    with pytest.raises(ConfigError) as caught:
        pair("actor_critic_widths_str", text)
    assert f"actor_critic_widths_str is {text!r}" in str(caught.value)
    assert "'0.9_0.8'" in str(caught.value)


def test_both_have_the_common_sparsity_or_each_its_own(rigl):
    both = settings_of_both("sparse", "sparse")
    assert [each.sparsity for each in both] == [0.5, 0.5]
    both = settings_of_both("sparse", "sparse", "0.9_0.8")
    assert [each.sparsity for each in both] == [0.9, 0.8]
    assert [each.method for each in both] == ["rigl", "rigl"]


def test_either_may_be_dense(rigl):
    actor, critic = settings_of_both("dense", "sparse")
    assert (actor.method, critic.method) == ("dense", "rigl")
    actor, critic = settings_of_both("dense", "sparse", "0_0.8")
    assert (actor.sparsity, critic.sparsity) == (0.0, 0.8)


@pytest.mark.parametrize(
    ("modes", "text", "parts"),
    [
        (("sparse", "sparse"), "0.9_1.2", ["'0.9_1.2'", "within [0, 1)"]),
        (("sparse", "sparse"), "nan_0.5", ["'nan_0.5'", "[0, 1)"]),
        (("dense", "sparse"), "0.9_0.8", ["train_mode_actor", "'dense'"]),
    ],
)
def test_sparsities_that_cannot_be(rigl, modes, text, parts):
    with pytest.raises(ConfigError) as caught:
        settings_of_both(*modes, text)
    assert all(part in str(caught.value) for part in parts)


def test_widths():
    assert SacHyperparameters(width=0.5).widths == (0.5, 0.5)
    assert SacHyperparameters(actor_critic_widths_str="0.3_1.2").widths == (0.3, 1.2)
