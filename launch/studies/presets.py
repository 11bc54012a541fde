"""The scale of a study: the paper's, one for a single machine, or a few minutes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from launch.agents import Agent
from launch.runs import AnySchedule
from rigl_rl import paper


@dataclasses.dataclass(frozen=True)
class Preset:
    """The scale of a study."""

    name: str
    seeds: int
    atari_seeds: int
    snr_sparsities: Mapping[str, tuple[float, ...]] = dataclasses.field(hash=False)
    """Figure 5, by distribution; the dense network is added."""
    snr_freq: int
    """Train steps between two measurements of the gradients' signal-to-noise ratio."""
    sparsities: tuple[float, ...] = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
    """For figures of final reward against parameters or sparsity; see `of_figure`."""
    iqm_sparsities: tuple[float, ...] = paper.IQM_SPARSITIES
    """Figures 15 and 16."""
    actor_shares: tuple[float, ...] = paper.ACTOR_SHARES
    """Figure 3."""
    games: tuple[str, ...] = paper.GAMES
    """The Atari games to train on."""
    atari_sparsities: tuple[float, ...] = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
    """Like `sparsities`, for Atari."""
    atari_iqm_sparsities: tuple[float, ...] = paper.ATARI_IQM_SPARSITIES
    """Figures 17 and 18."""
    weight_decays: tuple[float, ...] = paper.WEIGHT_DECAYS
    """The sweeps' grid, with the two below."""
    update_intervals: tuple[int, ...] = paper.UPDATE_INTERVALS
    drop_fractions: tuple[float, ...] = paper.DROP_FRACTIONS
    resnet_weight_decays: tuple[float, ...] = paper.RESNET_WEIGHT_DECAYS
    """The grid of the ResNet's sweep, with the one below."""
    resnet_learning_rates: tuple[float, ...] = paper.RESNET_LEARNING_RATES
    seeds_of: Mapping[str, int] = dataclasses.field(default_factory=dict, hash=False)
    """Studies with a different number of seeds."""
    methods: tuple[str, ...] = ()
    """Sparse methods that replace those of the study; empty: those of the study."""
    as_in_paper: bool = True
    """Whether studies leave out sparsities that are not in the paper's figure."""

    def schedule(self, agent: Agent) -> AnySchedule:
        """The length of an agent's runs: the paper's, unless it has a shorter schedule."""
        return agent.schedules.get(self.name, agent.schedules["paper"])

    def of_figure(self, figure: str, task: str, sparsities: tuple[float, ...]) -> tuple[float, ...]:
        """Those of `sparsities` at which the paper's figure shows this task.

        Sparsities chosen by the user (`narrowed`) all stay.
        """
        if not self.as_in_paper:
            return sparsities
        return tuple(s for s in sparsities if paper.in_figure(figure, s, task))

    def narrowed(
        self,
        seeds: int | None = None,
        sparsities: tuple[float, ...] = (),
        methods: tuple[str, ...] = (),
    ) -> Preset:
        """A copy with these seeds for every run, sparsities for studies without fixed ones, and
        sparse methods instead of those of a study; those not given stay.
        """
        changes: dict[str, Any] = {"methods": methods or self.methods}
        if seeds is not None:
            changes |= {"seeds": seeds, "atari_seeds": seeds, "seeds_of": {}}
        if sparsities:
            names = ("sparsities", "iqm_sparsities", "atari_sparsities", "atari_iqm_sparsities")
            changes |= dict.fromkeys(names, sparsities)
            changes["snr_sparsities"] = dict.fromkeys(self.snr_sparsities, sparsities)
            changes["as_in_paper"] = False
        return dataclasses.replace(self, **changes)


_SWEEPS = ("table1", "table2", "table3", "table5")

# Figure 5 names neither sparsities nor a distribution. The SNR falls where masks cut hidden units
# off from all inputs. Uniform masks do so at all of these sparsities, ERK only at 99%
# (docs/deviations.md, "Dead units and the SNR"). The study therefore has both.
_SNR = {"erk": (0.5, 0.8, 0.9, 0.95, 0.99), "uniform": (0.5, 0.8, 0.9, 0.95)}

PRESETS = {
    # Section 3 trains "policies ranging between 50% to 99% sparsity", with at least 10 seeds. We
    # chose these sparsities. If a figure's caption has a narrower range, we use that one
    # (`paper.in_figure`). Figures 17 and 18 do not name theirs; we use some of those of Figures 10
    # and 11, which needs no extra runs. A.3 gives no number of seeds for a sweep; we use three.
    "paper": Preset(
        "paper",
        seeds=10,
        atari_seeds=10,
        snr_sparsities=_SNR,
        snr_freq=2_000,
        seeds_of={
            **{"figure16": 9, "figure17": 9, "figure18": 9},  # from their captions
            **dict.fromkeys(_SWEEPS, 3),
        },
    ),
    # Short runs (DQN on classic control, PPO) have the paper's length, so they count toward `paper`
    # in the same directory. SAC trains a tenth as long, DQN on Atari a twentieth, with the ResNet a
    # hundredth.
    "reduced": Preset(
        "reduced",
        seeds=3,
        sparsities=(0.5, 0.8, 0.9, 0.95),
        iqm_sparsities=(0.9,),
        actor_shares=(0.1, 0.3, 0.5, 0.7, 0.9),
        snr_sparsities=_SNR,
        snr_freq=2_000,
        games=paper.GAMES_MAIN,
        atari_seeds=1,
        atari_sparsities=(0.5, 0.9),
        atari_iqm_sparsities=(0.9,),
        weight_decays=(0.0, 1e-6, 1e-4),
        update_intervals=(250, 1000),
        drop_fractions=(0.1, 0.3, 0.5),
        resnet_weight_decays=(0.0, 1e-5),
        resnet_learning_rates=(1e-4, 1e-3),
        seeds_of=dict.fromkeys(_SWEEPS, 1),
    ),
    # Minutes: every task, method and distribution once, too short to learn anything.
    "smoke": Preset(
        "smoke",
        seeds=1,
        sparsities=(0.9,),
        iqm_sparsities=(0.9,),
        actor_shares=(0.1, 0.9),
        snr_sparsities={"erk": (0.9,), "uniform": (0.9,)},
        snr_freq=200,
        atari_seeds=1,
        atari_sparsities=(0.9,),
        atari_iqm_sparsities=(0.9,),
        weight_decays=(0.0, 1e-4),
        update_intervals=(100,),
        drop_fractions=(0.1, 0.5),
        resnet_weight_decays=(0.0, 1e-5),
        resnet_learning_rates=(1e-4,),
    ),
}
