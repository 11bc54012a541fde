"""Loads the operation, once per process."""

import functools
from typing import Any

import tensorflow as tf


class Missing(Exception):
    """The operation cannot be loaded; the message says why and how to fix it."""


@functools.cache
def _load() -> Any:
    # Here, so that `python -m rigl_rl.sparsity.execution.build` is not imported before it is run.
    from rigl_rl.sparsity.execution import build

    path = build.home() / build.file_name(tf.__version__)
    if not path.exists():
        return Missing(
            "the operation is not built; `python -m rigl_rl.sparsity.execution.build` does it"
        )
    try:
        return tf.load_op_library(str(path))
    except (tf.errors.OpError, OSError, RuntimeError) as error:
        return Missing(f"{path.name} cannot be loaded: {' '.join(str(error).split())[:200]}")


def operation() -> Any:
    """The module with the operation's functions.

    Raises:
      Missing: the operation was not built, or not for this machine.
    """
    loaded = _load()
    if isinstance(loaded, Missing):
        raise loaded
    return loaded


def processor() -> str:
    """The processor family whose code the operation uses here: 'any', 'avx2' or 'avx512'."""
    return operation().rigl_processor().numpy().decode()
