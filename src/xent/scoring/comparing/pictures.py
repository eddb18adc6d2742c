"""The pictures of a comparison's report, as inline SVG."""

from __future__ import annotations

from xent._report import Picture
from xent.scoring.comparing.compared import Compared
from xent.scoring.page.pictures import LEAST, drawn, height_of


def differences(comparison: Compared) -> Picture:
    """The differences of the losses of models as dots."""
    from xent import plots

    draw = lambda ax: plots.difference_dots(comparison, ax=ax)  # noqa: E731
    return drawn(draw, "differences", height_of(len(comparison.told_pairs)))


def slice_differences(comparison: Compared, column: str, number: int) -> Picture:
    """The same by the values of a column."""
    from xent import plots

    count = sum(each.rows >= LEAST for each in comparison.beside_reference(column))
    draw = lambda ax: plots.difference_dots(comparison, column, ax=ax)  # noqa: E731
    return drawn(draw, f"differences{number}", height_of(count))
