"""Command line of the launcher.

    python -m launch list
    python -m launch run figure8 figure5_left --preset reduced --runs runs
    python -m launch run figure8 --preset paper --runs runs --on slurm --cluster cluster.yaml
    python -m launch run figure8 --preset paper --runs runs --on commands

Run it in the root of the repository.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from launch import gin_files
from launch.execution import cluster, jobs, local
from launch.runs import Run
from launch.studies.all_studies import STUDIES, expand
from launch.studies.presets import PRESETS
from rigl_rl.command_line import Parser, exit_code, make_directory, positive, sparsity
from rigl_rl.errors import ConfigError


def core_hours(runs: Iterable[Run]) -> float:
    """Estimated hours on one core."""
    return sum(run.core_seconds for run in runs) / 3600


def print_list() -> None:
    """Prints each study's size in every preset, and how many runs it shares with other studies."""
    print(f"{'study':<16}{'preset':<9}{'runs':>8}{'env steps':>17}{'core-hours':>12}")
    for preset_name, preset in PRESETS.items():
        expanded = {study: expand([study], preset) for study in STUDIES}
        for study, runs in expanded.items():
            others = set().union(*(expanded[other] for other in expanded if other != study))
            shared = len(others & set(runs))
            _print_row(study, preset_name, runs, f"{shared:,} shared" if shared else "")
        together = expand(STUDIES, preset)
        _print_row("all", preset_name, together, "each run once")


def _print_row(study: str, preset: str, runs: Sequence[Run], note: str) -> None:
    env_steps = sum(run.env_steps for run in runs)
    print(f"{study:<16}{preset:<9}{len(runs):>8,}{env_steps:>17,}{core_hours(runs):>12.1f}  {note}")


def print_commands(runs: Sequence[Run], runs_dir: Path, threads: int) -> None:
    """Prints the command of every unfinished run, one per line, and a summary to stderr.

    Each line works by itself in a shell started in this directory, in any order or in parallel.
    """
    job_of_run = {run: jobs.job_of(run, runs_dir, threads) for run in runs}
    left = {run: job for run, job in job_of_run.items() if not job.finished}
    here = Path.cwd() == jobs.REPOSITORY
    prefix = "" if here else shlex.join(["cd", str(jobs.REPOSITORY)]) + " && "
    for job in left.values():
        print(prefix + shlex.join(job.argv))
    print(
        f"{len(runs)} runs, {len(runs) - len(left)} already finished; the {len(left)} left take "
        f"about {core_hours(left):.1f} core-hours",
        file=sys.stderr,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code."""
    parser = Parser(prog="python -m launch", description="Launch the studies of the paper.")
    commands = parser.add_subparsers(dest="what", required=True, metavar="{list,run}")
    commands.add_parser("list", help="list studies, presets and their cost")
    run = commands.add_parser("run", help="train the runs of one or more studies")
    run.add_argument("studies", nargs="+", choices=list(STUDIES), metavar="STUDY")
    run.add_argument("--preset", choices=list(PRESETS), required=True)
    run.add_argument("--runs", type=Path, required=True, help="directory of all runs")
    run.add_argument(
        "--on",
        choices=["local", "slurm", "commands"],
        default="local",
        help="this machine (default), a SLURM cluster, or only print the commands",
    )
    run.add_argument("--workers", type=positive, help="local runs at a time; default: by cores")
    run.add_argument("--cluster", type=Path, help="YAML file with settings for SLURM jobs")
    run.add_argument("--wait", action="store_true", help="wait until the SLURM jobs end")
    run.add_argument("--threads", type=positive, default=1, help="threads per run")
    run.add_argument("--seeds", type=positive, help="number of seeds; default: the preset's")
    run.add_argument(
        "--sparsities", type=sparsity, nargs="+", metavar="S", help="default: the preset's"
    )
    run.add_argument(
        "--methods",
        nargs="+",
        metavar="METHOD",
        help="sparse methods (names of gin files) instead of the studies'; dense networks stay",
    )
    run.add_argument(
        "--configs",
        type=Path,
        metavar="DIR",
        help="your gin files, DIR/AGENT/METHOD.gin (AGENT such as dqn_classic); for missing ones, "
        "gin_configs is used",
    )
    run.add_argument("--tasks", nargs="+", metavar="TASK", help="only these of the studies' tasks")
    run.add_argument(
        "--sparse_execution",
        choices=["auto", "sparse", "dense"],
        help="how sparse networks are computed; default: as in the gin files",
    )
    run.add_argument("--dry_run", action="store_true", help="same as --on commands")
    args = parser.parse_args(argv)

    if args.what == "list" or args.dry_run or args.on == "commands":
        # These print to stdout: end quietly if the reader (`| head`) closes the pipe.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if args.what == "list":
        print_list()
        return 0
    return _run(args)


def _run(args: argparse.Namespace) -> int:
    preset = PRESETS[args.preset]
    if args.seeds is not None:
        preset = preset.with_seeds(args.seeds)
    if args.sparsities is not None:
        preset = preset.with_sparsities(tuple(args.sparsities))
    if args.methods is not None:
        preset = preset.with_methods(tuple(dict.fromkeys(args.methods)))
    runs = [gin_files.found(run, args.configs) for run in expand(args.studies, preset)]
    if args.tasks is not None:
        known = dict.fromkeys(run.task for run in runs)
        if unknown := [task for task in args.tasks if task not in known]:
            raise ConfigError(
                f"argument --tasks: no runs on {', '.join(unknown)} in {', '.join(args.studies)} "
                f"(choose from {', '.join(known) or 'none'})"
            )
        runs = [run for run in runs if run.task in args.tasks]
    if args.sparse_execution is not None:
        runs = [
            run.with_binding(f'sparse_execution.mode="{args.sparse_execution}"') for run in runs
        ]
    if args.dry_run or args.on == "commands":
        print_commands(runs, args.runs.absolute(), args.threads)
        return 0
    if args.on == "slurm":
        return _on_slurm(runs, args)
    if args.cluster or args.wait:
        raise ConfigError("--cluster and --wait need --on slurm")
    workers = args.workers or local.default_workers(args.threads)
    return local.launch(runs, make_directory("--runs", args.runs), workers, args.threads)


def _on_slurm(runs: Sequence[Run], args: argparse.Namespace) -> int:
    if args.cluster is None:
        raise ConfigError("--on slurm needs --cluster FILE, with settings for the jobs")
    if args.workers:
        raise ConfigError(
            "--workers needs --on local; for SLURM set max_parallel in --cluster FILE"
        )
    if not shutil.which("sbatch"):
        raise ConfigError("--on slurm: sbatch not found; --on commands prints what to run")
    try:
        from launch.execution import slurm  # only this needs submitit
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"--on slurm needs {error.name}: pip install 'rigl_rl[cluster]'"
        ) from error
    settings = cluster.read(args.cluster)
    if settings.cpus is not None and settings.cpus < args.threads:
        raise ConfigError(
            f"argument --cluster: cpus is {settings.cpus}, but runs have {args.threads} threads"
        )
    runs_dir = make_directory("--runs", args.runs)
    return slurm.launch(runs, runs_dir, settings, args.threads, args.wait)


if __name__ == "__main__":
    sys.exit(exit_code(main))
