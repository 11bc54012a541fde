"""Measures how well trained policies do with noisy observations: section 8, Figure 6.

python -m rigl_rl.robustness --run runs/pong --out robustness.csv [--sigmas 0 10 20 30]
python -m rigl_rl.robustness --run runs/dqn_atari_cnn/*/*/seed*

Without --out, each run's table goes into its own directory, as robustness.csv. Runs that have one
are skipped, so repeating the command evaluates only the others. Figure 6 is drawn from these files.

This works for the saved policies of every finished run. A policy plays as in the run's own
evaluations: in the environment that its gin configuration makes (including modules it imports),
with the same epsilon and time limit. On Atari, sigma is in pixel values of 0 to 255 and noise is
rounded (`PixelNoise`); elsewhere, it is a multiple of each observation's own standard deviation,
measured while the policy acts without noise.
"""

import argparse
import pathlib
import sys
from collections.abc import Sequence

from rigl_rl.command_line import Parser, exit_code, number, positive, say
from rigl_rl.errors import ConfigError
from rigl_rl.files import write_text
from rigl_rl.robustness import EPISODES, processes

TABLE = "robustness.csv"


def main(argv: Sequence[str] | None = None) -> int:
    """Evaluates the policies and writes the tables; returns 1 if any failed."""
    parser = Parser(
        prog="python -m rigl_rl.robustness",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--run", type=pathlib.Path, required=True, nargs="+", help="finished runs' directories"
    )
    parser.add_argument(
        "--out",
        type=pathlib.Path,
        help=f"the CSV file to write, for one run (default: {TABLE} in each run's directory)",
    )
    count, strength = number("int", low=0), number("float", low=0)
    parser.add_argument(
        "--sigmas",
        type=strength,
        nargs="+",
        help="strengths of noise (default: 0 to 30 on Atari, 0 to 1 elsewhere)",
    )
    parser.add_argument(
        "--episodes",
        type=positive,
        default=EPISODES,
        help="for each strength (default %(default)s)",
    )
    parser.add_argument("--step", type=count, help="train step of the policy (default: the last)")
    parser.add_argument(
        "--seed", type=count, default=0, help="of environments and noise (default 0)"
    )
    parser.add_argument(
        "--epsilon",
        type=number("float", low=0, high=1),
        help="probability of a random action (default: as in the run's own evaluations)",
    )
    options = vars(parser.parse_args(argv))
    runs, out = options.pop("run"), options.pop("out")
    if out is not None and len(runs) > 1:
        raise ConfigError(f"--out {str(out)!r} is one file, but --run names {len(runs)} runs")
    if out is not None and out.exists():
        raise ConfigError(f"--out {str(out)!r} exists; give a new file")
    failed = False
    for run in runs:
        path = out or run / TABLE
        if path.exists():
            print(f"{path} exists; nothing to do", flush=True)
            continue
        table = processes.evaluate(run, **options)
        if isinstance(table, str):
            say(table)
            failed = True
            continue
        try:
            write_text(path, table.to_csv(index=False))
        except OSError as error:
            say(error)
            failed = True
        print(table.to_string(index=False), flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(exit_code(main))
