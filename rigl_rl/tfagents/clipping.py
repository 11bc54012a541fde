"""Where an agent clips gradients, train steps are computed densely."""

import dataclasses

import gin
from tf_agents.agents import tf_agent

from rigl_rl.sparsity import SparseSettings


def unless_clipped(settings: SparseSettings, agent: type[tf_agent.TFAgent]) -> SparseSettings:
    """`settings`, with dense products instead of 'auto' if `agent.gradient_clipping` is bound.

    Clipping by the norm needs all gradients, and sparse products compute only active ones.
    """
    clipped = gin.get_bindings(agent).get("gradient_clipping") is not None
    if clipped and settings.sparse_execution == "auto":
        return dataclasses.replace(settings, sparse_execution="dense")
    return settings
