"""The paper's five MuJoCo tasks: their names, contact forces, exact copies, and divergence.

paper           here            observation  action  steps  contact forces
HalfCheetah-v2  HalfCheetah-v4           17       6   1000  not observed
Hopper-v2       Hopper-v4                11       3   1000  not observed
Walker2d-v2     Walker2d-v4              17       6   1000  not observed
Ant-v2          Ant-v4                  111       8   1000  84 inputs, and a cost: all zero
Humanoid-v2     Humanoid-v4             376      17   1000  84 inputs: all zero

The -v2 tasks need a simulator binding that is no longer maintained; the -v4 tasks are the same on
MuJoCo's own binding. Either name is accepted. They differ in the contact forces (`data.cfrc_ext`)
of Ant and Humanoid: zero under the -v2 names, real under the -v4 names.

MuJoCo 2.0 and later compute these forces only on request, and mujoco-py never asks. The original
pins mujoco-py 2.1, so its agents observe zeros and pay no contact cost. Sources: openai/gym issues
1541, 1711 and 2593; the notes on -v3 and earlier in gymnasium's ant_v5.py and humanoid_v5.py.

gymnasium's -v4 tasks request the forces. Its Ant-v4 observes them only with `use_contact_forces`,
which is always set here. Its Humanoid-v4 observes them without charging a contact cost.
"""

import copyreg
import io
import pickle
from typing import Any

import gymnasium
from gymnasium.utils import EzPickle

from rigl_rl.adapters.mujoco_simulation import leave_out_contact_forces
from rigl_rl.errors import RiglRlError

TASKS: dict[str, dict[str, Any]] = {
    "HalfCheetah": {},
    "Hopper": {},
    "Walker2d": {},
    "Ant": {"use_contact_forces": True},
    "Humanoid": {},
}
"""Options that give a -v4 task the observations of the paper's -v2 task."""

_CONTACT_FORCES = {"Ant-v2": False, "Humanoid-v2": False, "Ant-v4": True, "Humanoid-v4": True}

# The last four kinds of MuJoCo's warnings: bad positions, velocities, accelerations and controls.
# After one of them MuJoCo silently resets the simulation to its initial state.
_FIRST_UNSTABLE = 3


class SimulationError(RiglRlError):
    """A simulation diverged."""


def resolve(name: str) -> tuple[str, dict[str, Any]]:
    """The gymnasium id and options for `name`; names other than the paper's stay as they are.

    So does a name of the paper's under which a module has registered an environment of its own:
    import the modules first.
    """
    task = _task(name)
    return (name, {}) if task is None else (f"{task}-v4", TASKS[task])


def contact_forces(name: str) -> bool | None:
    """Whether contact forces are real (True) or zero (False) under this name; None: irrelevant.

    Import modules first, as for `resolve`.
    """
    return None if _task(name) is None else _CONTACT_FORCES.get(name)


def _task(name: str) -> str | None:
    """The key of `TASKS` that `name` stands for, if any."""
    task, _, version = name.rpartition("-")
    known = task in TASKS and version in ("v2", "v4")
    return task if known and _is_gymnasiums(name) and _is_gymnasiums(f"{task}-v4") else None


def _is_gymnasiums(name: str) -> bool:
    """Whether no module but gymnasium has registered an environment under this name."""
    spec = gymnasium.registry.get(name)
    if spec is None:
        return True
    entry = spec.entry_point
    module = entry if isinstance(entry, str) else getattr(entry, "__module__", "")
    return module.startswith("gymnasium.envs") and not spec.kwargs


class ZeroContactForces(gymnasium.Wrapper):
    """Leaves a MuJoCo simulation's contact forces at zero, in observations and in rewards.

    The original's agents see zeros too, because mujoco-py does not compute the forces.
    """

    def __init__(self, env: gymnasium.Env):
        super().__init__(env)
        leave_out_contact_forces(self)

    def __setstate__(self, state):
        self.__dict__.update(state)
        leave_out_contact_forces(self)


class StopOnDivergence(gymnasium.Wrapper):
    """Raises a SimulationError at the step where a MuJoCo simulation becomes unstable."""

    def __init__(self, env: gymnasium.Env):
        super().__init__(env)
        self._simulation: Any = env.unwrapped

    def step(self, action):
        """Takes a step of the wrapped environment."""
        result = self.env.step(action)
        if self._simulation.data.warning.number[_FIRST_UNSTABLE:].any():
            name = self.spec.id if self.spec else "MuJoCo"
            raise SimulationError(
                f"the simulation of {name} diverged (numbers became infinite, NaN or huge)"
            )
        return result


def is_simulation(env: Any) -> bool:
    """Whether this is a MuJoCo environment itself, not a wrapper around one."""
    if not isinstance(env, gymnasium.Env):
        return False
    # By name: a user's environment may have other kinds of `data` and `model`, and MuJoCo may not
    # be installed.
    kinds = [type(vars(env).get(name)).__name__ for name in ("data", "model")]
    return kinds == ["MjData", "MjModel"]


def import_quietly() -> None:
    """Imports MuJoCo and silences its warnings, which go to standard output and a log file."""
    import mujoco  # only loaded to simulate

    mujoco.set_mju_user_warning(lambda message: None)


def dumps(value: Any) -> bytes:
    """Like `pickle.dumps`, but keeps the state of MuJoCo simulations. Load with `pickle.loads`.

    Loading a pickled gymnasium environment makes a fresh one. Here the pickle also holds all of
    MuJoCo's data, not only positions and velocities: the solver starts from its last solution, and
    rewards depend on body positions of the last substep.
    """
    file = io.BytesIO()
    _Pickler(file).dump(value)
    return file.getvalue()


class _Pickler(pickle.Pickler):
    def reducer_override(self, value):
        if not (is_simulation(value) and isinstance(value, EzPickle)):
            return NotImplemented
        simulation: Any = value
        state = (value.__getstate__(), simulation.spec, simulation.data, simulation.np_random)
        return copyreg.__newobj__, (type(value),), state, None, None, _restore  # type: ignore


def _restore(env, state) -> None:
    import mujoco

    arguments, spec, data, random = state
    env.__setstate__(arguments)
    env.spec = spec
    mujoco.mj_copyData(env.data, env.model, data)
    env.np_random = random
