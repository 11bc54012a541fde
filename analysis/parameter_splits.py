"""SAC runs that split a parameter budget between actor and critics (Figure 3, section 5)."""

from collections.abc import Sequence

import pandas as pd

from analysis.notes import left_out
from analysis.select import SPLIT, comparable, is_split, nearest_share, standard_dense
from analysis.style import percent

METHODS = ("dense", "rigl")
"""Methods whose parameters are split: dense networks by width, sparse ones by sparsity."""
NETWORK = "network_params."


def splits(runs: pd.DataFrame, name: str, budgets: Sequence[float]) -> pd.DataFrame:
    """SAC's split runs, and its standard dense ones on the same tasks; empty if no run is split.

    Added columns: actor_share (of the parameters of actor and critics) and budget, the one of
    `budgets` (shares of the standard networks' parameters) that it is near; reports runs without.
    """
    runs = runs[runs["agent"] == "sac"]
    split = is_split(runs) & runs["method"].isin(METHODS)
    if not split.any():
        return runs[:0]
    beside = standard_dense(runs) & runs["env"].isin(runs.loc[split, "env"])
    runs = comparable(runs[split | beside], name, SPLIT)
    networks = runs.filter(regex=f"^{NETWORK.replace('.', '[.]')}")
    params = networks.sum(axis=1)
    full = params.where(~is_split(runs)).groupby(runs["env"]).transform("first")
    shares = params / full.fillna(runs.groupby("env")["total_params"].transform("max"))
    budget = shares.map(lambda share: nearest_share(share, budgets))
    if len(others := shares[budget.isna()]):
        found = ", ".join(others.map(percent).unique()[:3])
        left_out(
            name,
            f"left out {len(others)} split run(s) with {found} "
            f"of the standard networks' parameters (first: {runs.loc[others.index[0], 'path']})",
        )
    runs = runs.assign(actor_share=(runs[f"{NETWORK}actor"] / params).round(3), budget=budget)
    return runs[budget.notna()]
