"""Building blocks of studies: the runs of one seed behind each kind of figure.

Blocks for Atari have it in their names: for Atari, a preset may have fewer games, seeds and
sparsities.
"""

from collections.abc import Iterable, Sequence

from launch.agent_runs import agent_run, matched_dense_run
from launch.agents import SAC, Agent
from launch.runs import Run
from launch.studies.presets import Preset
from rigl_rl import paper


def dense(agent: Agent, tasks: Iterable[str], sparsities, seed: int, preset: Preset) -> list[Run]:
    """Dense networks of standard size, and with as many parameters as the sparse ones."""
    schedule = preset.schedule(agent)
    runs = []
    for task in tasks:
        runs.append(agent_run(agent, task, "dense", seed, schedule))
        runs += [matched_dense_run(agent, task, s, seed, schedule) for s in sparsities]
    return runs


def sparse(
    agent: Agent,
    tasks: Iterable[str],
    sparsities: Iterable[float],
    seed: int,
    preset: Preset,
    distributions: Iterable[str] = ("erk",),
    methods: Iterable[str] = paper.METHODS,
    **changes,
) -> list[Run]:
    """Sparse networks; changes as in `agent_run`. The preset may override the methods.

    A method that lacks a changed hyperparameter, as Static lacks an update interval, is left out.
    """
    return [
        agent_run(
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
        for method in preset.methods or methods
        if _has(agent, method, changes)
        for sparsity in sparsities
    ]


def _has(agent: Agent, method: str, hyperparameters: Iterable[str]) -> bool:
    best = paper.best(agent.name, method)
    return all(best[name] is not None for name in hyperparameters if name in best)


def scaling(
    figure: str,
    agents: Sequence[Agent],
    tasks: Sequence[str],
    seed: int,
    preset: Preset,
    distributions: Sequence[str],
) -> list[Run]:
    """Final reward against parameters: dense networks of all widths and the sparse methods.

    figure: determines which of the preset's sparsities each task has.
    """
    runs = []
    for agent in agents:
        for task in tasks:
            sparsities = preset.of_figure(figure, task, preset.sparsities)
            runs += dense(agent, [task], sparsities, seed, preset)
            runs += sparse(agent, [task], sparsities, seed, preset, distributions)
    return runs


def iqm(agent: Agent, sparsities: Iterable[float], seed: int, preset: Preset) -> list[Run]:
    """Scores to aggregate over tasks, with the dense SAC agent that normalizes them."""
    runs = [agent_run(SAC, task, "dense", seed, preset.schedule(SAC)) for task in paper.MUJOCO]
    for sparsity in sparsities:
        tasks = paper.tasks_at(agent.name, sparsity)
        runs += dense(agent, tasks, [sparsity], seed, preset)
        runs += sparse(agent, tasks, [sparsity], seed, preset)
    return runs


def snr(agent: Agent, tasks: Iterable[str], seed: int, preset: Preset) -> list[Run]:
    """Dense and RigL, with their gradients' signal-to-noise ratio measured."""
    runs = []
    for task in tasks:
        schedule = preset.schedule(agent)
        runs.append(agent_run(agent, task, "dense", seed, schedule, snr_freq=preset.snr_freq))
        for distribution, sparsities in preset.snr_sparsities.items():
            runs += sparse(
                agent,
                [task],
                sparsities,
                seed,
                preset,
                [distribution],
                methods=["rigl"],
                snr_freq=preset.snr_freq,
            )
    return runs


def atari_scaling(
    figure: str,
    agent: Agent,
    games: Iterable[str],
    seed: int,
    preset: Preset,
    distribution: str = "erk",
) -> list[Run]:
    """Like `scaling`, on Atari."""
    sparsities = preset.of_figure(figure, "", preset.atari_sparsities)
    return atari(agent, games, sparsities, seed, preset, distribution)


def atari(
    agent: Agent,
    games: Iterable[str],
    sparsities: Iterable[float],
    seed: int,
    preset: Preset,
    distribution: str = "erk",
    methods: Iterable[str] = paper.METHODS,
) -> list[Run]:
    """Dense networks, standard and parameter-matched, and sparse ones, on the preset's games."""
    if seed >= preset.atari_seeds:
        return []
    games = [game for game in games if game in preset.games]
    return [
        *dense(agent, games, sparsities, seed, preset),
        *sparse(agent, games, sparsities, seed, preset, [distribution], methods),
    ]
