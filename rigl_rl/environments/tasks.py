"""Names and makes a run's environment, the same way for training and evaluation."""

from __future__ import annotations

import dataclasses
import importlib
import warnings
from collections.abc import Mapping
from typing import Any

import gymnasium

from rigl_rl.environments import mujoco_tasks, vector_spaces
from rigl_rl.errors import ConfigError
from rigl_rl.parameters import check

IS_NAME = (
    lambda name: isinstance(name, str) and name != "" and name.count(":") < 2,
    "a name like 'CartPole-v0' or 'my_module:MyEnv-v0'",
)
"""Allowed names of tasks: a test, and a description."""


@dataclasses.dataclass(frozen=True)
class Task:
    """An environment's name and the options to make it with.

    Attributes:
      name: a name that `gymnasium.make` takes ('CartPole-v0', 'my_module:MyEnv-v0'), or one of the
        paper's -v2 names. An environment that a module registers under such a name comes first.
      max_episode_steps: steps after which an episode is truncated; None: the environment's
        registered limit, if it has one.
      contact_forces: MuJoCo tasks only: True simulates contact forces, False leaves them at zero;
        None: as the name implies (`mujoco_tasks`).
      modules: modules to import first, which register environments.

    Raises:
      ConfigError: a value is not allowed.
    """

    name: str
    max_episode_steps: int | None = None
    contact_forces: bool | None = None
    modules: tuple[str, ...] = ()

    def __post_init__(self):
        check("env_name", self.name, "str", test=IS_NAME)
        check("max_episode_steps", self.max_episode_steps, "int | None", low=1)
        check("contact_forces", self.contact_forces, "bool | None")

    @classmethod
    def of_run(cls, result: Mapping[str, Any]) -> Task:
        """The task that a run was trained on, from its result.json."""
        options = result.get("env_options", {})
        return cls(result["env"], **{**options, "modules": tuple(options.get("modules", ()))})

    def options(self) -> dict[str, Any]:
        """The options that are set: `env_options` of result.json."""
        options = {
            "max_episode_steps": self.max_episode_steps,
            "contact_forces": self.contact_forces,
            "modules": list(self.modules) or None,
        }
        return {key: value for key, value in options.items() if value is not None}

    def resolved(self, env: gymnasium.Env) -> Task:
        """This task with each None replaced by the value in effect in `env`, which it made."""
        assert env.spec is not None
        return dataclasses.replace(
            self,
            max_episode_steps=env.spec.max_episode_steps,
            contact_forces=self._contact_forces,
        )

    def make(self) -> gymnasium.Env:
        """Makes the environment, with vector observations and plain actions (`vector_spaces`).

        A MuJoCo simulation that diverges raises a `mujoco_tasks.SimulationError`.

        Raises:
          ConfigError: there is no such environment, it cannot be trained on, or a package is
            missing.
        """
        env = self._registered()
        simulated = mujoco_tasks.is_simulation(env.unwrapped)
        if self.contact_forces is not None and not simulated:
            raise ConfigError(
                f"contact_forces is {self.contact_forces}, but environment {self.name!r} is not a "
                "MuJoCo task; leave it unbound"
            )
        if simulated:
            mujoco_tasks.import_quietly()
            if self._contact_forces is False:
                env = mujoco_tasks.ZeroContactForces(env)
            env = mujoco_tasks.StopOnDivergence(env)
        return vector_spaces.simplified(env, self.name)

    @property
    def _contact_forces(self) -> bool | None:
        if self.contact_forces is not None:
            return self.contact_forces
        return mujoco_tasks.contact_forces(self._name_without_module)

    @property
    def _name_without_module(self) -> str:
        return self.name.rpartition(":")[2]

    def _registered(self) -> gymnasium.Env:
        """The environment as `gymnasium.make` returns it."""
        simulated = False
        try:
            for module in (*self.modules, self.name.rpartition(":")[0]):
                if module:
                    importlib.import_module(module)
            known, options = mujoco_tasks.resolve(self._name_without_module)
            spec = gymnasium.registry.get(known)
            simulated = spec is not None and ".mujoco" in str(spec.entry_point)
            if simulated:
                mujoco_tasks.import_quietly()
            with warnings.catch_warnings():
                # gymnasium calls CartPole-v0 and others out of date, but the paper uses them.
                warnings.filterwarnings("ignore", message=".*out of date.*")
                # The checker is for environments under development and slows down every step.
                return gymnasium.make(
                    known, self.max_episode_steps, disable_env_checker=True, **options
                )
        except Exception as error:  # a user's environment may raise anything
            known_kind = isinstance(error, (gymnasium.error.Error, ImportError))
            reason = ("" if known_kind else f"{type(error).__name__}: ") + " ".join(
                str(error).split()
            )
            if simulated and isinstance(error, ModuleNotFoundError):
                reason += "; MuJoCo tasks need the packages of gymnasium[mujoco]"
            raise ConfigError(f"cannot make environment {self.name!r}: {reason}") from error


def as_task(task: Task | str) -> Task:
    """Returns `task`, or makes a task of that name without options."""
    return Task(task) if isinstance(task, str) else task


def suite(env: gymnasium.Env) -> str:
    """The suite that an environment belongs to.

    gymnasium's 'classic', 'mujoco', 'box2d' and so on; otherwise the package that defines it.
    """
    module = type(env.unwrapped).__module__.split(".")
    if module[:2] != ["gymnasium", "envs"]:
        return module[0]
    return {"classic_control": "classic"}.get(module[2], module[2])
