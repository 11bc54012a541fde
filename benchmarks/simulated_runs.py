"""Runs that nobody trained, as tables: the grids whose claims `false_verdicts` judges."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis import hyperparameters
from analysis.collect import Tables
from rigl_rl import paper
from rigl_rl.paper import ERK, UNIFORM

PARAMETERS = 100_000
"""Of a dense network."""


def setting(agent: str, env: str, method: str, **changes: Any) -> dict[str, Any]:
    """A run without its seed and scores: the paper's best hyper-parameters, but for `changes`."""
    sparsity = changes.get("target_sparsity", 0.0)
    name, suite = agent.split("_")
    found = {
        **dict.fromkeys(hyperparameters.COLUMNS),
        **paper.best(agent, method),
        **{"agent": name, "suite": suite, "env": env, "method": method, "width": 1.0},
        **{"distribution": None if method == "dense" else ERK, "target_sparsity": sparsity},
        **{"total_params": PARAMETERS, "active_params": round(PARAMETERS * (1 - sparsity))},
        **changes,
    }
    path = "-".join(f"{key}={value}" for key, value in sorted(changes.items()))
    return {**found, "setting": f"{agent}/{env}/{method}{path}"}


def scaling(agent: str, tasks: Sequence[str], sparsities: Sequence[float]) -> Iterator[dict]:
    """Dense networks of all sizes, and all methods at all sparsities, ERK and uniform."""
    for env in tasks:
        yield setting(agent, env, "dense")
        for sparsity in sparsities:
            size = round(PARAMETERS * (1 - sparsity))
            yield setting(agent, env, "dense", width=(1 - sparsity) ** 0.5, active_params=size)
            for method, distribution in itertools.product(paper.METHODS, (ERK, UNIFORM)):
                yield setting(
                    agent, env, method, target_sparsity=sparsity, distribution=distribution
                )


def sensitivity() -> Iterator[dict]:
    """Figures 3, 4 and 13: SAC's hyper-parameters on one task, its splits on three."""
    grids = {
        "weight_decay": (paper.WEIGHT_DECAYS, ("dense", *paper.METHODS), (ERK,)),
        "sparsity_aware_init": ((True, False), ("static", "set", "rigl"), (ERK, UNIFORM)),
        "drop_fraction": (paper.DROP_FRACTIONS, ("set", "rigl"), (ERK,)),
        "update_freq": (paper.UPDATE_INTERVALS, ("prune", "set", "rigl"), (ERK,)),
        "batch_size": ((32, 64, 128, 256), ("dense", *paper.METHODS), (ERK,)),
    }
    for column, (values, methods, distributions) in grids.items():
        for value, method, distribution in itertools.product(values, methods, distributions):
            if value == paper.best("sac_mujoco", method)[column] and column != "update_freq":
                continue  # the standard run
            sparse = {"target_sparsity": 0.8, "distribution": distribution}
            changes = {column: value, **(sparse if method != "dense" else {})}
            yield setting("sac_mujoco", paper.SENSITIVITY_TASK, method, **changes)
    for env, budget, share in itertools.product(
        paper.MUJOCO_MAIN, paper.BUDGETS, paper.ACTOR_SHARES
    ):
        size = PARAMETERS * budget
        nets = {"actor": size * share, "critic_1": size * (1 - share)}
        nets = {f"network_params.{name}": number for name, number in nets.items()}
        text = f"{budget}_{share}"
        yield setting("sac_mujoco", env, "dense", widths=text, active_params=size, **nets)
        if budget < 1:
            yield setting(
                "sac_mujoco", env, "rigl", sparsities=text, target_sparsity=1 - budget, **nets
            )


CLASSIC = list(scaling("dqn_classic", paper.CLASSIC, (0.9,)))
SAC = [*scaling("sac_mujoco", paper.MUJOCO, (0.5, 0.8, 0.9, 0.95, 0.99)), *sensitivity()]


def tables(settings: Sequence[dict], seeds: int) -> Tables:
    """A run of each setting and seed, all with the same score, and their SNR."""
    unique = {each["setting"]: each for each in settings}.values()
    rows = [{**each, "seed": seed} for each in unique for seed in range(seeds)]
    runs = pd.DataFrame(rows)
    runs["path"] = runs["setting"] + "/seed" + runs["seed"].astype(str)
    runs = runs.assign(final_return=1.0, final_return_greedy=np.nan, planned_steps=None)
    runs["train_steps"] = 1
    standard = (runs["method"] == "dense") & (runs["width"] == 1.0)
    if "network_params.actor" in runs:
        plain = standard & runs["widths"].isna()
        runs.loc[plain, "network_params.actor"] = 0.34 * PARAMETERS
        runs.loc[plain, "network_params.critic_1"] = 0.66 * PARAMETERS
    plain = runs[["widths", "sparsities"]].isna().all(axis=1)
    logged = runs[plain & (standard | (runs["method"] == "rigl"))]
    networks = ("actor", "critic") if (runs["agent"] == "sac").any() else ("q",)
    snr = [logged[["path"]].assign(network=network, snr=1.0) for network in networks]
    none = pd.DataFrame(columns=["path", "sigma", "avg_return"])
    return Tables(runs, none, pd.concat(snr), none, Path("simulated"))
