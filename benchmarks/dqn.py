"""How fast DQN on CartPole trains: dense, each sparse method at 90 %, and the machine's limit.

python -m benchmarks.dqn [--rounds 5] [--steps 1000] [--threads 1]

The loop measured is the one that trains (environment, replay, update; no evaluation), paper
settings (2 x 512 units, batch 128, a mask update every 1,000 steps). Every agent has a process of
its own, as a run has, and a sparse one's turns alternate with the dense one's, so that a machine
whose speed drifts favours none. The figures are medians over the rounds. The arithmetic limit is
what matrix products alone would take: the FLOPs of a dense train step (masks do not lower them) at
the machine's GEMM speed, measured between the rounds.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable

import tensorflow as tf
from tf_agents.replay_buffers import tf_uniform_replay_buffer

from rigl_rl.environments.gymnasium_environment import GymnasiumEnvironment
from rigl_rl.environments.in_graph import InGraphEnvironment
from rigl_rl.runs import random_state
from rigl_rl.runs.result import peak_memory_mb
from rigl_rl.sparsity import counting, initializers, masks
from rigl_rl.tfagents import dqn_agent, off_policy_loop

ENV = "CartPole-v0"
BATCH_SIZE = 128
METHODS = ("prune", "static", "set", "rigl")
ROOT = Path(__file__).resolve().parents[1]


def train_loop(method: str, total_steps: int) -> tuple[Callable[[int], float], int]:
    """A train function as in `dqn_train_eval`, and the FLOPs of one of its (dense) train steps."""
    py_env = GymnasiumEnvironment(ENV, seed=0)
    py_env.reset()
    env = InGraphEnvironment(py_env)
    sparse = {"method": method, "sparsity": 0.9, "update_freq": 1000}
    if method == "prune":
        sparse.update(begin_step=0)  # so that the span measured holds updates
    train_step = tf.Variable(0, dtype=tf.int64)
    agent = dqn_agent.make_agent(env, train_step, sparse, total_steps=total_steps, seed=0)
    replay = tf_uniform_replay_buffer.TFUniformReplayBuffer(
        agent.collect_data_spec, batch_size=1, max_length=100_000
    )
    random = random_state.generator(0)
    off_policy_loop.collect_at_random(env, replay, 1000, random)
    train = off_policy_loop.make_train_loop(env, agent, replay, BATCH_SIZE, random)
    layers = counting.from_keras(agent.q_network)
    return train, counting.train_step_flops(layers, BATCH_SIZE)


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


def start_up_seconds() -> float:
    """From the start of a training process to the end of its first train step."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "rigl_rl.tfagents.dqn_train_eval"]
        command += ["--root_dir", os.path.join(directory, "run"), "--noprogress"]
        command += ["--gin_file", str(ROOT / "gin_configs/dqn_classic/rigl.gin")]
        command += ["--gin_bindings", "train_eval.num_iterations = 1"]
        began = time.perf_counter()
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("step 1:"):
                    return time.perf_counter() - began
        raise SystemExit("error: the training process did not reach its first step")


def mask_seconds() -> float:
    """Masks and sparsity-aware weights of a network of 4M parameters (Nature CNN's kernels)."""
    shapes = [(8, 8, 4, 32), (4, 4, 32, 64), (3, 3, 64, 64), (7744, 512), (512, 6)]
    kernels = {f"layer_{i}": tf.Variable(tf.zeros(shape)) for i, shape in enumerate(shapes)}
    initializers.sparsity_aware(tf.ones((2, 2)).numpy(), seed=0)
    began = time.perf_counter()
    masks.mask_kernels(kernels, 0.9, seed=0)
    return time.perf_counter() - began


class Worker:
    """A process that holds one agent.

    Args:
      method: its sparse training method, or 'dense'.
      args: of the command line.
    """

    def __init__(self, method: str, args: argparse.Namespace):
        context = multiprocessing.get_context("spawn")
        self._pool = context.Pool(1, _start, (method, args))

    def call(self, function: Callable, *arguments) -> Any:
        """The result of a function of this module, called in the process."""
        return self._pool.apply(function, arguments)

    def close(self) -> None:
        """Ends the process."""
        self._pool.terminate()


_held: dict[str, Any] = {}  # a worker's agent


def _start(method: str, args: argparse.Namespace) -> None:
    _set_threads(args.threads)
    tf.get_logger().setLevel("ERROR")
    # Twice as long as needed, so that mask updates go on throughout.
    total_steps = 2 * args.rounds * args.steps
    _held["train"], _held["flops"] = train_loop(method, total_steps)
    _held["train"](10)


def steps_per_second(steps: int) -> float:
    """Speed of one turn of the worker's agent."""
    began = time.perf_counter()
    _held["train"](steps)
    return steps / (time.perf_counter() - began)


def flops() -> int:
    """FLOPs of one dense train step of the worker's agent."""
    return _held["flops"]


def _set_threads(threads: int) -> None:
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dqn", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1000, help="train steps per method and round")
    parser.add_argument("--threads", type=int, default=1, help="TensorFlow threads")
    args = parser.parse_args()
    _set_threads(args.threads)

    print(f"start to first train step  {start_up_seconds():8.1f} s")
    print(f"masks of a 4M-weight net   {mask_seconds():8.3f} s (sparsity-aware)", flush=True)
    dense = Worker("dense", args)
    gemm, dense_rates = [], []
    rates: dict[str, list[float]] = {method: [] for method in METHODS}
    ratios: dict[str, list[float]] = {method: [] for method in METHODS}
    for method in METHODS:
        sparse = Worker(method, args)
        for _ in range(args.rounds):
            gemm.append(dense.call(gemm_gflops))
            dense_rates.append(dense.call(steps_per_second, args.steps))
            rates[method].append(sparse.call(steps_per_second, args.steps))
            ratios[method].append(rates[method][-1] / dense_rates[-1])
        sparse.close()
    speed, step = statistics.median(gemm), dense.call(flops)
    memory = dense.call(peak_memory_mb)
    dense.close()

    limit = speed * 1e9 / step
    print(f"GEMM                       {speed:8.1f} GFLOP/s on {args.threads} thread(s)")
    print(f"dense train step           {step / 1e6:8.1f} MFLOP, limit {limit:.0f}/s")
    print("method   steps/s   / dense   / limit")
    rates, ratios = {"dense": dense_rates, **rates}, {"dense": [1.0], **ratios}
    for method in rates:
        rate, ratio = statistics.median(rates[method]), statistics.median(ratios[method])
        print(f"{method:8s} {rate:7.1f}   {ratio:7.3f}   {rate / limit:7.3f}")
    print(f"peak memory                {memory:8.0f} MB (dense)")


if __name__ == "__main__":
    main()
