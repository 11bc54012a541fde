"""The hyperparameter sweeps of section A.3, whose best settings are in Tables 1, 2, 3 and 5.

Each is a grid search over all combinations of values. The paper leaves open the sparsity
(`paper.SWEEP_SPARSITY`, ERK), the games of the ResNet's sweep and the number of seeds; we chose
them.
"""

from itertools import product
from typing import Any

from launch.agent_runs import agent_run
from launch.agents import DQN, DQN_RESNET, PPO, SAC, Agent
from launch.runs import Run
from launch.studies.presets import Preset
from rigl_rl import paper


def table1(seed: int, preset: Preset) -> list[Run]:
    """The sweep of DQN on classic control, on Acrobot."""
    return _sweep(DQN, seed, preset)


def table2(seed: int, preset: Preset) -> list[Run]:
    """The sweep of SAC, on Walker2d."""
    return _sweep(SAC, seed, preset)


def table3(seed: int, preset: Preset) -> list[Run]:
    """The sweep of PPO, on Walker2d."""
    return _sweep(PPO, seed, preset)


def table4(seed: int, preset: Preset) -> list[Run]:
    """No runs: the CNN's hyperparameters come from earlier work and were not swept."""
    del seed, preset
    return []


def table5(seed: int, preset: Preset) -> list[Run]:
    """The sweep of the dense ResNet; sparse ones use its best values."""
    return [
        agent_run(
            DQN_RESNET,
            game,
            "dense",
            seed,
            preset.schedule(DQN_RESNET),
            weight_decay=decay,
            learning_rate=rate,
        )
        for game in paper.GAMES_MAIN
        for decay, rate in product(preset.resnet_weight_decays, preset.resnet_learning_rates)
    ]


def _grids(preset: Preset) -> dict[str, dict[str, tuple[Any, ...]]]:
    """For each method, the values in A.3 of every hyperparameter that affects it.

    Sparsity-aware initialization does not affect pruning, which starts dense.
    """
    decay = {"weight_decay": preset.weight_decays}
    interval = {"update_freq": preset.update_intervals}
    fraction = {"drop_fraction": preset.drop_fractions}
    aware = {"sparsity_aware_init": (False, True)}
    return {
        "dense": decay,
        "prune": {**decay, **interval},
        "static": {**decay, **aware},
        "set": {**decay, **interval, **fraction, **aware},
        "rigl": {**decay, **interval, **fraction, **aware},
    }


def _sweep(agent: Agent, seed: int, preset: Preset) -> list[Run]:
    task, schedule = paper.SWEEP_TASK[agent.name], preset.schedule(agent)
    runs = []
    grids = _grids(preset)
    if preset.methods:
        # A method that is not in the paper gets RigL's grid.
        grids = {name: grids.get(name, grids["rigl"]) for name in ("dense", *preset.methods)}
    for method, grid in grids.items():
        sparse = (
            {} if method == "dense" else {"distribution": "erk", "sparsity": paper.SWEEP_SPARSITY}
        )
        for values in product(*grid.values()):
            changes = {**sparse, **dict(zip(grid, values))}
            runs.append(agent_run(agent, task, method, seed, schedule, **changes))
    return runs
