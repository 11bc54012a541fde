"""The tables of all runs that figures, claims and the report are drawn from."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from analysis import scores


class Tables(NamedTuple):
    """The data behind figures.

    runs: a row per finished run: result.json flattened (`versions.tensorflow`, `forward_flops.q`),
        `layers` as JSON, `kernel_params` (elements of the masked kernels), the columns of
        `hyperparameters` and `planned_steps` of Atari's, `path` (below the root) and `stamp` (tells
        whether its files changed).
    evals, snr, robustness: the runs' rows by evaluation, by SNR measurement and by strength of
        noise on observations, each with its run's `path`.
    source: what the user gave as --runs.
    root: the directory of the runs, to be named in commands; the one in README.md if a table does
        not record it.
    greedy: agents whose returns are greedy here (see `scores`); none by default.
    """

    runs: pd.DataFrame
    evals: pd.DataFrame
    snr: pd.DataFrame
    robustness: pd.DataFrame
    source: Path
    greedy: frozenset[str] = frozenset()
    root: Path = Path("runs")

    @property
    def scored(self) -> pd.DataFrame:
        """The runs that have the selected score, in `final_return`."""
        return self.runs[self.runs["final_return"].notna()]

    @property
    def score_line(self) -> str:
        """Which score is shown and how many runs lack it; empty for the protocol's score."""
        own = self.runs[scores.agents_of(self.runs).isin(self.greedy)]
        if own.empty:
            return ""
        names = (own["agent"].str.upper() + " " + own["suite"]).unique()
        lacking = int(own["final_return"].isna().sum())
        return (
            f"scores of {', '.join(names)} are greedy; {lacking} of {len(own)} runs have no greedy "
            f"score" + (" and are left out" if lacking else "")
        )

    def labeled(self, text: str, runs: pd.DataFrame) -> str:
        """`text`, marked as greedy if `runs` (with agent and suite) show their greedy score."""
        return f"{text} (greedy)" if scores.agents_of(runs).isin(self.greedy).any() else text

    def command(self, studies: str) -> str:
        """What makes the data of `studies`, separated by spaces.

        It trains their runs. Figure 6 also needs evaluations of these under noise; Figure 7 has no
        runs, but counts.
        """
        names = studies.split()
        steps = []
        if trained := [name for name in names if name != "figure7"]:
            chosen = " ".join(trained)
            steps.append(f"python -m launch run {chosen} --preset reduced --runs {self.root}")
        if "figure6" in names:
            runs = self.root / "dqn_atari_cnn" / "*" / "*" / "seed*"
            steps.append(f"python -m rigl_rl.robustness --run {runs}")
        if "figure7" in names:
            steps.append("python -m rigl_rl.flops --out analysis/figures/atari_flops.csv")
        return ", then: ".join(steps)
