"""A training run as data: its command and its length."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import ClassVar

from rigl_rl.record import FROM_CONFIGS


@dataclasses.dataclass(frozen=True)
class Run:
    """One training run: a main, its configuration and a seed."""

    label: str
    """Human-readable directory shared by the seeds: `dqn_classic/CartPole-v0/rigl-erk-s0.90`."""
    main: str
    """Module started with `python -m`."""
    gin_file: str
    """Path from the root of the repository."""
    bindings: tuple[str, ...]
    seed: int
    env_steps: int
    steps_per_second: float
    """Environment steps per second on one core, evaluation included; for estimates only."""
    measured_label: str = ""
    """Label of the same run with the gradients' SNR measured, if there can be one."""

    @property
    def measured_name(self) -> str:
        """Directory of the measured run, which makes this one unnecessary; empty if none."""
        return f"{self.measured_label}/seed{self.seed}" if self.measured_label else ""

    @property
    def measured(self) -> Run | None:
        """The measured run, to look for it; its command is that of this run."""
        if not self.measured_label:
            return None
        return dataclasses.replace(self, label=self.measured_label, measured_label="")

    @property
    def agent(self) -> str:
        """The agent and its suite, such as `dqn_classic`."""
        return self.label.split("/")[0]

    @property
    def task(self) -> str:
        """The task, such as `CartPole-v0`."""
        return self.label.split("/")[1]

    @property
    def name(self) -> str:
        """Unique directory of the run, relative to the directory of all runs."""
        return f"{self.label}/seed{self.seed}"

    @property
    def method(self) -> str:
        """The name of the gin file, such as `rigl`."""
        return Path(self.gin_file).stem

    @property
    def sparsity(self) -> float | None:
        """The target sparsity; None for dense networks."""
        values = (
            value
            for name, _, value in (b.partition("=") for b in self.bindings)
            if name == "SPARSITY"
        )
        return next(map(float, values), None)

    def with_gin_file(self, gin_file: str) -> Run:
        """The same run with another path to its method's gin file."""
        return dataclasses.replace(self, gin_file=gin_file)

    def from_configs(self, name: str) -> Run:
        """The same run under a label that says whose gin file it uses, and no standard run has."""
        return dataclasses.replace(
            self,
            label=f"{self.label}{FROM_CONFIGS}{name}",
            measured_label=self.measured_label and f"{self.measured_label}{FROM_CONFIGS}{name}",
        )

    def with_binding(self, binding: str) -> Run:
        """The same run with a binding that does not change the result."""
        return dataclasses.replace(self, bindings=(*self.bindings, binding))

    def command(self, runs_dir: Path, threads: int = 1) -> tuple[str, ...]:
        """The argument vector that trains this run, for use in the repository's root."""
        # Two flags are named as in TF-Agents or Dopamine.
        dopamine = self.main.startswith("rigl_rl.dopamine.")
        root_dir, gin_file = (
            ("--base_dir", "--gin_files") if dopamine else ("--root_dir", "--gin_file")
        )
        argv = [sys.executable, "-m", self.main, root_dir, str(runs_dir / self.name)]
        argv += [gin_file, self.gin_file]
        for binding in self.bindings:
            argv += ["--gin_bindings", binding]
        # No progress bar: a launched run prints to a log file.
        return (*argv, "--seed", str(self.seed), "--threads", str(threads), "--noprogress")


@dataclasses.dataclass(frozen=True)
class Schedule:
    """A TF-Agents run's length and intervals between evaluations (the M, N and K of A.1)."""

    name: str
    """Part of the run's name; empty for the paper's schedule."""
    num_iterations: int
    eval_interval: int
    """Train steps."""
    eval_episodes: int
    initial_collect_steps: int | None = None
    """None: as in the agent's gin files."""
    update_freq: int | None = None
    """Train steps between mask updates; None: the best values of Tables 1 to 3."""
    steps_per_iteration: int = 1
    """Environment steps per iteration."""

    @property
    def bindings(self) -> list[str]:
        """All bindings but `update_freq`, whose name depends on the method."""
        bindings = [
            f"train_eval.num_iterations={self.num_iterations}",
            f"train_eval.eval_interval={self.eval_interval}",
            f"train_eval.eval_episodes={self.eval_episodes}",
        ]
        if self.initial_collect_steps is not None:
            bindings.append(f"train_eval.initial_collect_steps={self.initial_collect_steps}")
        return bindings


@dataclasses.dataclass(frozen=True)
class AtariSchedule:
    """Length of training and evaluation with Dopamine's runner, in agent steps (A.1)."""

    initial_collect_steps: ClassVar[int] = 0
    """The steps before the first train step are part of the first iteration."""

    name: str
    num_iterations: int
    steps_per_iteration: int
    evaluation_steps: int
    update_freq: int | None = None
    """Train steps between mask updates; None: those of Tables 4 and 5."""
    others: tuple[str, ...] = ()
    """Further bindings that shorten a run."""

    @property
    def bindings(self) -> list[str]:
        """All bindings but `update_freq`, whose name depends on the method."""
        return [
            f"SparseTrainRunner.num_iterations={self.num_iterations}",
            f"SparseTrainRunner.training_steps={self.steps_per_iteration}",
            f"SparseTrainRunner.evaluation_steps={self.evaluation_steps}",
            *self.others,
        ]


AnySchedule = Schedule | AtariSchedule
