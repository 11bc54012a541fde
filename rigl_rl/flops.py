"""FLOPs of the Atari networks at a sparsity: appendix A.2 and Figure 7 of the paper.

python -m rigl_rl.flops --out analysis/figures/atari_flops.csv

writes the table for Figure 7.
"""

import rigl_rl.quiet  # noqa: F401, before the libraries load

# isort: split
import pathlib
import sys
from collections.abc import Sequence

import pandas as pd

from rigl_rl import paper
from rigl_rl.command_line import Parser, exit_code
from rigl_rl.environments.frames import STATE_SHAPE
from rigl_rl.files import replacing
from rigl_rl.networks.impala import ImpalaNetwork
from rigl_rl.networks.nature_cnn import NatureDQNNetwork
from rigl_rl.networks.q_values import build
from rigl_rl.sparsity import counting
from rigl_rl.sparsity.distributions import layer_sparsities

NETWORKS = {"cnn": NatureDQNNetwork, "resnet": ImpalaNetwork}
DISTRIBUTIONS = (paper.UNIFORM, paper.ERK)
SPARSITIES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
MS_PACMAN_ACTIONS = 9


def sparsity_table(
    sparsities: Sequence[float] = SPARSITIES, num_actions: int = MS_PACMAN_ACTIONS
) -> pd.DataFrame:
    """Forward FLOPs of both networks by distribution and sparsity.

    Returns:
      One row for each network ('cnn', 'resnet'), distribution and sparsity: `flops` per example (a
      multiply-add counts as two), their `share` of the dense network's, and `active_params`.
    """
    rows = []
    for name, network in NETWORKS.items():
        layers = counting.from_keras(build(network(num_actions), STATE_SHAPE))
        shapes = {layer.name: layer.kernel_shape for layer in layers}
        for distribution in DISTRIBUTIONS:
            for sparsity in sparsities:
                count = counting.count(layers, layer_sparsities(shapes, sparsity, distribution))
                rows.append(
                    {
                        "network": name,
                        "distribution": distribution,
                        "sparsity": sparsity,
                        "flops": count.flops,
                        "share": count.flops / count.dense_flops,
                        "active_params": count.active_params,
                    }
                )
    return pd.DataFrame(rows)


def erk_to_uniform(table: pd.DataFrame) -> pd.DataFrame:
    """FLOPs of ERK divided by those of uniform: a row per sparsity, a column per network."""
    flops = table.pivot_table("flops", ["sparsity", "network"], "distribution")
    ratio = flops[paper.ERK] / flops[paper.UNIFORM]
    return ratio.unstack("network")


def main(argv: Sequence[str] | None = None) -> None:
    """Writes the table and prints the ratio of ERK's to uniform's FLOPs."""
    parser = Parser(prog="python -m rigl_rl.flops", description="Count FLOPs for Figure 7.")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the CSV file to write")
    args = parser.parse_args(argv)
    table = sparsity_table()
    with replacing(args.out) as aside:
        table.to_csv(aside, index=False)
    print(erk_to_uniform(table).round(2).to_string())


if __name__ == "__main__":
    sys.exit(exit_code(main))
