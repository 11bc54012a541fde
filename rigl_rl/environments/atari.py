"""Atari games: ale-py's emulators behind Dopamine's preprocessing.

Dopamine makes its environments through gym, but current ale-py registers its games only with
gymnasium. Here gymnasium makes them, and `Emulator` gives them the interface that Dopamine's
`AtariPreprocessing` expects.
"""

from typing import Any

import ale_py
import gym
import gymnasium
import numpy as np
from dopamine.discrete_domains import atari_lib

from rigl_rl.errors import ConfigError

STICKINESS = 0.25  # probability that a frame repeats the last action (Machado et al. 2018)


class Emulator:
    """One game, frame by frame, with the minimal action set.

    Args:
      game: name in the style of 'MsPacman'.
      sticky_actions: whether a frame sometimes repeats the last action.

    Raises:
      ConfigError: there is no such game, or its ROM cannot be read.
    """

    def __init__(self, game: str, sticky_actions: bool = True):
        gymnasium.register_envs(ale_py)
        ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
        try:
            self._env: Any = gymnasium.make(
                f"ALE/{game}-v5",
                obs_type="ram",  # the smallest; preprocessing takes its screens from `ale`
                frameskip=1,
                repeat_action_probability=STICKINESS if sticky_actions else 0.0,
                max_num_frames_per_episode=0,  # the runner limits episodes
            ).unwrapped
        except gymnasium.error.Error as error:
            raise ConfigError(
                f"unknown game {game!r}: {' '.join(str(error).split())}; games are named like "
                "Pong, MsPacman"
            ) from error
        except OSError as error:
            raise ConfigError(
                f"the ROM of game {game!r} cannot be read: {' '.join(str(error).split())}; "
                "ale-py includes all ROMs: unset ALE_ROMS_DIR, or reinstall ale-py"
            ) from error
        self.ale = self._env.ale
        self.action_space = self._env.action_space
        screen = (*self.ale.getScreenDims(), 3)
        self.observation_space = gym.spaces.Box(0, 255, screen, np.uint8)
        self._seed: int | None = None

    def seed(self, seed: int) -> None:
        """Seeds the sticky actions; takes effect at the next reset."""
        self._seed = seed

    def reset(self) -> None:
        """Starts a new game."""
        self._env.reset(seed=self._seed)
        self._seed = None

    def step(self, action: int):
        """Plays one frame. Returns (no observation, reward, whether the game is over, info)."""
        _, reward, terminated, truncated, info = self._env.step(action)
        return None, reward, terminated or truncated, info


class AtariEnvironment(atari_lib.AtariPreprocessing):
    """A game as the agent sees it: 84 x 84 gray pixels every fourth frame.

    `reset()` returns an observation, `step(action)` returns (observation, reward, whether the game
    is over, info). Losing a life does not end an episode.

    Args:
      game: as in `Emulator`.
      sticky_actions: as in `Emulator`.
    """

    def __init__(self, game: str, sticky_actions: bool = True):
        super().__init__(Emulator(game, sticky_actions))
        self.game = game

    def seed(self, seed: int) -> None:
        """Seeds the sticky actions; takes effect at the next reset."""
        self.environment.seed(seed)
