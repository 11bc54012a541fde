"""Builds result.json: what was run, its scores, parameters, FLOPs, versions and machine."""

import importlib.metadata
import os
import pathlib
import platform
import resource
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf

import rigl_rl
from rigl_rl import record
from rigl_rl.errors import ConfigError
from rigl_rl.runs import threads
from rigl_rl.runs.history import History
from rigl_rl.sparsity import MaskedKernel, SparseOptimizer, counting, execution

_PACKAGES = (
    "tensorflow",
    "tensorflow-probability",
    "tf-agents",
    "dopamine-rl",
    "gin-config",
    "gymnasium",
    "ale-py",
    "mujoco",
    "numpy",
)


def of_run(
    labels: Mapping[str, Any],
    history: History,
    last_fraction: float,
    steps: tuple[int, int],
    networks: Mapping[str, tf.keras.layers.Layer],
    optimizers: Iterable[SparseOptimizer],
    speed: tuple[int, float],
) -> dict[str, Any]:
    """The contents of result.json.

    Args:
      labels: what was run: agent, environment, method, hyperparameters, seed.
      history: the run's evaluations.
      last_fraction: share of the evaluations, from the end, in the final score.
      steps: environment steps and train steps.
      networks: {name: network} for all trained networks.
      optimizers: their optimizers.
      speed: number of steps that `steps_per_s` counts, and the run's seconds.
    """
    optimizers = list(optimizers)
    kernels = [kernel for optimizer in optimizers for kernel in optimizer.kernels]
    counted, wall_s = speed
    return {
        **labels,
        **history.final_scores(last_fraction),
        "last_fraction": last_fraction,
        "evaluations": len(history.evals),
        "env_steps": steps[0],
        "train_steps": steps[1],
        **describe(networks, kernels),
        "sparse_execution": execution.record([optimizer.execution for optimizer in optimizers]),
        "wall_s": round(wall_s, 1),
        "steps_per_s": round(counted / wall_s, 1),
        "peak_memory_mb": round(peak_memory_mb()),
        "versions": versions(),
        "machine": machine(),
    }


def versions() -> dict[str, str]:
    """Versions of Python, this package and the packages that affect a run's numbers."""
    found = {"rigl_rl": rigl_rl.__version__, "python": platform.python_version()}
    for package in _PACKAGES:
        found[package] = importlib.metadata.version(package)
    return found


def machine() -> dict[str, Any]:
    """The processor's name, the cores of this process, and TensorFlow's threads."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:  # not Linux
        names = []
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "threads": threads.number(),
    }


def peak_memory_mb() -> float:
    """Peak resident memory of this process so far, in MB (2^20 bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def check(networks: Mapping[str, tf.keras.layers.Layer], labels: Mapping[str, Any]) -> None:
    """Checks before training that its result can be written at its end.

    Args:
      networks, labels: as for `of_run`.

    Raises:
      ConfigError: a label has an invalid value, or a kernel is of an unknown kind of layer.
    """
    record.check_values(labels, required=())
    for name, network in networks.items():
        try:
            counting.from_keras(network)
        except ValueError as error:
            raise ConfigError(
                f"network {name!r}: {error}; Dense and Conv layers can be counted"
            ) from error


def describe(
    networks: Mapping[str, tf.keras.layers.Layer], kernels: Sequence[MaskedKernel]
) -> dict[str, Any]:
    """Counts parameters and FLOPs over all networks.

    Args:
      networks: {name: built network}.
      kernels: their masked kernels; all other kernels are dense.

    Returns:
      active_params and total_params with biases, the active ones per network, sparsity over the
      masked kernels (0 if none), each kernel's numbers, and each network's forward FLOPs per
      example.
    """
    masked = {(kernel.network, kernel.label): int(kernel.active()) for kernel in kernels}
    active_params = total_params = masked_active = masked_size = 0
    layers, network_params, forward_flops = [], {}, {}
    for network, module in networks.items():
        found = counting.from_keras(module)
        active = {name: number for (owner, name), number in masked.items() if owner == network}
        count = counting.count(found, active=active)
        network_params[network] = count.active_params
        active_params += count.active_params
        total_params += count.total_params
        forward_flops[network] = count.flops
        for layer in found:
            layers.append(
                {
                    "network": network,
                    "name": layer.name,
                    "shape": list(layer.kernel_shape),
                    "active": count.active[layer.name],
                }
            )
            if layer.name in active:
                masked_active += active[layer.name]
                masked_size += layer.size
    return {
        "active_params": active_params,
        "total_params": total_params,
        "network_params": network_params,
        "sparsity": 1.0 - masked_active / masked_size if masked_size else 0.0,
        "layers": layers,
        "forward_flops": forward_flops,
    }
