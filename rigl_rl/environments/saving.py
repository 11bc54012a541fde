"""Checks whether an environment can be saved exactly, so that a killed run resumes exactly.

The pickle of an environment does not always hold its state. gymnasium's `EzPickle`, which all
Box2D and many custom environments use, pickles only the constructor's arguments. An environment
with a lock or an open file cannot be pickled at all. Every run therefore checks this first.

Evaluation's environments are never saved: a resumed run makes new ones. An episode must therefore
depend on its seed alone, not on earlier episodes; this is checked, too.
"""

import contextlib
import copy
import hashlib
import random
from collections.abc import Iterable, Iterator

import numpy as np
from tf_agents.trajectories.time_step import TimeStep

from rigl_rl.environments.evaluation import CUT_OFF
from rigl_rl.environments.gymnasium_environment import GymnasiumEnvironment
from rigl_rl.environments.tasks import Task
from rigl_rl.errors import ConfigError, RiglRlError, warn

# Steps before an environment is saved and after: enough to pass the end of most episodes.
_BEFORE, _AFTER = 10, 100

_RESETS = 10  # at least, before an episode is compared with a first one


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
    """Says why a resumed run steps or evaluates differently; None if it does not.

    Raises:
      ConfigError: an observation or a reward does not match the environment's spaces.
      RiglRlError: the environment failed.
    """
    with _global_random_state_kept():
        env, new = (GymnasiumEnvironment(task, seed=0) for _ in range(2))
        restored = copy.copy(env)
        try:
            actions = _random_actions(env)
            return _why_restored_differs(env, restored, actions) or _why_new_differs(
                env, new, actions
            )
        finally:
            for each in (env, restored, new):
                with contextlib.suppress(Exception):  # a run needs no closing
                    each.close()


def _why_restored_differs(
    env: GymnasiumEnvironment, restored: GymnasiumEnvironment, actions: np.ndarray
) -> str | None:
    """Takes steps, saves the environment, and continues; then takes the same steps in `restored`.

    The restored one comes last, so that state shared by the two is also detected.
    """
    env.reset()
    _check_shape(env)
    for action in actions[:_BEFORE]:
        env.step(action)
        _check_shape(env)
    try:
        restored.set_state(env.get_state())
    except RiglRlError as error:
        return str(error).partition(": ")[2]
    expected = _digest(_continued(env, actions))
    try:
        same = _digest(_continued(restored, actions)) == expected
    except Exception as error:  # a half-restored environment may raise anything
        return f"restored, it fails with {type(error.__cause__ or error).__name__}"
    return None if same else "restored, it takes other steps"


def _why_new_differs(
    env: GymnasiumEnvironment, new: GymnasiumEnvironment, actions: np.ndarray
) -> str | None:
    """Plays an episode in `env`, after some others, and the one of the same seed in `new`."""
    for action in actions[:_RESETS]:
        env.reset()
        env.step(action)
    if _digest(_episode(env, actions)) == _digest(_episode(new, actions)):
        return None
    return "an episode depends on earlier ones, whatever the seed"


def _random_actions(env: GymnasiumEnvironment) -> np.ndarray:
    """Random actions (steps, 1, ...) within the action spec."""
    spec, generator = env.action_spec(), np.random.default_rng(0)
    shape = (_AFTER, 1, *spec.shape)
    if np.issubdtype(spec.dtype, np.integer):
        return generator.integers(spec.maximum + 1, size=shape)
    return generator.uniform(spec.minimum, spec.maximum, shape).astype(spec.dtype)


def _continued(env: GymnasiumEnvironment, actions: np.ndarray) -> Iterator[TimeStep]:
    """All steps, and the first step of one more episode."""
    for action in actions:
        yield env.step(action)
    yield env.reset()


def _episode(env: GymnasiumEnvironment, actions: np.ndarray) -> Iterator[TimeStep]:
    """The episode of seed 0, until it ends or the actions do."""
    env.seed(0)
    yield env.reset()
    for action in actions:
        if env.should_reset(env.current_time_step()):
            return
        yield env.step(action)


def _digest(steps: Iterable[TimeStep]) -> bytes:
    digest = hashlib.blake2b()
    for step in steps:
        for part in step:
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
