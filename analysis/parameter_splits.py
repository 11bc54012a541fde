"""SAC runs that split a parameter budget between actor and critics (Figure 3, section 5)."""

from collections.abc import Sequence

import pandas as pd

from analysis.select import comparable, standard_dense

SPLIT = ("dense", "rigl")
"""Methods whose parameters are split: dense networks by width, sparse ones by sparsity."""
VARIED = ["widths", "sparsities"]
NETWORK = "network_params."


def splits(runs: pd.DataFrame, name: str, budgets: Sequence[float]) -> pd.DataFrame:
    """SAC's split runs and its standard dense ones; empty if no run is split.

    Added columns: actor_share (of the parameters of actor and critics) and budget, the nearest one
    of `budgets` (shares of the standard networks' parameters).
    """
    runs = runs[runs["agent"] == "sac"]
    split = is_split(runs) & runs["method"].isin(SPLIT)
    if not split.any():
        return runs[:0]
    runs = comparable(runs[split | standard_dense(runs)], name, VARIED)
    networks = runs.filter(regex=f"^{NETWORK.replace('.', '[.]')}")
    params = networks.sum(axis=1)
    full = params.where(~is_split(runs)).groupby(runs["env"]).transform("first")
    shares = params / full.fillna(runs.groupby("env")["total_params"].transform("max"))
    return runs.assign(
        actor_share=(runs[f"{NETWORK}actor"] / params).round(3),
        budget=[min(budgets, key=lambda budget: abs(budget - share)) for share in shares],
    )


def is_split(runs: pd.DataFrame) -> pd.Series:
    """Whether a run splits parameters differently from the networks' widths or ERK."""
    return runs[VARIED].notna().any(axis=1)
