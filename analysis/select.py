"""Which runs may stand in one figure together."""

from __future__ import annotations

import pandas as pd

from analysis.errors import note

SETTING = ["env", "method", "distribution", "target_sparsity", "width"]
"""The columns that tell the settings of a study apart; runs equal in all of them are seeds."""


def classic_dqn(runs: pd.DataFrame) -> pd.DataFrame:
    """The DQN runs on the classic-control tasks."""
    return runs[(runs["agent"] == "dqn") & (runs["suite"] == "classic")]


def comparable(runs: pd.DataFrame, figure: str) -> pd.DataFrame:
    """Runs of full length, each setting and seed once; what is left out is said on stderr.

    A shortened run (of another preset, say) must not be averaged with full ones, and a run that
    was made twice (a study with SNR logging repeats runs of one without) is no second seed.
    """
    full = runs.groupby("env")["train_steps"].transform("max")
    for env, short in runs[runs["train_steps"] < full].groupby("env"):
        longest = int(full[short.index[0]])
        note(
            f"{figure}: left out {len(short)} {env} run(s) shorter than {longest:,} train steps, "
            f"the longest there (first: {short['path'].iloc[0]})"
        )
    runs = runs[runs["train_steps"] == full].sort_values("path")
    again = runs.duplicated([*SETTING, "seed"])
    # A run with and one without SNR logging train alike; that the two agree needs no words.
    differs = again & ~runs.duplicated([*SETTING, "seed", "final_return"])
    if differs.any():
        note(
            f"{figure}: left out {int(differs.sum())} run(s) that repeat another's setting and "
            f"seed with another score (first: {runs.loc[differs, 'path'].iloc[0]})"
        )
    return runs[~again]
