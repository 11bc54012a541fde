"""Command line of the launcher.

    python -m launch list
    python -m launch run figure8 figure5_left --preset reduced --runs runs [--dry_run]

Run it at the root of the repository.
"""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from launch import jobs, local, studies
from launch.cli import Parser, positive
from launch.runs import Run


def core_hours(runs: Sequence[Run]) -> float:
    """Estimated hours on one core."""
    return sum(run.core_seconds for run in runs) / 3600


def print_list() -> None:
    """Prints the size of every study in every preset, and how many runs it shares with others."""
    print(f"{'study':<16}{'preset':<9}{'runs':>8}{'env steps':>17}{'core-hours':>12}")
    for preset_name, preset in studies.PRESETS.items():
        expanded = {study: studies.expand([study], preset) for study in studies.STUDIES}
        for study, runs in expanded.items():
            others = set().union(*(expanded[other] for other in expanded if other != study))
            shared = len(others & set(runs))
            _print_row(study, preset_name, runs, f"{shared:,} also of others" if shared else "")
        together = studies.expand(studies.STUDIES, preset)
        _print_row("all", preset_name, together, "each run once")


def _print_row(study: str, preset: str, runs: Sequence[Run], note: str) -> None:
    env_steps = sum(run.env_steps for run in runs)
    print(f"{study:<16}{preset:<9}{len(runs):>8,}{env_steps:>17,}{core_hours(runs):>12.1f}  {note}")


def print_commands(runs: Sequence[Run], runs_dir: Path, threads: int) -> None:
    """Prints the shell command of every unfinished run; the summary goes to stderr."""
    left = [run for run in runs if not local.job_of(run, runs_dir, threads).finished]
    if left and Path.cwd() != jobs.REPOSITORY:
        print(shlex.join(["cd", str(jobs.REPOSITORY)]))
    for run in left:
        print(shlex.join(run.command(runs_dir, threads)))
    print(
        f"{len(runs)} runs, {len(runs) - len(left)} already finished; the {len(left)} left take "
        f"about {core_hours(left):.1f} core-hours",
        file=sys.stderr,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line, does what it says and returns the exit code."""
    parser = Parser(prog="python -m launch", description="Launch the studies of the paper.")
    commands = parser.add_subparsers(dest="what", required=True, metavar="{list,run}")
    commands.add_parser("list", help="the studies, their presets and what they cost")
    run = commands.add_parser("run", help="train the runs of one or more studies")
    run.add_argument("studies", nargs="+", choices=list(studies.STUDIES), metavar="STUDY")
    run.add_argument("--preset", choices=list(studies.PRESETS), required=True)
    run.add_argument("--runs", type=Path, required=True, help="directory of all runs")
    run.add_argument("--workers", type=positive, help="runs at a time; default: cores / threads")
    run.add_argument("--threads", type=positive, default=1, help="threads of each run")
    run.add_argument("--seeds", type=positive, help="instead of the preset's number of seeds")
    run.add_argument("--dry_run", action="store_true", help="print the commands, run nothing")
    args = parser.parse_args(argv)

    if args.what == "list" or args.dry_run:
        # These print to stdout: end quietly when the reader (`| head`) has seen enough.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if args.what == "list":
        print_list()
        return 0
    preset = studies.PRESETS[args.preset]
    if args.seeds is not None:
        preset = preset.with_seeds(args.seeds)
    runs = studies.expand(args.studies, preset)
    if args.dry_run:
        print_commands(runs, args.runs.resolve(), args.threads)
        return 0
    workers = args.workers or local.default_workers(args.threads)
    return local.launch(runs, run.make_directory("--runs", args.runs), workers, args.threads)


if __name__ == "__main__":
    sys.exit(main())
