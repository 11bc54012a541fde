"""The best hyperparameters of a sweep, in the layout of Tables 1, 2, 3 and 5.

A method's row is the setting with the highest mean final return, with the paper's choice and the
number of settings in the runs. The best of many settings is partly the best by luck, so the table
also shows the score and rank of the paper's setting. A method with one setting was not swept and
has no row.
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis import style
from analysis.as_text import latex, markdown, with_interval
from analysis.intervals import mean_interval
from analysis.normalization import HUMAN_SCORES, normalized
from analysis.notes import left_out
from analysis.run_tables import Tables
from analysis.scores import agents_of
from analysis.select import comparable
from rigl_rl import paper
from rigl_rl.errors import NoRunsError
from rigl_rl.files import replacing, write_text

HEADS = {
    "weight_decay": "Weight decay",
    "learning_rate": "Learning rate",
    "update_freq": "Update interval",
    "drop_fraction": "Drop fraction",
    "sparsity_aware_init": "Sparsity-aware init",
}
_SWEPT = ("weight_decay", "update_freq", "drop_fraction", "sparsity_aware_init")
_ORDER = ("dense", "prune", "static", "rigl", "set")
"""The rows of the paper's tables."""
_Setting = tuple[tuple[Any, ...], np.ndarray]
"""Values of the hyperparameters; scores [seeds, tasks]."""


@dataclasses.dataclass(frozen=True)
class SweepTable:
    """Best hyperparameters by method.

    Attributes:
      name: name of its files, and of the study that trains its runs.
      agent: a key of `paper.BEST`.
      tasks: tasks of the sweep; returns are human-normalized if they are games.
      columns: the hyperparameters shown (keys of `HEADS`).
      methods: the methods that are swept.
      human: table of human scores for Atari.
    """

    name: str
    title: str
    agent: str
    tasks: tuple[str, ...]
    columns: tuple[str, ...] = _SWEPT
    methods: tuple[str, ...] = _ORDER
    human: str = HUMAN_SCORES[0]
    latex: bool = False
    """Whether to write it in LaTeX, too."""

    def data(self, tables: Tables) -> pd.DataFrame:
        """A row per method: method, each hyperparameter and its value in the paper (`..._paper`),
        mean, low, high, n_seeds of the best setting, settings (how many there are).

        Raises NoRunsError when no method has two settings.
        """
        runs = tables.scored
        at_sparsity = np.isclose(runs["target_sparsity"].astype(float), paper.SWEEP_SPARSITY)
        at_sparsity &= runs["distribution"] == paper.ERK
        here = runs[
            (agents_of(runs) == self.agent)
            & runs["env"].isin(self.tasks)
            & (runs["width"] == 1.0)
            & ((runs["method"] == "dense") | at_sparsity)
        ]
        here = comparable(here, self.name, self.columns)
        score = normalized(here, self.human) if len(self.tasks) > 1 else here["final_return"]
        here = here.assign(score=score)
        rows = [self._best(method, here[here["method"] == method]) for method in self.methods]
        found = [row for row in rows if row]
        if not found:
            raise NoRunsError(
                f"{self.name}: no finished sweep of {self.agent} on {', '.join(self.tasks)} in "
                f"{tables.source}; make it with: {tables.command(self.name)}"
            )
        return pd.DataFrame(found)

    def _best(self, method: str, runs: pd.DataFrame) -> dict[str, Any]:
        settings: list[_Setting] = []
        lacking = 0
        for values, own in runs.groupby(list(self.columns), dropna=False):
            if set(own["env"]) != set(self.tasks):
                lacking += 1
                continue
            # [seeds, tasks], for the seeds that every task has.
            scores = own.pivot(index="seed", columns="env", values="score").dropna()
            if not scores.empty:
                settings.append((values, scores.to_numpy()))
        if lacking:
            left_out(self.name, f"left out {lacking} setting(s) of {method} that lack a task")
        settings = self._of_equal_seeds(method, settings)
        if len(settings) < 2:
            return {}
        values, scores = max(settings, key=lambda setting: setting[1].mean())
        mean, low, high = (float(x[0]) for x in mean_interval(scores.mean(axis=1, keepdims=True)))
        best = paper.best(self.agent, method)
        papers = [_text(best[column]) for column in self.columns]
        own = [found.mean() for its, found in settings if [*map(_text, its)] == papers]
        better = sum(found.mean() > own[0] for _, found in settings) if own else np.nan
        return {
            "method": method,
            **dict(zip(self.columns, values)),
            **{f"{column}_paper": best[column] for column in self.columns},
            **{"mean": mean, "low": low, "high": high, "n_seeds": len(scores)},
            "settings": len(settings),
            "mean_paper": own[0] if own else np.nan,
            "rank_paper": 1 + better,
        }

    def _of_equal_seeds(self, method: str, settings: list[_Setting]) -> list[_Setting]:
        """The settings with as many seeds as most have (the larger number on a tie), each cut to
        that many: a mean of fewer seeds is higher by luck more often. At least two are left.

        The paper's setting has more seeds than the others if a figure shows it, too.
        """
        counts = sorted(len(scores) for _, scores in settings)[:-1]  # that two settings can have
        if not counts:
            return settings
        usual = style.usual_seeds(pd.Series(counts))
        if fewer := sum(len(scores) < usual for _, scores in settings):
            left_out(
                self.name, f"left out {fewer} setting(s) of {method} of fewer than {usual} seeds"
            )
        if more := sum(len(scores) > usual for _, scores in settings):
            left_out(
                self.name,
                f"only the first {usual} seed(s) of {more} setting(s) of {method} count, as many "
                f"as other settings have",
            )
        return [(values, scores[:usual]) for values, scores in settings if len(scores) >= usual]

    def draw(self, tables: Tables, out: Path) -> list[Path]:
        """Writes the table as .md, .csv and, on request, .tex into `out`; returns their paths."""
        rows = self.data(tables)
        text, numbers = out / f"{self.name}.md", out / f"{self.name}.csv"
        write_text(text, self.markdown(rows, tables))
        with replacing(numbers) as aside:
            rows.to_csv(aside, index=False)
        paths = [text, numbers]
        if self.latex:
            paths.append(out / f"{self.name}.tex")
            write_text(paths[-1], latex(self.text(rows, tables)))
        return paths

    def markdown(self, rows: pd.DataFrame, tables: Tables) -> str:
        """The rows as a table; the paper's values in parentheses where they differ."""
        return f"{self.title}\n\n{markdown(self.text(rows, tables))}"

    def text(self, rows: pd.DataFrame, tables: Tables) -> pd.DataFrame:
        """The rows as text, under the names of their columns."""
        score = "Final reward" if len(self.tasks) == 1 else "Human-normalized score"
        score = tables.labeled(score, tables.runs[agents_of(tables.runs) == self.agent])
        hyperparameters = [HEADS[name] for name in self.columns]
        heads = ["Algorithm", *hyperparameters, score, "Seeds", "Settings", "Paper's setting"]
        cells = [
            [
                style.method_name(row["method"]),
                *(_value(row[column], row[f"{column}_paper"]) for column in self.columns),
                with_interval(row["mean"], row["low"], row["high"], ".4g"),
                str(row["n_seeds"]),
                str(row["settings"]),
                f"{row['mean_paper']:.4g}, rank {row['rank_paper']:.0f}"
                if row["rank_paper"] == row["rank_paper"]
                else "-",
            ]
            for row in rows.to_dict("records")
        ]
        return pd.DataFrame(cells, columns=heads)


SWEEPS = tuple(
    SweepTable(name, title, agent, (paper.SWEEP_TASK[agent],))
    for name, title, agent in (
        ("table1", "Table 1: DQN, classic control", "dqn_classic"),
        ("table2", "Table 2: SAC", "sac_mujoco"),
        ("table3", "Table 3: PPO", "ppo_mujoco"),
    )
) + (
    SweepTable(
        "table5",
        "Table 5: DQN on Atari, ResNet",
        "dqn_atari_resnet",
        paper.GAMES_MAIN,
        ("weight_decay", "learning_rate"),
        ("dense",),
    ),
)


def _value(ours: Any, papers: Any) -> str:
    return _text(ours) if _text(ours) == _text(papers) else f"{_text(ours)} ({_text(papers)})"


def _text(value: Any) -> str:
    if value is None or pd.isna(value):
        return "-"
    return str(bool(value)) if isinstance(value, (bool, np.bool_)) else f"{value:,g}"
