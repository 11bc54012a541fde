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
LEARNED = 0.05
"""A policy has learned something if its return exceeds the worst one by more than this share of it
(and of the standard dense network's gain, where scores are in units of that)."""
WORST = {"Acrobot-v1": -500.0, "MountainCar-v0": -200.0}
"""Returns of a failed episode on tasks where they are not about 0."""


def atari_scores() -> pd.DataFrame:
    """Scores of random and human play by game: columns random, human_modern, human_nature."""
    return pd.read_csv(ATARI_SCORES, comment="#", index_col="game")


def dense_sac(runs: pd.DataFrame) -> pd.DataFrame:
    """The unit of MuJoCo scores, a row per task: mean return, seeds, and env_steps (their mean)."""
    sac = runs[standard_dense(runs) & (runs["agent"] == "sac")].groupby("env")
    return pd.DataFrame(
        {
            "mean": sac["final_return"].mean(),
            "seeds": sac.size(),
            "env_steps": sac["env_steps"].mean(),
        }
    )


def normalized(runs: pd.DataFrame, human: str) -> pd.Series:
    """Normalized final returns; NaN for a MuJoCo task without standard dense SAC."""
    games = atari_scores()
    zero = games["random"].to_dict()
    one = {**games[f"human_{human}"], **dense_sac(runs)["mean"]}
    low = runs["env"].map(lambda task: zero.get(task, 0.0))
    high = runs["env"].map(one)
    return (runs["final_return"] - low) / (high - low)


def worst_return(runs: pd.DataFrame) -> pd.Series:
    """The return of a policy that has learned nothing."""
    worst = {**atari_scores()["random"], **WORST}
    return runs["env"].map(lambda task: worst.get(task, 0.0))


def has_learned(gain: pd.Series, worst: pd.Series) -> pd.Series:
    """Whether a policy that scores `gain` above the worst return has learned something."""
    return gain > LEARNED * worst.abs()
