"""Hyperparameters of older runs, whose result.json does not have them.

They are read from the gin parameters in effect, which the run recorded.
"""

import ast
import math
import re
from typing import Any

# Column: gin names (in TF-Agents' and Dopamine's mains), and the methods that use it.
_SPARSE_FROM_THE_START = ("static", "set", "rigl", "rigl_inverted")
_GROWING = ("set", "rigl", "rigl_inverted")
_ALL = ("dense", "prune", *_SPARSE_FROM_THE_START)
_SPARSE = _ALL[1:]
_COLUMNS = {
    "weight_decay": (("train_eval.weight_decay", "SparseDQNAgent.weight_decay"), _ALL),
    "batch_size": (
        # The second is PPO's.
        ("train_eval.batch_size", "train_eval.minibatch_size", "WrappedReplayBuffer.batch_size"),
        _ALL,
    ),
    # Swept on Atari only.
    "learning_rate": (("AdamOptimizer.learning_rate",), _ALL),
    "drop_fraction": (
        (
            "mask_updater.init_drop_fraction",
            "UpdatedSETOptimizer.drop_fraction",
            "UpdatedRigLOptimizer.drop_fraction",
        ),
        _GROWING,
    ),
    "sparsity_aware_init": (("init_masks.fixed_sparse_init",), _SPARSE_FROM_THE_START),
    "sparse_initializer": (("init_masks.sparse_initializer",), _SPARSE_FROM_THE_START),
    "sparse_output_layer": (("train_eval.sparse_output_layer",), _SPARSE),
    "sparsities": (("train_eval.actor_critic_sparsities_str",), _SPARSE),
    "widths": (("train_eval.actor_critic_widths_str",), _ALL),
}
_INTERVAL = {
    "prune": ("wrap_all_layers.frequency", "pruning.frequency"),
    "set": ("mask_updater.update_freq", "UpdatedSETOptimizer.frequency"),
    "rigl": ("mask_updater.update_freq", "UpdatedRigLOptimizer.frequency"),
    "rigl_inverted": ("mask_updater.update_freq",),
}
_ATARI_LENGTH = ("SparseTrainRunner.num_iterations", "SparseTrainRunner.training_steps")

_BINDING = re.compile(r"^([\w.]+) = (\S.*)$", re.MULTILINE)


def of_run(operative_config: str, method: str) -> dict[str, Any]:
    """As `hyperparameters.of_run`.

    operative_config: text of the run's operative_config.gin.
    """
    bound = _bound(operative_config)
    known = method if method in _ALL else "rigl"
    names = {
        column: names if known in methods else () for column, (names, methods) in _COLUMNS.items()
    }
    names["update_freq"] = _INTERVAL.get(known, ())
    return {
        column: next((_value(bound, name, method) for name in alternatives if name in bound), None)
        for column, alternatives in names.items()
    }


def planned_steps(operative_config: str) -> int | None:
    """Minimum of agent steps planned for a run on Atari, None elsewhere.

    operative_config: as of `of_run`.
    """
    bound = _bound(operative_config)
    known = all(name in bound for name in _ATARI_LENGTH)
    return math.prod(_literal(bound[name]) for name in _ATARI_LENGTH) if known else None


def _bound(operative_config: str) -> dict[str, str]:
    return dict(_BINDING.findall(operative_config))


def _value(bound: dict[str, str], name: str, method: str) -> Any:
    """What `name` is bound to, directly or by method (as original.gin does)."""
    text = bound[name]
    return _literal(bound.get(f"by_method.{method}", "") if text == "@by_method()" else text)


def _literal(text: str) -> Any:
    """The literal value of a binding; None for an empty string, a macro or a reference."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return None
    return None if value == "" else value
