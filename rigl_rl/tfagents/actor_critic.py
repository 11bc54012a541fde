"""Settings that an actor and a critic may have different values of."""

from __future__ import annotations

from typing import Optional

from rigl_rl.errors import ConfigError


def pair(name: str, text: str) -> Optional[tuple[float, float]]:
    """The actor's and the critic's number in the original's form 'actor_critic', such as '0.9_0.8'.

    Args:
      name: of the setting, for the error.
      text: the pair; empty for none.

    Raises:
      ConfigError: `text` is not two numbers with an underscore between them.
    """
    if not text:
        return None
    try:
        actor, critic = (float(part) for part in str(text).split("_"))
    except ValueError as error:
        raise ConfigError(
            f"{name} is {text!r}, but must be two numbers like '0.9_0.8', the actor's and the "
            "critic's, or empty"
        ) from error
    return actor, critic
