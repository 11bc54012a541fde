"""Settings of sparse training for agents with an actor and a critic."""

import dataclasses
from typing import Any

from rigl_rl.errors import ConfigError
from rigl_rl.sparsity import SparseSettings
from rigl_rl.sparsity.gin_config import sparse_settings
from rigl_rl.tfagents.hyperparameters import ActorCritic


def settings_of_both(given: ActorCritic) -> tuple[SparseSettings, SparseSettings]:
    """Settings of sparse training for the actor and the critic.

    Args:
      given: hyperparameters; `actor_critic_sparsities_str` overrides the common sparsity
        (Figure 3).

    Raises:
      ConfigError: the sparsities apply to a dense network, or a value is not allowed.
    """
    modes = {name: getattr(given, name) for name in ("train_mode_actor", "train_mode_value")}
    both = [sparse_settings(mode) for mode in modes.values()]
    numbers = given.sparsities
    if numbers:
        for (name, mode), number in zip(modes.items(), numbers):
            if mode == "dense" and number:
                raise ConfigError(
                    f"actor_critic_sparsities_str is {given.actor_critic_sparsities_str!r}, but "
                    f"{name} is 'dense'; bind it to 'sparse', or give sparsity 0"
                )
        both = [dataclasses.replace(each, sparsity=n) for each, n in zip(both, numbers)]
    actor, critic = both
    return actor, critic


def labels(
    given: ActorCritic, critic_name: str, actor: SparseSettings, critic: SparseSettings
) -> dict[str, Any]:
    """Entries of result.json for both networks.

    Args:
      given: hyperparameters.
      critic_name: 'critic', or 'value' for PPO's value network.
      actor, critic: settings of sparse training.
    """
    actor_width, critic_width = given.widths
    return {
        "actor_sparsity": actor.sparsity,
        f"{critic_name}_sparsity": critic.sparsity,
        "actor_width": actor_width,
        f"{critic_name}_width": critic_width,
    }
