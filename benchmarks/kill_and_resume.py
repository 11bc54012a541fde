"""Kills a training run again and again, and checks that nobody can tell from its evaluations.

python -m benchmarks.kill_and_resume --kills 50 --out DIR [--agent dqn] [--bindings B ...]

A shortened run is trained once without interruption, then again with SIGKILLs at random moments,
each followed by a restart. A run that finishes is compared with the uninterrupted one, and a new
one takes the kills that are left. Exit code 0 if all agree in every evaluation and signal-to-noise
ratio; only the clock may differ.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import os
import pathlib
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
from tqdm import tqdm

from rigl_rl.sparsity.execution import MODES

ROOT = pathlib.Path(__file__).resolve().parents[1]

# Small and quick, but with all that a checkpoint holds in use: masks that change, a replay buffer
# that learns from its oldest entries, exploration on its decline, a target network between copies;
# running statistics, and episodes that continue across iterations and checkpoints; and all that a
# run can record: signal-to-noise ratios, mask images, policies.
_BINDINGS: dict[str, tuple[str, ...]] = {
    "dqn": (
        "train_eval.fc_layer_params = (32, 32)",
        "train_eval.num_iterations = 4000",
        "train_eval.initial_collect_steps = 200",
        "train_eval.initial_epsilon_greedy = 1.0",
        "train_eval.epsilon_decay_period = 1000",
        "train_eval.target_update_period = 70",
        "train_eval.eval_interval = 50",
        "train_eval.eval_episodes = 4",
        "mask_updater.update_freq = 50",
        "log_snr.freq = 150",
        "log_sparsities.log_images = True",
        "train_eval.policy_save_interval = 500",
    ),
    "sac": (
        "train_eval.env_name = 'Hopper-v2'",
        "train_eval.actor_fc_layers = (32, 32)",
        "train_eval.critic_joint_fc_layers = (32, 32)",
        "train_eval.batch_size = 32",
        "train_eval.replay_capacity = 500",
        "train_eval.num_iterations = 4000",
        "train_eval.initial_collect_steps = 200",
        "train_eval.target_update_period = 3",
        "train_eval.eval_interval = 50",
        "train_eval.eval_episodes = 4",
        "train_eval.checkpoint_interval = 100",
        "mask_updater.update_freq = 50",
        "log_snr.freq = 150",
    ),
    "ppo": (
        "train_eval.actor_fc_layers = (32, 32)",
        "train_eval.value_fc_layers = (32, 32)",
        "train_eval.env_name = 'Hopper-v2'",
        "train_eval.collect_sequence_length = 150",
        "train_eval.minibatch_size = 50",
        "train_eval.num_epochs = 2",
        "train_eval.num_iterations = 160",
        "train_eval.eval_interval = 12",
        "train_eval.eval_episodes = 4",
        "mask_updater.update_freq = 20",
        "log_snr.freq = 30",
    ),
    "atari": (
        "NatureDQNNetwork.width = 0.1",
        "SparseTrainRunner.num_iterations = 40",
        "SparseTrainRunner.training_steps = 60",
        "SparseTrainRunner.evaluation_steps = 20",
        "SparseTrainRunner.max_steps_per_episode = 30",
        "SparseTrainRunner.policy_save_interval = 10",
        "DQNAgent.min_replay_history = 60",
        "DQNAgent.target_update_period = 50",
        "DQNAgent.epsilon_decay_period = 1000",
        "WrappedReplayBuffer.replay_capacity = 500",
        "WrappedReplayBuffer.batch_size = 4",
        "UpdatedRigLOptimizer.frequency = 7",
    ),
}


class Shortened(NamedTuple):
    """A RigL run that is made short."""

    main: str
    """Module started with `python -m`."""
    directory_flag: str
    file_flag: str
    gin_file: str
    """Path from the root of the repository."""
    length: str
    """Binding that says how long it trains."""
    bindings: tuple[str, ...]

    def command(self, bindings: Sequence[str] = (), seed: int = 0) -> list[str]:
        """What to start, further bindings included; the run directory is yet to follow."""
        line = [sys.executable, "-m", self.main, f"{self.file_flag}={ROOT / self.gin_file}"]
        bound = [f"--gin_bindings={binding}" for binding in (*self.bindings, *bindings)]
        return [*line, f"--seed={seed}", *bound, self.directory_flag]


def _of_tf_agents(agent: str, config: str) -> Shortened:
    files = ("--root_dir", "--gin_file", f"gin_configs/{config}/rigl.gin")
    main = f"rigl_rl.tfagents.{agent}_train_eval"
    return Shortened(main, *files, "train_eval.num_iterations", _BINDINGS[agent])


AGENTS = {
    "dqn": _of_tf_agents("dqn", "dqn_classic"),
    "sac": _of_tf_agents("sac", "sac_mujoco"),
    "ppo": _of_tf_agents("ppo", "ppo_mujoco"),
    "atari": Shortened(
        "rigl_rl.dopamine.train",
        "--base_dir",
        "--gin_files",
        "gin_configs/dqn_atari_cnn/rigl.gin",
        "SparseTrainRunner.num_iterations",
        _BINDINGS["atari"],
    ),
}

# Where a kill is aimed: before the run has begun or resumed, at any time after that, or at the
# next checkpoint from such a time on.
START_UP, RUNNING, CHECKPOINT = "start-up", "running", "checkpoint"
# Weights of the three. Start-ups, most of the time, would catch nearly all of uniform kills.
AIMS = {START_UP: 0.2, RUNNING: 0.4, CHECKPOINT: 0.4}

_PHASES = {
    START_UP: "during start-up",
    RUNNING: "while training or evaluating",
    CHECKPOINT: "with a checkpoint half-written",
}

POLL_S = 0.0005


def evaluations(run: pathlib.Path) -> pd.DataFrame:
    """The text of evals.csv, number by number, without the clock."""
    return pd.read_csv(run / "evals.csv", dtype=str).drop(columns="wall_s")


def ratios(run: pathlib.Path) -> pd.DataFrame:
    """The text of snr.csv, number by number; empty for a run too short to have one."""
    path = run / "snr.csv"
    return pd.read_csv(path, dtype=str) if path.exists() else pd.DataFrame()


@dataclasses.dataclass
class Killer:
    """Runs a command on root directories, and kills it.

    Attributes:
      command: to which the run directory is appended.
      moments: the source of random moments.
      delay_s: a kill follows up to this many seconds after the run has begun or resumed.
      start_up_s: how long a start-up may take; measured, from the first one on.
      kills: how many kills hit the process in each phase.
    """

    command: Sequence[str]
    moments: random.Random
    delay_s: float
    start_up_s: float = 10.0
    kills: collections.Counter = dataclasses.field(default_factory=collections.Counter)

    def run(self, root_dir: pathlib.Path) -> None:
        """Runs to the end.

        Raises:
          RuntimeError: the command failed; with the last lines of its log.
        """
        process, log = self._start(root_dir)
        self._check(process.wait(), log)

    def interrupt(self, root_dir: pathlib.Path, aim: str) -> bool:
        """Starts or resumes, then kills; False if the run finished before that.

        Raises:
          RuntimeError: the command failed by itself.
        """
        process, log = self._start(root_dir)
        started = time.monotonic()
        if aim == START_UP:
            moment = started + self.moments.uniform(0, self.start_up_s)
        else:
            while process.poll() is None and not begun(log):
                time.sleep(POLL_S)
            self.start_up_s = time.monotonic() - started
            moment = time.monotonic() + self.moments.uniform(0, self.delay_s)
        while process.poll() is None and (
            time.monotonic() < moment or (aim == CHECKPOINT and not being_written(root_dir))
        ):
            time.sleep(POLL_S)
        process.kill()
        if process.wait() >= 0:  # it was quicker
            self._check(process.returncode, log)
            return False
        self.kills[self._phase(root_dir, log)] += 1
        return True

    def _start(self, root_dir: pathlib.Path) -> tuple[subprocess.Popen, pathlib.Path]:
        log = root_dir.with_suffix(".log")
        with open(log, "w") as file:
            process = subprocess.Popen(
                [*self.command, str(root_dir)],
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        return process, log

    def _check(self, code: int, log: pathlib.Path) -> None:
        if code:
            last = "\n".join(log.read_text().splitlines()[-20:])
            raise RuntimeError(f"exit code {code} of {' '.join(self.command)}:\n{last}")

    def _phase(self, root_dir: pathlib.Path, log: pathlib.Path) -> str:
        if not begun(log):
            return START_UP  # what lies half-written is an earlier kill's
        return CHECKPOINT if being_written(root_dir) else RUNNING


def begun(log: pathlib.Path) -> bool:
    """Whether a run has made its first evaluation, or resumed and swept up what was left over."""
    first = ("step ", "iteration ", "resuming ")
    return any(line.startswith(first) for line in log.read_text().splitlines())


def being_written(root_dir: pathlib.Path) -> bool:
    """Whether a checkpoint lies half-written in the run directory."""
    return any((root_dir / "checkpoints").glob(".writing-*"))


def main() -> int:
    """Runs the whole comparison; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50, help="how many (default 50)")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="a new directory for runs")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default 0)")
    parser.add_argument("--execution", choices=MODES, default="auto", help="sparse_execution")
    parser.add_argument("--agent", choices=list(AGENTS), default="dqn", help="(default dqn)")
    parser.add_argument(
        "--iterations", type=int, help="num_iterations of the run (default: 14 to 81 evaluations)"
    )
    parser.add_argument("--bindings", nargs="+", default=[], help="further gin bindings")
    options = parser.parse_args()
    if options.kills < 1:
        parser.error(f"--kills is {options.kills}, but must be at least 1")
    if options.out.exists():
        parser.error(f"--out {str(options.out)!r} exists; give a new directory")
    out = options.out.absolute()  # runs are started in the repository
    out.mkdir(parents=True)

    shortened = AGENTS[options.agent]
    bindings = [f"sparse_execution.mode = '{options.execution}'", *options.bindings]
    if options.iterations is not None:
        bindings.append(f"{shortened.length} = {options.iterations}")
    killer = Killer(shortened.command(bindings), random.Random(options.seed), delay_s=4.0)
    killer.run(out / "uninterrupted")
    expected, expected_ratios = (of(out / "uninterrupted") for of in (evaluations, ratios))

    different, number = [], 0
    with tqdm(total=options.kills, unit="kill") as bar:
        while sum(killer.kills.values()) < options.kills:
            number += 1
            run = out / f"killed_{number}"
            while sum(killer.kills.values()) < options.kills:
                (aim,) = killer.moments.choices(list(AIMS), list(AIMS.values()))
                if not killer.interrupt(run, aim):
                    break
                bar.update()
            killer.run(run)
            if not (evaluations(run).equals(expected) and ratios(run).equals(expected_ratios)):
                different.append(run.name)

    phases = ", ".join(f"{killer.kills[aim]} {name}" for aim, name in _PHASES.items())
    verdict = "all identical to the uninterrupted run"
    if different:
        verdict = f"NOT identical to the uninterrupted run: {', '.join(different)}"
    print(
        f"{sum(killer.kills.values())} kills ({phases}) in {number} runs of {len(expected)} "
        f"evaluations and {len(expected_ratios)} signal-to-noise ratios each: {verdict}"
    )
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
