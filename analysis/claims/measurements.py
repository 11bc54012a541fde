"""What claims compare besides final scores: SNR of gradients, returns under noise, FLOPs."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from rliable import metrics

from analysis import style
from analysis.balanced import rectangular
from analysis.claims.pairs import Estimates, Quantity
from analysis.claims.runs import Runs, Sides, of_methods, title, unlike_the_papers
from analysis.claims.verdict import COUNTED, Evidence, Range, judge
from analysis.figures import flops_by_sparsity
from analysis.intervals import iqm_error
from analysis.normalization import (
    HUMAN_SCORES,
    LEARNED,
    has_learned,
    normalized,
    worst_return,
)
from analysis.notes import left_out
from analysis.select import (
    TASK,
    comparable,
    nearest_share,
    of_last_policies,
    standard_dense,
)
from rigl_rl import paper
from rigl_rl.paper import ERK, UNIFORM

FLOPS_RATIO = Quantity("FLOPs of ERK by those of uniform", np.divide)
IQM_RATIO = Quantity("ratio of interquartile means", np.divide)


def _snr(runs: Runs) -> pd.DataFrame:
    """The runs' mean log SNR over training, a row per network, as score.

    A ratio of 0 counts as the smallest positive one of its task and network. The distribution of
    dense networks is "none".
    """
    tables = runs.tables
    snr = tables.snr.assign(snr=pd.to_numeric(tables.snr["snr"]))
    snr = snr[(snr["snr"] >= 0) & np.isfinite(snr["snr"])]
    snr = snr.merge(tables.runs[["path", *TASK]], on="path")
    # Gradients that vanish have a low ratio: the lowest that was measured otherwise, as 0 has no
    # logarithm. Without any other, all networks of the task are alike.
    positive = snr["snr"].where(snr["snr"] > 0)
    lowest = positive.groupby([snr[column] for column in (*TASK, "network")]).transform("min")
    ratio = positive.fillna(lowest).fillna(1.0)
    mean = np.log(ratio).groupby([snr["path"], snr["network"]]).mean()
    own = comparable(tables.runs[tables.runs["path"].isin(snr["path"])], "claims")
    own = own.assign(distribution=own["distribution"].fillna("none"))
    return mean.rename("score").reset_index().merge(own, on="path")


def snr_by_sparsity(runs: Runs) -> Sides:
    """The standard dense network's SNR, repeated for each sparsity; that of sparse networks.

    A finding about ERK does not apply to uniform masks, so each distribution has its own title,
    which names the sparsities compared.
    """
    for (agent, suite), own in _snr(runs).groupby(["agent", "suite"]):
        dense = of_methods(own, "dense")
        networks = of_methods(own, *paper.METHODS)
        networks = networks[networks["env"].isin(dense["env"])]
        for distribution, of_one in networks.groupby("distribution"):
            sparsities = sorted(of_one["target_sparsity"].unique())
            copies = [dense.assign(target_sparsity=sparsity) for sparsity in sparsities]
            kind = style.DISTRIBUTIONS.get(distribution, distribution)
            listed = ", ".join(f"{100 * sparsity:.4g}" for sparsity in sparsities)
            yield f"{title(agent, suite)}, {kind} {listed}%", pd.concat(copies), of_one


def snr_by_network(runs: Runs) -> Sides:
    """Critics' SNR; actors'."""
    for (agent, suite), own in _snr(runs).groupby(["agent", "suite"]):
        critics = own[own["network"].isin(["critic", "value"])]
        yield title(agent, suite), critics, own[own["network"] == "actor"]


def _kept_under_noise(runs: Runs) -> pd.DataFrame:
    """The share of its return that a policy keeps under noise, as score, and its share of the
    standard dense network's parameters; only policies with the shares of Figure 6.

    The noise of a task is the strongest that all of its policies were evaluated under. Policies
    that have learned nothing are left out: they have nothing to keep.
    """
    tables = runs.tables
    noise = of_last_policies(tables, "claims")
    own = tables.runs[tables.runs["path"].isin(noise["path"])]
    # As in Figure 6. A directory may also have other evaluated runs, such as uniform ones.
    own = own[(own["method"] == "dense") | (own["distribution"] == ERK)]
    if own.empty:
        return own.assign(score=[], share=[])
    own = comparable(own, "claims")
    noise = noise.merge(own[["path", "suite", "env"]], on="path")
    clean = noise[noise["sigma"] == 0.0].set_index("path")["avg_return"]
    own = own.assign(clean=own["path"].map(clean))
    parts = []
    for (_, task), of_task in own.dropna(subset=["clean"]).groupby(["suite", "env"]):
        here = noise[noise["path"].isin(of_task["path"])]
        policies = here.groupby("sigma")["path"].nunique()
        sigma = policies.index[policies == len(of_task)].max()
        if policies.index.max() > sigma:
            left_out(
                "claims",
                f"{task}: noise above {sigma:g}, which not all of its policies were given",
            )
        strongest = here[here["sigma"] == sigma].set_index("path")["avg_return"]
        if sigma > 0:
            parts.append(of_task.assign(noisy=of_task["path"].map(strongest)))
    if not parts:
        return own[:0].assign(score=[], share=[])
    own = pd.concat(parts)
    worst = worst_return(own)
    had = own["clean"] - worst
    dense = had.where(standard_dense(own)).groupby([own["suite"], own["env"]])
    learned = has_learned(had, worst) & ~(had <= LEARNED * dense.transform("mean"))
    full = own.groupby(["suite", "env"])["total_params"].transform("max")
    share = (own["active_params"] / full).map(lambda x: nearest_share(x, paper.NOISE_SHARES))
    kept = (own["noisy"] - worst) / had.where(learned)
    return own.assign(score=kept, share=share).dropna(subset=["score", "share"])


def noise_by_method(runs: Runs) -> Sides:
    """Sparse networks; dense ones of their size, all under noise."""
    for (agent, suite), own in _kept_under_noise(runs).groupby(["agent", "suite"]):
        yield title(agent, suite), of_methods(own, "set", "rigl"), of_methods(own, "dense")


def noise_by_size(runs: Runs) -> Sides:
    """Smaller dense networks; those of full size, all under noise."""
    for (agent, suite), own in _kept_under_noise(runs).groupby(["agent", "suite"]):
        own = of_methods(own, "dense")
        yield title(agent, suite), own[own["share"] < 1], own[own["share"] == 1]


def noise_of_rigl(runs: Runs) -> Sides:
    """RigL; SET, both under noise."""
    for (agent, suite), own in _kept_under_noise(runs).groupby(["agent", "suite"]):
        yield title(agent, suite), of_methods(own, "rigl"), of_methods(own, "set")


def erk_flops(runs: Runs, wanted: Range) -> Iterator[tuple[str, Evidence]]:
    """FLOPs of the Atari networks with ERK divided by those with uniform masks, at 90%; counted."""
    del runs  # this needs no runs
    table = pd.read_csv(flops_by_sparsity.TABLE)
    table = table[np.isclose(table["sparsity"], 0.9)].set_index(["network", "distribution"])
    ratios = {
        name: float(table.loc[(network, ERK), "flops"] / table.loc[(network, UNIFORM), "flops"])
        for network, name in flops_by_sparsity.NETWORKS.items()
    }
    values = np.array(list(ratios.values()))
    holds = bool(wanted.holds(values).all())
    yield (
        "DQN atari, 90%",
        Evidence(
            FLOPS_RATIO,
            float(values.mean()),
            error=0.0,
            freedom=np.inf,
            by_task=ratios,
            p=np.nan,
            holds=holds,
            against="",
            cells=len(ratios),
            seeds=COUNTED,
            fewest="",
            runs=0,
        ),
    )


def resnet_by_cnn(runs: Runs, wanted: Range) -> Iterator[tuple[str, Evidence]]:
    """Interquartile mean over games of the standard ResNet, divided by that of the standard CNN."""
    own = runs.tables.scored
    own = own[own["suite"].isin(style.NETWORKS) & standard_dense(own)]
    if own["suite"].nunique() < len(style.NETWORKS):
        return
    own = comparable(own, "claims")
    own = own.assign(score=normalized(own, HUMAN_SCORES[0])).dropna(subset=["score"])
    games = sorted(set.intersection(*(set(of["env"]) for _, of in own.groupby("suite"))))
    if not games:
        return
    matrices = []
    for suite, name in reversed(style.NETWORKS.items()):
        scores, fewer = rectangular(own[own["suite"] == suite], games)
        matrices.append(scores)
        if fewer:
            left_out("claims", f"IQM of the {name}: {fewer}")
    value, error, freedom = _ratio(*matrices)
    alone = (np.array(value), np.array(error), np.array(freedom))
    whole = Estimates(*alone, by_task=(alone[0][None], alone[1][None], alone[2][None]))
    level, holds, _ = judge(whole, wanted, 0.0)
    yield (
        "DQN atari",
        Evidence(
            IQM_RATIO,
            value,
            error,
            freedom,
            dict(zip(games, (matrices[0].mean(0) / matrices[1].mean(0)).tolist())),
            float(level),
            bool(holds),
            against="",
            cells=len(games),
            seeds=min(map(len, matrices)),
            fewest="the game with the fewest",
            runs=sum(matrix.size for matrix in matrices),
            notes=unlike_the_papers(own[own["env"].isin(games)]),
        ),
    )


def _ratio(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float]:
    """Ratio of interquartile means [seeds, games], its standard error (to first order) and degrees
    of freedom; NaN for a single seed.
    """
    means = np.array([metrics.aggregate_iqm(scores) for scores in (first, second)])
    value = means[0] / means[1]
    if min(len(first), len(second)) < 2:
        return value, np.nan, np.nan
    found = [iqm_error(scores) for scores in (first, second)]
    variance = np.array([(value * error / mean) ** 2 for (error, _), mean in zip(found, means)])
    freedom = variance.sum() ** 2 / sum(v**2 / f for v, (_, f) in zip(variance, found))
    return value, float(np.sqrt(variance.sum())), float(freedom)
