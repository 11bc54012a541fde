"""Steps gymnasium's MuJoCo environments without computing contact forces."""

import functools
from typing import Any

import gymnasium

READ_IN = {"gymnasium": "1.3.0"}


def leave_out_contact_forces(env: gymnasium.Env) -> None:
    """Keeps the contact forces of a MuJoCo environment at zero.

    gymnasium computes them after each step in a separate pass (`mj_rnePostConstraint`), on which
    the simulation does not depend.
    """
    simulation: Any = env.unwrapped
    simulation._step_mujoco_simulation = functools.partial(_step_alone, simulation)


def _step_alone(simulation, ctrl, n_frames) -> None:
    import mujoco  # only loaded to simulate

    simulation.data.ctrl[:] = ctrl
    mujoco.mj_step(simulation.model, simulation.data, nstep=n_frames)
