"""FLOPs of the Atari networks against sparsity, ERK and uniform (Figure 7, appendix A.2).

Counted, not measured: `python -m rigl_rl.flops` writes `atari_flops.csv`.
"""

import dataclasses
from pathlib import Path

import pandas as pd
from matplotlib.ticker import PercentFormatter

from analysis import style
from analysis.alt_text import Reading
from analysis.figures.figure import Figure
from analysis.run_tables import Tables

TABLE = Path(__file__).parent / "atari_flops.csv"
NETWORKS = {"cnn": "Nature CNN", "resnet": "IMPALA ResNet"}


@dataclasses.dataclass(frozen=True)
class FlopsFigure(Figure):
    """A panel per network, a line per distribution."""

    reading = Reading(
        ("network",), ("distribution",), "sparsity", "sparsity", style.percent, "share"
    )

    def data(self, tables: Tables) -> pd.DataFrame:
        """The plotted numbers, those of `TABLE`: network, distribution, sparsity, flops (of one
        forward pass of one example), share (of the dense network's) and active_params.
        """
        del tables  # this needs no runs
        return pd.read_csv(TABLE)

    def draw(self, tables: Tables, out: Path) -> list[Path]:
        """Writes the figure as .png, .pdf and .csv into `out` and returns their paths."""
        points = self.data(tables)
        figure, [grid] = style.panels(1, len(NETWORKS))
        for axes, (network, title) in zip(grid, NETWORKS.items()):
            handles = []
            for distribution, kind in style.LINES.items():
                here = points["network"] == network
                line = points[here & (points["distribution"] == distribution)]
                label = style.DISTRIBUTIONS[distribution]
                handles += axes.plot(
                    line["sparsity"],
                    line["share"],
                    color="#333333",
                    marker="o",
                    label=label,
                    **kind,
                )
            axes.set(title=f"{title}, MsPacman", xlabel="Sparsity")
            axes.set_ylim(0, 1)
            axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        grid[0].set_ylabel("FLOPs relative to dense")
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
        return style.save(figure, points, out, self.name)
