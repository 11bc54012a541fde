"""Private parts of Keras optimizers, new and legacy, that a wrapper needs."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

READ_IN = {"keras": "2.15.0"}
# For methods that set attributes which checkpoints should not track.
untracked = tf.__internal__.tracking.no_automatic_dependency_tracking
# The attribute that a LossScaleOptimizer sets on the optimizer it wraps. When it skips a step, it
# only advances that optimizer's `iterations`.
LOSS_SCALE_MARK = "_is_wrapped_by_loss_scale_optimizer"
# Keras' optimizers that update every weight independently and by the same rule.
_ELEMENTWISE = {"Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lion", "Nadam"}
_ELEMENTWISE |= {"RMSprop", "SGD"}


def build(optimizer: tf.keras.optimizers.Optimizer, variables: Sequence[tf.Variable]) -> None:
    """Creates the optimizer's slot variables."""
    if is_legacy(optimizer):
        optimizer._create_all_weights(variables)
    else:
        optimizer.build(variables)


def slots_of(optimizer: tf.keras.optimizers.Optimizer, variable: tf.Variable) -> list[tf.Variable]:
    """The optimizer's variables that hold one number per weight of `variable` (Adam: m and v)."""
    if is_legacy(optimizer):
        slots = [optimizer.get_slot(variable, name) for name in optimizer.get_slot_names()]
    else:
        # Keras keeps one list per kind of slot, in the order of the variables it was built with.
        index = optimizer._index_dict[optimizer._var_key(variable)]
        slots = [
            attribute[index]
            for name, attribute in vars(optimizer).items()
            if isinstance(attribute, list)
            and name != "_variables"
            and len(attribute) == len(optimizer._index_dict)
        ]
    return [
        slot for slot in slots if isinstance(slot, tf.Variable) and slot.shape == variable.shape
    ]


def initial_of(optimizer: tf.keras.optimizers.Optimizer, slot: tf.Variable) -> float:
    """The value at which a slot starts: 0, except where Keras divides by it."""
    if isinstance(optimizer, tf.keras.optimizers.Ftrl) and any(
        slot is each for each in optimizer._accumulators
    ):
        return optimizer.initial_accumulator_value
    return 0.0


def learning_rate_of(optimizer: tf.keras.optimizers.Optimizer):
    """The learning rate at this train step, a number or a scalar tensor."""
    # New optimizers hold their schedule here; `learning_rate` is its value one step ago.
    rate = getattr(optimizer, "_learning_rate", optimizer.learning_rate)
    if isinstance(rate, tf.keras.optimizers.schedules.LearningRateSchedule):
        return rate(optimizer.iterations)
    return rate() if callable(rate) else rate


def adam_of(optimizer: tf.keras.optimizers.Optimizer) -> tuple[tf.Tensor, ...] | None:
    """The numbers for Adam's step at this train step.

    Returns:
      Learning rate with both bias corrections, beta_1, beta_2 and epsilon, float32 scalars; None
      for another optimizer, or for Adam with options beyond its plain step.
    """
    if type(optimizer) is tf.keras.optimizers.legacy.Adam:
        rate = optimizer._decayed_lr(tf.float32)
        beta_1, beta_2 = (optimizer._get_hyper(name, tf.float32) for name in ("beta_1", "beta_2"))
    elif type(optimizer) is tf.keras.optimizers.Adam:
        if optimizer.weight_decay or optimizer.use_ema:
            return None
        rate = tf.cast(learning_rate_of(optimizer), tf.float32)
        beta_1, beta_2 = optimizer.beta_1, optimizer.beta_2
    else:
        return None
    if optimizer.amsgrad or any(
        getattr(optimizer, name, None) for name in ("clipnorm", "clipvalue", "global_clipnorm")
    ):
        return None
    beta_1, beta_2, epsilon = (
        tf.cast(number, tf.float32) for number in (beta_1, beta_2, optimizer.epsilon)
    )
    step = tf.cast(optimizer.iterations + 1, tf.float32)
    correction = tf.sqrt(1.0 - tf.pow(beta_2, step)) / (1.0 - tf.pow(beta_1, step))
    return rate * correction, beta_1, beta_2, epsilon


def steps_weights_apart(optimizer: tf.keras.optimizers.Optimizer) -> bool:
    """Whether a weight's step depends on its own gradient only.

    Clipping norms prevents that, and functions that transform gradients may do anything.
    """
    mixes = ("clipnorm", "global_clipnorm", "gradient_transformers")
    return type(optimizer).__name__ in _ELEMENTWISE and not any(
        getattr(optimizer, name, None) for name in mixes
    )


def averages_of(
    optimizer: tf.keras.optimizers.Optimizer, variable: tf.Variable
) -> list[tf.Variable]:
    """The optimizer's moving average of `variable` (`use_ema`); [] if it keeps none."""
    if is_legacy(optimizer) or not optimizer.use_ema:
        return []
    index = optimizer._index_dict[optimizer._var_key(variable)]
    return [optimizer._model_variables_moving_average[index]]


def variables_of(optimizer: tf.keras.optimizers.Optimizer) -> list[tf.Variable]:
    """All variables of the optimizer: a property in new optimizers, a method in legacy ones."""
    variables = optimizer.variables
    return list(variables() if callable(variables) else variables)


def children_of_saved(optimizer: tf.keras.optimizers.Optimizer) -> dict[str, Any]:
    """The children, by name, that Keras' SavedModel loader expects in a new optimizer."""
    return {"_iterations": optimizer._iterations, "_variables": optimizer._variables}


def name_of(optimizer: tf.keras.optimizers.Optimizer) -> str:
    """The optimizer's name."""
    return optimizer._name if is_legacy(optimizer) else optimizer.name


def is_legacy(optimizer: tf.keras.optimizers.Optimizer) -> bool:
    """Whether the optimizer belongs to Keras' legacy class."""
    return isinstance(optimizer, tf.keras.optimizers.legacy.Optimizer)


def unaggregated(optimizer: tf.keras.optimizers.Optimizer) -> dict[str, bool]:
    """Argument of its `apply_gradients` for gradients that are already summed over replicas."""
    if is_legacy(optimizer):
        return {"experimental_aggregate_gradients": False}
    return {"skip_gradients_aggregation": True}


def scales_losses(optimizer: tf.keras.optimizers.Optimizer) -> bool:
    """Whether the optimizer is a LossScaleOptimizer."""
    return isinstance(optimizer, tf.keras.mixed_precision.LossScaleOptimizer)


def loss_scale_like(scaled, optimizer: tf.keras.optimizers.Optimizer):
    """Wraps `optimizer` in a LossScaleOptimizer with the settings of `scaled`."""
    return tf.keras.mixed_precision.LossScaleOptimizer(
        optimizer,
        dynamic=scaled.dynamic,
        initial_scale=scaled.initial_scale,
        dynamic_growth_steps=scaled.dynamic_growth_steps,
    )
