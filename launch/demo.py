"""`make demo`: sparse training on CartPole-v0, from scratch to a figure and a table.

    python -m launch.demo --out demo_results

Six short runs: dense, a dense network with as many parameters as the sparse ones, and pruning,
static, SET and RigL at 90% sparsity (ERK). They take 3 to 8 minutes on two cores.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from launch.agent_runs import agent_run, matched_dense_run
from launch.agents import DQN
from launch.execution import local
from launch.execution.jobs import REPOSITORY
from launch.runs import Run, Schedule
from rigl_rl import paper
from rigl_rl.command_line import Parser, exit_code, make_directory, positive

ENV = "CartPole-v0"
SPARSITY = 0.9
STEPS = 20_000
EVALUATIONS = 20
METHODS = ("dense", *paper.METHODS)


def runs(steps: int = STEPS, methods: Sequence[str] = METHODS) -> list[Run]:
    """The runs of the demo; the small dense network comes last because it is the fastest."""
    schedule = Schedule(
        "demo" if steps == STEPS else f"demo{steps}",
        num_iterations=steps,
        eval_interval=max(1, steps // EVALUATIONS),
        eval_episodes=10,
        initial_collect_steps=1_000,
    )
    sparse = {
        method: agent_run(DQN, ENV, method, 0, schedule, distribution="erk", sparsity=SPARSITY)
        for method in paper.METHODS
    }
    every = [
        ("dense", agent_run(DQN, ENV, "dense", 0, schedule)),
        *sparse.items(),
        ("dense", matched_dense_run(DQN, ENV, SPARSITY, 0, schedule)),
    ]
    return [run for method, run in every if method in methods]


def draw(runs_dir: Path, out: Path) -> int:
    """Runs the analysis, which draws the curves and prints the table; returns its exit code."""
    sys.stdout.flush()
    command = ["-m", "analysis.learning_curves", "--runs", str(runs_dir), "--out", str(out)]
    return subprocess.run([sys.executable, *command], cwd=REPOSITORY).returncode


def main(argv: Sequence[str] | None = None) -> int:
    """Trains, draws, prints the table, and returns the exit code."""
    parser = Parser(prog="python -m launch.demo", description="Train and compare on CartPole-v0.")
    parser.add_argument("--out", type=Path, default=Path("demo_results"), help="for all results")
    parser.add_argument("--workers", type=positive, help="concurrent runs; default: one per core")
    parser.add_argument("--steps", type=positive, default=STEPS, help="train steps per run")
    parser.add_argument(
        "--methods", nargs="+", choices=METHODS, default=METHODS, help="default: all"
    )
    args = parser.parse_args(argv)
    out = make_directory("--out", args.out)
    runs_dir = out / "runs"

    demo, logs = runs(args.steps, args.methods), runs_dir / "logs"
    print(f"Training {len(demo)} networks for {args.steps:,} steps on {ENV}; logs: {logs}")
    failed = local.launch(demo, runs_dir, args.workers or local.default_workers(threads=1))
    if failed:
        return failed
    return draw(runs_dir, out)


if __name__ == "__main__":
    sys.exit(exit_code(main))
