"""What the report of a score is made from, so that its parts need not import `Score` itself."""

from __future__ import annotations

from collections.abc import Iterator

from xent._report import Block, Table
from xent.scoring.calibrated import Calibrated
from xent.scoring.figures import Figures
from xent.scoring.file_score import FileScore
from xent.scoring.state import WorstRow


class Told(Calibrated, Figures, FileScore):
    """A score as the parts of its report know it."""

    classes: tuple[str, ...]

    @property
    def worst(self) -> list[WorstRow]:
        """The rows with the highest loss, worst first."""
        raise NotImplementedError

    @property
    def clipped(self) -> dict[float, float]:
        """The log loss if labels had at least some probabilities, where some loss is infinite."""
        raise NotImplementedError

    @property
    def confused(self) -> list[tuple[str, str, int]]:
        """True class, likeliest class and rows of the pairs that are mistaken most often."""
        raise NotImplementedError

    @property
    def notes(self) -> list[str]:
        """What a reader of the figures should know."""
        raise NotImplementedError

    @property
    def infinite_note(self) -> Iterator[str]:
        """On infinite losses, if there are any."""
        raise NotImplementedError

    @property
    def beaten_note(self) -> Iterator[str]:
        """On a loss above that of the base rates."""
        raise NotImplementedError

    def opening(self) -> Iterator[Block]:
        """The headline, how the file was read, and what was left out."""
        raise NotImplementedError

    def figure_blocks(self) -> Iterator[Block]:
        """The figures of all rows, and why some have no interval."""
        raise NotImplementedError

    def class_blocks(self) -> Iterator[Block]:
        """The classes, and which are taken for which."""
        raise NotImplementedError

    def slice_blocks(self, column: str, least: int = 1) -> Iterator[Block]:
        """The values of a column that have at least so many rows, worst first."""
        raise NotImplementedError

    def weak_blocks(self) -> Iterator[Block]:
        """The slices that are worse than the other rows."""
        raise NotImplementedError

    def worst_table(self) -> Table:
        """The worst rows."""
        raise NotImplementedError
