"""The page as HTML: its content, in order."""

import dataclasses
import tempfile
from pathlib import Path

import jinja2
import pandas as pd

from analysis import learning_curves, notes
from analysis.claims.evaluation import evaluate, section, shown
from analysis.figures.catalog import FIGURES, TABLES, WITHOUT_RUNS
from analysis.report.pictures import Picture, draw, learn, title
from analysis.report.summary import summary, versions
from analysis.run_tables import Tables
from analysis.style import agent_name
from rigl_rl.errors import NoRunsError

TEMPLATE = Path(__file__).with_name("page.html.jinja")
SUITES = {"classic": "classic control", "mujoco": "MuJoCo"}


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A table of best hyperparameters on the page."""

    title: str
    rows: pd.DataFrame
    command: str
    left_out: list[str]


@dataclasses.dataclass(frozen=True)
class Missing:
    """A figure, table or finding without runs."""

    title: str
    command: str


@dataclasses.dataclass(frozen=True)
class Agent:
    """Final returns of an agent's runs, and its learning curves if they were evaluated."""

    name: str
    scores: pd.DataFrame
    """As text."""
    curves: Picture | None


def render(tables: Tables, left_out: list[str] | None = None) -> str:
    """The page, as HTML.

    left_out: messages about runs missing from `tables`; those of the claims are added.

    Raises NoRunsError when no figure can be drawn.
    """
    with tempfile.TemporaryDirectory() as aside:
        figures, missing = _figures(tables, Path(aside))
        if {figure.name.replace("figure", "") for figure in figures} <= WITHOUT_RUNS:
            raise NoRunsError(f"no figure can be drawn from {tables.source}")
        agents = _agents(tables, Path(aside))
    sweeps, without = _sweeps(tables)
    with notes.heard() as of_claims:
        found = evaluate(tables)
    tested = found["cells"] > 0
    untested = [Missing(row.text, row.command) for row in found[~tested].itertuples()]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE.parent), autoescape=True, trim_blocks=True
    )
    return environment.get_template(TEMPLATE.name).render(
        figures=figures,
        agents=agents,
        sweeps=sweeps,
        missing=missing + without + untested,
        claims=[
            (text, section(number), [(row, shown(row)) for _, row in rows.iterrows()])
            for (text, number), rows in found[tested].groupby(["text", "section"], sort=False)
        ],
        versions=versions(tables.runs),
        score_line=tables.score_line,
        summary=summary(found, tables.runs),
        left_out=[*(left_out or []), *of_claims],
    )


def _figures(tables: Tables, aside: Path) -> tuple[list[Picture], list[Missing]]:
    drawn, missing = [], []
    for figure in FIGURES.values():
        try:
            drawn.append(draw(figure, tables, aside))
        except NoRunsError:
            missing.append(Missing(title(figure.name), tables.command(figure.name)))
    return drawn, missing


def _sweeps(tables: Tables) -> tuple[list[Sweep], list[Missing]]:
    sweeps, missing = [], []
    for table in TABLES.values():
        command = tables.command(table.name)
        try:
            with notes.heard() as left_out:
                rows = table.text(table.data(tables), tables)
            sweeps.append(Sweep(table.title, rows, command, left_out))
        except NoRunsError:
            missing.append(Missing(table.title, command))
    return sweeps, missing


def _agents(tables: Tables, aside: Path) -> list[Agent]:
    agents = []
    for (agent, suite), runs in tables.scored.groupby(["agent", "suite"]):
        name = agent_name(agent, suite)
        if not suite.startswith("atari"):
            name += f", {SUITES.get(suite, suite)}"
        scores, curves = learn(tables._replace(runs=runs), name, aside)
        agents.append(Agent(name, learning_curves.text(scores), curves))
    return agents
