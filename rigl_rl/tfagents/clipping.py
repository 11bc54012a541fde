"""Where an agent clips gradients, train steps are computed densely."""

import dataclasses

from tf_agents.agents import tf_agent

from rigl_rl.adapters import gin_internals
from rigl_rl.sparsity import SparseSettings


def unless_clipped(settings: SparseSettings, agent: type[tf_agent.TFAgent]) -> SparseSettings:
    """`settings`, with dense products instead of 'auto' if the `gradient_clipping` of the
    agent or one of its base classes is bound.

    Clipping by the norm needs all gradients, and sparse products compute only active ones.
    """
    clipped = any(
        issubclass(agent, configurable.wrapped) and values.get("gradient_clipping") is not None
        for configurable, values in gin_internals.bindings()
        if isinstance(configurable.wrapped, type)
    )
    if clipped and settings.sparse_execution == "auto":
        return dataclasses.replace(settings, sparse_execution="dense")
    return settings
