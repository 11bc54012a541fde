"""A gymnasium task as a TF-Agents environment with a state that can be saved and restored."""

import pickle
from typing import cast

import gymnasium
import numpy as np
from tf_agents.environments import py_environment
from tf_agents.specs import array_spec
from tf_agents.trajectories import time_step as ts

from rigl_rl.environments import mujoco_tasks
from rigl_rl.environments.tasks import Task, as_task, suite
from rigl_rl.environments.vector_spaces import action_for, float32_bounds, scalar
from rigl_rl.errors import RiglRlError

# As integers: they are compared and converted in every step.
_FIRST, _MID, _LAST = (int(kind) for kind in (ts.StepType.FIRST, ts.StepType.MID, ts.StepType.LAST))


# float32 throughout: MuJoCo gives float64, but networks and replay do not use it.
def _observation_spec(box: gymnasium.Space) -> array_spec.BoundedArraySpec:
    assert isinstance(box, gymnasium.spaces.Box)
    low, high = box.low.astype(np.float32), box.high.astype(np.float32)
    return array_spec.BoundedArraySpec(box.shape, np.float32, low, high, "observation")


def _action_spec(space: gymnasium.Space) -> array_spec.BoundedArraySpec:
    if isinstance(space, gymnasium.spaces.Discrete):
        return array_spec.BoundedArraySpec((), np.int64, 0, cast(int, space.n) - 1, "action")
    assert isinstance(space, gymnasium.spaces.Box)
    return array_spec.BoundedArraySpec(space.shape, np.float32, *float32_bounds(space), "action")


class GymnasiumEnvironment(py_environment.PyEnvironment):
    """Steps one gymnasium environment, with the batch dimension of 1 that TF-Agents needs.

    Termination and truncation differ: a terminal step has discount 0, while a step at the time
    limit has discount 1, so that values are bootstrapped there. Both are LAST steps.

    Args:
      task: a `Task`, or a gymnasium id.
      seed: for the environment's randomness in all episodes.
      bootstrap_at_time_limit: False makes the time limit a terminal step.

    Attributes:
      task: the task, with its options resolved.
      failure: the error that a step or reset raised, if any. TensorFlow steps the environment
        within the training loop and raises a different error instead.
      exact: whether `get_state` saves the environment itself. False for environments that cannot be
        saved (`saving`): `set_state` then ends the episode, as a time limit does.
      breaks: number of episodes that ended this way.
    """

    def __init__(self, task: Task | str, seed: int, bootstrap_at_time_limit: bool = True):
        self._gym = as_task(task).make()
        self.task = as_task(task).resolved(self._gym)
        self.failure: RiglRlError | None = None
        self.exact = True
        self.breaks = 0
        self._bootstrap = bootstrap_at_time_limit
        self._first_seed = seed
        # Only the next reset uses it; later ones continue from there.
        self._seed: int | None = seed
        self._observation_spec = _observation_spec(self._gym.observation_space)
        self._action_spec = _action_spec(self._gym.action_space)
        self._action_for_gym = action_for(self._gym.action_space)
        super().__init__(handle_auto_reset=True)

    @property
    def suite(self) -> str:
        """The suite that the task belongs to; see `tasks.suite`."""
        return suite(self._gym)

    @property
    def batched(self) -> bool:
        """True: TF-Agents' batching wrapper would cost more than a CartPole step."""
        return True

    @property
    def batch_size(self) -> int:
        """1."""
        return 1

    def observation_spec(self):
        """float32, with the bounds of the gymnasium space."""
        return self._observation_spec

    def action_spec(self):
        """int64 scalar for Discrete spaces, float32 for Box."""
        return self._action_spec

    def should_reset(self, current_time_step):
        """Whether the episode is over. The inherited method costs more than a CartPole step."""
        return current_time_step.step_type[0] == _LAST

    def seed(self, seed: int) -> None:
        """Seeds the environment's randomness; takes effect at the next reset."""
        self._seed = seed

    def _reset(self):
        try:
            observation, _ = self._gym.reset(seed=self._seed)
            self._seed = None
            return self._time_step(_FIRST, observation, 0.0, 1.0)
        except Exception as error:
            raise self._failed(error) from error

    def _step(self, action):
        try:
            observation, reward, terminated, truncated, _ = self._gym.step(
                self._action_for_gym(action[0])
            )
            reward = scalar(reward, self.task.name)
            last = terminated or truncated
            ends_values = terminated or (truncated and not self._bootstrap)
            return self._time_step(
                _LAST if last else _MID,
                observation,
                reward,
                0.0 if ends_values else 1.0,
            )
        except Exception as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> RiglRlError:
        """The `failure` to raise for any exception from an environment."""
        if not isinstance(error, RiglRlError):
            error = RiglRlError(f"environment {self.task.name!r} failed: {_line(error)}")
        self.failure = error
        return error

    def _time_step(self, step_type, observation, reward, discount) -> ts.TimeStep:
        return ts.TimeStep(
            np.array([step_type], np.int32),
            np.array([reward], np.float32),
            np.array([discount], np.float32),
            # Always a copy: an environment may return its state and change it in place later, and
            # TensorFlow takes over an array without copying it if its memory is aligned.
            np.array([observation], self._observation_spec.dtype),
        )

    def get_state(self) -> bytes:
        """Everything the next steps depend on: simulator, random state and current step.

        Raises:
          RiglRlError: the environment can no longer be saved.
        """
        if not self.exact:
            return pickle.dumps((None, self.breaks, self._current_time_step))
        try:
            return mujoco_tasks.dumps((self._gym, self._seed, self._current_time_step))
        except Exception as error:  # a user's environment may raise anything
            raise RiglRlError(
                f"environment {self.task.name!r} cannot be saved: {_line(error)}"
            ) from error

    def set_state(self, state: bytes) -> None:
        """Continues from what `get_state` returned.

        If that is not exact, the current step becomes the last one of its episode, with values
        bootstrapped. The training loop then starts a new episode, and no transition in the replay
        buffer joins the two. The new episode's seed follows from the run's seed and `breaks`.

        Raises:
          RiglRlError: the environment cannot be made from the saved state.
        """
        try:
            env, other, time_step = pickle.loads(state)
        except Exception as error:  # a user's environment may raise anything
            raise RiglRlError(
                f"environment {self.task.name!r} cannot be restored: {_line(error)}"
            ) from error
        if env is not None:
            self._gym, self._seed = env, other
        else:
            self.breaks = other + 1
            seeds = np.random.SeedSequence([self._first_seed, self.breaks])
            self._seed = int(seeds.generate_state(1)[0] >> 1)
            time_step = time_step._replace(step_type=np.full_like(time_step.step_type, _LAST))
        self._current_time_step = time_step

    def close(self) -> None:
        """Closes the gymnasium environment."""
        self._gym.close()


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
