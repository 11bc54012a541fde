"""The file formats of an exported policy."""

import contextlib
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from rigl_rl.adapters import tflite_sparse
from rigl_rl.export.policy import GreedyPolicy

# One observation (1, ...) -> one action (1, ...)
Act = Callable[[np.ndarray], np.ndarray]


class File(NamedTuple):
    """A file format: how to write it, and how to load it as a policy (None: it cannot act)."""

    write: Callable[[GreedyPolicy, pathlib.Path], None]
    load: Callable[[pathlib.Path], Act] | None
    exact: bool = True
    """Whether it holds weights in full precision."""


def write_saved_model(policy: GreedyPolicy, path: pathlib.Path) -> None:
    """Writes a directory that can be loaded with TensorFlow only."""
    module = tf.Module()
    module.weights = policy.weights
    module.action = policy.action
    signature = tf.function(
        lambda observation: {"action": policy.action(observation)},
        input_signature=[tf.TensorSpec.from_spec(policy.observation, "observation")],
    )
    tf.saved_model.save(module, str(path), {"serving_default": signature})


def load_saved_model(path: pathlib.Path) -> Act:
    """The policy in a SavedModel."""
    policy = tf.saved_model.load(str(path))
    return lambda observation: policy.action(tf.constant(observation)).numpy()


def write_tflite(policy: GreedyPolicy, path: pathlib.Path) -> None:
    """Writes a TensorFlow Lite model of one observation, with all weights."""
    path.write_bytes(_converted(_converter(policy)))


def write_sparse_tflite(policy: GreedyPolicy, path: pathlib.Path) -> None:
    """Writes it with only the weights and indices of active connections."""
    path.write_bytes(tflite_sparse.encoded(_converted(_converter(policy))))


def write_float16_tflite(policy: GreedyPolicy, path: pathlib.Path) -> None:
    """Writes it with all weights in half precision."""
    converter = _converter(policy)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    path.write_bytes(_converted(converter))


def _converter(policy: GreedyPolicy) -> tf.lite.TFLiteConverter:
    one = tf.TensorSpec((1, *policy.observation.shape[1:]), policy.observation.dtype, "observation")
    action = tf.function(lambda observation: {"action": policy.action(observation)})
    return tf.lite.TFLiteConverter.from_concrete_functions(
        [action.get_concrete_function(one)], policy
    )


def _converted(converter: tf.lite.TFLiteConverter) -> bytes:
    with _quiet():
        return converter.convert()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hides TensorFlow Lite's output, which counts operations. Errors are exceptions."""
    kept = os.dup(2)
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def load_tflite(path: pathlib.Path) -> Act:
    """The policy in a TensorFlow Lite model, on one thread."""
    with _quiet():
        interpreter = tf.lite.Interpreter(str(path), num_threads=1)
        interpreter.allocate_tensors()
    (given,), (found,) = interpreter.get_input_details(), interpreter.get_output_details()

    def act(observation: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(given["index"], observation)
        interpreter.invoke()
        return interpreter.get_tensor(found["index"])

    return act


def write_npz(policy: GreedyPolicy, path: pathlib.Path) -> None:
    """Writes all weights by name, `NAME/mask` of each kernel, and the actions' bounds."""
    arrays = {name: each.numpy() for name, each in policy.named.items()}
    arrays |= {f"{name}/mask": kernel.numpy() != 0 for name, kernel in policy.kernels.items()}
    if policy.bounds:
        arrays["action/minimum"], arrays["action/maximum"] = policy.bounds
    np.savez_compressed(path, **arrays)


FILES = {
    "savedmodel": File(write_saved_model, load_saved_model),
    "policy.tflite": File(write_tflite, load_tflite),
    "policy_sparse.tflite": File(write_sparse_tflite, load_tflite),
    "policy_float16.tflite": File(write_float16_tflite, load_tflite, exact=False),
    "policy.npz": File(write_npz, None),
}
"""All files by name."""


def files_of(format_name: str | None) -> dict[str, File]:
    """The files of a format: `savedmodel`, `tflite` or `npz`; None: all of them."""
    return {name: each for name, each in FILES.items() if name.endswith(format_name or "")}


FORMATS = tuple(dict.fromkeys(name.rpartition(".")[2] for name in FILES))
