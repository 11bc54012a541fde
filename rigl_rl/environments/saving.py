"""Checks whether an environment can be saved exactly, so that a killed run resumes exactly.

The pickle of an environment does not always hold its state. gymnasium's `EzPickle`, which all
Box2D and many custom environments use, pickles only the constructor's arguments. An environment
with a lock or an open file cannot be pickled at all. Every run therefore checks this first.
"""

import contextlib
import copy
import hashlib
import random
from collections.abc import Iterator

import numpy as np

from rigl_rl.environments.evaluation import CUT_OFF
from rigl_rl.environments.gymnasium_environment import GymnasiumEnvironment
from rigl_rl.environments.tasks import Task
from rigl_rl.errors import ConfigError, RiglRlError, warn

# Steps before an environment is saved and after: enough to pass the end of most episodes.
_BEFORE, _AFTER = 10, 100


def prepare(env: GymnasiumEnvironment, allow_inexact_resume: bool) -> None:
    """Tests an environment like `env` and warns the user of its limits.

    Changes nothing in `env` but its attribute `exact`.

    Args:
      env: the environment to train in.
      allow_inexact_resume: whether to train even if it cannot be saved exactly.

    Raises:
      ConfigError: it cannot be saved exactly, but has to be; or it breaks its own spaces.
    """
    flaw = why_inexact(env.task)
    if flaw and not allow_inexact_resume:
        raise ConfigError(
            f"environment {env.task.name!r} cannot be saved exactly ({flaw}), so a killed run "
            "could not be resumed exactly; bind train_eval.allow_inexact_resume = True to train "
            "anyway and start a new episode on resuming"
        )
    if flaw:
        print(
            f"environment {env.task.name!r} cannot be saved exactly ({flaw}): a resumed run starts "
            "a new episode",
            flush=True,
        )
    env.exact = flaw is None
    if env.task.max_episode_steps is None:
        print(
            f"environment {env.task.name!r} has no step limit: evaluation cuts an episode off "
            f"after {CUT_OFF} steps; bind train_eval.max_episode_steps to choose a limit",
            flush=True,
        )


def warn_of_break(env: GymnasiumEnvironment, step: int) -> None:
    """Warns on standard error if the run was resumed at train step `step` in a new episode."""
    if env.breaks:
        warn(
            f"environment {env.task.name!r} cannot be saved exactly; from step {step} on, in a new "
            "episode, this run differs from an uninterrupted one"
        )


def why_inexact(task: Task) -> str | None:
    """Says why a restored environment steps differently from the saved one; None if it does not.

    Takes random steps, saves the environment, and continues; then takes the same steps in the
    restored one. The restored one comes last, so that state shared by the two is also detected.

    Raises:
      ConfigError: an observation or a reward does not match the environment's spaces.
    """
    with _global_random_state_kept():
        env = GymnasiumEnvironment(task, seed=0)
        restored = copy.copy(env)
        try:
            actions = _random_actions(env)
            env.reset()
            _check_shape(env)
            for action in actions[:_BEFORE]:
                env.step(action)
                _check_shape(env)
            try:
                restored.set_state(env.get_state())
            except RiglRlError as error:
                return str(error).partition(": ")[2]
            expected = _follow(env, actions)
            try:
                same = _follow(restored, actions) == expected
            except Exception as error:  # a half-restored environment may raise anything
                return f"restored, it fails with {type(error.__cause__ or error).__name__}"
            return None if same else "restored, it takes other steps"
        finally:
            for each in (env, restored):
                with contextlib.suppress(Exception):  # a run needs no closing
                    each.close()


def _random_actions(env: GymnasiumEnvironment) -> np.ndarray:
    """Random actions (steps, 1, ...) within the action spec."""
    spec, generator = env.action_spec(), np.random.default_rng(0)
    shape = (_AFTER, 1, *spec.shape)
    if np.issubdtype(spec.dtype, np.integer):
        return generator.integers(spec.maximum + 1, size=shape)
    return generator.uniform(spec.minimum, spec.maximum, shape).astype(spec.dtype)


def _follow(env: GymnasiumEnvironment, actions: np.ndarray) -> bytes:
    """A digest of all steps and of the first step of one more episode."""
    digest = hashlib.blake2b()
    for action in actions:
        for part in env.step(action):
            digest.update(part.tobytes())
    for part in env.reset():
        digest.update(part.tobytes())
    return digest.digest()


def _check_shape(env: GymnasiumEnvironment) -> None:
    found = env.current_time_step().observation.shape[1:]
    if found != env.observation_spec().shape:
        raise ConfigError(
            f"environment {env.task.name!r} observes shape {found}, but its observation space says "
            f"{env.observation_spec().shape}"
        )


@contextlib.contextmanager
def _global_random_state_kept() -> Iterator[None]:
    """Restores Python's and NumPy's global generators, from which some environments draw."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
