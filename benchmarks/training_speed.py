"""Shared by the speed benchmarks: the machine's limit, and sparse turns paired with dense ones.

Every agent has its own process, like a run. Sparse agents' turns alternate with the dense agent's,
so a drift in the machine's speed favors neither. Figures are medians over rounds. The arithmetic
limit is the time of only the dense matrix products: the FLOPs of a dense train step at the
machine's GEMM speed, measured between the rounds.
"""

import argparse
import multiprocessing
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
from absl import logging

from benchmarks import ROOT
from rigl_rl import paper
from rigl_rl.adapters.in_graph_environment import InGraphEnvironment
from rigl_rl.environments.gymnasium_environment import GymnasiumEnvironment
from rigl_rl.runs.result import peak_memory_mb
from rigl_rl.sparsity import DENSE, SparseSettings
from rigl_rl.sparsity.execution import MODES

FLOOR = "floor"
"""Instead of a method: dense, with hidden layers so small that only everything else takes time."""
FLOOR_UNITS = 16

TrainLoop = Callable[[int], Any]
"""Takes n train steps."""
MakeTrainLoop = Callable[[str, int], tuple[TrainLoop, int]]


def settings(agent: str, method: str, sparsity: float, execution: str = "auto") -> SparseSettings:
    """The settings of sparse training with the update interval of Tables 1 to 3.

    Mask updates begin at once, in pruning too, so that the measured steps include them.
    """
    if method == FLOOR:
        return DENSE
    return SparseSettings(
        method,
        sparsity,
        update_freq=paper.best(agent, method)["update_freq"] or SparseSettings.update_freq,
        begin_step=0,
        sparse_execution=execution,
    )


def seconds_until(command: Sequence[str], line_start: str) -> float:
    """Seconds from the start of a Python module in a new process until it prints such a line.

    Args:
      command: what follows `python -m`.
      line_start: how the line starts.
    """
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", *command], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(line_start):
                return time.perf_counter() - began
    raise SystemExit(f"error: {command[0]} ended without a line {line_start!r}")


def in_graph(name: str, seed: int = 0) -> InGraphEnvironment:
    """An environment, made as in the mains."""
    env = GymnasiumEnvironment(name, seed)
    env.reset()
    return InGraphEnvironment(env)


def hidden_layers(method: str, units: Sequence[int]) -> Sequence[int]:
    """Units of each hidden layer with a method."""
    return (FLOOR_UNITS,) * len(units) if method == FLOOR else units


def parser(
    prog: str,
    description: str | None,
    steps: int = 1000,
    threads: int = 1,
    methods: Sequence[str] = paper.METHODS,
    sparse_products: bool = True,
) -> argparse.ArgumentParser:
    """A parser for rounds, steps, threads and methods, with the given defaults.

    sparse_products: whether the agent can use them; if so, there is a flag --execution.
    """
    options = argparse.ArgumentParser(
        prog=prog, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--steps", type=int, default=steps, help="steps per method and round")
    options.add_argument("--threads", type=int, default=threads, help="TensorFlow threads")
    options.add_argument("--sparsity", type=float, default=0.9, help="for the sparse methods")
    if sparse_products:
        options.add_argument("--execution", choices=MODES, default="auto", help="sparse_execution")
    options.add_argument(
        "--methods", nargs="*", choices=methods, default=methods, help="methods besides dense"
    )
    return options


def set_up(args: argparse.Namespace) -> None:
    """Sets TensorFlow's threads and silences it."""
    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    tf.config.threading.set_inter_op_parallelism_threads(args.threads)
    tf.get_logger().setLevel("ERROR")
    logging.set_verbosity(logging.ERROR)


def gemm_gflops() -> float:
    """GFLOP/s of square float32 matrix products in TensorFlow: the best of three."""
    size, repeats = 1024, 10
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


class Worker:
    """A process that holds one agent.

    Args:
      make: (method, total train steps) -> a train function and the FLOPs of one dense train step;
        must be a module's function, because the process imports it.
      method: sparse training method, or 'dense'.
      args: parsed by `parser`.
    """

    def __init__(self, make: MakeTrainLoop, method: str, args: argparse.Namespace):
        self._pool = multiprocessing.get_context("spawn").Pool(1)
        self.call(_start, make, method, args)  # not as initializer: a pool would retry that

    def call(self, function: Callable, *arguments) -> Any:
        """Calls a function of this module in the process and returns its result."""
        return self._pool.apply(function, arguments)

    def close(self) -> None:
        """Ends the process."""
        self._pool.terminate()


_held: dict[str, Any] = {}  # a worker's agent


def _start(make: MakeTrainLoop, method: str, args: argparse.Namespace) -> None:
    set_up(args)
    # Longer than needed, so that mask updates continue throughout.
    total_steps = 10 * args.rounds * args.steps
    _held["train"], _held["flops"] = make(method, total_steps)
    _held["train"](10)


def steps_per_second(steps: int) -> float:
    """Speed of one turn of the worker's agent."""
    began = time.perf_counter()
    _held["train"](steps)
    return steps / (time.perf_counter() - began)


def flops() -> int:
    """FLOPs of one dense train step of the worker's agent."""
    return _held["flops"]


def compare(
    make: MakeTrainLoop,
    args: argparse.Namespace,
    unit: float = 1.0,
) -> None:
    """Measures and prints each method's speed, also relative to dense and to the machine's limit.

    Args:
      make: as in `Worker`.
      args: parsed by `parser`.
      unit: environment steps per train step; speeds are printed in environment steps.
    """
    dense = Worker(make, "dense", args)
    gemm, dense_rates = [], []
    rates: dict[str, list[float]] = {method: [] for method in args.methods}
    ratios: dict[str, list[float]] = {method: [] for method in args.methods}

    def dense_turn() -> None:
        gemm.append(dense.call(gemm_gflops))
        dense_rates.append(dense.call(steps_per_second, args.steps))

    for method in args.methods:
        sparse = Worker(make, method, args)
        for _ in range(args.rounds):
            dense_turn()
            rates[method].append(sparse.call(steps_per_second, args.steps))
            ratios[method].append(rates[method][-1] / dense_rates[-1])
        sparse.close()
    if not args.methods:
        for _ in range(args.rounds):
            dense_turn()
    speed, step = statistics.median(gemm), dense.call(flops)
    memory = dense.call(peak_memory_mb)
    dense.close()

    limit = speed * 1e9 / step
    print(f"GEMM                       {speed:8.1f} GFLOP/s on {args.threads} thread(s)")
    print(f"dense train step           {step / 1e6:8.1f} MFLOP, limit {limit * unit:.0f} steps/s")
    print("method   steps/s   / dense   / limit")
    rates, ratios = {"dense": dense_rates, **rates}, {"dense": [1.0], **ratios}
    for method in rates:
        rate, ratio = statistics.median(rates[method]), statistics.median(ratios[method])
        print(f"{method:8s} {rate * unit:7.1f}   {ratio:7.3f}   {rate / limit:7.3f}")
    if FLOOR in rates:
        print("share of the floor in a step:")
        floor = statistics.median(ratios[FLOOR])
        for method in rates:
            print(f"{method:8s} {statistics.median(ratios[method]) / floor:7.3f}")
    print(f"peak memory                {memory:8.0f} MB (dense)")
