"""Wraps environments so that observations are vectors and discrete actions count from 0."""

from __future__ import annotations

from typing import cast

import gymnasium
import numpy as np
from gymnasium import spaces

from rigl_rl.errors import ConfigError


def simplified(env: gymnasium.Env, name: str) -> gymnasium.Env:
    """Returns `env`, wrapped where needed. The paper's tasks stay as they are.

    observation space      becomes
    Box                    a Box of one dimension
    Discrete               one-hot: Box(n)
    what gymnasium can flatten into a vector (MultiDiscrete, Dict, ...): that

    action space           becomes
    Box                    a Box of one dimension
    Discrete(n, start=s)   Discrete(n): action a stands for s + a

    Args:
      env: any environment.
      name: its name, for messages.

    Raises:
      ConfigError: a space cannot be converted.
    """
    actions = env.action_space
    if isinstance(actions, spaces.Discrete):
        if actions.start != 0:
            env = CountedFromZero(env)
    elif isinstance(actions, spaces.Box):
        if not np.issubdtype(actions.dtype, np.floating) or not actions.is_bounded():
            raise ConfigError(
                f"environment {name!r} has the action space {actions}; a Box needs real numbers "
                "with finite bounds"
            )
        if len(actions.shape) != 1:
            env = FlatActions(env)
    else:
        raise ConfigError(
            f"environment {name!r} has the action space {actions}; Discrete and Box are supported"
        )
    observations = env.observation_space
    if not observations.is_np_flattenable:
        raise ConfigError(
            f"environment {name!r} has the observation space {observations}, which cannot be "
            "flattened into a vector"
        )
    if not isinstance(observations, spaces.Box) or len(observations.shape) != 1:
        env = FlatObservations(env)
    return env


class FlatObservations(gymnasium.ObservationWrapper):
    """Flattens observations to vectors with `gymnasium.spaces.flatten`.

    gymnasium's own wrapper holds a lambda, which cannot be pickled into a checkpoint.
    """

    def __init__(self, env: gymnasium.Env):
        super().__init__(env)
        self.observation_space = spaces.flatten_space(env.observation_space)

    def observation(self, observation):
        """One observation as a vector."""
        return spaces.flatten(self.env.observation_space, observation)


class FlatActions(gymnasium.ActionWrapper):
    """Takes actions of any shape as vectors."""

    def __init__(self, env: gymnasium.Env):
        super().__init__(env)
        self.action_space = spaces.flatten_space(env.action_space)

    def action(self, action):
        """Converts a vector to the environment's shape and type."""
        space = self.env.action_space
        return np.asarray(action, space.dtype).reshape(space.shape)  # type: ignore[arg-type]


class CountedFromZero(gymnasium.ActionWrapper):
    """Counts actions from 0 in an environment where they start at another number."""

    def __init__(self, env: gymnasium.Env):
        super().__init__(env)
        assert isinstance(env.action_space, spaces.Discrete)
        self._start = cast(int, env.action_space.start)
        self.action_space = spaces.Discrete(cast(int, env.action_space.n))

    def action(self, action):
        """Converts an action to the environment's number."""
        return int(self._start + action)


def scalar(reward, name: str) -> float:
    """Returns `reward` as a float; it may be an array of one number.

    Args:
      reward: the reward that a step returned.
      name: the environment's name.

    Raises:
      ConfigError: it is not a single number.
    """
    if isinstance(reward, float):  # also NumPy's float64: by far the most common case
        return reward
    try:
        return float(np.asarray(reward).item())
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"environment {name!r} returned the reward {reward!r}; it must be one number"
        ) from error
