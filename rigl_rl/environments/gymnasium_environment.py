"""A gymnasium task as a TF-Agents environment whose whole state can be saved and restored."""

from __future__ import annotations

import pickle
import warnings
from typing import Optional, cast

import gymnasium
import numpy as np
from tf_agents.environments import py_environment
from tf_agents.specs import array_spec
from tf_agents.trajectories import time_step as ts

from rigl_rl.environments import mujoco_tasks
from rigl_rl.errors import ConfigError, RiglRlError

# As whole numbers: they are compared and converted in every step.
_FIRST, _MID, _LAST = (int(kind) for kind in (ts.StepType.FIRST, ts.StepType.MID, ts.StepType.LAST))


def make(name: str) -> gymnasium.Env:
    """`gymnasium.make` for the paper's names, with one clear error for a name that does not exist.

    A MuJoCo simulation that diverges raises a `mujoco_tasks.SimulationError`.

    Raises:
      ConfigError: no such environment, or a package that it needs is missing.
    """
    known, options = mujoco_tasks.resolve(name)
    try:
        simulated = ".mujoco" in str(gymnasium.spec(known).entry_point)
        if simulated:
            mujoco_tasks.import_quietly()
        with warnings.catch_warnings():
            # CartPole-v0 and friends are "out of date": they are the paper's tasks.
            warnings.filterwarnings("ignore", message=".*out of date.*")
            # The checker is for environments under development, and costs time in every step.
            env = gymnasium.make(known, disable_env_checker=True, **options)
        return mujoco_tasks.StopOnDivergence(env) if simulated else env
    except (gymnasium.error.Error, ImportError) as error:
        reason = " ".join(str(error).split())
        if isinstance(error, ModuleNotFoundError):
            reason += "; MuJoCo tasks need the packages of gymnasium[mujoco]"
        raise ConfigError(f"cannot make environment {name!r}: {reason}") from error


def _spec_of(space: gymnasium.Space, name: str) -> array_spec.BoundedArraySpec:
    if isinstance(space, gymnasium.spaces.Discrete):
        first, size = cast(int, space.start), cast(int, space.n)
        return array_spec.BoundedArraySpec((), np.int64, first, first + size - 1, name)
    if isinstance(space, gymnasium.spaces.Box):
        # float32 throughout: MuJoCo observes float64, networks and replay do not.
        low, high = space.low.astype(np.float32), space.high.astype(np.float32)
        return array_spec.BoundedArraySpec(space.shape, np.float32, low, high, name)
    raise ConfigError(f"{name} space {space} is not supported; Discrete and Box are")


class GymnasiumEnvironment(py_environment.PyEnvironment):
    """Steps one gymnasium environment, with the batch dimension of 1 that TF-Agents wants.

    Termination and truncation differ: a terminal step has discount 0, a step at the time limit
    discount 1, so that values are bootstrapped there. Both are LAST steps.

    Args:
      name: a gymnasium id.
      seed: of the environment's randomness, through all its episodes.
      bootstrap_at_time_limit: False makes the time limit a terminal step, as in the original.

    Attributes:
      failure: why a step could not be taken, if so. TensorFlow, which steps the environment within
        the training loop, raises an error of its own in its place.
    """

    def __init__(self, name: str, seed: int, bootstrap_at_time_limit: bool = True):
        self._gym = make(name)
        self.failure: Optional[RiglRlError] = None
        self._bootstrap = bootstrap_at_time_limit
        self._seed: Optional[int] = (
            seed  # used by the first reset only: later ones go on from there
        )
        self._observation_spec = _spec_of(self._gym.observation_space, "observation")
        self._action_spec = _spec_of(self._gym.action_space, "action")
        self._discrete = isinstance(self._gym.action_space, gymnasium.spaces.Discrete)
        super().__init__(handle_auto_reset=True)

    @property
    def batched(self) -> bool:
        """True: TF-Agents' own wrapper for it costs more than a step of CartPole."""
        return True

    @property
    def batch_size(self) -> int:
        """One environment."""
        return 1

    def observation_spec(self):
        """float32, with the bounds of the gymnasium space."""
        return self._observation_spec

    def action_spec(self):
        """int64 scalar for Discrete spaces, float32 for Box."""
        return self._action_spec

    def should_reset(self, current_time_step):
        """Whether the episode is over. The inherited method costs more than a step of CartPole."""
        return current_time_step.step_type[0] == _LAST

    def _reset(self):
        observation, _ = self._gym.reset(seed=self._seed)
        self._seed = None
        return self._time_step(_FIRST, observation, 0.0, 1.0)

    def _step(self, action):
        action = int(action[0]) if self._discrete else action[0]
        try:
            observation, reward, terminated, truncated, _ = self._gym.step(action)
        except RiglRlError as error:
            self.failure = error
            raise
        last = terminated or truncated
        ends_values = terminated or (truncated and not self._bootstrap)
        return self._time_step(
            _LAST if last else _MID,
            observation,
            reward,
            0.0 if ends_values else 1.0,
        )

    def _time_step(self, step_type, observation, reward, discount) -> ts.TimeStep:
        return ts.TimeStep(
            np.array([step_type], np.int32),
            np.array([reward], np.float32),
            np.array([discount], np.float32),
            np.asarray(observation, self._observation_spec.dtype)[np.newaxis],
        )

    def get_state(self) -> bytes:
        """Everything the next steps depend on: simulator, random state and current step."""
        return mujoco_tasks.dumps((self._gym, self._seed, self._current_time_step))

    def set_state(self, state: bytes) -> None:
        """Continues from what `get_state` returned."""
        self._gym, self._seed, self._current_time_step = pickle.loads(state)

    def close(self) -> None:
        """Closes the gymnasium environment."""
        self._gym.close()
