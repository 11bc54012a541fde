"""A user's Q-network for Atari, sparse by its layers alone, as docs/extending.md has it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OWN = Path(__file__).parent / "own_networks"
BINDINGS = (
    "DuelingNetwork.width = 0.1",
    "SparseTrainRunner.num_iterations = 1",
    "SparseTrainRunner.training_steps = 120",
    "SparseTrainRunner.evaluation_steps = 20",
    "SparseTrainRunner.max_steps_per_episode = 30",
    "DQNAgent.min_replay_history = 60",
    "WrappedReplayBuffer.replay_capacity = 300",
    "WrappedReplayBuffer.batch_size = 4",
    "UpdatedRigLOptimizer.frequency = 7",
)


@pytest.mark.parametrize("file", ["dueling.py", "dueling.gin"])
def test_the_page_shows_the_file(file):
    assert (OWN / file).read_text() in (ROOT / "docs" / "extending.md").read_text()


def test_it_trains_sparsely(tmp_path):
    command = ["-m", "rigl_rl.dopamine.train", f"--base_dir={tmp_path / 'run'}"]
    command += [f"--gin_files={OWN / 'dueling.gin'}"]
    command += [f"--gin_bindings={binding}" for binding in BINDINGS]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join((str(OWN), str(ROOT)))}
    completed = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert completed.returncode == 0, completed.stderr
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["suite"] == "atari_dueling"
    assert result["sparsity"] == pytest.approx(0.9, abs=2e-3)
    # Three convolutions, and a hidden and an output layer in both branches.
    assert len(result["layers"]) == 7
