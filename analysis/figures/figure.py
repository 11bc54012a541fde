"""What every kind of figure has."""

import abc
import dataclasses
from pathlib import Path
from typing import ClassVar

import pandas as pd

from analysis.alt_text import Reading
from analysis.run_tables import Tables


@dataclasses.dataclass(frozen=True)
class Figure(abc.ABC):
    """A figure of the paper."""

    reading: ClassVar[Reading]
    """What its numbers are, for its description."""
    name: str
    """Of its files, and of the study that makes its runs."""
    caption: str
    """What it shows, in a sentence."""

    @abc.abstractmethod
    def data(self, tables: Tables) -> pd.DataFrame:
        """The plotted numbers. Raises NoRunsError without any."""

    @abc.abstractmethod
    def draw(self, tables: Tables, out: Path) -> list[Path]:
        """Writes the figure as .png, .pdf and .csv into `out` and returns their paths."""
