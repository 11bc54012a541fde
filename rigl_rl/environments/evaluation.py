"""Evaluation of a policy: K episodes side by side, one policy call per step for all of them."""

from __future__ import annotations

from typing import Callable

import gymnasium
import numpy as np

from rigl_rl.environments.gymnasium_environment import make


class Evaluator:
    """Runs `episodes` episodes at a time in a vector environment.

    Args:
      name: a gymnasium id.
      episodes: how many episodes one evaluation takes.
    """

    def __init__(self, name: str, episodes: int):
        self.episodes = episodes
        self._envs: gymnasium.vector.VectorEnv = gymnasium.vector.SyncVectorEnv(
            [lambda: make(name)] * episodes
        )

    def run(self, policy: Callable[[np.ndarray], np.ndarray], seed: int) -> np.ndarray:
        """Undiscounted returns of `episodes` episodes: float64, shape (episodes,).

        Args:
          policy: observations (episodes, ...) float32 to actions (episodes, ...).
          seed: determines the environments' randomness, whatever was run before.
        """
        observations, _ = self._envs.reset(seed=seed)
        returns = np.zeros(self.episodes)
        running = np.ones(self.episodes, bool)
        while running.any():
            actions = policy(np.asarray(observations, np.float32))
            observations, rewards, terminated, truncated, _ = self._envs.step(actions)
            returns += rewards * running
            # A finished environment starts a new episode by itself; that one does not count.
            running &= ~(terminated | truncated)
        return returns
