"""Which runs make a figure, as data.

A study is a function from a preset to its runs; `expand` joins several of them. A run's name says
all that sets it apart (task, method, distribution, sparsity, width, changed hyper-parameters,
schedule, seed), so a run that serves two figures has one name in both, one directory, and is
trained once.

Where runs execute is no concern of this module: see `local`. What the paper leaves open about a
figure (tasks of Figures 4, 5 and 13, sparsity of Figure 4, batch sizes) is our choice, said here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Callable

from analysis import paper
from launch import actor_critic
from launch.agents import DISTRIBUTIONS, DQN, PPO, SAC, Agent, matched_dense, train
from launch.runs import Run, Schedule

SENSITIVITY_TASK = "HalfCheetah-v2"
"""Figures 4 and 13; that of Figure 14 (left, centre)."""
SENSITIVITY_SPARSITY = 0.8
"""Figure 13 (left); for Figure 4 and the rest of Figure 13 our choice."""
BATCH_SIZES = (32, 64, 128, 256, 512)


@dataclasses.dataclass(frozen=True)
class Preset:
    """How much of a study is run."""

    name: str
    seeds: int
    sparsities: tuple[float, ...]
    """Of figures that show final reward by parameters or sparsity."""
    iqm_sparsities: tuple[float, ...]
    """Figures 15 and 16."""
    actor_shares: tuple[float, ...]
    """Figure 3."""
    snr_sparsities: tuple[float, ...]
    """Figure 5, beside the dense network."""
    snr_freq: int
    """Train steps between two measurements of the gradients' signal-to-noise ratio."""

    def schedule(self, agent: Agent) -> Schedule:
        """How long an agent trains; where it has no shorter schedule, as long as in the paper."""
        return agent.schedules.get(self.name, agent.schedules["paper"])


PRESETS = {
    # Figure 12's caption says "sparsities from 50% to 95%" and does not list them; these six are
    # our choice. Section 3: at least 10 seeds. Figure 5 does not name its sparsities either.
    "paper": Preset(
        "paper",
        seeds=10,
        sparsities=(0.5, 0.6, 0.7, 0.8, 0.9, 0.95),
        iqm_sparsities=(0.5, 0.9, 0.95, 0.99),
        actor_shares=paper.ACTOR_SHARES,
        snr_sparsities=(0.5, 0.8, 0.9, 0.95),
        snr_freq=2_000,
    ),
    # Where a run is short (DQN, PPO) it is the paper's own, so it counts towards `paper` in the
    # same directory; SAC trains a tenth as long.
    "reduced": Preset(
        "reduced",
        seeds=3,
        sparsities=(0.5, 0.8, 0.9, 0.95),
        iqm_sparsities=(0.9,),
        actor_shares=(0.1, 0.3, 0.5, 0.7, 0.9),
        snr_sparsities=(0.5, 0.8, 0.9, 0.95),
        snr_freq=2_000,
    ),
    # Minutes: every task, method and distribution once, too short to learn anything.
    "smoke": Preset(
        "smoke",
        seeds=1,
        sparsities=(0.9,),
        iqm_sparsities=(0.9,),
        actor_shares=(0.1, 0.9),
        snr_sparsities=(0.9,),
        snr_freq=200,
    ),
}


# -- building blocks: for one seed -----------------------------------------------------------


def _dense(agent: Agent, tasks: Iterable[str], sparsities, seed: int, preset: Preset) -> list[Run]:
    """Standard dense networks, and those with as many parameters as the sparse ones."""
    schedule = preset.schedule(agent)
    runs = []
    for task in tasks:
        runs.append(train(agent, task, "dense", seed, schedule))
        runs += [matched_dense(agent, task, s, seed, schedule) for s in sparsities]
    return runs


def _sparse(
    agent: Agent,
    tasks: Iterable[str],
    sparsities: Iterable[float],
    seed: int,
    preset: Preset,
    distributions: Iterable[str] = ("erk",),
    methods: Iterable[str] = paper.METHODS,
    **changes,
) -> list[Run]:
    return [
        train(
            agent,
            task,
            method,
            seed,
            preset.schedule(agent),
            distribution=distribution,
            sparsity=sparsity,
            **changes,
        )
        for task in tasks
        for distribution in distributions
        for method in methods
        for sparsity in sparsities
    ]


def _scaling(
    agents: Sequence[Agent],
    tasks: Sequence[str],
    seed: int,
    preset: Preset,
    distributions: Sequence[str],
) -> list[Run]:
    """Final reward against parameters: dense networks of all widths and the sparse methods."""
    runs = []
    for agent in agents:
        runs += _dense(agent, tasks, preset.sparsities, seed, preset)
        runs += _sparse(agent, tasks, preset.sparsities, seed, preset, distributions)
    return runs


def _iqm(agent: Agent, sparsities: Iterable[float], seed: int, preset: Preset) -> list[Run]:
    """Scores to aggregate over tasks, with the dense SAC agent that normalizes them."""
    runs = [train(SAC, task, "dense", seed, preset.schedule(SAC)) for task in paper.MUJOCO]
    for sparsity in sparsities:
        tasks = paper.tasks_at(agent.name.split("_")[0], sparsity)
        runs += _dense(agent, tasks, [sparsity], seed, preset)
        runs += _sparse(agent, tasks, [sparsity], seed, preset)
    return runs


def _snr(agent: Agent, tasks: Iterable[str], seed: int, preset: Preset) -> list[Run]:
    runs = []
    for task in tasks:
        schedule = preset.schedule(agent)
        runs.append(train(agent, task, "dense", seed, schedule, snr_freq=preset.snr_freq))
        runs += _sparse(
            agent,
            [task],
            preset.snr_sparsities,
            seed,
            preset,
            methods=["rigl"],
            snr_freq=preset.snr_freq,
        )
    return runs


# -- studies: for one seed -------------------------------------------------------------------


def figure1(seed: int, preset: Preset) -> list[Run]:
    """Figure 1: IQM at 90 % sparsity over the MuJoCo tasks, SAC and PPO."""
    return _iqm(SAC, [0.9], seed, preset) + _iqm(PPO, [0.9], seed, preset)


def figure2(seed: int, preset: Preset) -> list[Run]:
    """Figure 2, rows of SAC and PPO: final reward against parameters, ERK."""
    return _scaling([SAC, PPO], paper.MUJOCO_MAIN, seed, preset, ["erk"])


def figure3(seed: int, preset: Preset) -> list[Run]:
    """Figure 3: the actor's share of a budget of parameters, SAC, dense and RigL (section 5).

    Sparse networks of standard width cannot have the largest budget, which is that of dense ones.
    """
    runs = []
    for task in paper.MUJOCO_MAIN:
        schedule = preset.schedule(SAC)
        runs.append(train(SAC, task, "dense", seed, schedule))
        for budget in paper.BUDGETS:
            for share in preset.actor_shares:
                widths = actor_critic.split(task, budget, share, "dense")
                runs.append(train(SAC, task, "dense", seed, schedule, widths=widths))
                if budget < 1:
                    runs.append(
                        train(
                            SAC,
                            task,
                            "rigl",
                            seed,
                            schedule,
                            distribution="erk",
                            sparsity=round(1 - budget, 6),
                            sparsities=actor_critic.split(task, budget, share, "sparse"),
                        )
                    )
    return runs


def figure4_left(seed: int, preset: Preset) -> list[Run]:
    """Figure 4 (left): ERK against uniform, SAC."""
    runs = _dense(SAC, [SENSITIVITY_TASK], [], seed, preset)
    return runs + _sparse(SAC, [SENSITIVITY_TASK], preset.sparsities, seed, preset, DISTRIBUTIONS)


def figure4_center(seed: int, preset: Preset) -> list[Run]:
    """Figure 4 (centre): weight decay, over the grid of A.3, SAC."""
    runs = []
    for decay in paper.WEIGHT_DECAYS:
        runs.append(
            train(SAC, SENSITIVITY_TASK, "dense", seed, preset.schedule(SAC), weight_decay=decay)
        )
        runs += _sensitivity(seed, preset, paper.METHODS, weight_decay=decay)
    return runs


def figure4_right(seed: int, preset: Preset) -> list[Run]:
    """Figure 4 (right): sparsity-aware initialization on and off, ERK and uniform, SAC."""
    runs = []
    for aware in (False, True):
        runs += _sensitivity(
            seed,
            preset,
            ["static", "set", "rigl"],
            distributions=DISTRIBUTIONS,
            sparsity_aware_init=aware,
        )
    return runs


def figure5_left(seed: int, preset: Preset) -> list[Run]:
    """Figure 5 (left): SNR of DQN's gradients over training, dense and RigL."""
    return _snr(DQN, DQN.tasks, seed, preset)


def figure5_right(seed: int, preset: Preset) -> list[Run]:
    """Figure 5 (centre, right): SNR of SAC's actor and critics over training, dense and RigL."""
    return _snr(SAC, paper.MUJOCO_MAIN, seed, preset)


def figure8(seed: int, preset: Preset) -> list[Run]:
    """Figure 8: final reward against parameters, DQN; ERK in the top row, uniform in the bottom
    row, standard and parameter-matched dense networks in both.
    """
    return _scaling([DQN], list(DQN.tasks), seed, preset, list(DISTRIBUTIONS))


def figure9(seed: int, preset: Preset) -> list[Run]:
    """Figure 9: as Figure 2, on Hopper and Ant."""
    return _scaling([SAC, PPO], paper.MUJOCO_OTHERS, seed, preset, ["erk"])


def figure12(seed: int, preset: Preset) -> list[Run]:
    """Figure 12, rows of SAC and PPO: as Figure 2, uniform."""
    return _scaling([SAC, PPO], paper.MUJOCO_MAIN, seed, preset, ["uniform"])


def figure13(seed: int, preset: Preset) -> list[Run]:
    """Figure 13: drop fraction, update interval and batch size, SAC."""
    runs = []
    for fraction in paper.DROP_FRACTIONS:
        runs += _sensitivity(seed, preset, ["set", "rigl"], drop_fraction=fraction)
    for interval in paper.UPDATE_INTERVALS:
        runs += _sensitivity(seed, preset, ["prune", "set", "rigl"], update_freq=interval)
    for size in BATCH_SIZES:
        dense = train(SAC, SENSITIVITY_TASK, "dense", seed, preset.schedule(SAC), batch_size=size)
        runs += [dense, *_sensitivity(seed, preset, paper.METHODS, batch_size=size)]
    return runs


def figure14_left(seed: int, preset: Preset) -> list[Run]:
    """Figure 14 (left, centre): ERK against uniform, SAC, all layers sparse or all but the last."""
    runs = _dense(SAC, [SENSITIVITY_TASK], [], seed, preset)
    for output_too in (True, False):
        runs += _sparse(
            SAC,
            [SENSITIVITY_TASK],
            preset.sparsities,
            seed,
            preset,
            DISTRIBUTIONS,
            sparse_output_layer=output_too,
        )
    return runs


def figure14_right(seed: int, preset: Preset) -> list[Run]:
    """Figure 14 (right): ERK against uniform on Acrobot, all layers sparse, with the standard dense
    network as the line to compare with.
    """
    runs = _dense(DQN, ["Acrobot-v1"], [], seed, preset)
    return runs + _sparse(DQN, ["Acrobot-v1"], preset.sparsities, seed, preset, DISTRIBUTIONS)


def figure15(seed: int, preset: Preset) -> list[Run]:
    """Figure 15: IQM over the MuJoCo tasks at several sparsities, SAC."""
    return _iqm(SAC, preset.iqm_sparsities, seed, preset)


def figure16(seed: int, preset: Preset) -> list[Run]:
    """Figure 16: as Figure 15, PPO."""
    return _iqm(PPO, preset.iqm_sparsities, seed, preset)


def cartpole(seed: int, preset: Preset) -> list[Run]:
    """The README's table: each method once at 90 % (ERK) on CartPole, a part of Figure 8."""
    task = ["CartPole-v0"]
    return _dense(DQN, task, [], seed, preset) + _sparse(DQN, task, [0.9], seed, preset)


def mujoco(seed: int, preset: Preset) -> list[Run]:
    """The README's table: SAC on two tasks and PPO on one at 90 % (ERK), a part of Figure 2."""
    runs = []
    for agent, tasks, methods in (
        (SAC, ["HalfCheetah-v2", "Walker2d-v2"], ["rigl", "static"]),
        (PPO, ["HalfCheetah-v2"], ["rigl", "set", "prune"]),
    ):
        runs += _dense(agent, tasks, [], seed, preset)
        runs += _sparse(agent, tasks, [0.9], seed, preset, methods=methods)
    return runs


def _sensitivity(seed, preset, methods, distributions=("erk",), **changes) -> list[Run]:
    return _sparse(
        SAC,
        [SENSITIVITY_TASK],
        [SENSITIVITY_SPARSITY],
        seed,
        preset,
        distributions,
        methods,
        **changes,
    )


STUDIES: dict[str, Callable[[int, Preset], list[Run]]] = {
    study.__name__: study
    for study in (
        cartpole,
        mujoco,
        figure1,
        figure2,
        figure3,
        figure4_left,
        figure4_center,
        figure4_right,
        figure5_left,
        figure5_right,
        figure8,
        figure9,
        figure12,
        figure13,
        figure14_left,
        figure14_right,
        figure15,
        figure16,
    )
}


def expand(studies: Iterable[str], preset: Preset) -> list[Run]:
    """The runs of several studies, each run once, all of one seed before the next seed.

    The order makes an unfinished launch useful: it has every point of the figure, with fewer seeds.
    """
    return list(
        dict.fromkeys(
            run
            for seed in range(preset.seeds)
            for study in studies
            for run in STUDIES[study](seed, preset)
        )
    )
