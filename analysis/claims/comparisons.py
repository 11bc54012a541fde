"""Which runs a claim of `claims` compares with which.

Each function yields, for each agent that has such runs, a title and two groups of runs with a
column `score`: first those that the paper finds better (or equal), then the others. Those that need
a setting return such a function. Where the column `in_units` is false, scores have an order only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Callable

import numpy as np
import pandas as pd

from analysis import style
from analysis.collect import Tables
from analysis.normalization import atari_scores
from analysis.parameter_splits import is_split, splits
from analysis.select import MATCHES_WITHIN, comparable, standard_dense
from rigl_rl import paper
from rigl_rl.paper import ERK, UNIFORM

AT = ["env", "target_sparsity"]
LEARNT = 0.05
"""A policy has learnt something whose return is above the worst by more than this share of it, and
of what the standard dense network's is above it."""
STARVED = 0.35
"""Largest share of a budget that counts as starving a network of SAC's."""
WORST = {"Acrobot-v1": -500.0, "MountainCar-v0": -200.0}
"""Returns of a failed episode where they are not about 0: scores count from there."""

Sides = Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]
Compare = Callable[[Tables, str], Sides]
"""(tables, the claim's name) -> (agent, first group, second group) of each agent."""


def _agents(
    tables: Tables, name: str, varied: Sequence[str] = ()
) -> Iterator[tuple[str, pd.DataFrame]]:
    """(title, runs) of each agent, runs that may be compared with each other."""
    runs = comparable(tables.scored, name, varied)
    for (agent, suite), own in runs.groupby(["agent", "suite"]):
        standard = own[standard_dense(own)]
        unchanged = standard[list(varied)].isna().all(axis=1)
        dense = standard[unchanged] if unchanged.any() else standard
        full = own["env"].map(dense.groupby("env")["final_return"].mean())
        worst = _worst(own)
        # 1 is the standard dense network's mean, where there is one that has learnt.
        unit = (full - worst).where(full - worst > LEARNT * worst.abs())
        score = (own["final_return"] - worst) / unit.fillna(1.0)
        title = tables.labelled(_title(agent, suite), own)
        yield title, own.assign(score=score, in_units=unit.notna())


def _title(agent: str, suite: str) -> str:
    return f"{agent.upper()} {suite}"


def _worst(runs: pd.DataFrame) -> pd.Series:
    """What a policy that has learnt nothing returns."""
    worst = {**atari_scores()["random"], **WORST}
    return runs["env"].map(lambda task: worst.get(task, 0.0))


def _is(runs: pd.DataFrame, *methods: str) -> pd.DataFrame:
    return runs[runs["method"].isin(methods)]


def _sparse(runs: pd.DataFrame, distribution: str = ERK) -> pd.DataFrame:
    here = runs["method"].isin(paper.METHODS) & (runs["distribution"] == distribution)
    return runs[here & runs["sparsities"].isna() & ~runs["sparse_output_layer"].eq(False)]


def matched_dense(tables: Tables, name: str) -> Sides:
    """Sparse networks; dense ones of any width with as many parameters."""
    for title, runs in _agents(tables, name):
        sparse, dense = _sparse(runs), _is(runs, "dense")
        matches = []
        for key, cell in sparse.groupby([*AT, "method"]):
            there = dense[dense["env"] == key[0]]
            near = (there["active_params"] / cell["active_params"].mean() - 1).abs()
            matches.append(
                there[near < MATCHES_WITHIN].assign(target_sparsity=key[1], method=key[2])
            )
        yield title, sparse, pd.concat(matches) if matches else dense[:0]


def without_loss(sparsity: float) -> Compare:
    """Sparse networks that are trained so, Static aside; the standard dense network."""

    def sides(tables: Tables, name: str) -> Sides:
        for title, runs in _agents(tables, name):
            sparse = _sparse(_is(runs, "prune", "set", "rigl"))
            sparse = sparse[np.isclose(sparse["target_sparsity"], sparsity)]
            yield title, sparse, runs[standard_dense(runs)]

    return sides


def methods(first: Sequence[str], second: Sequence[str]) -> Compare:
    """Sparse methods, ERK; others."""

    def sides(tables: Tables, name: str) -> Sides:
        for title, runs in _agents(tables, name):
            sparse = _sparse(runs)
            yield title, _is(sparse, *first), _is(sparse, *second)

    return sides


def distributions(tables: Tables, name: str) -> Sides:
    """ERK; uniform."""
    for title, runs in _agents(tables, name):
        yield title, _sparse(runs, ERK), _sparse(runs, UNIFORM)


def starved(tables: Tables, name: str) -> Sides:
    """SAC with a small actor; with small critics. Of equal budgets, split unequally (Figure 3)."""
    runs = splits(tables.scored, name, paper.BUDGETS)
    if not runs.empty:
        runs = runs[is_split(runs)]
        share = runs["actor_share"]
        runs = runs.assign(
            score=runs["final_return"], starved_to=np.minimum(share, 1 - share).round(1)
        )
        title = tables.labelled("SAC mujoco", runs)
        yield title, runs[share < STARVED], runs[share > 1 - STARVED]


def weight_decay(tables: Tables, name: str) -> Sides:
    """A small weight decay; none."""
    for title, runs in _agents(tables, name, ["weight_decay"]):
        runs = runs[runs["distribution"].isna() | (runs["distribution"] == ERK)]
        runs = runs[(runs["method"] != "dense") | standard_dense(runs)]
        small = runs["weight_decay"].between(1e-6, 1e-4)
        yield title, runs[small], runs[runs["weight_decay"] == 0.0]


def aware_init(distribution: str) -> Compare:
    """With sparsity-aware initialization; without it."""

    def sides(tables: Tables, name: str) -> Sides:
        for title, runs in _agents(tables, name, ["sparsity_aware_init"]):
            sparse = _sparse(_is(runs, "static", "set", "rigl"), distribution)
            aware = sparse["sparsity_aware_init"].eq(True)
            yield title, sparse[aware], sparse[~aware]

    return sides


def _snr(tables: Tables, name: str) -> pd.DataFrame:
    """The runs' mean log SNR over training, a row per network, as score.

    The distribution of dense networks is "none".
    """
    ratio = pd.to_numeric(tables.snr["snr"])
    snr = tables.snr[(ratio > 0) & np.isfinite(ratio)]
    mean = np.log(pd.to_numeric(snr["snr"])).groupby([snr["path"], snr["network"]]).mean()
    runs = comparable(tables.runs[tables.runs["path"].isin(snr["path"])], name)
    runs = runs.assign(distribution=runs["distribution"].fillna("none"))
    return mean.rename("score").reset_index().merge(runs, on="path")


def snr_by_sparsity(tables: Tables, name: str) -> Sides:
    """The standard dense network's SNR, beside each sparsity; that of networks of a distribution.

    A finding about ERK is none about uniform masks, so each has a title of its own, which names the
    sparsities compared.
    """
    for (agent, suite), runs in _snr(tables, name).groupby(["agent", "suite"]):
        dense = _is(runs, "dense")
        sparse = _is(runs, *paper.METHODS)
        sparse = sparse[sparse["env"].isin(dense["env"])]
        for distribution, own in sparse.groupby("distribution"):
            sparsities = sorted(own["target_sparsity"].unique())
            copies = [dense.assign(target_sparsity=sparsity) for sparsity in sparsities]
            kind = style.DISTRIBUTIONS.get(distribution, distribution)
            listed = ", ".join(f"{100 * sparsity:.4g}" for sparsity in sparsities)
            yield f"{_title(agent, suite)}, {kind} {listed}%", pd.concat(copies), own


def snr_by_network(tables: Tables, name: str) -> Sides:
    """Critics' SNR; actors'."""
    for (agent, suite), runs in _snr(tables, name).groupby(["agent", "suite"]):
        critics = runs[runs["network"].isin(["critic", "value"])]
        yield _title(agent, suite), critics, runs[runs["network"] == "actor"]


def _kept_under_noise(tables: Tables, name: str) -> pd.DataFrame:
    """What share of its return a policy keeps under the strongest noise it was evaluated under, as
    score, and the nearest share of the standard dense network's parameters.

    Without policies that have learnt nothing: they have nothing to keep.
    """
    noisy = tables.robustness.sort_values("sigma").groupby("path")["avg_return"]
    clean, noisiest = noisy.first(), noisy.last()
    runs = tables.runs[tables.runs["path"].isin(clean.index)]
    # As in Figure 6; all runs of a directory may have been evaluated, uniform ones too.
    runs = runs[(runs["method"] == "dense") | (runs["distribution"] == ERK)]
    if runs.empty:
        return runs.assign(score=[], share=[])
    runs = comparable(runs, name)
    worst = _worst(runs)
    had = runs["path"].map(clean) - worst
    dense = had.where(standard_dense(runs)).groupby([runs["suite"], runs["env"]])
    learnt = had > LEARNT * np.maximum(worst.abs(), dense.transform("mean").fillna(0.0))
    kept = (runs["path"].map(noisiest) - worst) / had.where(learnt)
    full = runs.groupby(["suite", "env"])["total_params"].transform("max")
    share = [
        min(paper.NOISE_SHARES, key=lambda share: abs(size / share - 1))
        for size in runs["active_params"] / full
    ]
    return runs.assign(score=kept, share=share).dropna(subset=["score"])


def noise_by_method(tables: Tables, name: str) -> Sides:
    """Sparse networks; dense ones of their size, all under noise."""
    for (agent, suite), runs in _kept_under_noise(tables, name).groupby(["agent", "suite"]):
        yield _title(agent, suite), _is(runs, "set", "rigl"), _is(runs, "dense")


def noise_by_size(tables: Tables, name: str) -> Sides:
    """Smaller networks; those of full size, all under noise."""
    for (agent, suite), runs in _kept_under_noise(tables, name).groupby(["agent", "suite"]):
        yield _title(agent, suite), runs[runs["share"] < 1], runs[runs["share"] == 1]
