"""A training run as data: what is started, and how long it trains."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

START_UP_SECONDS = 15.0
"""From the start of a process to its first train step; only printed estimates rest on it."""


@dataclasses.dataclass(frozen=True)
class Run:
    """One training run: a main, its configuration and a seed."""

    label: str
    """Human-readable directory shared by the seeds: `dqn_classic/CartPole-v0/rigl-erk-s0.90`."""
    main: str
    """Module started with `python -m`."""
    gin_files: tuple[str, ...]
    """Paths from the root of the repository."""
    bindings: tuple[str, ...]
    seed: int
    env_steps: int
    steps_per_second: float
    """Environment steps per second on one core, evaluation included; for estimates only."""

    @property
    def name(self) -> str:
        """Unique directory of the run, relative to the directory of all runs."""
        return f"{self.label}/seed{self.seed}"

    @property
    def core_seconds(self) -> float:
        """Estimated time on one core."""
        return START_UP_SECONDS + self.env_steps / self.steps_per_second

    def command(self, runs_dir: Path, threads: int = 1) -> tuple[str, ...]:
        """The argument vector that trains this run, to be started at the repository's root."""
        argv = [sys.executable, "-m", self.main, "--root_dir", str(runs_dir / self.name)]
        for gin_file in self.gin_files:
            argv += ["--gin_file", gin_file]
        for binding in self.bindings:
            argv += ["--gin_bindings", binding]
        # A log file holds the output of a launched run; a progress bar has no place in it.
        return (*argv, "--seed", str(self.seed), "--threads", str(threads), "--noprogress")


@dataclasses.dataclass(frozen=True)
class Schedule:
    """How long a run trains and how often it is evaluated (the M, N and K of A.1)."""

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
