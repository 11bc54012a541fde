"""Scores in units that tasks share (caption of Figure 1).

MuJoCo scores are divided by the mean final return of the dense SAC agent of full width on the same
task. Atari scores are human-normalized: 0 for random play, 1 for a human player's.
"""

from pathlib import Path

import pandas as pd

from analysis.select import standard_dense

ATARI_SCORES = Path(__file__).with_name("atari_scores.csv")
HUMAN_SCORES = ("modern", "nature")
"""The human players to choose from: see `ATARI_SCORES`."""


def atari_scores() -> pd.DataFrame:
    """Scores of random and human play by game: columns random, human_modern, human_nature."""
    return pd.read_csv(ATARI_SCORES, comment="#", index_col="game")


def normalized(runs: pd.DataFrame, human: str) -> pd.Series:
    """Normalized final returns; NaN for a MuJoCo task without standard dense SAC."""
    sac = runs[standard_dense(runs) & (runs["agent"] == "sac")]
    games = atari_scores()
    zero = games["random"].to_dict()
    one = {**games[f"human_{human}"], **sac.groupby("env")["final_return"].mean()}
    low = runs["env"].map(lambda task: zero.get(task, 0.0))
    high = runs["env"].map(one)
    return (runs["final_return"] - low) / (high - low)
