"""Evaluation of a policy: K episodes side by side, with one policy call per step."""

import math
from collections.abc import Callable

import numpy as np

from rigl_rl.environments.tasks import Task, as_task
from rigl_rl.environments.vector_spaces import action_for, scalar
from rigl_rl.errors import RiglRlError, warn

CUT_OFF = 10_000
"""Steps after which an episode is cut off in an environment that has no step limit."""


class Evaluator:
    """Runs `episodes` episodes at a time.

    It uses no gymnasium vector environment, which would keep stepping environments whose episode is
    over until all episodes are.

    Args:
      task: a `Task`, or a gymnasium id.
      episodes: episodes per evaluation.

    Attributes:
      running: indices of the episodes that are not over, while `run` plays.
    """

    def __init__(self, task: Task | str, episodes: int):
        self.episodes = episodes
        self.running: list[int] = []
        self._envs = [as_task(task).make() for _ in range(episodes)]
        self._task = as_task(task).resolved(self._envs[0])
        self._action_for = action_for(self._envs[0].action_space)

    def run(self, policy: Callable[[np.ndarray], np.ndarray], seed: int) -> np.ndarray:
        """Plays the episodes. Returns undiscounted returns: float64, shape (episodes,).

        In an environment without a step limit, an episode is cut off after `CUT_OFF` steps, with a
        warning on standard error, so that an evaluation always ends.

        Args:
          policy: maps observations (episodes, ...) float32 to actions (episodes, ...). The row of
            an episode that is over keeps its last observation.
          seed: fully determines the environments' randomness.

        Raises:
          RiglRlError: an environment failed.
        """
        try:
            return self._play(policy, seed)
        except RiglRlError:
            raise
        except Exception as error:  # a user's environment may raise anything
            raise RiglRlError(
                f"evaluation in environment {self._task.name!r} failed: {type(error).__name__}: "
                f"{' '.join(str(error).split())}"
            ) from error

    def _play(self, policy: Callable[[np.ndarray], np.ndarray], seed: int) -> np.ndarray:
        first = [env.reset(seed=seed + index)[0] for index, env in enumerate(self._envs)]
        observations = np.asarray(first, np.float32)
        returns = np.zeros(self.episodes)
        self.running = list(range(self.episodes))
        # Environments with a limit end their episodes themselves.
        limit = CUT_OFF if self._task.max_episode_steps is None else math.inf
        step = 0
        while self.running and step < limit:
            step += 1
            actions = policy(observations)
            still_running = []
            for index in self.running:
                observation, reward, terminated, truncated, _ = self._envs[index].step(
                    self._action_for(actions[index])
                )
                observations[index] = observation
                returns[index] += scalar(reward, self._task.name)
                if not (terminated or truncated):
                    still_running.append(index)
            self.running = still_running
        if self.running:
            warn(
                f"environment {self._task.name!r} has no step limit; {len(self.running)} of "
                f"{self.episodes} evaluation episodes were cut off after {CUT_OFF} steps"
            )
        return returns
