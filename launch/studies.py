"""Which runs make a figure, as data.

A study is a function from a preset to its runs; `expand` joins several of them. A run's name says
all that sets it apart (environment, method, distribution, sparsity, width, schedule, seed), so a
run that serves two figures has one name in both, one directory, and is trained once.

Where runs execute is no concern of this module: see `local`.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Callable

from launch import widths

START_UP_SECONDS = 15.0
STEPS_PER_SECOND = 220.0
"""What one core does on a run of classic DQN: seconds until the first training step, then
environment steps per second, evaluation included. Only the printed estimates rest on them."""


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

    @property
    def name(self) -> str:
        """Unique directory of the run, relative to the directory of all runs."""
        return f"{self.label}/seed{self.seed}"

    @property
    def core_seconds(self) -> float:
        """Estimated time on one core."""
        return START_UP_SECONDS + self.env_steps / STEPS_PER_SECOND

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
    eval_episodes: int
    initial_collect_steps: int
    update_freq: int | None = None
    """Steps between mask updates; None: the best values of Table 1, as in the gin files."""

    @property
    def env_steps(self) -> int:
        """Environment steps of a run: the initial collection, then one per iteration."""
        return self.initial_collect_steps + self.num_iterations

    def bindings(self, method: str) -> list[str]:
        """Gin bindings that give a run of `method` this schedule."""
        bindings = [
            f"train_eval.num_iterations={self.num_iterations}",
            f"train_eval.eval_interval={self.eval_interval}",
            f"train_eval.eval_episodes={self.eval_episodes}",
            f"train_eval.initial_collect_steps={self.initial_collect_steps}",
        ]
        interval = _UPDATE_INTERVALS.get(method)
        if self.update_freq is not None and interval is not None:
            bindings.append(f"{interval}={self.update_freq}")
        return bindings


@dataclasses.dataclass(frozen=True)
class Preset:
    """How much of a study is run."""

    schedule: Schedule
    seeds: int
    sparsities: tuple[float, ...]
    """Sparsities of Figures 8 and 14."""
    snr_sparsities: tuple[float, ...]
    """Sparsities of Figure 5, beside the dense network."""
    snr_freq: int
    """Training steps between two measurements of the gradients' signal-to-noise ratio."""


CLASSIC_CONTROL = {"CartPole-v0": (4, 2), "Acrobot-v1": (6, 3), "MountainCar-v0": (2, 3)}
"""Environments of Figure 8, with the sizes of their observations and of their action sets."""

SPARSE_METHODS = ("prune", "static", "set", "rigl")
DISTRIBUTIONS = {"erk": "erdos_renyi_kernel", "uniform": "uniform"}
_UPDATE_INTERVALS = {
    "prune": "wrap_all_layers.frequency",
    "set": "mask_updater.update_freq",
    "rigl": "mask_updater.update_freq",
}

PAPER_SCHEDULE = Schedule(
    "", num_iterations=100_000, eval_interval=2_000, eval_episodes=20, initial_collect_steps=1_000
)
SMOKE_SCHEDULE = Schedule(
    "smoke",
    num_iterations=1_000,
    eval_interval=250,
    eval_episodes=2,
    initial_collect_steps=200,
    update_freq=100,
)

PRESETS = {
    # Figure 12's caption (the other agents' version of Figure 8) says "sparsities from 50% to 95%"
    # and does not list them; these six are our choice. Section 3: at least 10 seeds. Figure 5 does
    # not name its sparsities either.
    "paper": Preset(
        PAPER_SCHEDULE,
        seeds=10,
        sparsities=(0.5, 0.6, 0.7, 0.8, 0.9, 0.95),
        snr_sparsities=(0.5, 0.8, 0.9, 0.95),
        snr_freq=2_000,
    ),
    # Less than a day on two cores. The runs are the paper's own, only fewer, so they count towards
    # `paper` in the same directory.
    "reduced": Preset(
        PAPER_SCHEDULE,
        seeds=3,
        sparsities=(0.5, 0.8, 0.9, 0.95),
        snr_sparsities=(0.5, 0.8, 0.9, 0.95),
        snr_freq=2_000,
    ),
    # A few minutes: every environment, method and distribution once, too short to learn anything.
    "smoke": Preset(
        SMOKE_SCHEDULE, seeds=1, sparsities=(0.9,), snr_sparsities=(0.9,), snr_freq=250
    ),
}


def dqn(
    env: str,
    method: str,
    seed: int,
    schedule: Schedule,
    *,
    distribution: str = "",
    sparsity: float = 0.0,
    units: int = widths.UNITS,
    snr_freq: int = 0,
) -> Run:
    """A run of DQN on classic control.

    Args:
        env: a key of `CLASSIC_CONTROL`.
        method: 'dense' or one of `SPARSE_METHODS`; names the gin file.
        seed: determines the run together with the configuration.
        schedule: its length.
        distribution: a key of `DISTRIBUTIONS`; for sparse methods only.
        sparsity: target sparsity; for sparse methods only.
        units: units of each hidden layer.
        snr_freq: training steps between two measurements of the gradients' SNR; 0: none. It leaves
            the training alone but makes another configuration, hence another name.
    """
    label = [method]
    bindings = [f'train_eval.env_name="{env}"', *schedule.bindings(method)]
    if units != widths.UNITS:
        label.append(f"h{units}")
        bindings.append(f"train_eval.width={units / widths.UNITS!r}")
    if method != "dense":
        label += [distribution, f"s{sparsity:.2f}"]
        bindings += [f"SPARSITY={sparsity!r}", f'DISTRIBUTION="{DISTRIBUTIONS[distribution]}"']
    if snr_freq:
        label.append("snr")
        bindings.append(f"log_snr.freq={snr_freq}")
    if schedule.name:
        label.append(schedule.name)
    return Run(
        label=f"dqn_classic/{env}/{'-'.join(label)}",
        main="rigl_rl.tfagents.dqn_train_eval",
        gin_files=(f"gin_configs/dqn_classic/{method}.gin",),
        bindings=tuple(bindings),
        seed=seed,
        env_steps=schedule.env_steps,
    )


def matched_dense(env: str, sparsity: float, seed: int, schedule: Schedule) -> Run:
    """A dense run with as many parameters as the network at `sparsity`."""
    units = widths.matched_units(*CLASSIC_CONTROL[env], sparsity)
    return dqn(env, "dense", seed, schedule, units=units)


def _sparse(env: str, seed: int, preset: Preset) -> list[Run]:
    return [
        dqn(env, method, seed, preset.schedule, distribution=distribution, sparsity=sparsity)
        for distribution in DISTRIBUTIONS
        for method in SPARSE_METHODS
        for sparsity in preset.sparsities
    ]


def figure8(preset: Preset) -> list[Run]:
    """Figure 8: final reward against parameter count; ERK in the top row, uniform in the bottom
    row, standard and parameter-matched dense networks in both.
    """
    runs = []
    for seed in range(preset.seeds):
        for env in CLASSIC_CONTROL:
            runs.append(dqn(env, "dense", seed, preset.schedule))
            runs += [matched_dense(env, s, seed, preset.schedule) for s in preset.sparsities]
            runs += _sparse(env, seed, preset)
    return runs


def figure14_right(preset: Preset) -> list[Run]:
    """Figure 14 (right): ERK against uniform on Acrobot, all layers sparse, with the standard dense
    network as the line to compare with.
    """
    runs = []
    for seed in range(preset.seeds):
        runs.append(dqn("Acrobot-v1", "dense", seed, preset.schedule))
        runs += _sparse("Acrobot-v1", seed, preset)
    return runs


def figure5_left(preset: Preset) -> list[Run]:
    """Figure 5 (left): signal-to-noise ratio of DQN's gradients during training, dense and RigL."""
    runs = []
    for seed in range(preset.seeds):
        for env in CLASSIC_CONTROL:
            runs.append(dqn(env, "dense", seed, preset.schedule, snr_freq=preset.snr_freq))
            for sparsity in preset.snr_sparsities:
                runs.append(
                    dqn(
                        env,
                        "rigl",
                        seed,
                        preset.schedule,
                        distribution="erk",
                        sparsity=sparsity,
                        snr_freq=preset.snr_freq,
                    )
                )
    return runs


def cartpole(preset: Preset) -> list[Run]:
    """The README's table: each method once at 90 % (ERK) on CartPole, a part of Figure 8."""
    runs = []
    for seed in range(preset.seeds):
        runs.append(dqn("CartPole-v0", "dense", seed, preset.schedule))
        for method in SPARSE_METHODS:
            runs.append(
                dqn("CartPole-v0", method, seed, preset.schedule, distribution="erk", sparsity=0.9)
            )
    return runs


STUDIES: dict[str, Callable[[Preset], list[Run]]] = {
    "cartpole": cartpole,
    "figure8": figure8,
    "figure14_right": figure14_right,
    "figure5_left": figure5_left,
}


def expand(studies: Iterable[str], preset: Preset) -> list[Run]:
    """The runs of several studies, each run once, all of one seed before the next seed.

    The order makes an unfinished launch useful: it has every point of the figure, with fewer seeds.
    """
    runs = dict.fromkeys(run for study in studies for run in STUDIES[study](preset))
    return sorted(runs, key=lambda run: run.seed)
