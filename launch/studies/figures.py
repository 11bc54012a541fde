"""The runs behind each of the paper's figures, for one seed.

Where the paper leaves details of a figure open (tasks of Figures 4, 5 and 13, sparsity of Figure 4,
batch sizes, the network of Figures 2, 6 and 12 on Atari), we choose; see here and `presets`.
"""

from launch import parameter_split
from launch.agent_runs import DISTRIBUTIONS, agent_run
from launch.agents import DQN, DQN_CNN, DQN_RESNET, PPO, SAC
from launch.runs import Run
from launch.studies import blocks
from launch.studies.presets import Preset
from rigl_rl import paper
from rigl_rl.paper import SENSITIVITY_SPARSITY, SENSITIVITY_TASK

BATCH_SIZES = (32, 64, 128, 256, 512)


def figure1(seed: int, preset: Preset) -> list[Run]:
    """Figure 1: IQM at 90% sparsity, SAC and PPO over the MuJoCo tasks, DQN over Atari games."""
    runs = []
    for agent in (SAC, PPO):
        runs += blocks.iqm(agent, [0.9], seed, preset)
    for agent in (DQN_CNN, DQN_RESNET):
        runs += blocks.atari(agent, paper.GAMES, [0.9], seed, preset)
    return runs


def figure2(seed: int, preset: Preset) -> list[Run]:
    """Figure 2: final reward against parameters, ERK; DQN (with the CNN), SAC, PPO."""
    return [
        *blocks.atari_scaling("figure2", DQN_CNN, paper.GAMES_MAIN, seed, preset),
        *blocks.scaling("figure2", [SAC, PPO], paper.MUJOCO_MAIN, seed, preset, ["erk"]),
    ]


def figure3(seed: int, preset: Preset) -> list[Run]:
    """Figure 3: the actor's share of a parameter budget, SAC, dense and RigL (section 5).

    Sparse networks of standard width cannot use the largest budget, which is that of dense ones.
    """
    runs = []
    for task in paper.MUJOCO_MAIN:
        schedule = preset.schedule(SAC)
        runs.append(agent_run(SAC, task, "dense", seed, schedule))
        for budget in paper.BUDGETS:
            for share in preset.actor_shares:
                widths = parameter_split.split(task, budget, share, "dense")
                runs.append(agent_run(SAC, task, "dense", seed, schedule, widths=widths))
                if budget < 1:
                    runs += [
                        agent_run(
                            SAC,
                            task,
                            method,
                            seed,
                            schedule,
                            distribution="erk",
                            sparsity=round(1 - budget, 6),
                            sparsities=parameter_split.split(task, budget, share, "sparse"),
                        )
                        for method in preset.methods or ("rigl",)
                    ]
    return runs


def figure4_left(seed: int, preset: Preset) -> list[Run]:
    """Figure 4 (left): ERK against uniform, SAC."""
    runs = blocks.dense(SAC, [SENSITIVITY_TASK], [], seed, preset)
    return runs + blocks.sparse(
        SAC, [SENSITIVITY_TASK], preset.sparsities, seed, preset, DISTRIBUTIONS
    )


def figure4_center(seed: int, preset: Preset) -> list[Run]:
    """Figure 4 (center): weight decay, over the grid of A.3, SAC."""
    runs = []
    for decay in paper.WEIGHT_DECAYS:
        runs.append(
            agent_run(
                SAC, SENSITIVITY_TASK, "dense", seed, preset.schedule(SAC), weight_decay=decay
            )
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
    """Figure 5 (center, right): like the left, for SAC's actor and critics."""
    return blocks.snr(SAC, paper.MUJOCO_MAIN, seed, preset)


def figure6(seed: int, preset: Preset) -> list[Run]:
    """Figure 6: policies for robustness to noise, a part of Figure 10.

    Dense networks of three sizes, RigL and SET of the two smaller ones (section 8). Measure after
    training with `python -m rigl_rl.robustness`.
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
    """Figure 7: FLOPs, which are counted without runs."""
    del seed, preset
    return []


def figure8(seed: int, preset: Preset) -> list[Run]:
    """Figure 8: final reward against parameters, DQN; ERK (top row) and uniform (bottom row).

    Both rows have standard and parameter-matched dense networks.
    """
    return blocks.scaling("figure8", [DQN], list(DQN.tasks), seed, preset, list(DISTRIBUTIONS))


def figure9(seed: int, preset: Preset) -> list[Run]:
    """Figure 9: like Figure 2, on Hopper and Ant."""
    return blocks.scaling("figure9", [SAC, PPO], paper.MUJOCO_OTHERS, seed, preset, ["erk"])


def figure10(seed: int, preset: Preset) -> list[Run]:
    """Figure 10: like Figure 2, the CNN on all games."""
    return blocks.atari_scaling("figure10", DQN_CNN, paper.GAMES, seed, preset)


def figure11(seed: int, preset: Preset) -> list[Run]:
    """Figure 11: like Figure 10, the ResNet."""
    return blocks.atari_scaling("figure11", DQN_RESNET, paper.GAMES, seed, preset)


def figure12(seed: int, preset: Preset) -> list[Run]:
    """Figure 12: like Figure 2, uniform."""
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
        dense = agent_run(
            SAC, SENSITIVITY_TASK, "dense", seed, preset.schedule(SAC), batch_size=size
        )
        runs += [dense, *_sensitivity(seed, preset, paper.METHODS, batch_size=size)]
    return runs


def figure14_left(seed: int, preset: Preset) -> list[Run]:
    """Figure 14 (left, center): ERK against uniform, SAC, all layers sparse or all but the last."""
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
    """Figure 14 (right): ERK against uniform on Acrobot, all layers sparse.

    The standard dense network is the baseline.
    """
    runs = blocks.dense(DQN, ["Acrobot-v1"], [], seed, preset)
    return runs + blocks.sparse(DQN, ["Acrobot-v1"], preset.sparsities, seed, preset, DISTRIBUTIONS)


def figure15(seed: int, preset: Preset) -> list[Run]:
    """Figure 15: IQM over the MuJoCo tasks at several sparsities, SAC."""
    return blocks.iqm(SAC, preset.iqm_sparsities, seed, preset)


def figure16(seed: int, preset: Preset) -> list[Run]:
    """Figure 16: like Figure 15, PPO."""
    return blocks.iqm(PPO, preset.iqm_sparsities, seed, preset)


def figure17(seed: int, preset: Preset) -> list[Run]:
    """Figure 17: IQM over the games at several sparsities, CNN."""
    return blocks.atari(DQN_CNN, paper.GAMES, preset.atari_iqm_sparsities, seed, preset)


def figure18(seed: int, preset: Preset) -> list[Run]:
    """Figure 18: like Figure 17, ResNet."""
    return blocks.atari(DQN_RESNET, paper.GAMES, preset.atari_iqm_sparsities, seed, preset)


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
