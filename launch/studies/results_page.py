"""Small studies, parts of the figures: one to try, and those behind docs/results.md."""

from launch.agents import DQN, DQN_CNN, PPO, SAC
from launch.runs import Run
from launch.studies import blocks
from launch.studies.presets import Preset


def cartpole(seed: int, preset: Preset) -> list[Run]:
    """A small study to try: each method at 90% (ERK) on CartPole, a part of Figure 8."""
    task = ["CartPole-v0"]
    return blocks.dense(DQN, task, [], seed, preset) + blocks.sparse(DQN, task, [0.9], seed, preset)


def mujoco(seed: int, preset: Preset) -> list[Run]:
    """SAC on three tasks, PPO on HalfCheetah, at 90% (ERK); parts of Figures 2 and 9.

    For SAC with all methods, run `figure15` with `--sparsities 0.9` and the tasks.
    """
    runs = []
    for agent, tasks, methods in (
        (SAC, ["HalfCheetah-v2", "Hopper-v2", "Walker2d-v2"], ["rigl", "static"]),
        (PPO, ["HalfCheetah-v2"], ["rigl", "set", "prune"]),
    ):
        runs += blocks.dense(agent, tasks, [], seed, preset)
        runs += blocks.sparse(agent, tasks, [0.9], seed, preset, methods=methods)
    return runs


def pong(seed: int, preset: Preset) -> list[Run]:
    """Curve in docs/results.md: DQN with the Nature CNN on Pong, dense and RigL at 90% (ERK)."""
    dense = blocks.dense(DQN_CNN, ["Pong"], [], seed, preset)
    return dense + blocks.sparse(DQN_CNN, ["Pong"], [0.9], seed, preset, methods=["rigl"])
