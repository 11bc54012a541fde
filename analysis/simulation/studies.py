"""Studies as data: the runs of a grid, and the groups that every claim compares.

The grids are those of classic control at 90% sparsity and of SAC. Scores are drawn around 1, the
dense network's score, with a standard deviation of 0.15. The code for real runs judges them.
"""

import contextlib
import dataclasses
import io
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis import hyperparameters
from analysis.claims.claim import Claim
from analysis.claims.findings import CLAIMS
from analysis.claims.pairs import Pairs
from analysis.claims.runs import Runs
from analysis.claims.verdict import fewest, holm
from analysis.run_tables import Tables
from rigl_rl import paper
from rigl_rl.paper import ERK, UNIFORM

DEVIATION = 0.15
PARAMETERS = 100_000


def setting(agent: str, env: str, method: str, **changes: Any) -> dict[str, Any]:
    """A run without seed and scores: the paper's best hyperparameters, except for `changes`."""
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
    """Figures 3, 4 and 13: SAC's hyperparameters on one task, its splits on three."""
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
    """One run per setting and seed, all with the same score, and their SNR."""
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


@dataclasses.dataclass
class Compared:
    """A claim about one agent: positions of its groups' rows in the drawn scores."""

    claim: Claim
    name: str
    pairs: Pairs
    first: np.ndarray
    second: np.ndarray


class Grid:
    """A study's runs, and what its claims compare; scores are drawn for many studies at once."""

    def __init__(self, settings: Sequence[dict], seeds: int):
        """A grid of these settings, with this many seeds each."""
        made = tables(settings, seeds)
        runs = Runs(made)
        self.seeds = seeds
        self._places: dict[str, int] = {}
        self.compared = []
        for claim in CLAIMS:
            if claim.compare is None or "noise" in claim.name:
                continue
            for title, first, second in claim.compare(runs):
                pairs = claim.pairs(first, second)
                if pairs.cells:
                    sides = [self._place(side) for side in (first, second)]
                    name = " ".join([claim.name, *title.split(", ")[1:]])
                    self.compared.append(Compared(claim, name, pairs, *sides))
        standard = made.runs[made.runs["setting"].str.endswith("/dense")]
        self._dense = {env: self._place(own) for env, own in standard.groupby("env")}
        self._tasks = pd.Series(
            [place.split("/")[1] for place in self._places], index=range(len(self._places))
        )

    def _place(self, side: pd.DataFrame) -> np.ndarray:
        names = side["path"] + (":" + side["network"] if "network" in side else "")
        return np.array([self._places.setdefault(name, len(self._places)) for name in names])

    def draw(self, random: np.random.Generator, studies: int) -> np.ndarray:
        """Scores [studies, runs] without any effect."""
        return 1 + DEVIATION * random.normal(size=(studies, len(self._places)))

    def judged(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """p, whether the claim holds, and whether it is decided, [studies, claims] each."""
        scores = scores.copy()
        means = {env: scores[:, dense].mean(1, keepdims=True) for env, dense in self._dense.items()}
        for env, mean in means.items():
            scores[:, self._tasks == env] /= mean
        p, holds = [], []
        for each in self.compared:
            found = each.claim.measured(each.pairs, scores[:, each.first], scores[:, each.second])
            p.append(found[1])
            holds.append(found[2])
        levels = np.stack(p, axis=-1)
        few = np.array(
            [
                each.pairs.seeds < fewest(each.claim.quantity, each.pairs.independent)
                for each in self.compared
            ]
        )
        return levels, np.stack(holds, -1), holm(np.where(few, np.nan, levels))


def quietly(settings: Sequence[dict], seeds: int) -> Grid:
    """A grid, without messages about runs of one sweep that another does not use."""
    with contextlib.redirect_stderr(io.StringIO()):
        return Grid(settings, seeds)
