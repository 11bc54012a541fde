"""The runs that claims compare, selected and normalized once for all claims."""

from collections.abc import Callable, Iterator, Sequence

import pandas as pd

from analysis.normalization import has_learned, worst_return
from analysis.run_tables import Tables
from analysis.select import EQUALLY_LONG, about, comparable, env_steps, standard_dense
from rigl_rl import paper
from rigl_rl.paper import ERK

AT = ("env", "target_sparsity")

Sides = Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]


class Runs:
    """Tables, and the runs that claims select from them."""

    def __init__(self, tables: Tables):
        self.tables = tables
        self._agents: dict[tuple[str, ...], list[tuple[str, pd.DataFrame]]] = {}

    def agents(self, *varied: str) -> list[tuple[str, pd.DataFrame]]:
        """(title, runs) of each agent, with runs that may be compared with each other.

        Added columns: score, which is 1 for the mean of the standard dense network and 0 for a
        policy that has learned nothing, and in_units, False if no such network has learned
        anything; such scores can only be ranked. varied: see `select.comparable`.
        """
        if varied not in self._agents:
            self._agents[varied] = list(self._in_units(varied))
        return self._agents[varied]

    def _in_units(self, varied: Sequence[str]) -> Iterator[tuple[str, pd.DataFrame]]:
        name = f"claims on {', '.join(varied)}" if varied else "claims"
        runs = comparable(self.tables.scored, name, varied)
        for (agent, suite), own in runs.groupby(["agent", "suite"]):
            standard = own[standard_dense(own)]
            unchanged = standard[list(varied)].isna().all(axis=1)
            dense = standard[unchanged] if unchanged.any() else standard
            full = own["env"].map(dense.groupby("env")["final_return"].mean())
            worst = worst_return(own)
            unit = (full - worst).where(has_learned(full - worst, worst))
            score = (own["final_return"] - worst) / unit.fillna(1.0)
            labeled = self.tables.labeled(title(agent, suite), own)
            yield labeled, own.assign(score=score, in_units=unit.notna())


Compare = Callable[[Runs], Sides]
"""Runs -> (agent, first group, second group) of each agent; groups have a column `score`."""


def title(agent: str, suite: str) -> str:
    """The name of an agent in claims."""
    return f"{agent.upper()} {suite}"


def unlike_the_papers(runs: pd.DataFrame) -> tuple[str, ...]:
    """A note on each agent whose runs were trained for less or more than in the paper."""
    notes = []
    for (agent, suite), own in runs.groupby(["agent", "suite"]):
        papers = paper.ENV_STEPS.get(f"{agent}_{suite}")
        steps = env_steps(own)
        if papers and not (steps / papers).between(1 / EQUALLY_LONG, EQUALLY_LONG).all():
            low, high = steps.min(), steps.max()
            ends = (low, high) if high > EQUALLY_LONG * low else (low,)
            length = " to ".join(map(about, ends))
            notes.append(
                f"{title(agent, suite)} was trained for {length} environment steps, in the paper "
                f"for {papers:,}"
            )
    return tuple(notes)


def of_methods(runs: pd.DataFrame, *methods: str) -> pd.DataFrame:
    """The runs of these methods."""
    return runs[runs["method"].isin(methods)]


def sparse(runs: pd.DataFrame, distribution: str = ERK) -> pd.DataFrame:
    """Sparse networks of standard layout: all layers sparse."""
    here = runs["method"].isin(paper.METHODS) & (runs["distribution"] == distribution)
    return runs[here & ~runs["sparse_output_layer"].eq(False)]
