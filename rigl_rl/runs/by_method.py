"""A gin value that depends on the method, for files that lie over those of several methods."""

from __future__ import annotations

import copy
from typing import Any

import gin

from rigl_rl.errors import ConfigError
from rigl_rl.sparsity import METHODS
from rigl_rl.sparsity.gin_config import mask_updater, wrap_all_layers

_TRAIN_MODES = tuple(f"train_eval.train_mode{which}" for which in ("", "_actor", "_value"))


@gin.configurable
def by_method(**values: Any) -> Any:
    """The one of `values` that is named like the method which the other bindings ask for.

    As in `train_eval.weight_decay = @by_method()` with `by_method.rigl = 1e-4` and so on.

    Raises:
      ConfigError: a name is no method, or there is no value for the method.
    """
    for name in values:
        if name not in METHODS:
            raise ConfigError(f"unknown method by_method.{name}; choose of {', '.join(METHODS)}")
    method = _method()
    if method not in values:
        raise ConfigError(f"by_method has no value for {method!r}; bind by_method.{method}")
    return values[method]


def _method() -> str:
    """The method that is bound: on Atari directly, elsewhere as `sparse_settings` reads it."""
    on_atari = _bound("SparseDQNAgent.mode")
    if on_atari:
        return on_atari
    if "sparse" not in map(_bound, _TRAIN_MODES):
        return "dense"
    method = wrap_all_layers()["method"]
    return mask_updater()["method"] if method == "constant" else method


def _bound(name: str) -> Any:
    """What `name` is bound to; None if nothing, or if there is no such name in this main."""
    try:
        return copy.deepcopy(gin.query_parameter(name))  # which puts a macro's value in its place
    except ValueError:
        return None
