"""What the speed benchmarks share: the machine's limit, and sparse turns paired with dense ones.

Each sparse method has a process of its own, where its turns alternate with the dense agent's:
neither a machine whose speed drifts nor the place of an agent's memory favours one. Figures are
medians over rounds. The arithmetic limit is what matrix products alone would take: the FLOPs of a
dense train step (masks do not lower them) at the machine's GEMM speed, measured between the rounds.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from typing import Any, Callable, Optional

import tensorflow as tf

from rigl_rl.runs.result import peak_memory_mb

METHODS = ("prune", "static", "set", "rigl")

TrainLoop = Callable[[int], Any]
"""n -> n train steps."""


def arguments(prog: str, description: Optional[str], steps: int = 1000) -> argparse.Namespace:
    """Parses rounds, steps (by default as given) and threads, and sets TensorFlow's threads."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=steps, help="train steps per method and round")
    parser.add_argument("--threads", type=int, default=1, help="TensorFlow threads")
    args = parser.parse_args()
    set_up(args)
    return args


def set_up(args: argparse.Namespace) -> None:
    """Sets TensorFlow's threads and quietens it."""
    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    tf.config.threading.set_inter_op_parallelism_threads(args.threads)
    tf.get_logger().setLevel("ERROR")


def gemm_gflops(size: int = 1024, repeats: int = 10) -> float:
    """GFLOP/s of square float32 matrix products in TensorFlow, the best of three."""
    left = tf.random.normal((size, size))

    @tf.function
    def products(x):
        for _ in tf.range(repeats):
            x = tf.matmul(left, x)
            x = tf.ensure_shape(x, (size, size))
        return x

    start = left / size
    products(start)
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        products(start).numpy()
        best = min(best, time.perf_counter() - began)
    return 2 * size**3 * repeats / best / 1e9


def steps_per_second(train: TrainLoop, steps: int) -> float:
    """Speed of one turn."""
    began = time.perf_counter()
    train(steps)
    return steps / (time.perf_counter() - began)


def compare(
    make: Callable[[str, int], tuple[TrainLoop, int]], args: argparse.Namespace, unit: float = 1.0
) -> None:
    """Measures and prints the speed of each method, beside dense and beside the machine's limit.

    Args:
      make: (method, total train steps) -> a train function and the FLOPs of one of its dense train
        steps; a function of a module, for it is called in other processes.
      args: from `arguments`.
      unit: environment steps per train step, which speeds are printed in.
    """
    measured = {}
    for method in METHODS:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            measured[method] = pool.apply(_turns, (make, method, args))

    def median(key: str) -> float:
        return statistics.median(rate for of_one in measured.values() for rate in of_one[key])

    flops = measured[METHODS[0]]["flops"]
    limit = median("gemm") * 1e9 / flops
    print(f"GEMM                       {median('gemm'):8.1f} GFLOP/s, {args.threads} thread(s)")
    print(f"dense train step           {flops / 1e6:8.1f} MFLOP, limit {limit * unit:.0f} steps/s")
    print("method   steps/s   / dense   / limit")
    dense = median("dense")
    print(f"dense    {dense * unit:7.1f}   {1:7.3f}   {dense / limit:7.3f}")
    for method, of_one in measured.items():
        rate = statistics.median(of_one["sparse"])
        ratio = statistics.median(s / d for s, d in zip(of_one["sparse"], of_one["dense"]))
        print(f"{method:8s} {rate * unit:7.1f}   {ratio:7.3f}   {rate / limit:7.3f}")
    memory = max(of_one["memory"] for of_one in measured.values())
    print(f"peak memory                {memory:8.0f} MB (a dense and a sparse agent)")


def _turns(make, method: str, args: argparse.Namespace) -> dict[str, Any]:
    """Speeds of `method` and of the dense agent, turn about, and of matrix products."""
    set_up(args)
    total_steps = 10 * args.rounds * args.steps  # mask updates go on throughout
    dense, flops = make("dense", total_steps)
    sparse, _ = make(method, total_steps)
    rates: dict[str, list[float]] = {"gemm": [], "dense": [], "sparse": []}
    dense(10), sparse(10)
    for _ in range(args.rounds):
        rates["gemm"].append(gemm_gflops())
        rates["dense"].append(steps_per_second(dense, args.steps))
        rates["sparse"].append(steps_per_second(sparse, args.steps))
    return {**rates, "flops": flops, "memory": peak_memory_mb()}
