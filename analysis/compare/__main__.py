"""Compares any sets of runs, as rliable recommends.

    python -m analysis.compare --runs DIR [DIR ...] --out DIR [--task_bootstrap] [--latex]

Writes compare.png and .pdf (aggregates, performance profiles, sample efficiency and probabilities
of improvement), a CSV of each, and compare.md: mean, median, IQM and optimality gap of normalized
scores; with --latex also compare.tex. Agents that share no tasks are compared separately, as in
compare_ppo_mujoco.png. A score of 1 is that of the agent's standard dense network, or of a human on
Atari. Groups are compared on the same tasks; it says which groups and tasks it leaves out. With
`--groups "Dense" "RigL 90%"` these groups, named as in the printed table, are compared on the tasks
that all of them have.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from analysis import notes
from analysis.arguments import parser_of_runs
from analysis.as_text import latex, markdown, with_interval
from analysis.compare import figure, statistics
from analysis.compare.figure import TITLES
from analysis.compare.groups import comparisons
from rigl_rl.command_line import exit_code
from rigl_rl.files import write_text


def table(found: pd.DataFrame) -> pd.DataFrame:
    """`statistics.aggregates` as a table: a row per group, a column per statistic, as text."""
    text = found.assign(
        text=[with_interval(row.value, row.low, row.high, ".3f") for row in found.itertuples()]
    )
    wide = text.pivot(index="group", columns="statistic", values="text")
    wide = wide.loc[found["group"].unique(), list(statistics.AGGREGATES)]
    wide = wide.rename(columns=TITLES)
    shape = found.groupby("group")[["seeds", "tasks"]].first()
    return wide.assign(Seeds=shape["seeds"], Tasks=shape["tasks"]).rename_axis("Runs").reset_index()


def main(argv: Sequence[str] | None = None) -> int:
    """Compares; prints the table."""
    parser = parser_of_runs("analysis.compare", "Compare sets of runs.", several=True)
    parser.add_argument(
        "--groups", nargs="+", default=(), help="compare only these, named as in the printed table"
    )
    parser.add_argument("--out", type=Path, required=True, help="directory for the output")
    parser.add_argument("--task_bootstrap", action="store_true", help="draw tasks as well as seeds")
    parser.add_argument("--latex", action="store_true", help="also write compare.tex")
    args = parser.parse_args(argv)
    paths: list[Path] = []
    with notes.heard():
        for name, groups in comparisons(args.runs, args.score, args.groups, args.steps).items():
            found = {
                "aggregates": statistics.aggregates(groups, args.task_bootstrap),
                "profiles": statistics.profiles(groups, args.task_bootstrap),
                "efficiency": statistics.efficiency(groups, args.task_bootstrap),
                "improvements": statistics.improvements(groups),
            }
            wide = table(found["aggregates"])
            text = f"{markdown(wide)}\n{groups.unit}\n"
            print(text)
            written = {f"{name}.md": text}
            if args.latex:
                written[f"{name}.tex"] = latex(wide)
            for kind, rows in found.items():
                written[f"{name}_{kind}.csv"] = rows.to_csv(index=False)
            paths += figure.draw(found, groups, args.out, name)
            for file, content in written.items():
                write_text(args.out / file, content)
                paths.append(args.out / file)
    print("wrote", ", ".join(map(str, paths)))
    return 0


if __name__ == "__main__":
    sys.exit(exit_code(main))
