"""What the speed benchmarks share: the machine's limit, and sparse turns paired with dense ones."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Mapping
from typing import Callable, Optional

import tensorflow as tf

METHODS = ("dense", "prune", "static", "set", "rigl")

TrainLoop = Callable[[int], float]


def arguments(prog: str, description: Optional[str]) -> argparse.Namespace:
    """Parses rounds, steps and threads, and sets TensorFlow's threads."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1000, help="train steps per method and round")
    parser.add_argument("--threads", type=int, default=1, help="TensorFlow threads")
    args = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    tf.config.threading.set_inter_op_parallelism_threads(args.threads)
    tf.get_logger().setLevel("ERROR")
    return args


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


def compare(loops: Mapping[str, TrainLoop], flops: int, args: argparse.Namespace) -> None:
    """Measures and prints the speed of each method, beside dense and beside the machine's limit.

    Args:
      loops: method -> a train function, 'dense' among them; each has been traced.
      flops: of a dense train step.
      args: from `arguments`.
    """
    gemm: list[float] = []
    rates: dict[str, list[float]] = {method: [] for method in loops}
    ratios: dict[str, list[float]] = {method: [] for method in loops}
    ratios["dense"] = [1.0]
    for _ in range(args.rounds):
        gemm.append(gemm_gflops())
        for method in loops:
            if method == "dense":
                continue
            dense = steps_per_second(loops["dense"], args.steps)
            sparse = steps_per_second(loops[method], args.steps)
            rates["dense"].append(dense)
            rates[method].append(sparse)
            ratios[method].append(sparse / dense)

    speed = statistics.median(gemm)
    print(f"GEMM                       {speed:8.1f} GFLOP/s on {args.threads} thread(s)")
    print(f"dense train step           {flops / 1e6:8.1f} MFLOP, limit {speed * 1e9 / flops:.0f}/s")
    print("method   steps/s   / dense   / limit")
    for method in loops:
        rate, ratio = statistics.median(rates[method]), statistics.median(ratios[method])
        print(f"{method:8s} {rate:7.1f}   {ratio:7.3f}   {rate * flops / speed / 1e9:7.3f}")
