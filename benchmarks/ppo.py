"""How fast PPO on HalfCheetah trains: dense and each sparse method at 90 %.

python -m benchmarks.ppo [--rounds 5] [--iterations 3] [--threads 1]

An iteration (2,048 environment steps, 320 gradient steps, the paper's networks) is the function
that trains, without evaluation. Beside it, its two parts are measured alone. Masks change as often
as in Table 3, with RigL's drop fraction for SET. Each turn of a sparse method follows one of the
dense network and is compared with that, so that a machine whose speed drifts favours none; the
figures are medians over the rounds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any, Callable

import tensorflow as tf

from rigl_rl.environments.gymnasium_environment import GymnasiumEnvironment
from rigl_rl.environments.in_graph import InGraphEnvironment
from rigl_rl.runs import random_state
from rigl_rl.runs.result import peak_memory_mb
from rigl_rl.tfagents import on_policy_loop, ppo_agent

ENV = "HalfCheetah-v4"
COLLECT_STEPS, EPOCHS, MINIBATCH = 2048, 10, 64
TRAIN_STEPS = EPOCHS * COLLECT_STEPS // MINIBATCH
TOTAL_STEPS = 489 * TRAIN_STEPS
METHODS: dict[str, dict[str, Any]] = {
    "dense": dict(),
    "prune": dict(update_freq=500, begin_step=0),  # so that the span measured holds updates
    "static": dict(),
    "set": dict(update_freq=100, drop_fraction=0.3),
    "rigl": dict(update_freq=250, drop_fraction=0.3),
}


class Parts:
    """A loop as in `ppo_train_eval`, and its two halves on their own."""

    def __init__(self, method: str):
        py_env = GymnasiumEnvironment(ENV, seed=0)
        py_env.reset()
        env = InGraphEnvironment(py_env)
        sparse = {"method": method, "sparsity": 0.9, **METHODS[method]}
        agent = ppo_agent.make_agent(
            env,
            tf.Variable(0, dtype=tf.int64),
            sparse,
            sparse,
            total_steps=TOTAL_STEPS,
            steps_per_iteration=TRAIN_STEPS,
            seed=0,
        )
        random = random_state.generator(0)
        self.loop = on_policy_loop.Loop(env, agent, COLLECT_STEPS, EPOCHS, MINIBATCH, random)
        self.loop.train(TRAIN_STEPS)

        @tf.function
        def collect():
            with random_state.draws_from(random):
                return on_policy_loop.collect(env, agent.acting_policy, COLLECT_STEPS)

        @tf.function
        def learn(experience):
            with random_state.draws_from(random):
                return on_policy_loop.learn(agent, experience, EPOCHS, MINIBATCH)

        self._collect, self._learn = collect, learn

    def iterate(self) -> None:
        """A whole iteration."""
        self.loop.train(TRAIN_STEPS)

    def collect(self) -> None:
        """Its environment steps alone."""
        self._collect().reward.numpy()

    def learn(self) -> None:
        """Its gradient steps alone."""
        self._learn(self.loop.experience).numpy()


def seconds(function: Callable[[], None], times: int) -> float:
    """Of one call, on average."""
    began = time.perf_counter()
    for _ in range(times):
        function()
    return (time.perf_counter() - began) / times


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ppo", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--iterations", type=int, default=3, help="per method and round")
    parser.add_argument("--threads", type=int, default=1, help="TensorFlow threads")
    args = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    tf.config.threading.set_inter_op_parallelism_threads(args.threads)
    tf.get_logger().setLevel("ERROR")

    parts = {method: Parts(method) for method in METHODS}
    for each in parts.values():
        each.collect()
        each.learn()
    whole: dict[str, list[float]] = {method: [] for method in METHODS}
    learning: dict[str, list[float]] = {method: [] for method in METHODS}
    ratios: dict[str, list[float]] = {method: [] for method in METHODS}
    collecting = []
    for _ in range(args.rounds):
        collecting.append(seconds(parts["dense"].collect, args.iterations))
        learning["dense"].append(seconds(parts["dense"].learn, args.iterations))
        for method in list(METHODS)[1:]:
            dense = seconds(parts["dense"].iterate, args.iterations)
            sparse = seconds(parts[method].iterate, args.iterations)
            whole["dense"].append(dense)
            whole[method].append(sparse)
            ratios[method].append(dense / sparse)
            learning[method].append(seconds(parts[method].learn, args.iterations))
    ratios["dense"] = [1.0]

    print(
        f"collection alone           {COLLECT_STEPS / statistics.median(collecting):8.0f} steps/s"
    )
    print("method   env steps/s   / dense   gradient steps/s alone")
    for method in METHODS:
        rate = COLLECT_STEPS / statistics.median(whole[method])
        ratio = statistics.median(ratios[method])
        gradient = TRAIN_STEPS / statistics.median(learning[method])
        print(f"{method:8s} {rate:11.0f}   {ratio:7.3f}   {gradient:22.0f}")
    print(f"peak memory                {peak_memory_mb():8.0f} MB (all {len(METHODS)} methods)")


if __name__ == "__main__":
    main()
