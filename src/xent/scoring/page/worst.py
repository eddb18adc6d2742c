"""The rows with the highest loss, explained as `xent explain` does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xent.scoring.page.told import Told
from xent.scoring.page.wording import cut
from xent.scoring.state import WorstRow

if TYPE_CHECKING:
    from xent.explanation import Explanation

EXPLAINED = 3
"""How many rows are explained."""


def explained(score: Told, row: WorstRow) -> Explanation | None:
    """The explanation of a row; None if its scores are not kept."""
    from xent.explanation import explain

    if not row.scores:
        return None
    schema = score.state.schema
    usual = tuple(map(str, range(len(schema.classes))))
    return explain(
        row.scores[0] if schema.binary else list(row.scores),
        row.label,
        kind=schema.kind,
        names=None if schema.classes == usual else [cut(name) for name in schema.classes],
        tolerance=1.0,  # it was checked as the row was read
    )
