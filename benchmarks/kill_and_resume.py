"""Kills a training run repeatedly, and checks that its evaluations stay the same.

python -m benchmarks.kill_and_resume --kills 50 --out DIR [--agent dqn] [--bindings B ...]

It trains a short run once without interruption, then again with SIGKILLs at random moments, each
followed by a restart. It compares a run that finishes with the uninterrupted one and starts a new
one for the remaining kills. The exit code is 0 if all runs agree in every evaluation and
signal-to-noise ratio; only the times may differ.
"""

import argparse
import collections
import dataclasses
import os
import pathlib
import random
import subprocess
import sys
import time
from collections.abc import Sequence

import pandas as pd
from tqdm import tqdm

from benchmarks import ROOT
from benchmarks.short_runs import AGENTS
from rigl_rl.files import ASIDE
from rigl_rl.sparsity.execution import MODES

# Targets of a kill: before the run has started or resumed, at any time after that, or at the first
# checkpoint after such a time.
START_UP, RUNNING, CHECKPOINT = "start-up", "running", "checkpoint"
# Weights of the three. Start-up takes most of the time, so most uniform kills would hit it.
AIMS = {START_UP: 0.2, RUNNING: 0.4, CHECKPOINT: 0.4}

_PHASES = {
    START_UP: "during start-up",
    RUNNING: "while training or evaluating",
    CHECKPOINT: "with a checkpoint half-written",
}

POLL_S = 0.0005


def evaluations(run: pathlib.Path) -> pd.DataFrame:
    """The numbers in evals.csv, as text and without the times."""
    return pd.read_csv(run / "evals.csv", dtype=str).drop(columns="wall_s")


def ratios(run: pathlib.Path) -> pd.DataFrame:
    """The numbers in snr.csv, as text; empty if the run is too short for one."""
    path = run / "snr.csv"
    return pd.read_csv(path, dtype=str) if path.exists() else pd.DataFrame()


@dataclasses.dataclass
class Killer:
    """Runs a command on root directories, and kills it.

    Attributes:
      command: the command; the run directory is appended to it.
      moments: the source of random moments.
      delay_s: a kill comes up to this many seconds after the run has started or resumed.
      start_up_s: seconds that a start-up may take, measured from the first one on.
      kills: number of kills that hit the process in each phase.
    """

    command: Sequence[str]
    moments: random.Random
    delay_s: float
    start_up_s: float = 10.0
    kills: collections.Counter = dataclasses.field(default_factory=collections.Counter)

    def run(self, root_dir: pathlib.Path) -> None:
        """Runs to the end.

        Raises:
          RuntimeError: the command failed; the message has the last lines of its log.
        """
        process, log = self._start(root_dir)
        self._check(process.wait(), log)

    def interrupt(self, root_dir: pathlib.Path, aim: str) -> bool:
        """Starts or resumes the run, then kills it; returns False if it finished before that.

        Raises:
          RuntimeError: the command failed by itself.
        """
        process, log = self._start(root_dir)
        started = time.monotonic()
        if aim == START_UP:
            moment = started + self.moments.uniform(0, self.start_up_s)
        else:
            while process.poll() is None and not begun(log):
                time.sleep(POLL_S)
            self.start_up_s = time.monotonic() - started
            moment = time.monotonic() + self.moments.uniform(0, self.delay_s)
        while process.poll() is None and (
            time.monotonic() < moment or (aim == CHECKPOINT and not being_written(root_dir))
        ):
            time.sleep(POLL_S)
        process.kill()
        if process.wait() >= 0:  # it finished first
            self._check(process.returncode, log)
            return False
        self.kills[self._phase(root_dir, log)] += 1
        return True

    def _start(self, root_dir: pathlib.Path) -> tuple[subprocess.Popen, pathlib.Path]:
        log = root_dir.with_suffix(".log")
        with open(log, "w") as file:
            process = subprocess.Popen(
                [*self.command, str(root_dir)],
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        return process, log

    def _check(self, code: int, log: pathlib.Path) -> None:
        if code:
            last = "\n".join(log.read_text().splitlines()[-20:])
            raise RuntimeError(f"exit code {code} of {' '.join(self.command)}:\n{last}")

    def _phase(self, root_dir: pathlib.Path, log: pathlib.Path) -> str:
        if not begun(log):
            return START_UP  # a half-written checkpoint is from an earlier kill
        return CHECKPOINT if being_written(root_dir) else RUNNING


def begun(log: pathlib.Path) -> bool:
    """Whether a run has made its first evaluation, or has resumed and removed leftovers."""
    first = ("step ", "iteration ", "resuming ")
    return any(line.startswith(first) for line in log.read_text().splitlines())


def being_written(root_dir: pathlib.Path) -> bool:
    """Whether the run directory has a half-written checkpoint."""
    return any((root_dir / "checkpoints").glob(f"{ASIDE}*"))


def main() -> int:
    """Runs the whole comparison and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50, help="number of kills (default 50)")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="a new directory for runs")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments (default 0)")
    parser.add_argument("--execution", choices=MODES, default="auto", help="sparse_execution")
    parser.add_argument("--agent", choices=list(AGENTS), default="dqn", help="(default dqn)")
    parser.add_argument(
        "--iterations", type=int, help="num_iterations of the run (default: 14 to 81 evaluations)"
    )
    parser.add_argument("--bindings", nargs="+", default=[], help="further gin bindings")
    options = parser.parse_args()
    if options.kills < 1:
        parser.error(f"--kills is {options.kills}, but must be at least 1")
    if options.out.exists():
        parser.error(f"--out {str(options.out)!r} exists; give a new directory")
    out = options.out.absolute()  # runs are started in the repository
    out.mkdir(parents=True)

    shortened = AGENTS[options.agent]
    bindings = [f"sparse_execution.mode = '{options.execution}'", *options.bindings]
    if options.iterations is not None:
        bindings.append(f"{shortened.length} = {options.iterations}")
    killer = Killer(shortened.command(bindings), random.Random(options.seed), delay_s=4.0)
    killer.run(out / "uninterrupted")
    expected, expected_ratios = (of(out / "uninterrupted") for of in (evaluations, ratios))

    different, number = [], 0
    with tqdm(total=options.kills, unit="kill") as bar:
        while sum(killer.kills.values()) < options.kills:
            number += 1
            run = out / f"killed_{number}"
            while sum(killer.kills.values()) < options.kills:
                (aim,) = killer.moments.choices(list(AIMS), list(AIMS.values()))
                if not killer.interrupt(run, aim):
                    break
                bar.update()
            killer.run(run)
            if not (evaluations(run).equals(expected) and ratios(run).equals(expected_ratios)):
                different.append(run.name)

    phases = ", ".join(f"{killer.kills[aim]} {name}" for aim, name in _PHASES.items())
    verdict = "all identical to the uninterrupted run"
    if different:
        verdict = f"NOT identical to the uninterrupted run: {', '.join(different)}"
    print(
        f"{sum(killer.kills.values())} kills ({phases}) in {number} runs of {len(expected)} "
        f"evaluations and {len(expected_ratios)} signal-to-noise ratios each: {verdict}"
    )
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
