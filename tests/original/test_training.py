"""The authors' 19 gin files train: 100 train steps each, through the commands.

This takes minutes, so it only runs if RIGL_RL_TRAIN_ORIGINAL is set (.ci/run). The tests of our gin
files check the meaning of the authors' files.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

HERE = Path(__file__).resolve().parent
FILES = sorted(path.name for path in HERE.glob("*.gin"))

pytestmark = pytest.mark.skipif(
    "RIGL_RL_TRAIN_ORIGINAL" not in os.environ, reason="set RIGL_RL_TRAIN_ORIGINAL=1: minutes"
)

# 100 train steps with little evaluation; everything else is from the file, including tasks and
# networks. Only the ResNet is narrower, because its train steps would take minutes.
OFF_POLICY = ("num_iterations = 100", "eval_interval = 100", "eval_episodes = 1")
SHORT = {
    "dqn_gym": OFF_POLICY,
    "sac_mujoco": (*OFF_POLICY, "replay_capacity = 5000"),  # a million frames would be gigabytes
    "ppo_mujoco": (
        "num_iterations = 1",
        "collect_sequence_length = 640",  # ten minibatches in each of ten epochs
        "eval_episodes = 1",
    ),
    "dqn_atari": (
        "SparseTrainRunner.num_iterations = 1",
        "SparseTrainRunner.training_steps = 500",
        "SparseTrainRunner.evaluation_steps = 1",
        "SparseTrainRunner.max_steps_per_episode = 100",
        "DQNAgent.min_replay_history = 100",
        "WrappedReplayBuffer.replay_capacity = 1000",
        "ImpalaNetwork.width = 0.25",
    ),
}
MAINS = {"dqn_gym": "dqn", "sac_mujoco": "sac", "ppo_mujoco": "ppo"}
SHARE_OF_ZEROS = {"sparse": 0.9, "static": 0.95, "rigl": 0.9, "set": 0.9}


def command(name: str, directory: Path) -> list[str]:
    """The command that trains with a file."""
    agent, method = name.split("_")[:2], name.removesuffix(".gin").split("_")[2]
    agent = "_".join(agent)
    if agent == "dqn_atari":
        main, flags = "rigl_rl.dopamine.train", ("--base_dir", "--gin_files")
        bindings = SHORT[agent]
    else:
        main, flags = f"rigl_rl.tfagents.{MAINS[agent]}_train_eval", ("--root_dir", "--gin_file")
        bindings = [f"train_eval.{binding}" for binding in SHORT[agent]]
        if method == "sparse":  # the authors' files leave the choice to the user
            bindings.append("mask_updater.update_alg = 'rigl'")
    given = [f"{flags[0]}={directory}", f"{flags[1]}={HERE / name}"]
    return [sys.executable, "-m", main, *given, *(f"--gin_bindings={each}" for each in bindings)]


@pytest.fixture(scope="module")
def runs(request, tmp_path_factory):
    """The runs of the selected tests by file, two at a time in the background."""
    names = [
        item.callspec.params["name"]
        for item in request.session.items
        if item.module is request.module and hasattr(item, "callspec")
    ]
    folder = tmp_path_factory.mktemp("original")
    with ThreadPoolExecutor(max_workers=2) as pool:

        def start(name):
            run = subprocess.run(
                command(name, folder / name), cwd=HERE.parents[1], capture_output=True, text=True
            )
            return folder / name, run

        yield {name: pool.submit(start, name) for name in names}
        pool.shutdown(cancel_futures=True)


def test_there_are_nineteen():
    assert len(FILES) == 19


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", FILES)
def test_it_trains(runs, name):
    directory, run = runs[name].result()
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    result = json.loads((directory / "result.json").read_text())
    assert result["train_steps"] >= 100
    evals = pd.read_csv(directory / "evals.csv")
    assert evals["avg_return"].notna().all()
    method = name.removesuffix(".gin").split("_")[2]
    assert result["method"] == {"pruning": "prune", "sparse": "rigl"}.get(method, method)
    # Pruning begins later than step 100.
    assert result["sparsity"] == pytest.approx(SHARE_OF_ZEROS.get(method, 0.0), abs=0.01)
    if name.startswith("sac"):
        assert result["env"] == "Humanoid-v2"
