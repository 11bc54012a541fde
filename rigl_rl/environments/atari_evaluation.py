"""Evaluation of an Atari policy: K games side by side, with one policy call per step."""

from collections.abc import Callable

import numpy as np

from rigl_rl.environments.atari import AtariEnvironment
from rigl_rl.environments.frames import STATE_SHAPE
from rigl_rl.environments.observation_noise import NoisyAtari, PixelNoise


class AtariEvaluator:
    """Runs `episodes` games at a time.

    Args:
      make_game: makes one game.
      episodes: episodes per evaluation.
      epsilon: probability of a random action.
      max_steps: agent steps after which an episode is cut off.
    """

    def __init__(
        self,
        make_game: Callable[[], AtariEnvironment],
        episodes: int,
        epsilon: float,
        max_steps: int,
    ):
        self._games = [make_game() for _ in range(episodes)]
        self._epsilon = epsilon
        self._max_steps = max_steps

    def run(
        self, q_values: Callable[[np.ndarray], np.ndarray], seed: int, sigma: float = 0.0
    ) -> np.ndarray:
        """Plays the episodes. Returns undiscounted, unclipped returns: float64, (episodes,).

        Args:
          q_values: stacked pixels (B, 84, 84, 4) uint8 to values (B, actions).
          seed: fully determines games, exploration and noise.
          sigma: standard deviation of the noise on pixels; see `PixelNoise`.
        """
        seeds = np.random.SeedSequence(seed).generate_state(len(self._games) + 1)
        random = np.random.default_rng(seeds[-1])
        games = [NoisyAtari(game, PixelNoise(sigma)) for game in self._games]
        returns = np.zeros(len(games))
        states = np.zeros((len(games), *STATE_SHAPE), np.uint8)
        for index, game in enumerate(games):
            game.seed(int(seeds[index]) >> 1)
            states[index, ..., -1:] = game.reset()
        running = np.arange(len(games))
        for _ in range(self._max_steps):
            if not running.size:
                break
            values = q_values(states[running])
            actions = values.argmax(axis=1)
            at_random = random.random(len(actions)) < self._epsilon
            actions[at_random] = random.integers(values.shape[1], size=at_random.sum())
            states[running, ..., :-1] = states[running, ..., 1:]
            over = np.zeros(len(actions), bool)
            for number, (index, action) in enumerate(zip(running, actions)):
                frame, reward, terminal, _ = games[index].step(int(action))
                over[number] = games[index].game_over
                if terminal and not over[number]:  # a lost life; Dopamine's agent starts afresh
                    states[index] = 0
                states[index, ..., -1:] = frame
                returns[index] += reward
            running = running[~over]
        return returns
