"""The findings that the paper states in words, and how each is measured on runs."""

from functools import partial
from typing import Any

from analysis.claims import comparisons, measurements
from analysis.claims.claim import Claim
from analysis.claims.comparisons import HARD_TASKS
from analysis.claims.pairs import DIFFERENCE
from analysis.claims.runs import AT
from analysis.claims.verdict import Range
from rigl_rl.paper import ERK, UNIFORM

MORE_OFTEN = Range(0.5)
WITHOUT_LOSS = Range(-0.1)
""""Minimal loss" is a loss below a tenth of the dense network's score; this is our choice. It is
that of the mean over tasks: "on average" networks keep their score, but none does on Qbert."""
EQUAL = Range(-0.05, 0.05)
"""Share of the dense network's score; also our choice. Of the mean over tasks: "the difference can
be large (e.g. MsPacman)"."""
EQUAL_EVERYWHERE = EQUAL._replace(every_task=True)
INSENSITIVE = Range(-0.1, 0.1, every_task=True)
ABOUT_TWICE = Range(1.5, 3.0)
ABOUT_THREE_TIMES = Range(2.0, 4.0)

_EVERYWHERE = ("figure2", "figure8", "figure9", "figure10", "figure11")
_METHODS: dict[str, Any] = {"by": AT, "kinds": ("method",)}
_NOISE: dict[str, Any] = {"by": ("env", "share"), "kinds": ("method",)}
_DENSE = "dense networks of as many parameters"
_STANDARD = "the standard dense network"
CLAIMS = (
    Claim(
        "sparse-beats-matched-dense",
        "Sparse networks (not Static) perform better than dense ones with as many parameters.",
        "4",
        ("Pruning, SET and RigL", _DENSE),
        _EVERYWHERE,
        MORE_OFTEN,
        compare=comparisons.matched_dense,
    ),
    Claim(
        "dynamic-beats-dense-on-hard-tasks",
        f"On hard tasks ({', '.join(HARD_TASKS)}) SET and RigL exceed dense networks.",
        "4",
        ("SET and RigL", _DENSE),
        ("figure2",),
        MORE_OFTEN,
        compare=partial(comparisons.matched_dense, tasks=HARD_TASKS, names=("set", "rigl")),
    ),
    *(
        Claim(
            f"{percent}-percent-without-loss",
            f"{percent}% of the connections can go with minimal loss against the standard dense "
            "network.",
            "4",
            (f"Pruning, SET and RigL at {percent}%", _STANDARD),
            _EVERYWHERE,
            WITHOUT_LOSS,
            DIFFERENCE,
            partial(comparisons.without_loss, sparsity=percent / 100),
            ("env",),
            ("method",),
            said_of=("sac", "dqn"),
        )
        for percent in (80, 90)
    ),
    Claim(
        "pruning-is-best",
        "Pruning often obtains better results than SET and RigL.",
        "4",
        ("Pruning", "SET and RigL"),
        _EVERYWHERE,
        MORE_OFTEN,
        compare=partial(comparisons.methods, first=["prune"], second=["set", "rigl"]),
        **_METHODS,
    ),
    Claim(
        "dynamic-beats-static",
        "SET and RigL improve over static sparse training.",
        "4",
        ("SET and RigL", "Static"),
        _EVERYWHERE,
        MORE_OFTEN,
        compare=partial(comparisons.methods, first=["set", "rigl"], second=["static"]),
        **_METHODS,
    ),
    Claim(
        "rigl-equals-set",
        "Growing by gradients (RigL) does as well as growing at random (SET), not better, up to "
        "95%.",
        "4",
        ("RigL", "SET"),
        _EVERYWHERE,
        EQUAL,
        DIFFERENCE,
        partial(comparisons.methods, first=["rigl"], second=["set"], high=0.95),
        **_METHODS,
    ),
    Claim(
        "rigl-beats-set-at-high-sparsity",
        "At very high sparsities (above 95%) RigL may outperform SET.",
        "4",
        ("RigL", "SET"),
        _EVERYWHERE,
        MORE_OFTEN,
        compare=partial(comparisons.methods, first=["rigl"], second=["set"], low=0.95),
        **_METHODS,
    ),
    Claim(
        "resnet-three-times-cnn",
        "A dense ResNet instead of the CNN improves the IQM over games about three times.",
        "4",
        ("The standard ResNet", "the standard CNN"),
        ("figure17", "figure18"),
        ABOUT_THREE_TIMES,
        measurements.IQM_RATIO,
        special=measurements.resnet_by_cnn,
    ),
    Claim(
        "pruned-resnet-exceeds-dense",
        "Pruning the ResNet at 90% exceeds the standard ResNet.",
        "4",
        ("Pruned ResNets", _STANDARD),
        ("figure18",),
        MORE_OFTEN,
        compare=comparisons.pruned_resnet,
        by=("env",),
        kinds=("method",),
    ),
    Claim(
        "starved-critic-hurts-more",
        "Few parameters in the critics hurt more than few parameters in the actor.",
        "5",
        ("SAC with a small actor", "SAC with small critics"),
        ("figure3",),
        MORE_OFTEN,
        compare=comparisons.starved,
        by=("env", "method", "budget", "starved_to"),
    ),
    Claim(
        "standard-split-is-best",
        "The standard split between actor and critics (34:66) does best in most settings.",
        "5",
        ("SAC with the standard split", "SAC with others"),
        ("figure3",),
        MORE_OFTEN,
        compare=comparisons.standard_split,
        by=("env", "method", "budget"),
        kinds=("actor_share",),
    ),
    Claim(
        "erk-beats-uniform",
        "ERK performs better than a uniform distribution of sparsity.",
        "5",
        ("ERK", "uniform masks"),
        ("figure4_left", "figure8", "figure12", "figure14_right"),
        MORE_OFTEN,
        compare=comparisons.distributions,
    ),
    Claim(
        "erk-doubles-flops",
        "In the convolutional networks ERK doubles the FLOPs at a given sparsity.",
        "5",
        ("ERK", "uniform masks"),
        ("figure7",),
        ABOUT_TWICE,
        measurements.FLOPS_RATIO,
        special=measurements.erk_flops,
    ),
    Claim(
        "small-weight-decay-helps",
        "A small weight decay (1e-6 to 1e-4) is better than none.",
        "6",
        ("Weight decay 1e-6 to 1e-4", "none"),
        ("figure4_center",),
        MORE_OFTEN,
        compare=comparisons.weight_decay,
        kinds=("weight_decay",),
    ),
    Claim(
        "aware-init-helps-uniform",
        "Sparsity-aware initialization improves networks of uniform sparsity.",
        "6",
        ("Sparsity-aware initialization", "the usual one"),
        ("figure4_right",),
        MORE_OFTEN,
        compare=partial(
            comparisons.aware_init, distribution=UNIFORM, names=("static", "set", "rigl")
        ),
    ),
    Claim(
        "aware-init-leaves-erk",
        "With ERK, sparsity-aware initialization makes no difference for SET and RigL.",
        "6",
        ("Sparsity-aware initialization", "the usual one"),
        ("figure4_right", "figure4_center"),  # the second has the standard dense runs
        EQUAL_EVERYWHERE,
        DIFFERENCE,
        partial(comparisons.aware_init, distribution=ERK, names=("set", "rigl")),
    ),
    Claim(
        "aware-init-may-harm-static",
        "With ERK, sparsity-aware initialization may harm Static.",
        "6",
        ("The usual initialization", "a sparsity-aware one"),
        ("figure4_right",),
        MORE_OFTEN,
        compare=comparisons.unaware_init_of_static,
    ),
    Claim(
        "moving-connections-helps",
        "Drop fractions above 0 are better than 0, which keeps the masks as they are.",
        "D",
        ("SET and RigL with a drop fraction above 0", "those with 0"),
        ("figure13",),
        MORE_OFTEN,
        compare=comparisons.drop_fraction,
        kinds=("drop_fraction",),
    ),
    Claim(
        "update-interval-hardly-matters",
        "Training is not particularly sensitive to the interval between mask updates.",
        "D",
        ("Another interval", "one of 1,000 train steps"),
        ("figure13", "figure4_center"),
        INSENSITIVE,
        DIFFERENCE,
        comparisons.update_interval,
    ),
    Claim(
        "smaller-batches-hurt",
        "Smaller batches degrade all methods.",
        "D",
        ("The standard batch", "smaller ones"),
        ("figure13",),
        MORE_OFTEN,
        compare=comparisons.batch_size,
        kinds=("batch_size",),
    ),
    Claim(
        "snr-falls-with-sparsity",
        "The gradients' signal-to-noise ratio is lower in sparser networks.",
        "7",
        ("The SNR of dense networks", "that of sparse ones"),
        ("figure5_left", "figure5_right"),
        MORE_OFTEN,
        compare=measurements.snr_by_sparsity,
        by=(*AT, "network"),
        kinds=("method",),
    ),
    Claim(
        "snr-lower-for-actors",
        "Actors have a lower signal-to-noise ratio than critics.",
        "7",
        ("The SNR of critics", "that of actors"),
        ("figure5_right",),
        MORE_OFTEN,
        compare=measurements.snr_by_network,
        by=(*AT, "method", "distribution"),
    ),
    Claim(
        "sparse-resists-noise",
        "Sparse networks keep more of their return under strong observation noise than dense ones "
        "of equal size.",
        "8",
        ("SET and RigL", _DENSE),
        ("figure6",),
        MORE_OFTEN,
        compare=measurements.noise_by_method,
        **_NOISE,
    ),
    Claim(
        "smaller-resists-noise",
        "Smaller networks keep more of their return under strong observation noise.",
        "8",
        ("Smaller dense networks", "dense networks of full size"),
        ("figure6",),
        MORE_OFTEN,
        compare=measurements.noise_by_size,
        by=("env",),
        kinds=("share",),
    ),
    Claim(
        "rigl-resists-noise-more-than-set",
        "SET is less robust to strong observation noise than RigL.",
        "8",
        ("RigL", "SET"),
        ("figure6",),
        MORE_OFTEN,
        compare=measurements.noise_of_rigl,
        **_NOISE,
    ),
)
