"""The examples of docs/sparse_optimizer.md and README run as they stand, in the page's order."""

import re
from pathlib import Path

import numpy as np
import tensorflow as tf

from rigl_rl.sparsity import sparsity_of

ROOT = Path(__file__).resolve().parents[2]


def examples_of(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S)


def assert_sparse(optimizer, sparsity):
    for kernel in optimizer.kernels:
        np.testing.assert_array_equal(kernel.kernel, kernel.kernel * kernel.mask)
    size = sum(kernel.mask.shape.num_elements() for kernel in optimizer.kernels)
    found = sparsity_of(optimizer.kernels)
    assert abs(found - sparsity) <= len(optimizer.kernels) / size


def test_the_page(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    fit, loop, sac, files, mixed = examples_of("docs/sparse_optimizer.md")
    names: dict = {}
    exec(fit, names)
    assert_sparse(names["optimizer"], 0.9)
    assert "of the connections are gone" in capsys.readouterr().out
    exec(loop, names)
    assert int(names["optimizer"].iterations) == 20
    assert_sparse(names["optimizer"], 0.9)
    exec(sac, names)
    critics = names["agent"]._critic_optimizer
    assert names["agent"]._critic_network_2 is names["critics"][1]
    assert {kernel.network for kernel in critics.kernels} == {"critic_1", "critic_2"}
    assert_sparse(critics, 0.9)
    actor = names["agent"]._actor_optimizer
    of_64 = [
        kernel.mask.numpy().ravel()
        for optimizer in (actor, critics)
        for kernel in optimizer.kernels
        if kernel.mask.shape == (64, 64)
    ]
    assert np.all(np.corrcoef(of_64) < 0.5 + np.eye(3))  # their masks are unrelated
    exec(files, names)
    assert int(names["loaded"].optimizer.iterations) == 16
    assert_sparse(names["loaded"].optimizer, 0.5)
    try:
        exec(mixed, names)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert_sparse(names["optimizer"], 0.5)
    assert re.search(r"\d+ steps taken of 8", capsys.readouterr().out)


def test_readmes_three_lines():
    (example,) = examples_of("README.md")
    model = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(8)])
    names = dict(model=model, x=np.ones((8, 4)), y=np.ones((8, 8)))
    exec(example, names)
    assert int(names["optimizer"].iterations) == 10
    assert_sparse(names["optimizer"], 0.9)
