"""`MirroredStrategy` with two logical CPU devices, in a process of its own: devices come first."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

ROOT = Path(__file__).resolve().parents[2]
keras, layers = tf.keras, tf.keras.layers
METHODS = ["prune", "static", "set", "rigl"]


def train(strategy, method, generation, policy="float32"):
    """Two updates of masks among eight steps; model and optimizer."""
    from rigl_rl.sparsity import sparsify

    x = np.random.default_rng(0).standard_normal((64, 8)).astype(np.float32)
    keras.mixed_precision.set_global_policy(policy)
    with strategy.scope():
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [keras.Input((8,)), layers.Dense(16, "tanh"), layers.Dense(16, "tanh"), layers.Dense(1)]
        )
        inner = (keras.optimizers.legacy if generation == "legacy" else keras.optimizers).Adam(0.01)
        settings = dict(update_freq=3, begin_step=1, last_update_step=6)
        optimizer = sparsify(model, method, 0.8, inner, **settings)
        model.compile(optimizer, "mse")
    model.fit(x, x[:, :1], 16, 2, verbose=0, shuffle=False)
    return model, optimizer


def on_one_replica():
    """With a strategy, but one device."""
    _, optimizer = train(tf.distribute.MirroredStrategy(["CPU:0"]), "rigl", "new")
    _, plain = train(tf.distribute.OneDeviceStrategy("CPU:0"), "rigl", "new")
    return [
        all(np.array_equal(k.kernel, k.kernel * k.mask) for k in each.kernels)
        and int(each.steps.numpy()) == 8
        for each in (optimizer, plain)
    ]


def compare(method, generation):
    """How one device and two differ, and what the replicas of the two hold."""
    one, optimizer = train(tf.distribute.get_strategy(), method, generation)
    two, mirrored = train(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]), method, generation)
    pairs = list(zip(optimizer.kernels, mirrored.kernels))
    return dict(
        copies=[len(kernel.mask.values) for kernel in mirrored.kernels],
        same_masks=all(np.array_equal(a.mask, b.mask) for a, b in pairs),
        off=max(float(np.abs(a - b).max()) for a, b in zip(one.get_weights(), two.get_weights())),
        copies_agree=all(
            np.array_equal(copy, each.values[0])
            for kernel in mirrored.kernels
            for each in (kernel.mask, kernel.kernel)
            for copy in each.values
        ),
        obeyed=all(np.array_equal(k.kernel, k.kernel * k.mask) for k in mirrored.kernels),
        sparsity=1 - sum(int(k.active()) for k in mirrored.kernels) / (8 * 16 + 16 * 16 + 16),
        steps=mirrored.get_config()["step"],
    )


def refusals():
    """What is said of an optimizer that was made outside of the scope."""
    from rigl_rl.sparsity import sparsify

    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        model = keras.Sequential([keras.Input((8,)), layers.Dense(16)])
    said = []
    for scope, mode in ((contextlib.nullcontext, "auto"), (strategy.scope, "sparse")):
        with scope():
            try:
                sparsify(model, "static", 0.5, sparse_execution=mode)
            except ValueError as error:
                said.append(str(error))
    with strategy.scope():
        optimizer = sparsify(model, "static", 0.5)
        try:
            optimizer.apply_gradients((tf.zeros_like(v), v) for v in model.trainable_variables)
        except ValueError as error:
            said.append(str(error))
    return said


def under_a_loss_scale():
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    _, optimizer = train(strategy, "rigl", "new", "mixed_float16")
    return all(np.array_equal(k.kernel, k.kernel * k.mask) for k in optimizer.kernels)


def main():
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    cases = [(method, "new") for method in METHODS] + [("rigl", "legacy")]
    found = {f"{method} {generation}": compare(method, generation) for method, generation in cases}
    found["refusals"] = refusals()
    found["one replica"] = on_one_replica()
    found["loss scale"] = under_a_loss_scale()
    print(json.dumps(found))


@pytest.fixture(scope="module")
def found():
    command = [sys.executable, __file__]
    environment = {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("case", [*(f"{method} new" for method in METHODS), "rigl legacy"])
def test_two_replicas_are_one_device_within_rounding(found, case):
    result = found[case]
    assert result["copies"] == [2, 2, 2]
    assert result["copies_agree"]
    assert result["obeyed"]
    assert result["same_masks"]
    assert result["off"] < 1e-5
    assert result["sparsity"] == pytest.approx(0.8, abs=0.02)
    assert result["steps"] == 8


def test_a_strategy_with_one_replica(found):
    assert found["one replica"] == [True, True]


def test_under_the_loss_scale(found):
    assert found["loss scale"]


def test_what_is_refused(found):
    outside, sparse, no_replica = found["refusals"]
    assert outside.endswith("call sparsify within the strategy's scope, where the model is built")
    assert sparse.endswith("this is a distribution strategy's scope; choose 'dense'")
    assert no_replica.endswith("use strategy.run")


if __name__ == "__main__":
    main()
