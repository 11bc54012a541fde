"""SYNTHETIC run directories: invented numbers in the layout of real runs, for these tests only."""

from __future__ import annotations

import json

import pytest

from launch.agent_runs import DISTRIBUTIONS, HYPERPARAMETERS, agent_run
from launch.agents import AGENTS

OBSERVATIONS = {"CartPole-v0": 4, "Acrobot-v1": 6, "MountainCar-v0": 2}
ACTIONS = {"CartPole-v0": 2, "Acrobot-v1": 3, "MountainCar-v0": 3}
MUJOCO = 17  # observations of the SYNTHETIC MuJoCo tasks, and actions


def write_synthetic_run(
    directory,
    env="CartPole-v0",
    method="rigl",
    sparsity=0.9,
    seed=0,
    distribution="erdos_renyi_kernel",
    width=1.0,
    returns=(10.0, 20.0, 30.0),
    greedy=None,
    steps=100,
    snr=None,
    noise=None,
    network="q",
    parameters=None,
    **changes,
):
    """A finished run whose result agrees with its evaluations, unless `changes` says otherwise.

    greedy: returns of the greedy policy, as many as `returns`; without them no such column.
    parameters: gin parameters in effect, such as {"train_eval.weight_decay": 1e-6}.
    noise: returns under noise, as (sigma, return) pairs.
    """
    if method == "dense":
        sparsity, distribution = 0.0, None
    hidden = int(512 * width + 0.5)
    inputs, outputs = OBSERVATIONS.get(env, MUJOCO), ACTIONS.get(env, MUJOCO)
    shapes = [(inputs, hidden), (hidden, hidden), (hidden, outputs)]
    kernels = [a * b for a, b in shapes]
    biases = sum(b for _, b in shapes)
    active = [round(k * (1 - sparsity)) for k in kernels]
    last = max(1, int(0.1 * len(returns)))
    result = {
        "agent": "dqn",
        "suite": "classic",
        "env": env,
        "method": method,
        "distribution": distribution,
        "target_sparsity": sparsity,
        "width": width,
        "seed": seed,
        "final_return": sum(returns[-last:]) / last,
        "evaluations": len(returns),
        "env_steps": steps + 10,
        "train_steps": steps,
        "active_params": sum(active) + biases,
        "total_params": sum(kernels) + biases,
        "sparsity": sparsity,
        "layers": [
            {"network": "q", "name": f"dense_{i}/kernel", "shape": list(shape), "active": n}
            for i, (shape, n) in enumerate(zip(shapes, active))
        ],
        "forward_flops": {"q": 2 * sum(active)},
        "wall_s": 1.0,
        "steps_per_s": 100.0,
        "peak_memory_mb": 1,
        "versions": {"rigl_rl": "0.1.0", "tensorflow": "2.15.1"},
    }
    if greedy is not None:
        result["final_return_greedy"] = sum(greedy[-last:]) / last
    result.update(changes)
    directory.mkdir(parents=True)
    at = [round(i * steps / max(1, len(returns) - 1)) for i in range(len(returns))]
    rows = [f"{step + 10},{step},{value},0.0,20,1.0" for step, value in zip(at, returns)]
    columns = "env_step,train_step,avg_return,std_return,episodes,wall_s"
    if greedy is not None:
        columns += ",greedy_return"
        rows = [f"{row},{value}" for row, value in zip(rows, greedy)]
    (directory / "evals.csv").write_text("\n".join([columns, *rows]) + "\n")
    if snr is not None:
        rows = [f"{step + 10},{step},{network},{value}" for step, value in snr]
        (directory / "snr.csv").write_text(
            "\n".join(["env_step,train_step,network,snr", *rows]) + "\n"
        )
    if noise is not None:
        rows = [
            f"{env},{method},{sparsity},{seed},{steps},{s},{value},0.0,20" for s, value in noise
        ]
        columns = "env,method,sparsity,seed,train_step,sigma,avg_return,std_return,episodes"
        (directory / "robustness.csv").write_text("\n".join([columns, *rows]) + "\n")
    if parameters is not None:
        lines = [f"{name} = {value!r}" for name, value in parameters.items()]
        (directory / "operative_config.gin").write_text("\n".join(lines) + "\n")
    (directory / "result.json").write_text(json.dumps(result))
    return directory


def launched_name(
    env="CartPole-v0",
    method="rigl",
    sparsity=0.9,
    seed=0,
    distribution="erdos_renyi_kernel",
    width=1.0,
    snr=None,
    parameters=None,
    agent="dqn",
    suite="classic",
    preset="paper",
    **others,
):
    """The name that the launcher gives a run that `write_synthetic_run` writes with such arguments.

    preset: whose schedule the run has.
    """
    del others
    launched = AGENTS[f"{agent}_{suite}"]
    changes = {binding: change for change, (_, binding) in HYPERPARAMETERS.items() if binding}
    changes["AdamOptimizer.learning_rate"] = "learning_rate"
    changes[launched.gin.weight_decay] = "weight_decay"
    changes[launched.gin.update_freq.get(method)] = "update_freq"
    short = {long: short for short, long in DISTRIBUTIONS.items()}
    sparse = {"distribution": short[distribution], "sparsity": sparsity} if distribution else {}
    return agent_run(
        launched,
        env,
        method,
        seed,
        launched.schedules[preset],
        **(sparse if method != "dense" else {}),
        units=round(width * launched.units),
        snr_freq=0 if snr is None else 2_000,
        **{changes[name]: value for name, value in (parameters or {}).items() if name in changes},
    ).name


@pytest.fixture
def launched(tmp_path):
    """As `run`, but in tmp_path / "runs" under the name that the launcher gives such a run."""

    def write(preset="paper", **settings):
        name = launched_name(preset=preset, **settings)
        return write_synthetic_run(tmp_path / "runs" / name, **settings)

    return write


@pytest.fixture(scope="session")
def write_run():
    """Writes one synthetic run: write_run(directory, method='rigl', seed=0, ...)."""
    return write_synthetic_run


@pytest.fixture
def run():
    """Writes one synthetic run: run(directory, method='rigl', seed=0, ...)."""
    return write_synthetic_run
