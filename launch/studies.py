"""Which runs make a figure, as data.

A study is a function from a preset to its runs; `expand` joins several of them. A run's name says
all that sets it apart (task, method, distribution, sparsity, width, changed hyper-parameters,
schedule, seed), so a run that serves two figures has one name in both, one directory, and is
trained once.

Where runs execute is no concern of this module: see `local`. What the paper leaves open about a
figure (tasks of Figures 4, 5 and 13, sparsity of Figure 4, batch sizes, the network of Figures 2, 6
and 12 on Atari) is our choice, said here and in `presets`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Callable

from analysis import paper
from analysis.paper import SENSITIVITY_SPARSITY, SENSITIVITY_TASK
from launch import actor_critic, blocks, sweeps
from launch.agents import DQN, DQN_CNN, DQN_RESNET, PPO, SAC
from launch.presets import PRESETS, Preset
from launch.runs import Run
from launch.training import DISTRIBUTIONS, train

__all__ = ["PRESETS", "STUDIES", "Preset", "expand"]

BATCH_SIZES = (32, 64, 128, 256, 512)


# -- studies: for one seed -------------------------------------------------------------------


def figure1(seed: int, preset: Preset) -> list[Run]:
    """Figure 1: IQM at 90 % sparsity, SAC and PPO over the MuJoCo tasks, DQN over Atari games."""
    runs = []
    for agent in (SAC, PPO):
        runs += blocks.iqm(agent, [0.9], seed, preset)
    for agent in (DQN_CNN, DQN_RESNET):
        runs += blocks.atari(agent, paper.GAMES, [0.9], seed, preset)
    return runs


def figure2(seed: int, preset: Preset) -> list[Run]:
    """Figure 2: final reward against parameters, ERK; DQN, whose network is the CNN, SAC, PPO."""
    return [
        *blocks.atari_scaling("figure2", DQN_CNN, paper.GAMES_MAIN, seed, preset),
        *blocks.scaling("figure2", [SAC, PPO], paper.MUJOCO_MAIN, seed, preset, ["erk"]),
    ]


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
    runs = blocks.dense(SAC, [SENSITIVITY_TASK], [], seed, preset)
    return runs + blocks.sparse(
        SAC, [SENSITIVITY_TASK], preset.sparsities, seed, preset, DISTRIBUTIONS
    )


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
    """Figure 5 (left): SNR of DQN's gradients over training, dense and RigL, ERK and uniform."""
    return blocks.snr(DQN, DQN.tasks, seed, preset)


def figure5_right(seed: int, preset: Preset) -> list[Run]:
    """Figure 5 (center, right): as on the left, of SAC's actor and critics."""
    return blocks.snr(SAC, paper.MUJOCO_MAIN, seed, preset)


def figure6(seed: int, preset: Preset) -> list[Run]:
    """Figure 6: the policies whose robustness to noise is measured, a part of Figure 10.

    Dense networks of three sizes, RigL and SET of the two smaller ones (section 8). Measuring comes
    after training: `python -m rigl_rl.robustness`.
    """
    return blocks.atari(
        DQN_CNN,
        paper.GAMES_MAIN,
        [round(1 - share, 6) for share in paper.NOISE_SHARES if share < 1],
        seed,
        preset,
        methods=["rigl", "set"],
    )


def figure7(seed: int, preset: Preset) -> list[Run]:
    """Figure 7: FLOPs, which are counted and need no runs."""
    del seed, preset
    return []


def figure8(seed: int, preset: Preset) -> list[Run]:
    """Figure 8: final reward against parameters, DQN; ERK in the top row, uniform in the bottom
    row, standard and parameter-matched dense networks in both.
    """
    return blocks.scaling("figure8", [DQN], list(DQN.tasks), seed, preset, list(DISTRIBUTIONS))


def figure9(seed: int, preset: Preset) -> list[Run]:
    """Figure 9: as Figure 2, on Hopper and Ant."""
    return blocks.scaling("figure9", [SAC, PPO], paper.MUJOCO_OTHERS, seed, preset, ["erk"])


def figure10(seed: int, preset: Preset) -> list[Run]:
    """Figure 10: as Figure 2, the CNN on all games."""
    return blocks.atari_scaling("figure10", DQN_CNN, paper.GAMES, seed, preset)


def figure11(seed: int, preset: Preset) -> list[Run]:
    """Figure 11: as Figure 10, the ResNet."""
    return blocks.atari_scaling("figure11", DQN_RESNET, paper.GAMES, seed, preset)


def figure12(seed: int, preset: Preset) -> list[Run]:
    """Figure 12: as Figure 2, uniform."""
    return [
        *blocks.atari_scaling("figure12", DQN_CNN, paper.GAMES_MAIN, seed, preset, "uniform"),
        *blocks.scaling("figure12", [SAC, PPO], paper.MUJOCO_MAIN, seed, preset, ["uniform"]),
    ]


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
    runs = blocks.dense(SAC, [SENSITIVITY_TASK], [], seed, preset)
    for output_too in (True, False):
        runs += blocks.sparse(
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
    runs = blocks.dense(DQN, ["Acrobot-v1"], [], seed, preset)
    return runs + blocks.sparse(DQN, ["Acrobot-v1"], preset.sparsities, seed, preset, DISTRIBUTIONS)


def figure15(seed: int, preset: Preset) -> list[Run]:
    """Figure 15: IQM over the MuJoCo tasks at several sparsities, SAC."""
    return blocks.iqm(SAC, preset.iqm_sparsities, seed, preset)


def figure16(seed: int, preset: Preset) -> list[Run]:
    """Figure 16: as Figure 15, PPO."""
    return blocks.iqm(PPO, preset.iqm_sparsities, seed, preset)


def figure17(seed: int, preset: Preset) -> list[Run]:
    """Figure 17: IQM over the games at several sparsities, CNN."""
    return blocks.atari(DQN_CNN, paper.GAMES, preset.atari_iqm_sparsities, seed, preset)


def figure18(seed: int, preset: Preset) -> list[Run]:
    """Figure 18: as Figure 17, ResNet."""
    return blocks.atari(DQN_RESNET, paper.GAMES, preset.atari_iqm_sparsities, seed, preset)


def cartpole(seed: int, preset: Preset) -> list[Run]:
    """The README's table: each method once at 90 % (ERK) on CartPole, a part of Figure 8."""
    task = ["CartPole-v0"]
    return blocks.dense(DQN, task, [], seed, preset) + blocks.sparse(DQN, task, [0.9], seed, preset)


def mujoco(seed: int, preset: Preset) -> list[Run]:
    """The README's table: SAC on three tasks and PPO on one at 90 % (ERK), a part of Figure 2."""
    runs = []
    for agent, tasks, methods in (
        (SAC, ["HalfCheetah-v2", "Hopper-v2", "Walker2d-v2"], ["rigl", "static"]),
        (PPO, ["HalfCheetah-v2"], ["rigl", "set", "prune"]),
    ):
        runs += blocks.dense(agent, tasks, [], seed, preset)
        runs += blocks.sparse(agent, tasks, [0.9], seed, preset, methods=methods)
    return runs


def pong(seed: int, preset: Preset) -> list[Run]:
    """The README's learning curve: DQN with Nature CNN on Pong, dense and RigL at 90 % (ERK)."""
    dense = blocks.dense(DQN_CNN, ["Pong"], [], seed, preset)
    return dense + blocks.sparse(DQN_CNN, ["Pong"], [0.9], seed, preset, methods=["rigl"])


def _sensitivity(seed, preset, methods, distributions=("erk",), **changes) -> list[Run]:
    return blocks.sparse(
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
        pong,
        figure1,
        figure2,
        figure3,
        figure4_left,
        figure4_center,
        figure4_right,
        figure5_left,
        figure5_right,
        figure6,
        figure7,
        figure8,
        figure9,
        figure10,
        figure11,
        figure12,
        figure13,
        figure14_left,
        figure14_right,
        figure15,
        figure16,
        figure17,
        figure18,
        sweeps.table1,
        sweeps.table2,
        sweeps.table3,
        sweeps.table4,
        sweeps.table5,
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
            if seed < preset.seeds_of.get(study, preset.seeds)
            for run in STUDIES[study](seed, preset)
        )
    )
