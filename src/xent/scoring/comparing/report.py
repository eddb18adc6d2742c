"""`Comparison`: what `compare` found, as a report and as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from xent._report import Block, Text, to_markdown
from xent.scoring.comparing import tables
from xent.scoring.comparing.compared import Compared
from xent.scoring.comparing.data import comparison_data
from xent.scoring.comparing.page import ComparisonReport


@dataclass(frozen=True, repr=False)
class Comparison(Compared):
    """How models compare on the same rows."""

    def __repr__(self) -> str:
        return f"Comparison({self.path!r}: {self.conclusion})"

    def blocks(self) -> Iterator[Block]:
        """What may be concluded, the models, their differences, slices, rows and notes."""
        yield from tables.opening(self)
        yield tables.models_table(self)
        yield from tables.more_figures(self)
        yield from tables.differences(self)
        yield tables.wins(self)
        for column in self.state.schema.by:
            yield from tables.slice_blocks(self, column)
        if self.state.schema.cluster is not None:
            yield Text(tables.told_of_clusters(self), "plain")
        if self.differing:
            yield from tables.rows_blocks(self)
        for note in self.notes:
            yield Text(f"Note: {note}", "note")

    def to_markdown(self) -> str:
        """The whole report as Markdown."""
        return ComparisonReport(self).to_markdown()

    def to_page(self) -> str:
        """The whole report as a page of HTML that needs neither network nor script."""
        return ComparisonReport(self).to_page()

    def _repr_markdown_(self) -> str:
        return to_markdown(self.blocks())

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON: infinities as "inf", what is not defined as null."""
        return comparison_data(self)
