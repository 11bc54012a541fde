"""Which final scores a claim compares with which.

Each function yields, for each agent that has such runs, a title and two groups of runs with a
column `score`: first those that the paper finds better (or equal), then the others. Functions with
parameters return such a function.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.claims.runs import AT, Runs, Sides, of_methods, sparse
from analysis.claims.runs import title as title_of
from analysis.parameter_splits import splits
from analysis.select import MATCHES_WITHIN, is_split, standard_dense
from rigl_rl import paper
from rigl_rl.paper import ERK, UNIFORM

STARVED = 0.25
"""Largest share of a budget at which one of SAC's networks counts as starved. Section 5 speaks of
10% to 20%; the standard actor has 34%."""
STANDARD_SPLIT_WITHIN = 0.05
"""How far an actor's share of parameters may be from the standard share to count as standard."""
NOT_STATIC = ("prune", "set", "rigl")
"""Static "performs poorly" (section 4), and weight decay is not said to help it (section 6)."""
SAC = title_of("sac", "mujoco")
HARD_TASKS = ("Humanoid-v2", "MsPacman", "Qbert", "Pong")
"""Those named in section 4."""


def matched_dense(
    runs: Runs, tasks: Sequence[str] | None = None, names: Sequence[str] = NOT_STATIC
) -> Sides:
    """Sparse networks; dense ones of any width with as many parameters.

    tasks: only these; all by default. names: of methods.
    """
    for title, own in runs.agents():
        own = own if tasks is None else own[own["env"].isin(tasks)]
        networks = sparse(of_methods(own, *names))
        dense = of_methods(own, "dense")
        matches = []
        for key, cell in networks.groupby([*AT, "method"]):
            there = dense[dense["env"] == key[0]]
            near = (there["active_params"] / cell["active_params"].mean() - 1).abs()
            matches.append(
                there[near < MATCHES_WITHIN].assign(target_sparsity=key[1], method=key[2])
            )
        yield title, networks, pd.concat(matches) if matches else dense[:0]


def without_loss(runs: Runs, sparsity: float) -> Sides:
    """Sparse networks at this sparsity, except Static; the standard dense network."""
    for title, own in runs.agents():
        networks = sparse(of_methods(own, *NOT_STATIC))
        networks = networks[np.isclose(networks["target_sparsity"], sparsity)]
        yield title, networks, own[standard_dense(own)]


def methods(
    runs: Runs, first: Sequence[str], second: Sequence[str], low: float = 0.0, high: float = 1.0
) -> Sides:
    """Sparse methods, ERK; others. At sparsities above `low` and up to `high`."""
    for title, own in runs.agents():
        networks = sparse(own)
        at = networks["target_sparsity"]
        networks = networks[(at > low) & (at <= high)]
        yield title, of_methods(networks, *first), of_methods(networks, *second)


def distributions(runs: Runs) -> Sides:
    """ERK; uniform."""
    for title, own in runs.agents():
        yield title, sparse(own, ERK), sparse(own, UNIFORM)


def _splits(runs: Runs) -> pd.DataFrame:
    found = splits(runs.tables.scored, "claims", paper.BUDGETS)
    return found.assign(score=found["final_return"])


def starved(runs: Runs) -> Sides:
    """SAC with a small actor; with small critics. Equal budgets, split unequally (Figure 3)."""
    found = _splits(runs)
    if not found.empty:
        found = found[is_split(found)]
        share = found["actor_share"]
        found = found.assign(starved_to=np.minimum(share, 1 - share).round(1))
        title = runs.tables.labeled(SAC, found)
        yield title, found[share < STARVED], found[share > 1 - STARVED]


def standard_split(runs: Runs) -> Sides:
    """SAC whose actor has about the standard networks' share of the parameters; other shares."""
    found = _splits(runs)
    if not found.empty:
        standard = found[~is_split(found)].groupby("env")["actor_share"].first()
        away = (found["actor_share"] - found["env"].map(standard)).abs()
        near = away < STANDARD_SPLIT_WITHIN
        title = runs.tables.labeled(SAC, found)
        yield title, found[near], found[(away >= STANDARD_SPLIT_WITHIN)]


def _varied(runs: Runs, column: str) -> list[tuple[str, pd.DataFrame]]:
    """(title, runs) of each agent that vary a hyperparameter; ERK and standard dense."""
    found = []
    for title, own in runs.agents(column):
        own = own[own["distribution"].isna() | (own["distribution"] == ERK)]
        own = own[~own["sparse_output_layer"].eq(False)]
        found.append((title, own[(own["method"] != "dense") | standard_dense(own)]))
    return found


def weight_decay(runs: Runs) -> Sides:
    """A small weight decay; none."""
    for title, own in _varied(runs, "weight_decay"):
        own = of_methods(own, "dense", *NOT_STATIC)
        small = own["weight_decay"].between(1e-6, 1e-4)
        yield title, own[small], own[own["weight_decay"] == 0.0]


def drop_fraction(runs: Runs) -> Sides:
    """SET and RigL that move connections; that keep their initial masks."""
    for title, own in _varied(runs, "drop_fraction"):
        own = of_methods(own, "set", "rigl")
        yield title, own[own["drop_fraction"] > 0], own[own["drop_fraction"] == 0.0]


def update_interval(runs: Runs) -> Sides:
    """Each other interval between mask updates; the interval that the paper recommends.

    A gain with one must not hide a loss with another, so each has its own title.
    """
    for title, own in _varied(runs, "update_freq"):
        own = of_methods(own, *NOT_STATIC)
        usual = own[own["update_freq"] == paper.RECOMMENDED_INTERVAL]
        for interval, others in own.drop(usual.index).groupby("update_freq"):
            yield f"{title}, every {interval:,.0f} steps", others, usual


def batch_size(runs: Runs) -> Sides:
    """The standard batch; smaller ones."""
    for title, own in _varied(runs, "batch_size"):
        standard = (own["agent"] + "_" + own["suite"]).map(paper.BATCH_SIZE)
        yield title, own[own["batch_size"] == standard], own[own["batch_size"] < standard]


def aware_init(runs: Runs, distribution: str, names: Sequence[str]) -> Sides:
    """With sparsity-aware initialization; without it. Of these methods."""
    for title, own in runs.agents("sparsity_aware_init"):
        networks = sparse(of_methods(own, *names), distribution)
        aware = networks["sparsity_aware_init"].eq(True)
        yield title, networks[aware], networks[~aware]


def unaware_init_of_static(runs: Runs) -> Sides:
    """Static without sparsity-aware initialization; with it. ERK."""
    for title, aware, unaware in aware_init(runs, ERK, ["static"]):
        yield title, unaware, aware


def pruned_resnet(runs: Runs) -> Sides:
    """The ResNet pruned to 90%; the standard one."""
    for title, own in runs.agents():
        own = own[own["suite"] == "atari_resnet"]
        networks = sparse(of_methods(own, "prune"))
        networks = networks[np.isclose(networks["target_sparsity"], 0.9)]
        yield title, networks, own[standard_dense(own)]
