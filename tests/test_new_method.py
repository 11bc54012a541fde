"""A user's method, from its class and a gin file per agent to a line in a figure."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from analysis import style
from rigl_rl.sparsity import METHODS, sparsify

TESTS = Path(__file__).resolve().parent
OWN = TESTS / "own_methods"
NAME = "magnitude_random"


@pytest.fixture(scope="module")
def launched(tmp_path_factory, with_own):
    """The directory of all Figure 8 runs on CartPole, with only the new method."""
    runs = tmp_path_factory.mktemp("new_method") / "runs"
    flags = f"--preset smoke --tasks CartPole-v0 --methods {NAME} --configs {OWN} --runs {runs}"
    with_own(OWN, "launch", "run", "figure8", *flags.split())
    return runs


def test_it_trains_with_the_settings_of_its_gin_file(launched):
    run = launched / "dqn_classic" / "CartPole-v0" / f"{NAME}-erk-s0.90-smoke" / "seed0"
    result = json.loads((run / "result.json").read_text())
    assert result["method"] == NAME
    assert result["sparsity"] == pytest.approx(0.9, abs=1e-3)
    found = result["hyperparameters"]
    assert found["drop_fraction"] == 0.4
    assert found["update_freq"] == 100  # from the preset


def test_it_has_a_line_of_its_own_in_tables_and_figures(launched, tmp_path, with_own):
    table = str(tmp_path / "runs.parquet")
    with_own(OWN, "analysis.collect", "--runs", str(launched), "--out", table)
    runs = pd.read_parquet(table)
    assert runs["method"].value_counts().to_dict() == {"dense": 2, NAME: 2}
    out = tmp_path / "figures"
    with_own(OWN, "analysis.figures", "--runs", table, "--out", str(out), "--only", "8")
    points = pd.read_csv(out / "figure8.csv")
    assert set(points["distribution"].dropna()) == {"erdos_renyi_kernel", "uniform"}
    assert (points["method"] == NAME).sum() == 2


def test_a_method_without_a_look_gets_its_name_and_the_next_colors():
    looks = style.looks(["rigl", "b_method", "dense", "a_method"])
    assert [look.name for look in looks.values()] == ["Dense", "RigL", "a_method", "b_method"]
    assert len({look.color for look in (*looks.values(), *style.METHODS.values())}) == 8


def test_on_atari_its_drop_fraction_and_its_interval_are_obeyed(tmp_path, with_own):
    run = tmp_path / "run"
    files = (OWN / "dqn_atari_cnn" / f"{NAME}.gin", TESTS / "short_atari.gin")
    flags = [f"--base_dir={run}", *(f"--gin_files={file}" for file in files)]
    bindings = ("NatureDQNNetwork.width = 0.1", "mask_updater.update_freq = 7")
    flags += [f"--gin_bindings={binding}" for binding in bindings]
    with_own(OWN, "rigl_rl.dopamine.train", *flags)
    result = json.loads((run / "result.json").read_text())
    assert result["method"] == NAME
    assert result["sparsity"] == pytest.approx(0.9, abs=1e-3)
    found = result["hyperparameters"]
    assert (found["drop_fraction"], found["update_freq"]) == (0.4, 7)


def test_it_changes_masks_as_set_does_which_has_the_same_rule(monkeypatch):
    monkeypatch.syspath_prepend(str(OWN))
    import magnitude_random  # noqa: F401, registers it

    try:
        masks = [changed_masks(method) for method in (NAME, "set", "rigl")]
    finally:
        METHODS.pop(NAME)
        sys.modules.pop(NAME)
    for ours, sets in zip(masks[0], masks[1]):
        np.testing.assert_array_equal(ours, sets)
    assert any((ours != rigls).any() for ours, rigls in zip(masks[0], masks[2]))


def changed_masks(method: str) -> list[np.ndarray]:
    """Masks of a small network after three updates."""
    tf.keras.utils.set_random_seed(0)
    layers = [tf.keras.layers.Dense(16, activation="relu"), tf.keras.layers.Dense(4)]
    model = tf.keras.Sequential([tf.keras.Input((8,)), *layers])
    optimizer = sparsify(model, method, 0.7, "sgd", total_steps=10, update_freq=1, seed=3)
    x = np.random.default_rng(0).normal(size=(32, 8)).astype(np.float32)
    for _ in range(3):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model(x) ** 2)
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
    return [kernel.mask.numpy() for kernel in optimizer.kernels]
