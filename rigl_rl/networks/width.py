"""Scales a network's layers by `width`, for parameter-matched dense networks."""

from collections.abc import Sequence

from rigl_rl.parameters import Allowed

WIDTH = Allowed(above=0, high=100)


def scaled_units(units: Sequence[int], width: float) -> tuple[int, ...]:
    """Hidden layer sizes of a network `width` times as wide: rounded (halves up), at least 1.

    Raises:
      ValueError: `width` is not positive.
    """
    if not width > 0:
        raise ValueError(f"width is {width}, but must be positive")
    return tuple(max(1, int(size * width + 0.5)) for size in units)
