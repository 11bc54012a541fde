"""The figures of the page: each is drawn once, and embedded with its description and numbers."""

import base64
import dataclasses
import io
import re
from pathlib import Path
from urllib.parse import quote

import pandas as pd
from PIL import Image

from analysis import learning_curves, notes
from analysis.alt_text import Reading, describe
from analysis.figures.figure import Figure
from analysis.figures.iqm import STANDARD
from analysis.run_tables import Tables
from rigl_rl import paper
from rigl_rl.errors import NoRunsError

NO_SETTING = {
    *("mean", "low", "high", "iqm", "n_seeds", "n_tasks", "env_step", "sigma", "network"),
    *("params", "dense_reward", "standard_share", "env_steps", "unit_seeds", "unit_env_steps"),
}
"""Columns of a figure's numbers that do not distinguish the settings of its runs."""
READABLE = 0.5
"""Share of a picture's width in pixels: 100 of 200 pixels per inch."""


@dataclasses.dataclass(frozen=True)
class Picture:
    """A figure on the page."""

    name: str
    title: str
    caption: str
    alt: str
    png: str
    """In base64."""
    csv: str
    """URL-encoded; six digits are enough to draw it again and take a third of the space."""
    readable: int
    """The minimum width, in pixels, at which the text is readable."""
    rests_on: str
    command: str
    left_out: list[str]


def draw(figure: Figure, tables: Tables, aside: Path) -> Picture:
    """Draws a figure; raises NoRunsError when there is no data for it."""
    with notes.heard() as left_out:
        png, _, csv = figure.draw(tables, aside)
    about = (figure.name, title(figure.name), figure.caption, tables.command(figure.name), left_out)
    return _picture(png, csv, figure.reading, *about)


def learn(tables: Tables, agent: str, aside: Path) -> tuple[pd.DataFrame, Picture | None]:
    """Final returns of one agent's runs (`learning_curves.scores`), and its learning curves.

    No curves if no run has evaluations.
    """
    with notes.heard() as left_out:
        runs = learning_curves.labeled(tables)
        scores = learning_curves.scores(runs)
        chosen, which = learning_curves.main_lines(runs)
        try:
            points = learning_curves.data(chosen, tables)
        except NoRunsError:
            return scores, None
        png, _, csv = learning_curves.draw(points, aside)
    name = re.sub(r"\W+", "_", f"curves {agent}".lower()).strip("_")
    caption = f"Return of evaluations over training: {which}."
    command = f"python -m analysis.learning_curves --runs {tables.source} --out figures"
    about = (name, f"Learning curves, {agent}", caption, command, left_out)
    return scores, _picture(png, csv, learning_curves.READING, *about)


def _picture(
    png: Path,
    csv: Path,
    reading: Reading,
    name: str,
    title: str,
    caption: str,
    command: str,
    left_out: list[str],
) -> Picture:
    points = pd.read_csv(csv, float_precision="round_trip")
    small, width = _small(png)
    # The names of panels and lines are long and made from the other columns.
    numbers = points.drop(columns=["panel", "label"]) if "panel" in points else points
    return Picture(
        name,
        title,
        caption,
        f"{title}. {describe(points, reading)}",
        base64.b64encode(small).decode(),
        quote(numbers.to_csv(index=False, float_format="%.6g"), safe=","),
        round(READABLE * width),
        rests_on(points),
        command,
        left_out,
    )


def _small(png: Path) -> tuple[bytes, int]:
    """The picture in 128 colors, a third of the file size; and its width in pixels."""
    small = io.BytesIO()
    with Image.open(png) as picture:
        picture.convert("RGB").quantize(128).save(small, "PNG", optimize=True)
        return small.getvalue(), picture.width


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
    """Gives one setting to the rows of a run that a figure shows in several panels."""
    if {"label", "n_tasks"} <= set(points):  # the standard dense network, at every sparsity
        standard = points["label"] == STANDARD
        return points.assign(target_sparsity=points["target_sparsity"].mask(standard, 0.0))
    if "column" in points:  # the standard hyperparameters, in the panel of each of them
        best = [paper.best("sac_mujoco", row.method)[row.column] for row in points.itertuples()]
        standard = points["value"] == pd.Series(best, points.index, float)
        return points.assign(
            column=points["column"].mask(standard, "standard"),
            value=points["value"].mask(standard, 0.0),
        )
    return points
