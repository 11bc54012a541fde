"""Live output of a run: TensorBoard, and a progress bar with a line per evaluation."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence

import gin
import tensorflow as tf
from tqdm import tqdm

from rigl_rl.parameters import Allowed, declares
from rigl_rl.record import GREEDY_COLUMN
from rigl_rl.sparsity import MaskedKernel, SparseOptimizer, sparsity_of

LOG_EVERY = 500
"""Train steps between two entries of training in TensorBoard; Dopamine's agents: an iteration."""


@gin.configurable("log_snr")
@declares(freq=Allowed(low=0))
def snr_interval(freq: int = 0) -> int:
    """Train steps between two measurements of the gradients' signal-to-noise ratio; 0: never."""
    return freq


@gin.configurable("log_sparsities")
def logs_masks(log_images: bool = False) -> bool:
    """Whether masks are logged to TensorBoard as images."""
    return log_images


class TensorBoard:
    """Scalars of a run by train step.

    Args:
      path: directory for the event files.
      optimizers: {name: sparse optimizer} of the run.
      networks: all trained networks, built.
    """

    def __init__(
        self,
        path: str,
        optimizers: Mapping[str, SparseOptimizer],
        networks: Iterable[tf.keras.layers.Layer],
    ):
        self._writer = tf.summary.create_file_writer(path)
        self._optimizers = optimizers
        self._kernels = [kernel for each in optimizers.values() for kernel in each.kernels]
        trained = [variable for network in networks for variable in network.trainable_variables]
        masked = [kernel.mask for kernel in self._kernels]
        self._dense_params = _size(trained) - _size(masked)
        self._images = logs_masks()

    def training(self, step: int, loss: float, steps_per_s: float) -> None:
        """Logs the mean loss since the last call, the speed and the state of the masks."""
        kernels = self._kernels
        with self._writer.as_default(step=step):
            tf.summary.scalar("train/loss", loss)
            tf.summary.scalar("train/steps_per_s", steps_per_s)
            if not kernels:
                return
            for name, optimizer in self._optimizers.items():
                tf.summary.scalar(f"sparsity/{name}/drop_fraction", optimizer.drop_fraction())
            tf.summary.scalar("sparsity/total", sparsity_of(kernels))
            for kernel in kernels:
                label = f"{kernel.network}/{kernel.label}"
                tf.summary.scalar(f"sparsity/layers/{label}", sparsity_of([kernel]))
                if self._images and len(kernel.mask.shape) == 2:
                    image = tf.reshape(kernel.mask, [1, *kernel.mask.shape, 1])
                    tf.summary.image(f"masks/{label}", image)
            active = sum(int(kernel.active()) for kernel in kernels)
            tf.summary.scalar("sparsity/active_params", active + self._dense_params)

    def evaluation(self, step: int, row: Mapping[str, float]) -> None:
        """Logs mean and standard deviation of an evaluation's returns: a row of evals.csv."""
        with self._writer.as_default(step=step):
            if GREEDY_COLUMN in row:
                tf.summary.scalar("eval/greedy_return", row[GREEDY_COLUMN])
            tf.summary.scalar("eval/avg_return", row["avg_return"])
            tf.summary.scalar("eval/std_return", row["std_return"])
            tf.summary.scalar("eval/avg_return_by_env_step", row["avg_return"], row["env_step"])
        self._writer.flush()

    def snr(self, step: int, network: str, value: float) -> None:
        """Logs the mean signal-to-noise ratio of a network's gradients."""
        with self._writer.as_default(step=step):
            tf.summary.scalar(f"snr/{network}", value)


def _size(variables: Iterable[tf.Variable]) -> int:
    return sum(variable.shape.num_elements() for variable in variables)


class Progress:
    """A bar with steps/s, last return, sparsity and time left; a line per evaluation.

    Args:
      total: train steps of the run.
      start: train steps already done.
      show_bar: whether to draw the bar; by default only on a terminal.
    """

    def __init__(self, total: int, start: int, show_bar: bool | None = None):
        disable = None if show_bar is None else not show_bar
        self._bar = tqdm(total=total, initial=start, unit="step", disable=disable)

    def advance(self, steps: int, last_return: float, kernels: Sequence[MaskedKernel]) -> None:
        """Moves the bar by `steps` train steps."""
        sparsity = sparsity_of(kernels) if kernels else 0.0
        self._bar.set_postfix_str(f"return {last_return:.1f}, sparsity {sparsity:.1%}", False)
        self._bar.update(steps)

    def say(self, line: str) -> None:
        """Prints a line above the bar."""
        self._bar.write(line, file=sys.stdout)

    def close(self) -> None:
        """Leaves the bar as it is."""
        self._bar.close()
