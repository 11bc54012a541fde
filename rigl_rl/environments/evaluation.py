"""Evaluation of a policy: K episodes side by side, one policy call per step for all of them."""

from __future__ import annotations

from typing import Callable

import numpy as np

from rigl_rl.environments.gymnasium_environment import make


class Evaluator:
    """Runs `episodes` episodes at a time.

    Not in a gymnasium vector environment: that goes on stepping environments whose episode is over
    until the last one's is.

    Args:
      name: a gymnasium id.
      episodes: how many episodes one evaluation takes.
    """

    def __init__(self, name: str, episodes: int):
        self.episodes = episodes
        self._envs = [make(name) for _ in range(episodes)]

    def run(self, policy: Callable[[np.ndarray], np.ndarray], seed: int) -> np.ndarray:
        """Undiscounted returns of `episodes` episodes: float64, shape (episodes,).

        Args:
          policy: observations (episodes, ...) float32 to actions (episodes, ...). Rows of episodes
            that are over keep their last observation.
          seed: determines the environments' randomness, whatever was run before.
        """
        first = [env.reset(seed=seed + number)[0] for number, env in enumerate(self._envs)]
        observations = np.asarray(first, np.float32)
        returns = np.zeros(self.episodes)
        running = list(range(self.episodes))
        while running:
            actions = policy(observations)
            going_on = []
            for number in running:
                observation, reward, terminated, truncated, _ = self._envs[number].step(
                    actions[number]
                )
                observations[number] = observation
                returns[number] += float(reward)
                if not (terminated or truncated):
                    going_on.append(number)
            running = going_on
        return returns
