"""Prints the binding that splits a parameter budget between SAC's actor and its two critics.

    python -m launch.actor_critic HalfCheetah-v2 --budget 0.2 --actor_share 0.1 --regime sparse

prints the gin binding that gives actor and critics their shares. See `launch.parameter_split`.
"""

import sys
from collections.abc import Sequence

from launch.agent_runs import HYPERPARAMETERS
from launch.agents import SAC
from launch.parameter_split import REGIMES, split
from rigl_rl.command_line import Parser, exit_code


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the binding."""
    parser = Parser(
        prog="python -m launch.actor_critic",
        description="Print the gin binding that splits a parameter budget.",
    )
    parser.add_argument("task", choices=list(SAC.tasks))
    parser.add_argument(
        "--budget", type=float, required=True, help="share of the standard networks' parameters"
    )
    parser.add_argument("--actor_share", type=float, required=True, help="share of the budget")
    parser.add_argument(
        "--regime", choices=list(REGIMES), required=True, help="narrow networks, or sparse ones"
    )
    args = parser.parse_args(argv)
    text = split(args.task, args.budget, args.actor_share, args.regime)
    _, binding = HYPERPARAMETERS[REGIMES[args.regime]]
    print(f'{binding}="{text}"')


if __name__ == "__main__":
    sys.exit(exit_code(main))
