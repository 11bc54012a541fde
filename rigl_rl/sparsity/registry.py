"""The base class of sparse training methods, and the registry of all methods by name."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import tensorflow as tf

from rigl_rl.sparsity.schedules import UpdateTimes

if TYPE_CHECKING:
    from rigl_rl.sparsity.settings import SparseSettings

# Section A.3: mask updates stop at 80% of training.
UPDATES_END = 0.8
# Fields of updaters that are recorded in parts, or elsewhere.
_PARTS = ("times", "fraction", "seed")


@dataclasses.dataclass(frozen=True)
class MaskUpdater:
    """Base class of all methods: when masks change, and how.

    Attributes:
      method: the name it is registered under.
      fixed: whether masks never change.
      starts_dense: whether training begins with full masks; otherwise with random ones at the
        target sparsity.
      replaces: whether an update drops and grows the same number of connections. It takes place
        before a step and sees its gradient. New connections start with weight 0 and moments 0.
        Updates of other methods follow their step.
      begins: default first update, as a share of training.
      follows_learning_rate: whether `learning_rate_ratio` matters; otherwise it is always 1.
      times: the update steps.
    """

    method: ClassVar[str] = ""
    fixed: ClassVar[bool] = False
    starts_dense: ClassVar[bool] = False
    replaces: ClassVar[bool] = False
    begins: ClassVar[float] = 0.0
    follows_learning_rate: ClassVar[bool] = False

    times: UpdateTimes = UpdateTimes(frequency=1, end=0)

    @classmethod
    def from_settings(
        cls, settings: SparseSettings, total_steps: int | None, seed: int
    ) -> MaskUpdater:
        """The method with the user's settings.

        Args:
          settings: of sparse training.
          total_steps: train steps of the whole run; None: not known.
          seed: of random numbers.

        Raises:
          ValueError: a setting is not allowed, or `total_steps` is needed.
        """
        return cls() if cls.fixed else cls(cls._times(settings, total_steps))

    @classmethod
    def _times(cls, settings: SparseSettings, total_steps: int | None) -> UpdateTimes:
        end, begin = settings.last_update_step, settings.begin_step
        if end is None:
            if total_steps is None:
                raise ValueError(
                    f"{cls.method} needs total_steps, the train steps of the whole run, to know "
                    "when mask updates end (or last_update_step)"
                )
            end = int(UPDATES_END * total_steps)
        if begin is None:
            begin = int(cls.begins * (total_steps or 0))
        return UpdateTimes(settings.update_freq, end=end, begin=begin)

    @property
    def size_fixed_from(self) -> float:
        """Train step from which on masks keep their number of ones; infinite: they never do."""
        if self.replaces or self.times.never:
            return 0
        return self.times.end + 1 if self.times.end > 0 else math.inf

    def in_effect(self) -> dict[str, Any]:
        """Settings that determine masks, for records: `SparseSettings` names and own fields."""
        if self.fixed:
            return {}
        times = self.times
        fields = [field.name for field in dataclasses.fields(self) if field.name not in _PARTS]
        return {
            "update_freq": times.frequency,
            "begin_step": times.begin,
            "last_update_step": times.end,
            **{name: getattr(self, name) for name in fields},
        }

    def due(self, step):
        """Boolean tensor: do masks change at train step `step`?"""
        return self.times.due(step)

    def drop_fraction(self, step, learning_rate_ratio=1.0):
        """Share of the active connections that an update at train step `step` replaces."""
        return tf.constant(0.0)

    def new_mask(self, mask, weights, gradient, sparsity, step, learning_rate_ratio, index):
        """Mask of one kernel after an update.

        Args:
          mask: the kernel's current mask.
          weights: the kernel, same shape.
          gradient: its dense gradient, same shape; None unless the method `replaces`.
          sparsity: the kernel's final share of zeros.
          step: train steps already taken, int64 scalar.
          learning_rate_ratio: current learning rate over the largest so far, within [0, 1].
          index: position of the kernel among those of its optimizer.
        """
        raise NotImplementedError


METHODS: dict[str, type[MaskUpdater]] = {}
"""All methods by name, in the order of their registration."""

Updater = TypeVar("Updater", bound=type[MaskUpdater])


def register(name: str) -> Callable[[Updater], Updater]:
    """Class decorator: makes a method known under `name`, to `sparsify` and to all gin bindings.

    Raises:
      ValueError: the name is not an identifier, or another class has it.
    """
    if not name.isidentifier():
        raise ValueError(f"a method cannot be named {name!r}: use letters, digits and underscores")

    def add(updater: Updater) -> Updater:
        known = METHODS.get(name)
        # A module may be imported again, which creates its classes again.
        if known and (known.__module__, known.__qualname__) != (
            updater.__module__,
            updater.__qualname__,
        ):
            raise ValueError(f"there is a method {name!r} already: {known.__qualname__}")
        updater.method = name
        METHODS[name] = updater
        return updater

    return add
