"""Command line of the launcher.

    python -m launch list [--preset reduced] [--runs runs]
    python -m launch run figure8 figure5_left --preset reduced --runs runs
    python -m launch run figure8 --preset paper --runs runs --on slurm --cluster cluster.yaml
    python -m launch run figure8 --preset paper --runs runs --on commands
    python -m launch status --runs runs
    python -m launch cancel --runs runs

Run it from the root of the repository.
"""

import argparse
import shlex
import shutil
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from launch import gin_copies, gin_files, selection, status
from launch.costs import Costs
from launch.execution import cluster, jobs, local, slurm_queue
from launch.runs import Run
from launch.studies.all_studies import STUDIES, expand
from launch.studies.presets import PRESETS
from launch.table import Table
from rigl_rl.command_line import Parser, exit_code, make_directory, positive
from rigl_rl.errors import ConfigError


def print_list(presets: Iterable[str], costs: Costs, *, describe: bool) -> None:
    """Prints each study's size in some presets.

    Args:
      presets: names of presets.
      costs: estimates of the runs' time.
      describe: whether to add what a study is, instead of how many runs it shares with others.
    """
    print(f"{'study':<16}{'preset':<9}{'runs':>8}{'env steps':>17}{'core-hours':>12}")
    for name in presets:
        expanded = {study: expand([study], PRESETS[name]) for study in STUDIES}
        for study, runs in expanded.items():
            others = set().union(*(expanded[other] for other in expanded if other != study))
            shared = len(others & set(runs))
            note = f"{shared:,} shared" if shared else ""
            if describe:
                note = (STUDIES[study].__doc__ or "").splitlines()[0]
            print(_row(study, name, runs, costs, note))
        print(_row("all", name, expand(STUDIES, PRESETS[name]), costs, "each run once"))


def _row(study: str, preset: str, runs: Sequence[Run], costs: Costs, note: str) -> str:
    env_steps = sum(run.env_steps for run in runs)
    hours = costs.core_hours(runs)
    return f"{study:<16}{preset:<9}{len(runs):>8,}{env_steps:>17,}{hours:>12,.1f}  {note}"


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
        f"about {Costs(runs_dir).core_hours(left):.1f} core-hours",
        file=sys.stderr,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code."""
    args = _parser().parse_args(argv)
    if args.what in ("list", "status") or (args.what == "run" and _prints(args)):
        # These print to stdout: end quietly if the reader (`| head`) closes the pipe.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if args.what == "run":
        return _run(args)
    if args.runs and not args.runs.is_dir():
        raise ConfigError(f"argument --runs: there is no directory {args.runs}")
    if args.what == "cancel":
        return _cancel(args)
    if args.what == "status":
        status.show(selection.launched(args), args.runs.absolute())
    else:
        presets = [args.preset] if args.preset else PRESETS
        print_list(presets, Costs(args.runs), describe=bool(args.preset))
    return 0


def _parser() -> Parser:
    parser = Parser(prog="python -m launch", description="Launch the studies of the paper.")
    commands = parser.add_subparsers(dest="what", required=True, metavar="{list,run,status,cancel}")
    listing = commands.add_parser("list", help="list studies, presets and their cost")
    listing.add_argument(
        "--preset", choices=list(PRESETS), help="only this preset, with descriptions"
    )
    run = commands.add_parser("run", help="train the runs of one or more studies")
    selection.add_arguments(run, studies="+", required=True)
    run.add_argument(
        "--on",
        choices=["local", "slurm", "commands"],
        default="local",
        help="this machine (default), a SLURM cluster, or only print the commands",
    )
    run.add_argument("--workers", type=positive, help="concurrent local runs; default: by cores")
    run.add_argument("--cluster", type=Path, help="YAML file with settings for SLURM jobs")
    run.add_argument("--wait", action="store_true", help="wait until the SLURM jobs end")
    run.add_argument("--threads", type=positive, default=1, help="threads per run")
    run.add_argument(
        "--sparse_execution",
        choices=["auto", "sparse", "dense"],
        help="how sparse networks are computed; default: as in the gin files",
    )
    run.add_argument("--dry_run", action="store_true", help="same as --on commands")
    for name, what in (
        ("status", "show the progress of runs; by default of all launches in --runs"),
        ("cancel", "end SLURM's queued and running jobs; by default all of --runs"),
    ):
        selection.add_arguments(commands.add_parser(name, help=what), studies="*", required=False)
    for name, command in commands.choices.items():
        command.add_argument(
            "--runs",
            type=Path,
            required=name != "list",
            help="directory of all runs; costs are estimated from its finished ones",
        )
    return parser


def _prints(args: argparse.Namespace) -> bool:
    return args.dry_run or args.on == "commands"


def _run(args: argparse.Namespace) -> int:
    selected = selection.of_arguments(args)
    runs = gin_files.found(selected.runs(strict=True), args.configs)
    copies = gin_copies.of(runs, args.configs, args.runs)
    table = Table(args.runs, required=args.skip_table)
    if skipped := len(runs) - len(runs := table.left(runs, args.skip_table)):
        print(f"{skipped} runs are left out: they are in {table.path}", file=sys.stderr)
    elif again := table.warning(runs):
        print(again, file=sys.stderr)
    if args.sparse_execution is not None:
        runs = [
            run.with_binding(f'sparse_execution.mode="{args.sparse_execution}"') for run in runs
        ]
    if _prints(args):
        print_commands(runs, args.runs.absolute(), args.threads)
        return 0
    if args.on == "slurm":
        return _on_slurm(runs, copies, selected, args)
    if args.cluster or args.wait:
        raise ConfigError("--cluster and --wait need --on slurm")
    workers = args.workers or local.default_workers(args.threads)
    runs_dir = make_directory("--runs", args.runs)
    gin_copies.keep(copies)
    selected.record(runs_dir)
    return local.launch(runs, runs_dir, workers, args.threads)


def _cancel(args: argparse.Namespace) -> int:
    launches = selection.launched(args) if selection.is_given(args) else None
    queue = slurm_queue.queued(args.runs)
    if launches is not None:
        table = Table(args.runs)
        runs = [
            run
            for launch, study in launches
            for run in table.left(launch.runs(study), launch.skip_table)
        ]
        measured = (run for run in runs if run.measured_name in queue)
        names = {run.name for run in runs}
        names |= {jobs.trained(run, args.runs, queue).name for run in measured}
        queue = {name: queued for name, queued in queue.items() if name in names}
    slurm_queue.cancel(queue.values())
    running = sum(each.running for each in queue.values())
    print(
        f"canceled {len(queue)} jobs, {running} of them running; launch again to continue",
        file=sys.stderr,
    )
    return 0


def _on_slurm(
    runs: Sequence[Run],
    copies: Mapping[Path, Path],
    selected: selection.Selection,
    args: argparse.Namespace,
) -> int:
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
    gin_copies.keep(copies)
    selected.record(runs_dir)
    return slurm.launch(runs, runs_dir, settings, args.threads, args.wait)


if __name__ == "__main__":
    sys.exit(exit_code(main))
