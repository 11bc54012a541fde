"""Selects the score of a run to show: that of its protocol, or the greedy one.

DQN on classic control is evaluated twice: with the epsilon of Table 6 (`avg_return`,
`final_return`), which is its protocol, and greedily (`greedy_return`, `final_return_greedy`). The
other agents have one score. Figures, tables and claims read only `avg_return` and `final_return`;
`with_greedy` decides what these hold when runs are loaded.
"""

import pandas as pd

PROTOCOL, GREEDY = "protocol", "greedy"
CHOICES = (PROTOCOL, GREEDY)


def agents_of(runs: pd.DataFrame) -> pd.Series:
    """Agent and suite of each run: dqn_classic, sac_mujoco."""
    return runs["agent"] + "_" + runs["suite"]


def with_greedy(
    runs: pd.DataFrame, evals: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, frozenset[str]]:
    """Runs and evaluations with greedy returns, and the agents (`agents_of`) that have them.

    These are the agents with a greedy score in at least one run. Their older runs without a greedy
    score get NaN, since the two scores must not be averaged.
    """
    agents = agents_of(runs)
    greedy = frozenset(agents[runs["final_return_greedy"].notna()])
    two = agents.isin(greedy)
    runs = runs.assign(final_return=runs["final_return"].mask(two, runs["final_return_greedy"]))
    of_two = evals["path"].isin(runs.loc[two, "path"])
    evals = evals.assign(
        avg_return=evals["avg_return"].mask(of_two, evals["greedy_return"]),
        std_return=evals["std_return"].mask(of_two),
    )
    return runs, evals, greedy
