"""How a budget of parameters is shared between SAC's actor and its two critics (Figure 3).

    python -m launch.actor_critic HalfCheetah --budget 0.2 --actor_share 0.1 --regime sparse

prints the gin binding that gives actor and critics their shares: widths of dense networks, or
sparsities of networks of standard width. The budget is a share of what the standard dense networks
(Table 8: two hidden layers of 256 units) have together; both critics count, biases included. In the
standard networks the actor has 34 % of HalfCheetah's parameters.

Plain integers, so that a study expands without loading TensorFlow.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from launch.cli import Parser

MUJOCO = {
    "HalfCheetah": (17, 6),
    "Hopper": (11, 3),
    "Walker2d": (17, 6),
    "Ant": (111, 8),
    "Humanoid": (376, 17),
}
"""Sizes of observations and actions."""

UNITS = 256
"""Units of each hidden layer at width 1 (Table 8)."""

REGIMES = ("dense", "sparse")


@dataclasses.dataclass(frozen=True)
class Network:
    """Two equal hidden layers between `inputs` and `outputs`, with biases."""

    inputs: int
    outputs: int

    def kernels(self, units: int = UNITS) -> int:
        """Number of weights in the three kernels."""
        return self.inputs * units + units * units + units * self.outputs

    def biases(self, units: int = UNITS) -> int:
        """Number of biases; they are never sparse."""
        return 2 * units + self.outputs

    def parameters(self, units: int = UNITS) -> int:
        """All parameters of the dense network."""
        return self.kernels(units) + self.biases(units)

    def width(self, parameters: float) -> float:
        """Multiplier of the hidden layers that comes nearest to so many parameters."""
        # units^2 + (inputs + outputs + 2) units + outputs = parameters
        half = (self.inputs + self.outputs + 2) / 2
        root = -half + math.sqrt(half**2 + max(0.0, parameters - self.outputs))
        units = min(
            (max(1, math.floor(root)), max(1, math.ceil(root))),
            key=lambda candidate: abs(self.parameters(candidate) - parameters),
        )
        return units / UNITS

    def sparsity(self, parameters: float) -> float:
        """Sparsity of the kernels at which so many parameters are active."""
        return 1 - (parameters - self.biases()) / self.kernels()


def actor(env: str) -> Network:
    """The actor: a mean and a standard deviation per action."""
    observations, actions = MUJOCO[env]
    return Network(observations, 2 * actions)


def critic(env: str) -> Network:
    """One of the two critics: a value per observation and action."""
    observations, actions = MUJOCO[env]
    return Network(observations + actions, 1)


def standard_parameters(env: str) -> int:
    """Parameters of the standard dense actor and both critics."""
    return actor(env).parameters() + 2 * critic(env).parameters()


def binding(env: str, budget: float, actor_share: float, regime: str) -> str:
    """The gin binding that shares out a budget.

    Args:
      env: a key of `MUJOCO`.
      budget: share of the standard dense parameter count, such as 0.2.
      actor_share: the actor's share of the budget, within (0, 1); the critics have the rest.
      regime: 'dense' for smaller or larger dense networks, 'sparse' for sparse networks of standard
        width.

    Raises:
      ValueError: a value is outside of what is allowed, or no network has so few or so many
        parameters.
    """
    if regime not in REGIMES:
        raise ValueError(f"regime is {regime!r}, but must be one of {', '.join(REGIMES)}")
    if not budget > 0:
        raise ValueError(f"budget is {budget}, but must be positive")
    if not 0 < actor_share < 1:
        raise ValueError(f"actor share is {actor_share}, but must lie within (0, 1)")
    total = budget * standard_parameters(env)
    found = []
    for name, network, parameters in (
        ("actor", actor(env), actor_share * total),
        ("critic", critic(env), (1 - actor_share) * total / 2),
    ):
        least = network.parameters(1) if regime == "dense" else network.biases() + 1
        most = math.inf if regime == "dense" else network.parameters()
        if not least <= round(parameters) <= most:
            limit = f"at least {least}" if parameters < least else f"at most {most}"
            raise ValueError(
                f"an actor share of {actor_share} of budget {budget} gives the {name} of {env} "
                f"{parameters:.0f} parameters, but a {regime} one has {limit}"
            )
        if regime == "dense":
            found.append(network.width(parameters))
        else:
            found.append(max(0.0, round(network.sparsity(parameters), 6)))
    text = "_".join(repr(number) for number in found)
    kind = "widths" if regime == "dense" else "sparsities"
    return f'train_eval.actor_critic_{kind}_str="{text}"'


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the binding."""
    parser = Parser(
        prog="python -m launch.actor_critic", description="Share a budget of parameters."
    )
    parser.add_argument("env", choices=list(MUJOCO))
    parser.add_argument("--budget", type=float, required=True, help="share of the standard count")
    parser.add_argument("--actor_share", type=float, required=True, help="share of the budget")
    parser.add_argument("--regime", choices=REGIMES, required=True)
    args = parser.parse_args(argv)
    try:
        print(binding(args.env, args.budget, args.actor_share, args.regime))
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
