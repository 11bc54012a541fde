"""One step of gymnasium's MuJoCo environments without the pass that computes contact forces."""

from __future__ import annotations

import functools
from typing import Any

import gymnasium

READ_IN = {"gymnasium": "1.3.0"}


def leave_out_contact_forces(env: gymnasium.Env) -> None:
    """Keeps the contact forces of a MuJoCo environment at zero.

    gymnasium computes them in a pass of its own after each step (`mj_rnePostConstraint`), which the
    simulation does not depend on.
    """
    simulation: Any = env.unwrapped
    simulation._step_mujoco_simulation = functools.partial(_step_alone, simulation)


def _step_alone(simulation, ctrl, n_frames) -> None:
    import mujoco  # loaded by those who simulate

    simulation.data.ctrl[:] = ctrl
    mujoco.mj_step(simulation.model, simulation.data, nstep=n_frames)
