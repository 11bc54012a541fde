"""Trains SAC and PPO on the paper's five MuJoCo tasks for a while, and looks for NaN.

python -m benchmarks.finite [--steps 2000] [--tasks Humanoid-v2 Ant-v2] [--agents sac ppo]
    [--methods dense rigl] [--seeds 0] [--jobs 2]

Every run is the training command with the paper's settings, except for its length, evaluations and
initial collection. It must finish, with finite returns and policy weights; a loss that is not
finite stops a run anyway. The exit code is 0 if all runs pass. The defaults make 20 runs.
"""

import argparse
import itertools
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import tensorflow as tf

from benchmarks import ROOT
from rigl_rl.environments.mujoco_tasks import TASKS
from rigl_rl.tfagents.hyperparameters import PpoHyperparameters

PPO_TRAIN_STEPS = PpoHyperparameters().steps_per_iteration


def bindings(agent: str, task: str, steps: int) -> list[str]:
    """Gin bindings for a run of `steps` train steps (PPO: rounded up to whole iterations)."""
    iterations = -(-steps // PPO_TRAIN_STEPS) if agent == "ppo" else steps
    return [
        f"train_eval.env_name = '{task}'",
        f"train_eval.num_iterations = {iterations}",
        f"train_eval.eval_interval = {max(steps // 2, 1)}",
        "train_eval.eval_episodes = 2",
        *(["train_eval.initial_collect_steps = 1000"] if agent == "sac" else []),
    ]


def train(run: pathlib.Path, agent: str, task: str, method: str, seed: int, steps: int) -> str:
    """Trains, and returns what is wrong with the result; empty if nothing is."""
    completed = subprocess.run(
        [
            *(sys.executable, "-m", f"rigl_rl.tfagents.{agent}_train_eval", f"--seed={seed}"),
            f"--gin_file={ROOT}/gin_configs/{agent}_mujoco/{method}.gin",
            f"--root_dir={run}",
            *(f"--gin_bindings={binding}" for binding in bindings(agent, task, steps)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if completed.returncode:
        return " ".join(completed.stderr.split()) or f"exit code {completed.returncode}"
    return fault(run)


def fault(run: pathlib.Path) -> str:
    """Returns what is not finite in a finished run; empty if everything is."""
    returns = pd.read_csv(run / "evals.csv")["avg_return"].to_numpy()
    if not np.isfinite(returns).all():
        return f"returns are {returns.tolist()}"
    for policy in sorted((run / "policies").iterdir()):
        reader = tf.train.load_checkpoint(str(policy / "variables" / "variables"))
        for name, kind in reader.get_variable_to_dtype_map().items():
            if kind.is_floating and not np.isfinite(reader.get_tensor(name)).all():
                return f"{name} of the policy is not finite"
    return ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains all combinations, prints a line for each and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=2000, help="train steps (default 2000)")
    tasks = [f"{task}-v2" for task in TASKS]
    parser.add_argument("--tasks", nargs="+", default=tasks, help="(default: all five, -v2)")
    parser.add_argument("--agents", nargs="+", choices=["sac", "ppo"], default=["sac", "ppo"])
    parser.add_argument("--methods", nargs="+", default=["dense", "rigl"], help="gin files' names")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--jobs", type=int, default=2, help="concurrent runs (default 2)")
    options = parser.parse_args(arguments)

    faults = 0
    cases = list(itertools.product(options.agents, options.tasks, options.methods, options.seeds))
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.jobs) as pool:
        runs = [
            pool.submit(train, pathlib.Path(folder, str(number)), *case, options.steps)
            for number, case in enumerate(cases)
        ]
        for (agent, task, method, seed), run in zip(cases, runs):
            found = run.result()
            faults += bool(found)
            print(f"{agent} {task} {method} seed {seed}: {found or 'finite'}", flush=True)
    print(f"{len(cases) - faults} of {len(cases)} runs are finite throughout")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
