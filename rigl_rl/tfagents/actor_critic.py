"""What agents with an actor and a critic share: settings for each of the two."""

from __future__ import annotations

import dataclasses
from typing import Optional

from rigl_rl.errors import ConfigError
from rigl_rl.sparsity import SparseSettings
from rigl_rl.sparsity.gin_config import sparse_settings


def pair(name: str, text: Optional[str]) -> Optional[tuple[float, float]]:
    """The numbers for actor and critic in 'actor_critic', such as '0.9_0.8'; None for no text.

    Args:
      name: what to call the value in an error.
      text: None and the empty string mean: not set.

    Raises:
      ConfigError: it is anything else.
    """
    if not text:
        return None
    try:
        actor, critic = (float(number) for number in text.split("_"))
    except (ValueError, AttributeError) as error:
        raise ConfigError(
            f"{name} is {text!r}, but must be two numbers, for actor and critic, such as '0.9_0.8'"
        ) from error
    return actor, critic


def settings_of_both(
    train_mode_actor: str, train_mode_value: str, sparsities: Optional[str] = None
) -> tuple[SparseSettings, SparseSettings]:
    """Settings of sparse training for actor and critic.

    Args:
      train_mode_actor, train_mode_value: 'dense' or 'sparse', see `sparse_settings`.
      sparsities: 'actor_critic' sparsities in place of the common one (Figure 3).

    Raises:
      ConfigError: `sparsities` does not parse, is out of range, or is meant for a dense network.
      ValueError: any other value is outside of what is allowed.
    """
    modes = {"train_mode_actor": train_mode_actor, "train_mode_value": train_mode_value}
    both = [sparse_settings(mode) for mode in modes.values()]
    numbers = pair("actor_critic_sparsities_str", sparsities)
    if numbers:
        for (name, mode), number in zip(modes.items(), numbers):
            if not 0 <= number < 1:
                raise ConfigError(
                    f"actor_critic_sparsities_str is {sparsities!r}, but both must lie in [0, 1)"
                )
            if mode == "dense" and number:
                raise ConfigError(
                    f"actor_critic_sparsities_str is {sparsities!r}, but {name} is 'dense'; "
                    "bind it to 'sparse', or give sparsity 0"
                )
        both = [dataclasses.replace(each, sparsity=n) for each, n in zip(both, numbers)]
    actor, critic = both
    return actor, critic


def widths_of_both(width: float, widths: Optional[str] = None) -> tuple[float, float]:
    """Multipliers of the hidden layers of actor and critic.

    Args:
      width: common to both.
      widths: 'actor_critic' widths in its place (Figure 3).
    """
    return pair("actor_critic_widths_str", widths) or (width, width)
