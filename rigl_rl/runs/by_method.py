"""A gin value that depends on the method, for files used on top of any method's file."""

from __future__ import annotations

import copy
from typing import Any

import gin

from rigl_rl.errors import ConfigError
from rigl_rl.sparsity import METHODS
from rigl_rl.sparsity.gin_config import method_settings

_TRAIN_MODES = tuple(f"train_eval.train_mode{which}" for which in ("", "_actor", "_value"))


@gin.configurable
def by_method(**values: Any) -> Any:
    """Returns the value whose name is the method that the other bindings select.

    For example, `train_eval.weight_decay = @by_method()` with `by_method.rigl = 1e-4` and so on.

    Raises:
      ConfigError: a name is not a method, or the method has no value.
    """
    for name in values:
        if name not in METHODS:
            raise ConfigError(f"unknown method by_method.{name}; choose from {', '.join(METHODS)}")
    method = _method()
    if method not in values:
        raise ConfigError(f"by_method has no value for {method!r}; bind by_method.{method}")
    return values[method]


def _method() -> str:
    """The bound method: `SparseDQNAgent.mode` on Atari, `method_settings` elsewhere."""
    on_atari = _bound("SparseDQNAgent.mode")
    if on_atari:
        return on_atari
    if "sparse" not in map(_bound, _TRAIN_MODES):
        return "dense"
    return method_settings()["method"]


def _bound(name: str) -> Any:
    """The value bound to `name`; None if it is not bound or this main has no such name."""
    try:
        return copy.deepcopy(gin.query_parameter(name))  # copying replaces a macro by its value
    except ValueError:
        return None
