"""One page for a colleague: every figure, table and claim, and what is behind them.

    python -m analysis.report --runs DIR --out report.html

The page is a single file without scripts that needs no server and no network.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import io
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import jinja2
import pandas as pd
from PIL import Image

from analysis import learning_curves, notes
from analysis.arguments import add_runs
from analysis.claims.evaluation import evaluate, section, shown
from analysis.collect import Tables, load
from analysis.figures.catalog import FIGURES, TABLES, WITHOUT_RUNS, Figure
from analysis.figures.iqm import STANDARD
from analysis.select import SETTING
from rigl_rl import paper
from rigl_rl.command_line import Parser, exit_code
from rigl_rl.errors import NoRunsError
from rigl_rl.files import replacing

TEMPLATE = Path(__file__).with_name("report.html.jinja")
NO_SETTING = {
    *("mean", "low", "high", "iqm", "n_seeds", "n_tasks", "env_step", "sigma", "network"),
    *("params", "dense_reward", "standard_share"),
}
"""Columns of a figure's numbers that do not tell the settings of its runs apart."""


FLOPS_COMMAND = "python -m rigl_rl.flops --out analysis/figures/atari_flops.csv"
"""Makes the numbers of Figure 7, which has no runs."""


@dataclasses.dataclass(frozen=True)
class Drawn:
    """A figure on the page."""

    name: str
    title: str
    caption: str
    png: str
    csv: str
    """Both base64."""
    rests_on: str
    command: str
    left_out: list[str]


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A table of best hyper-parameters on the page."""

    title: str
    heads: list[str]
    rows: list[list[str]]
    command: str


@dataclasses.dataclass(frozen=True)
class Missing:
    """A figure or table that there are no runs for."""

    title: str
    command: str


def draw(figure: Figure, tables: Tables, aside: Path) -> Drawn:
    """Draws a figure; raises NoRunsError when there is no data for it."""
    with notes.heard() as left_out:
        png, _, csv = figure.draw(tables, aside)
    points = pd.read_csv(csv)
    return Drawn(
        name=figure.name,
        title=title(figure.name),
        caption=figure.caption,
        png=base64.b64encode(_small(png)).decode(),
        csv=base64.b64encode(csv.read_bytes()).decode(),
        rests_on=rests_on(points),
        command=FLOPS_COMMAND if figure.name == "figure7" else tables.command(figure.name),
        left_out=left_out,
    )


def _small(png: Path) -> bytes:
    """The picture in 128 colors, a third of its size."""
    small = io.BytesIO()
    with Image.open(png) as picture:
        picture.convert("RGB").quantize(128).save(small, "PNG", optimize=True)
    return small.getvalue()


def summary(found: pd.DataFrame, runs: pd.DataFrame) -> list[str]:
    """What the page is about in a few lines: verdicts, runs, seeds, time, date."""
    verdicts = found.loc[found["cells"] > 0, "verdict"].value_counts()
    counted = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
    without = int((found["cells"] == 0).sum())
    # A run with and one without its SNR measured are one seed.
    seeds = runs.groupby(SETTING, dropna=False)["seed"].nunique()
    lines = [
        f"Findings, by agent: {counted or 'none has runs'}; {without} without runs.",
        f"Runs: {len(runs):,} of {len(seeds):,} settings, {seeds.min()} to {seeds.max()} seeds "
        "each.",
    ]
    if "wall_s" in runs:
        lines.append(f"Training: {runs['wall_s'].sum() / 3600:,.1f} core-hours.")
    return [*lines, f"Made on {datetime.date.today():%Y-%m-%d}."]


def title(name: str) -> str:
    """'figure14_left' as 'Figure 14 (left)'."""
    number, _, part = name.replace("figure", "").partition("_")
    return f"Figure {number}" + (f" ({part})" if part else "")


def rests_on(points: pd.DataFrame) -> str:
    """How many runs, and seeds of each setting, are behind a figure's numbers."""
    if "n_seeds" not in points:
        return "counted, no runs"
    points = _each_once(points)
    settings = [column for column in points if column not in NO_SETTING]
    seeds = points.groupby(settings, dropna=False)["n_seeds"].max()
    tasks = points.groupby(settings, dropna=False)["n_tasks"].max() if "n_tasks" in points else 1
    runs = int((seeds * tasks).sum())
    least, most = int(seeds.min()), int(seeds.max())
    spread = str(least) if least == most else f"{least} to {most}"
    return f"{runs} runs, {spread} seed{'s' if most > 1 else ''} per setting"


def _each_once(points: pd.DataFrame) -> pd.DataFrame:
    """Gives the rows of runs that a figure shows in several panels one setting."""
    if "label" in points:  # the standard dense network, beside every sparsity
        standard = points["label"] == STANDARD
        return points.assign(target_sparsity=points["target_sparsity"].mask(standard, 0.0))
    if "column" in points:  # the standard hyper-parameters, in the panel of each of them
        best = [paper.best("sac_mujoco", row.method)[row.column] for row in points.itertuples()]
        standard = points["value"] == pd.Series(best, points.index, float)
        return points.assign(
            column=points["column"].mask(standard, "standard"),
            value=points["value"].mask(standard, 0.0),
        )
    return points


def versions(runs: pd.DataFrame) -> dict[str, str]:
    """The packages that the runs were made with; several versions where runs differ."""
    return {
        column.partition(".")[2]: ", ".join(sorted(map(str, runs[column].dropna().unique())))
        for column in runs
        if column.startswith("versions.")
    }


def render(tables: Tables, left_out: list[str] | None = None) -> str:
    """The page, as HTML.

    left_out: what is known to be missing from `tables`; what claims leave out is added.
    """
    drawn, sweeps, missing = [], [], []
    with tempfile.TemporaryDirectory() as aside:
        for name, figure in FIGURES.items():
            try:
                drawn.append(draw(figure, tables, Path(aside)))
            except NoRunsError:
                missing.append(Missing(title(f"figure{name}"), tables.command(f"figure{name}")))
    for table in TABLES.values():
        try:
            rows = table.cells(table.data(tables))
            heads = table.heads(tables)
            sweeps.append(Sweep(table.title, heads, rows, tables.command(table.name)))
        except NoRunsError:
            missing.append(Missing(table.title, tables.command(table.name)))
    if {figure.name.replace("figure", "") for figure in drawn} <= WITHOUT_RUNS:
        raise NoRunsError(f"no figure can be drawn from {tables.source}")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE.parent), autoescape=True, trim_blocks=True
    )
    with notes.heard() as of_claims:
        found = evaluate(tables)
    return environment.get_template(TEMPLATE.name).render(
        figures=drawn,
        sweeps=sweeps,
        missing=missing,
        claims=[
            (text, section(number), [(row, shown(row)) for _, row in rows.iterrows()])
            for (text, number), rows in found.groupby(["text", "section"], sort=False)
        ],
        scores=learning_curves.scores(learning_curves.labelled(tables)).to_dict("records"),
        versions=versions(tables.runs),
        n_runs=len(tables.runs),
        score_line=tables.score_line,
        summary=summary(found, tables.runs),
        left_out=[*(left_out or []), *of_claims],
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the page."""
    parser = Parser(prog="python -m analysis.report", description="Write a report as one page.")
    add_runs(parser)
    parser.add_argument("--out", type=Path, required=True, help="HTML file to write")
    args = parser.parse_args(argv)
    with notes.heard() as left_out:
        tables = load(args.runs, args.score)
    page = render(tables, left_out)
    with replacing(args.out) as aside:
        aside.write_text(page, encoding="utf-8")
    print(args.out)
    return 0


if __name__ == "__main__":
    sys.exit(exit_code(main))
