"""What is known before training: whether its result can be written."""

import pytest
import tensorflow as tf

from rigl_rl.errors import ConfigError
from rigl_rl.runs import result
from rigl_rl.tfagents import dqn_train_eval


def test_a_network_whose_flops_cannot_be_counted_is_refused():
    layers = tf.keras.layers
    known = tf.keras.Sequential([layers.Conv2D(2, 3, input_shape=(8, 8, 1)), layers.Dense(2)])
    result.check({"q": known}, {})
    for layer in (layers.SeparableConv2D(2, 3), layers.Conv2DTranspose(2, 3)):
        unknown = tf.keras.Sequential([layers.InputLayer((8, 8, 1)), layer])
        with pytest.raises(ConfigError, match="network 'q': cannot count the FLOPs"):
            result.check({"q": unknown}, {})


def test_a_label_that_no_record_can_have_is_refused():
    with pytest.raises(ConfigError, match="result.json: width is 'wide', but must be a number"):
        result.check({}, {"agent": "dqn", "width": "wide"})


def test_it_is_refused_before_training(tmp_path, monkeypatch):
    def refuse(network):
        raise ValueError("cannot count the FLOPs of kernel 'k'")

    monkeypatch.setattr(result.counting, "from_keras", refuse)
    with pytest.raises(ConfigError, match="network 'q': cannot count"):
        dqn_train_eval.train_eval(
            str(tmp_path / "run"), 0, "", env_name="CartPole-v0", num_iterations=10
        )
    assert not (tmp_path / "run").exists()
