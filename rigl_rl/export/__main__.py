"""Exports a trained policy for other programs, and compares it with a dense one.

python -m rigl_rl.export --run runs/sac_rigl --out exported [--format tflite]

Works for finished runs of all agents. The policy is greedy and takes raw observations; PPO's
normalization is included. Formats are `savedmodel`, `tflite` (three files: all weights, only active
weights, half precision) and `npz` (arrays and masks); by default all of them.

The table has each file's size and the time of one action on one thread, for this policy and a dense
one: the same network with a random weight for every absent connection. `difference` is the largest
difference between the actions of the file and those of the run's policy, on random observations.
"""

import argparse
import os
import pathlib
import sys
import tempfile
from collections.abc import Sequence

import numpy as np
import pandas as pd
import tensorflow as tf

from rigl_rl import record
from rigl_rl.command_line import Parser, exit_code, make_directory
from rigl_rl.errors import ConfigError, warn
from rigl_rl.export import measure
from rigl_rl.export.formats import FORMATS, File, files_of
from rigl_rl.export.policy import GreedyPolicy
from rigl_rl.files import ASIDE
from rigl_rl.runs import saved_policies

CALLS = 300
TOLERANCE = 1e-5
_FORMATTERS = {
    **dict.fromkeys(("bytes", "dense bytes"), "{:,}".format),
    **dict.fromkeys(("us", "dense us"), "{:,.1f}".format),
    "difference": "{:.0e}".format,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the files and prints the table."""
    parser = Parser(
        prog="python -m rigl_rl.export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--run", type=pathlib.Path, required=True, help="a finished run")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="directory for the files")
    parser.add_argument("--format", choices=FORMATS, help="default: all")
    parser.add_argument("--step", type=int, help="train step of the policy (default: the last)")
    args = parser.parse_args(argv)
    try:
        result = record.read(args.run, saved_policies.LABELS)
        path = saved_policies.policy_of(args.run, args.step)
    except ConfigError as error:
        raise ConfigError(f"run {str(args.run)!r}: {error}") from error
    files = files_of(args.format)
    if there := [name for name in files if (args.out / name).exists()]:
        raise ConfigError(f"--out {str(args.out)!r} has {', '.join(there)}; give a new directory")
    tf.get_logger().setLevel("ERROR")
    try:
        policy, dense = GreedyPolicy(path), GreedyPolicy(path).fill()
    except ConfigError as error:
        raise ConfigError(f"run {str(args.run)!r}: {error}") from error
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise ConfigError(f"run {str(args.run)!r}: {path} cannot be loaded: {error}") from error
    print(
        f"{result['agent']} on {result['env']}, {result['method']}, train step {int(path.name):,}"
    )
    for name, kernel in policy.kernels.items():
        values = kernel.numpy()
        print(f"{name} {values.shape}: {(values != 0).sum():,} of {values.size:,} weights")
    table = export(policy, dense, files, make_directory("--out", args.out))
    print(table.to_string(index=False, na_rep="-", formatters=_FORMATTERS))
    for row in table.to_dict("records"):
        file = files[row["file"]]
        tolerance = TOLERANCE if file.exact else np.inf
        if file.load and not row["difference"] <= tolerance:  # also NaN
            warn(f"{row['file']}: actions differ from the run's own by {row['difference']:.0e}")
    return 0


def export(
    policy: GreedyPolicy, dense: GreedyPolicy, files: dict[str, File], out: pathlib.Path
) -> pd.DataFrame:
    """Writes a policy's files into a directory.

    Args:
      policy: the policy.
      dense: the policy to compare with; its files are not kept.
      files: formats by name.
      out: the directory, without files of these names.

    Returns:
      A row per file: `file`, `bytes` and `us` (for one action), both also for the dense policy, and
      the largest `difference` between its actions and the policy's.
    """
    observations = policy.observations(CALLS)
    actions = np.stack([policy.action(each).numpy() for each in observations])
    rows = []
    with tempfile.TemporaryDirectory(dir=out, prefix=ASIDE) as aside:
        for name, file in files.items():
            paths = [pathlib.Path(aside, kind, name) for kind in ("sparse", "dense")]
            for path, each in zip(paths, (policy, dense)):
                path.parent.mkdir(exist_ok=True)
                file.write(each, path)
            row = {"file": name, **dict(zip(("bytes", "dense bytes"), map(measure.size, paths)))}
            if file.load:
                acts = [file.load(path) for path in paths]
                times = measure.latencies(acts, observations)
                row |= {"us": 1e6 * times[0], "dense us": 1e6 * times[1]}
                row["difference"] = measure.difference(acts[0], actions, observations)
            rows.append(row)
        for name in files:
            os.replace(pathlib.Path(aside, "sparse", name), out / name)
    return pd.DataFrame(rows)


if __name__ == "__main__":
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    sys.exit(exit_code(main))
