"""The paper's five MuJoCo tasks: their names, contact forces, exact copies, and divergence.

paper           here            observation  action  steps  contact forces
HalfCheetah-v2  HalfCheetah-v4           17       6   1000  not observed
Hopper-v2       Hopper-v4                11       3   1000  not observed
Walker2d-v2     Walker2d-v4              17       6   1000  not observed
Ant-v2          Ant-v4                  111       8   1000  84 inputs, and a cost: all zero
Humanoid-v2     Humanoid-v4             376      17   1000  84 inputs: all zero

The -v2 tasks need a binding of the simulator that is no longer maintained; -v4 are the same tasks
on MuJoCo's own. Either name is accepted. They differ in the contact forces (`data.cfrc_ext`) of Ant
and Humanoid: zero under the -v2 names, real under the -v4 names.

MuJoCo 2.0 and later compute these forces only on request, and mujoco-py never asks. The original
pins mujoco-py 2.1, so its agents observe zeros and pay no contact cost. Sources: openai/gym issues
1541, 1711 and 2593; what gymnasium's ant_v5.py and humanoid_v5.py say of -v3 and earlier.

gymnasium's -v4 tasks ask for the forces. Its Ant-v4 observes them only with `use_contact_forces`,
which is always set here. Its Humanoid-v4 observes them at no cost.
"""

from __future__ import annotations

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
"""Options that make a -v4 task observe what the paper's -v2 task does."""

_CONTACT_FORCES = {"Ant-v2": False, "Humanoid-v2": False, "Ant-v4": True, "Humanoid-v4": True}

# MuJoCo's warnings of bad positions, velocities, accelerations and controls, the last four of its
# kinds: it has then put the simulation back to its initial state, as if nothing had happened.
_FIRST_UNSTABLE = 3


class SimulationError(RiglRlError):
    """A simulation diverged."""


def resolve(name: str) -> tuple[str, dict[str, Any]]:
    """The gymnasium id and options that stand for `name`; other names stand for themselves."""
    task, _, version = name.rpartition("-")
    if task in TASKS and version in ("v2", "v4"):
        return f"{task}-v4", TASKS[task]
    return name, {}


def contact_forces(name: str) -> bool | None:
    """Whether contact forces are real (True) or zero (False) under this name; None: no matter."""
    return _CONTACT_FORCES.get(name)


class ZeroContactForces(gymnasium.Wrapper):
    """Leaves a MuJoCo simulation's contact forces at zero, in observations and in rewards.

    As in the original's stack: mujoco-py does not compute them.
    """

    def __init__(self, env: gymnasium.Env):
        super().__init__(env)
        leave_out_contact_forces(self)

    def __setstate__(self, state):
        self.__dict__.update(state)
        leave_out_contact_forces(self)


class StopOnDivergence(gymnasium.Wrapper):
    """Raises a SimulationError in the step in which a MuJoCo simulation becomes unstable."""

    def __init__(self, env: gymnasium.Env):
        super().__init__(env)
        self._simulation: Any = env.unwrapped

    def step(self, action):
        """As the wrapped environment's."""
        result = self.env.step(action)
        if self._simulation.data.warning.number[_FIRST_UNSTABLE:].any():
            name = self.spec.id if self.spec else "MuJoCo"
            raise SimulationError(
                f"the simulation of {name} diverged (numbers became infinite, NaN or huge)"
            )
        return result


def is_simulation(env: Any) -> bool:
    """Whether this is a MuJoCo environment itself, not one that wraps it."""
    if not isinstance(env, gymnasium.Env):
        return False
    # By name: users' environments have `data` and `model` of other kinds, and no MuJoCo installed.
    kinds = [type(vars(env).get(name)).__name__ for name in ("data", "model")]
    return kinds == ["MjData", "MjModel"]


def import_quietly() -> None:
    """MuJoCo's warnings otherwise go to standard output and to a file in the working directory."""
    import mujoco  # loaded by those who simulate

    mujoco.set_mju_user_warning(lambda message: None)


def dumps(value: Any) -> bytes:
    """`pickle.dumps`, with MuJoCo simulations as they are: for `pickle.loads`.

    A pickled gymnasium environment is made anew on loading. Here the whole of MuJoCo's data goes
    along, not only positions and velocities: the solver starts from its last solution, and rewards
    look at body positions of the last substep.
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
