"""A summary of the page in a few lines, and the versions behind its runs."""

import datetime
import subprocess
from pathlib import Path

import pandas as pd

from analysis import hyperparameters
from analysis.claims.verdict import CONTRADICTED, SUPPORTED, TOO_FEW, UNDECIDED
from analysis.select import SETTING, configs_of, length_of
from rigl_rl import __version__

CHECKOUT = Path(__file__).resolve().parents[2]


def summary(found: pd.DataFrame, runs: pd.DataFrame) -> list[str]:
    """Verdicts; runs, seeds and time; machines; version and date of the page.

    found: from `evaluation.evaluate`. runs: all that are not left out.
    """
    verdicts = found.loc[found["cells"] > 0, "verdict"].value_counts()
    counted = [
        f"{verdicts.get(each, 0)} {each}" for each in (SUPPORTED, CONTRADICTED, UNDECIDED, TOO_FEW)
    ]
    findings = f"{found['claim'].nunique()} findings of the paper, each by agent"
    without = int((found["cells"] == 0).sum())
    # A run with SNR measurements and one without are one seed.
    seeds = runs.groupby(_setting(runs), dropna=False)["seed"].nunique()
    each = f"{seeds.min()} to {seeds.max()}" if seeds.nunique() > 1 else f"{seeds.min()}"
    lines = [
        f"{findings}: {', '.join(counted)}; {without} have no runs.",
        f"{len(runs):,} runs of {len(seeds):,} settings, {each} "
        f"seed{'s' if seeds.max() > 1 else ''} each.",
    ]
    if "wall_s" in runs:
        lines[-1] += f" Training took {runs['wall_s'].sum() / 3600:,.1f} core-hours."
    return [*lines, f"Trained on {machines(runs)}.", made()]


def _setting(runs: pd.DataFrame) -> list[pd.Series]:
    """What distinguishes the settings of runs."""
    values = runs.apply(hyperparameters.known_or_best, axis=1)
    return [*(runs[column] for column in SETTING), values, configs_of(runs), length_of(runs)]


def machines(runs: pd.DataFrame) -> str:
    """The machines that runs were trained on, and the number of runs without this record."""
    fields = ["machine.processor", "machine.cores"]
    known = runs.reindex(columns=fields).dropna()
    found = [
        f"{name} with {cores:g} cores ({len(own)} runs)"
        for (name, cores), own in known.groupby(fields)
    ]
    if silent := len(runs) - len(known):
        found.append(f"machines that are not named ({silent} older runs)")
    return ", ".join(found)


def made() -> str:
    """When the page was made, and by which version and commit of this code."""
    made_by = f"rigl_rl {__version__}"
    if name := commit():
        made_by += f", commit {name}"
    return f"This page: {datetime.date.today():%Y-%m-%d}, {made_by}."


def commit(checkout: Path = CHECKOUT) -> str:
    """The commit of the code, marked if files have changed since; empty outside a checkout."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(checkout), *words], capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        # A virtual environment inside another project's checkout is not ours.
        if not (top := git("rev-parse", "--show-toplevel")) or Path(top) != checkout:
            return ""
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short", "HEAD") + (" with changes" if changed else "")
    except OSError:  # no git
        return ""


def versions(runs: pd.DataFrame) -> dict[str, str]:
    """The packages that the runs were trained with; several versions if runs differ."""
    return {
        column.partition(".")[2]: ", ".join(sorted(map(str, runs[column].dropna().unique())))
        for column in runs
        if column.startswith("versions.")
    }
