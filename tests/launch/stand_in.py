"""Stands in for a main: trains nothing, but records, checkpoints and resumes like one.

python -m stand_in --root_dir DIR [--gin_file F] [--gin_bindings B] --seed N ...
"""

import argparse
import json
import os
import pathlib
import time

EVALUATIONS = 30
SECONDS = 0.3


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--root_dir", type=pathlib.Path)
    parser.add_argument("--seed", type=int)
    args, _ = parser.parse_known_args()
    checkpoint = args.root_dir / "checkpoints" / "state"
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    if (args.root_dir / "result.json").exists():
        return
    with open(args.root_dir / "starts", "a") as starts:
        starts.write(f"{os.getpid()}\n")
    returns = json.loads(checkpoint.read_text()) if checkpoint.exists() else [args.seed]
    while len(returns) < EVALUATIONS:
        time.sleep(SECONDS)
        returns.append((1_103_515_245 * returns[-1] + 12_345) % 2**31)
        aside = checkpoint.with_suffix(".writing")
        aside.write_text(json.dumps(returns))
        aside.replace(checkpoint)
    (args.root_dir / "evals.csv").write_text("".join(f"{value}\n" for value in returns))
    (args.root_dir / "result.json").write_text(json.dumps({"final_return": returns[-1]}))
    with open(args.root_dir / "ends", "a") as ends:
        ends.write("x")


if __name__ == "__main__":
    main()
