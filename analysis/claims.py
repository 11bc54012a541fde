"""Does it replicate? Each finding that the paper states in words, against the runs at hand.

    python -m analysis.claims --runs DIR [--out claims.csv]

A claim becomes a quantity (a probability that one group of runs scores higher, or a difference of
interquartile means) with a 95 % interval and a verdict, for each agent that has runs. See
`evidence` for the rules.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Callable

import numpy as np
import pandas as pd

from analysis import paper
from analysis.actor_share import NETWORK, REGIMES
from analysis.collect import Tables, load
from analysis.errors import AnalysisError, Parser, exit_code
from analysis.evidence import UNDECIDED, Evidence, Range, difference, probability
from analysis.files import replacing
from analysis.iqm import MATCHES_WITHIN, atari_scores
from analysis.select import comparable

ERK, UNIFORM = "erdos_renyi_kernel", "uniform"
AT = ["env", "target_sparsity"]
MORE_OFTEN = Range(0.5)
WITHOUT_LOSS = Range(-0.1)
"""A loss below a tenth of the dense network's score: what "minimal loss" is, is our choice."""
EQUAL = Range(-0.05, 0.05)
"""Of the dense network's score; our choice, too."""
STARVED = 0.35
"""Largest share of a budget that counts as starving a network of SAC's."""

WORST = {"Acrobot-v1": -500.0, "MountainCar-v0": -200.0}
"""Returns of a failed episode where they are not about 0: scores count from there."""

Sides = Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]


@dataclasses.dataclass(frozen=True)
class Claim:
    """A finding of the paper.

    sides: (tables, the claim's name) -> what is compared, the first group of runs and the second,
        per agent; with a column `score`.
    """

    name: str
    text: str
    section: str
    studies: tuple[str, ...]
    measure: Callable[[pd.DataFrame, pd.DataFrame, Sequence[str]], Evidence]
    wanted: Range
    by: tuple[str, ...]
    sides: Callable[[Tables, str], Sides]


def _agents(
    tables: Tables, name: str, varied: Sequence[str] = ()
) -> Iterator[tuple[str, pd.DataFrame]]:
    """(title, runs) of each agent, runs that may be compared with each other."""
    runs = comparable(tables.runs, name, varied)
    for (agent, suite), own in runs.groupby(["agent", "suite"]):
        standard = own[(own["method"] == "dense") & (own["width"] == 1.0)]
        unchanged = standard[list(varied)].isna().all(axis=1)
        dense = standard[unchanged] if unchanged.any() else standard
        full = own["env"].map(dense.groupby("env")["final_return"].mean())
        worst = _worst(own)
        # 1 is the standard dense network's mean, where there is one; orders need no more.
        unit = (full - worst).where(full > worst).fillna(1.0)
        yield _title(agent, suite), own.assign(score=(own["final_return"] - worst) / unit)


def _title(agent: str, suite: str) -> str:
    return f"{agent.upper()} {suite}"


def _worst(runs: pd.DataFrame) -> pd.Series:
    """What a policy that has learnt nothing returns."""
    worst = {**atari_scores()["random"], **WORST}
    return runs["env"].map(lambda task: worst.get(task, 0.0))


def _is(runs: pd.DataFrame, *methods: str) -> pd.DataFrame:
    return runs[runs["method"].isin(methods)]


def _sparse(runs: pd.DataFrame, distribution: str = ERK) -> pd.DataFrame:
    here = runs["method"].isin(paper.METHODS) & (runs["distribution"] == distribution)
    return runs[here & runs["sparsities"].isna() & ~runs["sparse_output_layer"].eq(False)]


def _matched(tables: Tables, name: str) -> Sides:
    for title, runs in _agents(tables, name):
        sparse, dense = _sparse(runs), _is(runs, "dense")
        matches = []
        for key, cell in sparse.groupby([*AT, "method"]):
            there = dense[dense["env"] == key[0]]
            near = (there["active_params"] / cell["active_params"].mean() - 1).abs()
            matches.append(
                there[near < MATCHES_WITHIN].assign(target_sparsity=key[1], method=key[2])
            )
        yield title, sparse, pd.concat(matches) if matches else dense[:0]


def _without_loss(sparsity: float) -> Callable[[Tables, str], Sides]:
    def sides(tables: Tables, name: str) -> Sides:
        for title, runs in _agents(tables, name):
            sparse = _sparse(_is(runs, "prune", "set", "rigl"))
            sparse = sparse[np.isclose(sparse["target_sparsity"], sparsity)]
            dense = runs[(runs["method"] == "dense") & (runs["width"] == 1.0)]
            yield title, sparse, dense

    return sides


def _methods(first: Sequence[str], second: Sequence[str]) -> Callable[[Tables, str], Sides]:
    def sides(tables: Tables, name: str) -> Sides:
        for title, runs in _agents(tables, name):
            sparse = _sparse(runs)
            yield title, _is(sparse, *first), _is(sparse, *second)

    return sides


def _distributions(tables: Tables, name: str) -> Sides:
    for title, runs in _agents(tables, name):
        yield title, _sparse(runs, ERK), _sparse(runs, UNIFORM)


def _starved(tables: Tables, name: str) -> Sides:
    sac = tables.runs[(tables.runs["agent"] == "sac") & tables.runs["method"].isin(REGIMES)]
    networks = sac.filter(regex=f"^{NETWORK.replace('.', '[.]')}")
    if networks.empty:
        return
    total = networks.sum(axis=1)
    # A budget is a share of the standard networks' parameters: to two digits.
    budget = (total / total.groupby(sac["env"]).transform("max")).round(1)
    share = sac[f"{NETWORK}actor"] / total
    split = sac.assign(budget=budget, share=share, score=sac["final_return"])
    split = split[split["widths"].notna() | split["sparsities"].notna()]
    yield "SAC mujoco", split[split["share"] < STARVED], split[split["share"] > 1 - STARVED]


def _weight_decay(tables: Tables, name: str) -> Sides:
    for title, runs in _agents(tables, name, ["weight_decay"]):
        runs = runs[runs["distribution"].isna() | (runs["distribution"] == ERK)]
        runs = runs[(runs["method"] != "dense") | (runs["width"] == 1.0)]
        small = runs["weight_decay"].between(1e-6, 1e-4)
        yield title, runs[small], runs[runs["weight_decay"] == 0.0]


def _aware(distribution: str) -> Callable[[Tables, str], Sides]:
    def sides(tables: Tables, name: str) -> Sides:
        for title, runs in _agents(tables, name, ["sparsity_aware_init"]):
            sparse = _sparse(_is(runs, "static", "set", "rigl"), distribution)
            aware = sparse["sparsity_aware_init"].eq(True)
            yield title, sparse[aware], sparse[~aware]

    return sides


def _snr(tables: Tables, name: str) -> pd.DataFrame:
    """The runs' mean log SNR over training, a row per network, as score."""
    ratio = pd.to_numeric(tables.snr["snr"])
    snr = tables.snr[(ratio > 0) & np.isfinite(ratio)]
    mean = np.log(pd.to_numeric(snr["snr"])).groupby([snr["path"], snr["network"]]).mean()
    runs = tables.runs[tables.runs["path"].isin(snr["path"])]
    return mean.rename("score").reset_index().merge(comparable(runs, name), on="path")


def _snr_by_sparsity(tables: Tables, name: str) -> Sides:
    for (agent, suite), runs in _snr(tables, name).groupby(["agent", "suite"]):
        sparse, dense = _is(runs, *paper.METHODS), _is(runs, "dense")
        copies = [
            dense.assign(target_sparsity=sparsity)
            for sparsity in sparse["target_sparsity"].unique()
        ]
        yield _title(agent, suite), pd.concat([dense[:0], *copies]), sparse


def _snr_by_network(tables: Tables, name: str) -> Sides:
    for (agent, suite), runs in _snr(tables, name).groupby(["agent", "suite"]):
        critics = runs[runs["network"].isin(["critic", "value"])]
        yield _title(agent, suite), critics, runs[runs["network"] == "actor"]


def _kept_under_noise(tables: Tables, name: str) -> pd.DataFrame:
    """What share of its return a policy keeps under the strongest noise it was evaluated under, as
    score, and the nearest share of the standard dense network's parameters.
    """
    noisy = tables.robustness.sort_values("sigma").groupby("path")["avg_return"]
    clean, noisiest = noisy.first(), noisy.last()
    runs = tables.runs[tables.runs["path"].isin(clean.index)]
    if runs.empty:
        return runs.assign(score=[], share=[])
    runs = comparable(runs, name)
    worst = _worst(runs)
    kept = (runs["path"].map(noisiest) - worst) / (runs["path"].map(clean) - worst)
    full = runs.groupby(["suite", "env"])["total_params"].transform("max")
    share = [
        min(paper.NOISE_SHARES, key=lambda share: abs(size / share - 1))
        for size in runs["active_params"] / full
    ]
    return runs.assign(score=kept, share=share).dropna(subset=["score"])


def _noise_by_method(tables: Tables, name: str) -> Sides:
    for (agent, suite), runs in _kept_under_noise(tables, name).groupby(["agent", "suite"]):
        yield _title(agent, suite), _is(runs, "set", "rigl"), _is(runs, "dense")


def _noise_by_size(tables: Tables, name: str) -> Sides:
    for (agent, suite), runs in _kept_under_noise(tables, name).groupby(["agent", "suite"]):
        yield _title(agent, suite), runs[runs["share"] < 1], runs[runs["share"] == 1]


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
        _matched,
    ),
    Claim(
        "80-percent-without-loss",
        "80 % of the connections can go with minimal loss against the standard dense network.",
        "4",
        _EVERYWHERE,
        difference,
        WITHOUT_LOSS,
        ("env",),
        _without_loss(0.8),
    ),
    Claim(
        "90-percent-without-loss",
        "90 % of the connections can go with minimal loss against the standard dense network.",
        "4",
        _EVERYWHERE,
        difference,
        WITHOUT_LOSS,
        ("env",),
        _without_loss(0.9),
    ),
    Claim(
        "pruning-is-best",
        "Pruning often obtains better results than SET and RigL.",
        "4",
        _EVERYWHERE,
        probability,
        MORE_OFTEN,
        tuple(AT),
        _methods(["prune"], ["set", "rigl"]),
    ),
    Claim(
        "dynamic-beats-static",
        "SET and RigL improve over static sparse training.",
        "4",
        _EVERYWHERE,
        probability,
        MORE_OFTEN,
        tuple(AT),
        _methods(["set", "rigl"], ["static"]),
    ),
    Claim(
        "rigl-equals-set",
        "Growing by gradients (RigL) does as well as growing at random (SET), not better.",
        "4",
        _EVERYWHERE,
        difference,
        EQUAL,
        tuple(AT),
        _methods(["rigl"], ["set"]),
    ),
    Claim(
        "erk-beats-uniform",
        "ERK performs better than a uniform distribution of sparsity.",
        "5",
        ("figure4_left", "figure8", "figure12", "figure14_right"),
        probability,
        MORE_OFTEN,
        (*AT, "method"),
        _distributions,
    ),
    Claim(
        "starved-critic-hurts-more",
        "Few parameters in the critics hurt more than few parameters in the actor.",
        "5",
        ("figure3",),
        probability,
        MORE_OFTEN,
        ("env", "method", "budget"),
        _starved,
    ),
    Claim(
        "small-weight-decay-helps",
        "A small weight decay (1e-6 to 1e-4) is better than none.",
        "6",
        ("figure4_center",),
        probability,
        MORE_OFTEN,
        (*AT, "method"),
        _weight_decay,
    ),
    Claim(
        "aware-init-helps-uniform",
        "Sparsity-aware initialization improves networks of uniform sparsity.",
        "6",
        ("figure4_right",),
        probability,
        MORE_OFTEN,
        (*AT, "method"),
        _aware(UNIFORM),
    ),
    Claim(
        "aware-init-leaves-erk",
        "With ERK, sparsity-aware initialization makes no difference.",
        "6",
        ("figure4_right",),
        difference,
        EQUAL,
        (*AT, "method"),
        _aware(ERK),
    ),
    Claim(
        "snr-falls-with-sparsity",
        "The gradients' signal-to-noise ratio is lower in sparser networks.",
        "7",
        ("figure5_left", "figure5_right"),
        probability,
        MORE_OFTEN,
        (*AT, "network"),
        _snr_by_sparsity,
    ),
    Claim(
        "snr-lower-for-actors",
        "Actors have a lower signal-to-noise ratio than critics.",
        "7",
        ("figure5_right",),
        probability,
        MORE_OFTEN,
        (*AT, "method"),
        _snr_by_network,
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
        _noise_by_method,
    ),
    Claim(
        "smaller-resists-noise",
        "Smaller networks keep more of their return under strong observation noise.",
        "8",
        ("figure6",),
        probability,
        MORE_OFTEN,
        ("env",),
        _noise_by_size,
    ),
)


def evaluate(tables: Tables) -> pd.DataFrame:
    """A row per claim and agent with runs for it; claims without any have one empty row.

    Columns: claim, text, section, agent, quantity, value, low, high, cells, seeds, verdict,
    seeds_needed (per cell; NaN where decided, or where it would take too many), command.
    """
    rows = []
    for claim in CLAIMS:
        found = [(title, claim.measure(x, y, claim.by)) for title, x, y in _sides(claim, tables)]
        found = [(title, evidence) for title, evidence in found if evidence.cells]
        nothing = Evidence(np.nan, np.nan, np.nan, 0, 0)
        for title, evidence in found or [("", nothing)]:
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
                    "command": tables.command(" ".join(claim.studies)),
                }
            )
    return pd.DataFrame(rows)


def _sides(claim: Claim, tables: Tables) -> Sides:
    return iter(()) if tables.runs.empty else claim.sides(tables, claim.name)


def sentences(rows: pd.DataFrame) -> Iterator[str]:
    """What `evaluate` found, for a reader."""
    for (_, text), of_claim in rows.groupby(["claim", "text"], sort=False):
        yield f"{text} (section {of_claim['section'].iloc[0]})"
        for row in of_claim.itertuples():
            if not row.cells:
                yield f"  no runs; make them with: {row.command}"
                continue
            interval = "" if np.isnan(row.low) else f" [{row.low:.2f}, {row.high:.2f}]"
            line = f"  {row.agent:<14} {row.verdict}: {row.quantity} {row.value:.2f}{interval}"
            more = _more(row.seeds_needed) if row.verdict == UNDECIDED else ""
            yield f"{line}, {row.cells} cell(s), {row.seeds} seed(s){more}"


def _more(seeds: float) -> str:
    return f"; about {seeds:.0f} seeds would do" if seeds == seeds else "; more seeds hardly would"


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the verdicts, and writes them if asked to."""
    parser = Parser(
        prog="python -m analysis.claims", description="The paper's findings against your runs."
    )
    parser.add_argument(
        "--runs",
        type=Path,
        required=True,
        help="directory of runs, or a table written by analysis.collect",
    )
    parser.add_argument("--out", type=Path, help="CSV file to write")
    args = parser.parse_args(argv)
    tables = load(args.runs)
    if tables.runs.empty:
        raise AnalysisError(f"no finished run in {args.runs}")
    rows = evaluate(tables)
    print("\n".join(sentences(rows)))
    if args.out:
        with replacing(args.out) as aside:
            rows.to_csv(aside, index=False)
    return 0


if __name__ == "__main__":
    sys.exit(exit_code(main))
