"""Splits a parameter budget between SAC's actor and its two critics (Figure 3).

Actor and critics get their shares as widths of dense networks, or as sparsities of networks of
standard width. The budget is a share of the standard dense networks' parameters, including both
critics and all biases. In the standard networks for HalfCheetah, the actor has 34% of the
parameters.
"""

import math

from launch.agents import SAC, sac_nets
from launch.widths import Net
from rigl_rl.errors import ConfigError

REGIMES = {"dense": "widths", "sparse": "sparsities"}
"""The binding that makes the split, by regime."""


def split(task: str, budget: float, actor_share: float, regime: str) -> str:
    """Widths or sparsities of actor and critics that use up a budget: 'actor_critic'.

    Args:
      task: a key of `SAC.tasks`.
      budget: share of the standard dense parameter count, such as 0.2.
      actor_share: the actor's share of the budget, within (0, 1); the critics get the rest.
      regime: 'dense' for smaller or larger dense networks, 'sparse' for sparse networks of standard
        width.

    Raises:
      ConfigError: a value is not allowed, or no network can have this number of parameters.
    """
    if regime not in REGIMES:
        raise ConfigError(f"regime is {regime!r}, but must be one of {', '.join(REGIMES)}")
    if not 0 < budget < math.inf:
        raise ConfigError(f"budget is {budget}, but must be positive and finite")
    if not 0 < actor_share < 1:
        raise ConfigError(f"actor share is {actor_share}, but must lie within (0, 1)")
    actor, critic, _ = nets = sac_nets(*SAC.tasks[task])
    total = budget * sum(net.parameters(SAC.units) for net in nets)
    found = []
    for name, net, parameters in (
        ("actor", actor, actor_share * total),
        ("critic", critic, (1 - actor_share) * total / 2),
    ):
        dense = regime == "dense"
        least = net.parameters(1) if dense else net.other_parameters(SAC.units) + 1
        most = math.inf if dense else net.parameters(SAC.units)
        if not least <= round(parameters) <= most:
            limit = f"at least {least}" if parameters < least else f"at most {most}"
            raise ConfigError(
                f"an actor share of {actor_share} of budget {budget} gives the {name} of {task} "
                f"{parameters:.0f} parameters, but a {regime} one has {limit}"
            )
        found.append(_width(net, parameters) if dense else _sparsity(net, parameters))
    return "_".join(repr(number) for number in found)


def _width(net: Net, parameters: float) -> float:
    """Multiplier of the hidden layers that comes closest to this number of parameters."""
    # units^2 + (inputs + outputs + 2) units + outputs = parameters
    half = (net.inputs + net.outputs + 2) / 2
    root = -half + math.sqrt(half**2 + max(0.0, parameters - net.outputs))
    units = min(
        (max(1, math.floor(root)), max(1, math.ceil(root))),
        key=lambda candidate: abs(net.parameters(candidate) - parameters),
    )
    return units / SAC.units


def _sparsity(net: Net, parameters: float) -> float:
    """Sparsity of the kernels with this number of active parameters, to six digits."""
    active = parameters - net.other_parameters(SAC.units)
    return max(0.0, round(1 - active / net.kernel_parameters(SAC.units), 6))
