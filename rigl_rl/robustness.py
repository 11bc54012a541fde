"""How well a trained policy does when its observations are noisy: section 8, Figure 6.

python -m rigl_rl.robustness --run runs/pong --out robustness.csv [--sigmas 0 10 20 30]
python -m rigl_rl.robustness --run runs/dqn_atari_cnn/*/*/seed*

Without --out each run's table goes into its own directory, as robustness.csv; a run that has one is
left alone, so that the same command does what is left. Figure 6 is drawn from these files.

Works for the saved policies of every finished run of this project. On Atari sigma is in pixel
values of 0 to 255 and noise is rounded (`PixelNoise`); elsewhere it is a multiple of each
observation's own standard deviation, measured while the policy acts without noise.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
from collections.abc import Sequence
from typing import Any, Callable, Optional

import numpy as np
import pandas as pd
import tensorflow as tf

import rigl_rl.quiet  # noqa: F401, before the libraries load
from rigl_rl.errors import ConfigError, RiglRlError, check_counts, check_within
from rigl_rl.runs import random_state
from rigl_rl.runs.files import write_atomically

TABLE = "robustness.csv"
COLUMNS = ("env", "method", "sparsity", "seed", "train_step", "sigma")
SCORES = ("avg_return", "std_return", "episodes")

ATARI_SIGMAS = (0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0)
SIGMAS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
EPISODES = 20
ATARI_EPSILON = 0.001  # Table 6
MAX_STEPS = 27_000  # agent steps: Dopamine's limit of an Atari episode

# (sigma, seed) -> returns of the episodes
Evaluate = Callable[[float, int], np.ndarray]


def evaluate_run(
    run: pathlib.Path,
    sigmas: Optional[Sequence[float]] = None,
    episodes: int = EPISODES,
    seed: int = 0,
    step: Optional[int] = None,
    max_steps: int = MAX_STEPS,
) -> pd.DataFrame:
    """Returns of a run's policy by strength of noise.

    Args:
      run: directory of a finished run.
      sigmas: strengths of noise, at least 0; by default the paper's range on Atari, and up to one
        standard deviation elsewhere.
      episodes: for each strength, side by side.
      seed: determines environments and noise.
      step: train step of the policy; by default the last saved one.
      max_steps: after which an Atari game is cut off.

    Returns:
      One row per sigma, with `COLUMNS` and `SCORES`.

    Raises:
      ConfigError: a value is not allowed, or the run has no (such) policy.
    """
    check_counts(episodes=episodes)
    result = _result_of(run)
    path = _policy_of(run, step)
    atari = str(result["suite"]).startswith("atari")
    sigmas = sigmas or (ATARI_SIGMAS if atari else SIGMAS)
    for sigma in sigmas:
        check_within(0, float("inf"), sigma=sigma)
    policy = tf.saved_model.load(str(path))
    evaluate = (
        _atari_evaluation(policy, result["env"], episodes, max_steps)
        if atari
        else _gymnasium_evaluation(policy, result["env"], episodes)
    )
    rows = []
    for sigma in sigmas:
        returns = evaluate(sigma, random_state.seed_from(seed, int(path.name)))
        rows.append(
            {
                **{name: result[name] for name in ("env", "method", "sparsity", "seed")},
                "train_step": int(path.name),
                "sigma": sigma,
                "avg_return": float(np.mean(returns)),
                "std_return": float(np.std(returns)),
                "episodes": len(returns),
            }
        )
    return pd.DataFrame(rows, columns=[*COLUMNS, *SCORES])


def _result_of(run: pathlib.Path) -> dict[str, Any]:
    try:
        return json.loads((run / "result.json").read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"run {str(run)!r} has no result.json to read; give the directory of a finished run"
        ) from error


def _policy_of(run: pathlib.Path, step: Optional[int]) -> pathlib.Path:
    saved = sorted(path for path in run.glob("policies/*") if path.name.isdigit())
    if step is not None:
        chosen = [path for path in saved if int(path.name) == step]
    else:
        chosen = saved[-1:]
    if not chosen:
        steps = ", ".join(str(int(path.name)) for path in saved) or "none"
        raise ConfigError(f"run {str(run)!r} has no policy of step {step}; it has: {steps}")
    return chosen[0]


def _atari_evaluation(policy, game: str, episodes: int, max_steps: int) -> Evaluate:
    from rigl_rl.environments.atari_evaluation import AtariEvaluator

    evaluator = AtariEvaluator(game, episodes, ATARI_EPSILON, max_steps)

    def evaluate(sigma: float, seed: int) -> np.ndarray:
        return evaluator.run(lambda states: policy.q_values(states).numpy(), seed, sigma)

    return evaluate


def _gymnasium_evaluation(policy, env_name: str, episodes: int) -> Evaluate:
    from tf_agents.trajectories import time_step as ts

    from rigl_rl.environments.evaluation import Evaluator

    evaluator = Evaluator(env_name, episodes)

    def act(observations: np.ndarray) -> np.ndarray:
        return policy.action(ts.restart(tf.constant(observations), episodes)).action.numpy()

    seen: list[np.ndarray] = []

    def act_and_look(observations: np.ndarray) -> np.ndarray:
        seen.append(observations.copy())
        return act(observations)

    def evaluate(sigma: float, seed: int) -> np.ndarray:
        if not seen:
            evaluator.run(act_and_look, seed)
        scale = sigma * _distinct(np.stack(seen)).std(axis=0)
        noise = np.random.default_rng(seed)

        def act_on_noise(observations: np.ndarray) -> np.ndarray:
            added = scale * noise.standard_normal(observations.shape)
            return act((observations + added).astype(np.float32))

        return evaluator.run(act_on_noise, seed)

    return evaluate


def _distinct(observations: np.ndarray) -> np.ndarray:
    """Observations (steps, episodes, ...) as rows, each once.

    An episode that is over keeps its last one while others go on.
    """
    repeated = np.zeros(observations.shape[:2], bool)
    repeated[1:] = (observations[1:] == observations[:-1]).reshape(*repeated[1:].shape, -1).all(-1)
    return observations[~repeated]


def main() -> None:
    """Evaluates and writes the tables."""
    parser = argparse.ArgumentParser(prog="python -m rigl_rl.robustness", description=__doc__)
    parser.add_argument(
        "--run", type=pathlib.Path, required=True, nargs="+", help="finished runs' directories"
    )
    parser.add_argument(
        "--out",
        type=pathlib.Path,
        help=f"the CSV file to write, for one run (default: {TABLE} in each run's directory)",
    )
    parser.add_argument("--sigmas", type=float, nargs="+", help="strengths of noise")
    parser.add_argument("--episodes", type=int, default=EPISODES, help="for each strength")
    parser.add_argument("--step", type=int, help="train step of the policy (default: the last)")
    parser.add_argument("--seed", type=int, default=0, help="of environments and noise")
    args = parser.parse_args()
    if args.out is not None and len(args.run) > 1:
        sys.exit(
            f"error: --out {str(args.out)!r} is one file, but --run names {len(args.run)} runs"
        )
    if args.out is not None and args.out.exists():
        sys.exit(f"error: --out {str(args.out)!r} exists; give a new file")
    failed = False
    for run in args.run:
        out = args.out or run / TABLE
        if out.exists():
            print(f"{out} is there; nothing to do", flush=True)
            continue
        try:
            table = evaluate_run(run, args.sigmas, args.episodes, args.seed, args.step)
            write_atomically(out, table.to_csv(index=False))
        except (RiglRlError, OSError) as error:
            print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
            failed = True
        else:
            print(table.to_string(index=False), flush=True)
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
