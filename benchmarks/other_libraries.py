"""How fast Stable-Baselines3 and SBX train dense DQN and SAC: environment steps per second.

python -m benchmarks.other_libraries --library sbx --agent sac

Networks, batch sizes and one train step per environment step are the paper's; everything else is
the library's default. This project's environment has neither library. Make another one for this
command: `pip install stable-baselines3==2.9.* sbx-rl gymnasium==1.3.* mujoco==3.* imageio`.
Prefix it with `taskset -c 0` to keep it on one core; JAX has no setting for one thread.
"""

import argparse
import importlib
import importlib.metadata
import statistics
import time

PACKAGES = {"sb3": ("stable_baselines3", "stable-baselines3"), "sbx": ("sbx", "sbx-rl")}
"""Module, and name on PyPI."""
AGENTS = {
    "dqn": ("DQN", "CartPole-v1", [512, 512], {"batch_size": 128, "buffer_size": 100_000}),
    "sac": ("SAC", "HalfCheetah-v4", [256, 256], {"batch_size": 256, "buffer_size": 1_000_000}),
}
EVERY_STEP = {"train_freq": 1, "gradient_steps": 1, "learning_starts": 1_000}


def main() -> None:
    """Trains in rounds, and prints the median speed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--library", choices=list(PACKAGES), required=True)
    parser.add_argument("--agent", choices=list(AGENTS), required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1_000, help="environment steps per round")
    args = parser.parse_args()

    import gymnasium

    module, package = PACKAGES[args.library]
    library = importlib.import_module(module)
    if args.library == "sb3":
        import torch

        torch.set_num_threads(1)
    name, task, units, settings = AGENTS[args.agent]
    model = getattr(library, name)(
        "MlpPolicy",
        gymnasium.make(task),
        policy_kwargs={"net_arch": units},
        seed=0,
        device="cpu",
        **settings,
        **EVERY_STEP,
    )
    model.learn(EVERY_STEP["learning_starts"] + 200, reset_num_timesteps=False)
    rates = []
    for _ in range(args.rounds):
        began = time.perf_counter()
        model.learn(args.steps, reset_num_timesteps=False)
        rates.append(args.steps / (time.perf_counter() - began))
    version = importlib.metadata.version(package)
    print(f"{package} {version}, {name} on {task}: {statistics.median(rates):.1f} steps/s")


if __name__ == "__main__":
    main()
