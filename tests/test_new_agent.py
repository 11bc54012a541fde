"""An agent that this project does not have, from its main to a row of the runs' table."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from rigl_rl.export.__main__ import export
from rigl_rl.export.formats import files_of
from rigl_rl.export.policy import GreedyPolicy

ROOT = Path(__file__).resolve().parents[1]
OWN = Path(__file__).parent / "own_agents"


@pytest.fixture(scope="module")
def run(tmp_path_factory, with_own):
    """The directory of a run of TD3 on Hopper."""
    directory = tmp_path_factory.mktemp("runs") / "td3" / "seed1"
    bindings = (
        "num_iterations=200",
        "initial_collect_steps=200",
        "eval_interval=100",
        "eval_episodes=2",
    )
    flags = [f"--root_dir={directory}", "--seed=1", f"--gin_file={OWN / 'td3.gin'}"]
    flags += ["--gin_bindings=mask_updater.update_freq=50"]
    flags += [f"--gin_bindings=train_eval.{binding}" for binding in bindings]
    with_own(OWN, "td3_train_eval", *flags)
    return directory


def test_its_saved_actor_is_as_sparse_as_its_result_says(run):
    layers = json.loads((run / "result.json").read_text())["layers"]
    recorded = [layer["active"] for layer in layers if layer["network"] == "actor"]
    (policy,) = (run / "policies").iterdir()
    saved = tf.train.load_checkpoint(str(policy / "variables" / "variables"))
    shapes = saved.get_variable_to_shape_map()
    kernels = [saved.get_tensor(name) for name, shape in shapes.items() if len(shape) == 2]
    assert sorted(map(np.count_nonzero, kernels)) == sorted(recorded)
    assert sum(recorded) < 0.25 * sum(kernel.size for kernel in kernels)


def test_its_result_is_read_like_any_other(run, tmp_path):
    result = json.loads((run / "result.json").read_text())
    assert result["sparsity"] == pytest.approx(0.9, abs=1e-3)
    assert result["hyperparameters"]["learning_rate"] == 3e-4
    table = tmp_path / "runs.parquet"
    command = ["-m", "analysis.collect", f"--runs={run.parents[1]}", f"--out={table}"]
    subprocess.run([sys.executable, *command], cwd=ROOT, check=True)
    (row,) = pd.read_parquet(table).to_dict("records")
    assert (row["agent"], row["method"], row["env"]) == ("td3", "rigl", "Hopper-v2")
    assert np.isfinite(row["final_return"])


def test_its_policy_is_exported_like_any_other(run, tmp_path):
    (path,) = (run / "policies").iterdir()
    policy = GreedyPolicy(path)
    table = export(policy, GreedyPolicy(path).fill(), files_of("tflite"), tmp_path)
    table = table.set_index("file")
    assert (table["difference"][["policy.tflite", "policy_sparse.tflite"]] < 1e-5).all()
    assert table["bytes"]["policy_sparse.tflite"] < 0.3 * table["bytes"]["policy.tflite"]
