"""Trains Stable-Baselines3's SAC with its defaults, for comparison with our dense SAC.

python -m benchmarks.stable_baselines3 --task Hopper-v4 --seed 0 --out evals.csv

This project's environment has no PyTorch. Make a separate one for this command:
`pip install stable-baselines3==2.9.* gymnasium==1.3.* mujoco==3.* imageio gym-notices packaging`.
The output has the columns of a run's evals.csv: greedy episodes every `--eval_interval` steps.
"""

import argparse
import csv
import pathlib
import time


def main() -> None:
    """Trains, and rewrites the table after each evaluation."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--task", default="Hopper-v4", help="gymnasium id")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=101_000, help="environment steps")
    parser.add_argument("--eval_interval", type=int, default=5_000, help="environment steps")
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path, required=True, help="CSV file to write")
    args = parser.parse_args()

    import gymnasium
    import torch
    from stable_baselines3 import SAC
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.evaluation import evaluate_policy
    from stable_baselines3.common.monitor import Monitor

    torch.set_num_threads(args.threads)
    eval_env = Monitor(gymnasium.make(args.task))
    eval_env.reset(seed=10_000 + args.seed)
    started = time.monotonic()
    rows: list[dict] = []

    class Evaluation(BaseCallback):
        def _on_step(self) -> bool:
            if self.num_timesteps % args.eval_interval == 0:
                mean, std = evaluate_policy(self.model, eval_env, args.episodes)
                rows.append(
                    {
                        "env_step": self.num_timesteps,
                        "train_step": self.model._n_updates,
                        "avg_return": mean,
                        "std_return": std,
                        "episodes": args.episodes,
                        "wall_s": round(time.monotonic() - started, 2),
                    }
                )
                with open(args.out, "w", newline="") as file:
                    writer = csv.DictWriter(file, rows[0], lineterminator="\n")
                    writer.writeheader()
                    writer.writerows(rows)
            return True

    model = SAC("MlpPolicy", gymnasium.make(args.task), seed=args.seed, device="cpu")
    model.learn(args.steps, callback=Evaluation())


if __name__ == "__main__":
    main()
