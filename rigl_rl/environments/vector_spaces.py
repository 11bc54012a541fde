"""Wraps environments so that observations are vectors and discrete actions count from 0."""

import functools
from collections.abc import Callable
from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.wrappers import TransformAction, TransformObservation

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
            shift = functools.partial(_shifted, cast(int, actions.start))
            env = TransformAction(env, shift, spaces.Discrete(cast(int, actions.n)))
    elif isinstance(actions, spaces.Box):
        _check_box(actions, name)
        if len(actions.shape) != 1:
            shape = functools.partial(_shaped, actions)
            env = TransformAction(env, shape, spaces.flatten_space(actions))
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
        # Not gymnasium's FlattenObservation: its lambda cannot be pickled into a checkpoint.
        flatten = functools.partial(spaces.flatten, observations)
        env = TransformObservation(env, flatten, spaces.flatten_space(observations))
    return env


def _check_box(actions: spaces.Box, name: str) -> None:
    with np.errstate(over="ignore"):
        low, high = (bound.ravel() for bound in float32_bounds(actions))
        finite = np.isfinite(high - low).all()
    if not np.issubdtype(actions.dtype, np.floating) or not finite:
        raise ConfigError(
            f"environment {name!r} has the action space {actions}; a Box needs real numbers with "
            "finite bounds and a finite range"
        )
    for index in np.flatnonzero(low >= high):
        raise ConfigError(
            f"environment {name!r} has the action space {actions}; action {index} has the single "
            f"value {high[index]:g}; leave it out"
        )


def float32_bounds(box: spaces.Box) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and the highest float32 numbers within the bounds of a Box of real numbers.

    Returns:
      Two arrays of the shape of `box`. The nearest float32 numbers may lie outside the bounds.
    """
    low, high = box.low.astype(np.float32), box.high.astype(np.float32)
    infinity = np.float32(np.inf)
    low = np.where(low < box.low, np.nextafter(low, infinity), low)
    high = np.where(high > box.high, np.nextafter(high, -infinity), high)
    return low, high


def action_for(space: spaces.Space) -> Callable[[np.ndarray], Any]:
    """Returns what turns a policy's action into one that an environment of `simplified` takes.

    That is a Python int in a Discrete space. In a Box it is a copy, because an environment may
    change its action in place.
    """
    if isinstance(space, spaces.Discrete):
        return int
    return np.array


def _shifted(start: int, action) -> int:
    return int(start + action)


def _shaped(space: spaces.Box, action) -> np.ndarray:
    return np.asarray(action, space.dtype).reshape(space.shape)


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
