"""All claims on the given runs: a row per claim and agent, with its verdict and the reason."""

import math

import numpy as np
import pandas as pd

from analysis.as_text import with_interval
from analysis.claims.claim import Claim
from analysis.claims.findings import CLAIMS
from analysis.claims.pairs import PROBABILITY
from analysis.claims.runs import Runs
from analysis.claims.verdict import COUNTED, TOO_FEW, UNDECIDED, Evidence, Range, holm
from analysis.run_tables import Tables

COLUMNS = (
    *("claim", "text", "section", "agent", "quantity", "value", "low", "high"),
    *("worst_task", "worst", "tasks", "cells", "seeds", "runs", "p", "verdict", "seeds_needed"),
    *("why", "studies", "command"),
)


def evaluate(tables: Tables) -> pd.DataFrame:
    """A row per claim and agent with runs for it; claims without any have one row without agent.

    Columns: `COLUMNS`. value, low, high: the quantity and its 95% interval, averaged over tasks.
    worst: the quantity of the task that supports the claim least. cells: pairs of settings. seeds:
    of the setting with the fewest. p: before Holm's correction, NaN if not tested. seeds_needed:
    NaN if decided, or if it would take too many. why: a sentence.
    """
    runs = Runs(tables)
    found: list[tuple[Claim, str, Evidence]] = []
    for claim in CLAIMS:
        if claim.special is not None or not tables.runs.empty:
            found += [(claim, title, evidence) for title, evidence in claim.evidence(runs)]
    p = np.array([each.p if each.testable else np.nan for *_, each in found])
    together = max(1, int(np.isfinite(p).sum()))
    decided = holm(p) | [each.counted for *_, each in found]
    rows = []
    for claim in CLAIMS:
        own = [
            _row(claim, title, evidence, bool(enough), together)
            for (of, title, evidence), enough in zip(found, decided)
            if of is claim
        ]
        rows += [
            {
                "claim": claim.name,
                "text": claim.text,
                "section": claim.section,
                "studies": " ".join(claim.studies),
                "command": tables.command(" ".join(claim.studies)),
                **row,
            }
            for row in own or [{"agent": "", "quantity": claim.quantity.name, "cells": 0}]
        ]
    table = pd.DataFrame(rows).reindex(columns=list(COLUMNS))
    counts = ["tasks", "cells", "seeds", "runs"]
    return table.assign(**table[counts].fillna(0).astype(int))


def _row(claim: Claim, title: str, evidence: Evidence, decided: bool, together: int) -> dict:
    verdict = evidence.verdict(decided)
    low, high = evidence.ends
    needed = None
    if verdict in (UNDECIDED, TOO_FEW):
        needed = evidence.seeds_needed(claim.wanted, together)
    worst = _worst(evidence.by_task, claim.wanted)
    return {
        "agent": title,
        "quantity": claim.quantity.name,
        "value": evidence.value,
        "low": low,
        "high": high,
        "worst_task": worst,
        "worst": evidence.by_task[worst],
        "tasks": len(evidence.by_task),
        "cells": evidence.cells,
        "seeds": evidence.seeds,
        "runs": evidence.runs,
        "p": evidence.p if evidence.testable else np.nan,
        "verdict": verdict,
        "seeds_needed": needed,
        "why": _why(claim, evidence, verdict, worst, needed, together),
    }


def _worst(by_task: dict[str, float], wanted: Range) -> str:
    """The task whose value supports the claim least."""
    if math.isinf(wanted.high):
        return min(by_task, key=lambda task: by_task[task])
    center = (wanted.low + wanted.high) / 2
    return max(by_task, key=lambda task: abs(by_task[task] - center))


def _why(
    claim: Claim, evidence: Evidence, verdict: str, worst: str, needed: int | None, together: int
) -> str:
    """A sentence: the comparison, number of runs, interval, margin and conclusion."""
    first, second = claim.sides
    tasks = len(evidence.by_task)
    text = f"{first} against {second} on {_many(tasks, 'task')}"
    if evidence.counted:
        text += ", counted, no runs"
    else:
        text += f": {_many(evidence.cells, 'pair')} of settings, {_many(evidence.runs, 'run')}"
    name = claim.quantity.name
    text += f". {name[0].upper()}{name[1:]} {evidence.value:.2f}"
    low, high = evidence.ends
    if not evidence.counted:
        interval = f"95% t interval {low:.2f} to {high:.2f}"
        text += f", {interval}" if low == low else ", no interval below three seeds"
    text += f"; the claim needs {_needs(claim.wanted)}"
    if tasks > 1:
        text += f"; worst on {worst}, {evidence.by_task[worst]:.2f}"
    text += "".join(f"; {note}" for note in evidence.notes)
    return f"{text}. {_conclusion(claim, evidence, verdict, needed, together)}"


def _conclusion(
    claim: Claim, evidence: Evidence, verdict: str, needed: int | None, together: int
) -> str:
    more = f"about {needed} would decide" if needed else "more would hardly decide"
    more = f"; if the value stays, {more}"
    if verdict == TOO_FEW:
        known = "" if math.isnan(evidence.error) else more
        text = f"Too few seeds: {evidence.fewest} has {evidence.seeds}"
        return f"{text}, a verdict needs {evidence.enough}{known}"
    if evidence.counted:
        return f"{verdict.capitalize()}: counted, not measured"
    p = f"= {evidence.p:.2g}" if evidence.p >= 0.001 else "< 0.001"
    corrected = f"among {_many(together, 'claim')} (Holm, p {p})"
    seeds = f"with {evidence.seeds} seeds of each setting or more"
    if verdict != UNDECIDED:
        where = "within" if evidence.holds else "outside of"
        reason = f"clearly {where} what it needs"
        if evidence.against:
            reason = f"{evidence.against} alone is clearly outside of what it needs"
        return f"{verdict.capitalize()}: {reason}, also {corrected}, {seeds}"
    low, high = evidence.ends
    past = any(low <= end <= high for end in claim.wanted.ends())
    reason = "the interval reaches across the limit" if past else "not clear enough"
    if evidence.against:
        reason = f"{evidence.against} is outside of what it needs, though not clearly"
    return f"Undecided: {reason} {corrected}, {seeds}{more}"


def _needs(wanted: Range) -> str:
    if math.isinf(wanted.high):
        return f"more than {wanted.low:g}" + (" on every task" if wanted.every_task else "")
    text = f"{wanted.low:g} to {wanted.high:g}"
    return text + (" on every task" if wanted.every_task else "")


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def section(number: str) -> str:
    """Where the paper says something: 'section 4', 'appendix D'."""
    return f"appendix {number}" if number.isalpha() else f"section {number}"


def shown(row: pd.Series) -> str:
    """The quantity of a row, its value and its interval, as text."""
    name = "probability" if row.quantity == PROBABILITY.name else row.quantity
    return f"{name} {value(row)}"


def value(row: pd.Series) -> str:
    """The value of a row with its interval, as text; what is counted has none."""
    low = np.nan if row.seeds == COUNTED else row.low
    return with_interval(row.value, low, row.high, ".2f")
