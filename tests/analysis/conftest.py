"""SYNTHETIC run directories: invented numbers in the layout of real runs, for these tests only."""

import ast
import dataclasses
import inspect
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from analysis.collect import collect
from launch.agent_runs import DISTRIBUTIONS, HYPERPARAMETERS, agent_run
from launch.agents import AGENTS
from launch.studies.all_studies import STUDIES, expand
from launch.studies.presets import PRESETS

REPOSITORY = Path(__file__).resolve().parents[2]
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


def launched_name(preset="paper", agent="dqn", suite="classic", **settings):
    """The name that the launcher gives a run that `write_synthetic_run` writes with such settings.

    preset: whose schedule the run has.
    """
    bound = inspect.signature(write_synthetic_run).bind(None, **settings)
    bound.apply_defaults()
    run = SimpleNamespace(**bound.arguments)
    launched = AGENTS[f"{agent}_{suite}"]
    changes = {binding: change for change, (_, binding) in HYPERPARAMETERS.items() if binding}
    changes["AdamOptimizer.learning_rate"] = "learning_rate"
    changes[launched.gin.weight_decay] = "weight_decay"
    changes[launched.gin.interval(run.method)] = "update_freq"
    given = (run.parameters or {}).items()
    sparse = {}
    if run.distribution and run.method != "dense":
        short = {long: short for short, long in DISTRIBUTIONS.items()}[run.distribution]
        sparse = {"distribution": short, "sparsity": run.sparsity}
    return agent_run(
        launched,
        run.env,
        run.method,
        run.seed,
        launched.schedules[preset],
        **sparse,
        units=round(run.width * launched.units),
        snr_freq=0 if run.snr is None else 2_000,
        **{changes[name]: value for name, value in given if name in changes},
    ).name


NETWORKS = {"dqn": ("q",), "sac": ("actor", "critic_1", "critic_2"), "ppo": ("actor", "value")}


def parameters_of(run) -> dict:
    """What its gin files and bindings say, by the names of an operative config."""
    file = REPOSITORY / run.gin_file
    lines = [*(file.parent / "base.gin").read_text().splitlines()]
    lines += [*file.read_text().splitlines(), *run.bindings]
    texts = dict(
        map(str.strip, line.split("#")[0].split("=", 1))
        for line in lines
        if "=" in line.split("#")[0]
    )
    values = {}
    for name, text in texts.items():
        if text.startswith("%"):
            text = texts[text[1:]]
        if not text.startswith("@"):
            values[".".join(name.split(".")[-2:])] = ast.literal_eval(text)
    return values


def write_launched_run(run, root, score, steps=1_000) -> None:
    """The directory that such a run leaves, with this score."""
    label, task, _ = run.label.split("/")
    agent, name = AGENTS[label], label.split("_")[0]
    method = Path(run.gin_file).stem
    parameters = parameters_of(run)
    width = parameters[".".join(agent.gin.width.split(".")[-2:])]
    sparsity = parameters["SPARSITY"] if method != "dense" else 0.0
    nets = agent.nets(*agent.tasks[task])
    widths, sparsities = [width] * len(nets), [sparsity] * len(nets)
    for kind, numbers in (("widths", widths), ("sparsities", sparsities)):
        if text := parameters.get(f"train_eval.actor_critic_{kind}_str"):
            actor, critic = map(float, text.split("_"))
            numbers[:] = [actor, critic, critic]
    kernels, total, active = [], [], []
    for net, its_width, its_sparsity in zip(nets, widths, sparsities):
        units = round(its_width * agent.units)
        kernels.append(net.kernel_parameters(units))
        total.append(kernels[-1] + net.other_parameters(units))
        active.append(total[-1] - int(its_sparsity * kernels[-1]))
    write_synthetic_run(
        root / run.name,
        env=task,
        method=method,
        sparsity=sparsities[-1],  # as training records it
        seed=run.seed,
        distribution=parameters["DISTRIBUTION"],
        width=width,
        returns=(score,),
        steps=steps,
        snr=[(100, score)] if parameters.get("log_snr.freq") else None,
        noise=[(0.0, score), (30.0, 0.0)] if label == "dqn_atari_cnn" else None,
        network=NETWORKS[name][0],
        parameters={name: value for name, value in parameters.items() if "." in name},
        agent=name,
        suite=label.split("_", 1)[1],
        active_params=sum(active),
        total_params=sum(total),
        network_params=dict(zip(NETWORKS[name], active)),
        layers=[{"shape": [kernel]} for kernel in kernels],
    )


def of_many_seeds(tables, seeds=4):
    """The runs of tables, of one seed each, with so many, and curves; the first task lacks one.

    Scores fall with sparsity and vary between seeds; curves have ten points.
    """
    random = np.random.default_rng(0)
    runs = pd.concat([tables.runs.assign(number=number) for number in range(seeds)])
    runs = runs[(runs["number"] < seeds - 1) | (runs["env"] != runs["env"].iloc[0])]
    runs["seed"] = runs["number"]
    old = runs["path"]
    runs["path"] = old.str.replace("seed0", "") + "seed" + runs["seed"].astype(str)
    level = 3_000 * (1 - 0.6 * runs["target_sparsity"].astype(float) ** 3)
    level *= (runs["active_params"] / runs["total_params"].max()) ** 0.02
    runs["final_return"] = level * (1 + 0.1 * random.normal(size=len(runs)))

    def curves(table, column, values, of):
        """So many rows of each run in `table`, `of` scores and values."""
        own = runs[old.isin(table["path"])]
        parts = [
            own[["path"]].assign(
                **{column: value, "env_step": value, "train_step": value},
                **{"avg_return": of(own["final_return"], value), "network": "q", "std_return": 0.0},
                episodes=20,
                wall_s=1.0,
            )
            for value in values
        ]
        return pd.concat(parts, ignore_index=True)

    steps = np.linspace(10_000, 100_000, 10)
    snr = curves(tables.snr, "step", steps, lambda score, _: score)
    snr["snr"] = 0.3 * np.exp(-snr["step"] / 1e5) * snr.pop("avg_return") / 3_000
    sac = snr[snr["path"].str.startswith("sac")]
    snr = pd.concat(
        [
            snr[~snr["path"].isin(sac["path"])],
            sac.assign(network="actor", snr=sac["snr"] / 3),
            sac.assign(network="critic"),
        ]
    )
    noise = curves(tables.robustness, "sigma", np.arange(0, 31, 3), lambda s, x: s * (1 - x / 40))
    noise["train_step"] = noise["path"].map(runs.set_index("path")["train_steps"])
    noise = noise.assign(epsilon=0.001, noise_seed=0)
    evals = curves(tables.evals, "step", steps, lambda score, step: score * step / 1e5)
    return tables._replace(
        runs=runs.reset_index(drop=True),
        evals=evals,
        snr=snr.reset_index(drop=True),
        robustness=noise,
    )


@pytest.fixture(scope="session")
def full_grid(tmp_path_factory):
    """SYNTHETIC: tables of every run of the paper's figures, four seeds, but for the sweeps."""
    root = tmp_path_factory.mktemp("grid") / "runs"
    studies = [study for study in STUDIES if study.startswith("figure")]
    for run in expand(studies, dataclasses.replace(PRESETS["paper"], seeds=1, atari_seeds=1)):
        write_launched_run(run, root, 100.0)
    return of_many_seeds(collect(root))


@pytest.fixture(scope="session")
def write_launched():
    """Writes the directory of a launcher's run: write_launched(run, root, score)."""
    return write_launched_run


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
