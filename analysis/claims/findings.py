"""The findings that the paper states in words, and how each is measured on runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Callable

import pandas as pd

from analysis.claims import comparisons
from analysis.claims.comparisons import AT, Compare, Sides
from analysis.claims.evidence import NOTHING, Evidence, Range, difference, probability
from analysis.collect import Tables
from rigl_rl.paper import ERK, UNIFORM

MORE_OFTEN = Range(0.5)
WITHOUT_LOSS = Range(-0.1)
"""A loss below a tenth of the dense network's score: what "minimal loss" is, is our choice."""
EQUAL = Range(-0.05, 0.05)
"""Of the dense network's score; our choice, too."""


@dataclasses.dataclass(frozen=True)
class Claim:
    """A finding of the paper.

    wanted: where the quantity has to be for the finding to hold.
    by: columns that tell apart the cells within which runs are compared.
    """

    name: str
    text: str
    section: str
    studies: tuple[str, ...]
    measure: Callable[[pd.DataFrame, pd.DataFrame, Sequence[str]], Evidence]
    wanted: Range
    by: tuple[str, ...]
    compare: Compare

    def measured(self, first: pd.DataFrame, second: pd.DataFrame) -> Evidence:
        """The claim's quantity for two groups of runs; a difference needs scores in units."""
        if self.measure is difference:
            first, second = first[first["in_units"]], second[second["in_units"]]
        return self.measure(first, second, self.by)


_EVERYWHERE = ("figure2", "figure8", "figure9", "figure10", "figure11")
CLAIMS = (
    Claim(
        "sparse-beats-matched-dense",
        "Sparse networks perform better than dense ones with as many parameters.",
        "4",
        _EVERYWHERE,
        probability,
        MORE_OFTEN,
        (*AT, "method"),
        comparisons.matched_dense,
    ),
    Claim(
        "80-percent-without-loss",
        "80 % of the connections can go with minimal loss against the standard dense network.",
        "4",
        _EVERYWHERE,
        difference,
        WITHOUT_LOSS,
        ("env",),
        comparisons.without_loss(0.8),
    ),
    Claim(
        "90-percent-without-loss",
        "90 % of the connections can go with minimal loss against the standard dense network.",
        "4",
        _EVERYWHERE,
        difference,
        WITHOUT_LOSS,
        ("env",),
        comparisons.without_loss(0.9),
    ),
    Claim(
        "pruning-is-best",
        "Pruning often obtains better results than SET and RigL.",
        "4",
        _EVERYWHERE,
        probability,
        MORE_OFTEN,
        tuple(AT),
        comparisons.methods(["prune"], ["set", "rigl"]),
    ),
    Claim(
        "dynamic-beats-static",
        "SET and RigL improve over static sparse training.",
        "4",
        _EVERYWHERE,
        probability,
        MORE_OFTEN,
        tuple(AT),
        comparisons.methods(["set", "rigl"], ["static"]),
    ),
    Claim(
        "rigl-equals-set",
        "Growing by gradients (RigL) does as well as growing at random (SET), not better.",
        "4",
        _EVERYWHERE,
        difference,
        EQUAL,
        tuple(AT),
        comparisons.methods(["rigl"], ["set"]),
    ),
    Claim(
        "erk-beats-uniform",
        "ERK performs better than a uniform distribution of sparsity.",
        "5",
        ("figure4_left", "figure8", "figure12", "figure14_right"),
        probability,
        MORE_OFTEN,
        (*AT, "method"),
        comparisons.distributions,
    ),
    Claim(
        "starved-critic-hurts-more",
        "Few parameters in the critics hurt more than few parameters in the actor.",
        "5",
        ("figure3",),
        probability,
        MORE_OFTEN,
        ("env", "method", "budget", "starved_to"),
        comparisons.starved,
    ),
    Claim(
        "small-weight-decay-helps",
        "A small weight decay (1e-6 to 1e-4) is better than none.",
        "6",
        ("figure4_center",),
        probability,
        MORE_OFTEN,
        (*AT, "method"),
        comparisons.weight_decay,
    ),
    Claim(
        "aware-init-helps-uniform",
        "Sparsity-aware initialization improves networks of uniform sparsity.",
        "6",
        ("figure4_right",),
        probability,
        MORE_OFTEN,
        (*AT, "method"),
        comparisons.aware_init(UNIFORM),
    ),
    Claim(
        "aware-init-leaves-erk",
        "With ERK, sparsity-aware initialization makes no difference.",
        "6",
        ("figure4_right", "figure4_center"),  # the second has the standard dense runs
        difference,
        EQUAL,
        (*AT, "method"),
        comparisons.aware_init(ERK),
    ),
    Claim(
        "snr-falls-with-sparsity",
        "The gradients' signal-to-noise ratio is lower in sparser networks.",
        "7",
        ("figure5_left", "figure5_right"),
        probability,
        MORE_OFTEN,
        (*AT, "network"),
        comparisons.snr_by_sparsity,
    ),
    Claim(
        "snr-lower-for-actors",
        "Actors have a lower signal-to-noise ratio than critics.",
        "7",
        ("figure5_right",),
        probability,
        MORE_OFTEN,
        (*AT, "method", "distribution"),
        comparisons.snr_by_network,
    ),
    Claim(
        "sparse-resists-noise",
        "Sparse networks keep more of their return under strong observation noise than dense ones "
        "of equal size.",
        "8",
        ("figure6",),
        probability,
        MORE_OFTEN,
        ("env", "share"),
        comparisons.noise_by_method,
    ),
    Claim(
        "smaller-resists-noise",
        "Smaller networks keep more of their return under strong observation noise.",
        "8",
        ("figure6",),
        probability,
        MORE_OFTEN,
        ("env",),
        comparisons.noise_by_size,
    ),
)


def evaluate(tables: Tables) -> pd.DataFrame:
    """A row per claim and agent with runs for it; claims without any have one empty row.

    Columns: claim, text, section, agent, quantity, those of `Evidence`, verdict, seeds_needed (per
    cell; NaN where decided, or where it would take too many), studies, command.
    """
    rows = []
    for claim in CLAIMS:
        found = [(title, claim.measured(x, y)) for title, x, y in _sides(claim, tables)]
        found = [(title, evidence) for title, evidence in found if evidence.cells]
        for title, evidence in found or [("", NOTHING)]:
            verdict = evidence.verdict(claim.wanted)
            rows.append(
                {
                    "claim": claim.name,
                    "text": claim.text,
                    "section": claim.section,
                    "agent": title,
                    "quantity": claim.measure.__name__,
                    **evidence._asdict(),
                    "verdict": verdict,
                    "seeds_needed": evidence.seeds_needed(claim.wanted),
                    "studies": " ".join(claim.studies),
                    "command": tables.command(" ".join(claim.studies)),
                }
            )
    return pd.DataFrame(rows)


def _sides(claim: Claim, tables: Tables) -> Sides:
    return iter(()) if tables.runs.empty else claim.compare(tables, claim.name)
