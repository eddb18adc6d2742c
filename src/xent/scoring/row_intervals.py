"""Intervals of figures of cells, a row and a label each, where the cells of a row are dependent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from xent._format import counted
from xent.scoring.intervals import (
    Interval,
    Shares,
    Units,
    mean_interval,
    mean_share_interval,
    ratio_of_losses,
    refused,
)
from xent.scoring.intervals.mean import FEWEST_ROWS
from xent.scoring.intervals.refusals import FEWEST_OF_A_CLASS, infinite_losses, told
from xent.scoring.state.label_rows import MISSING, MOST, LabelRows

FEWEST_FOR_MEAN, FEWEST_FOR_SKILL = 5, 10
"""Rows with a true label, and with a false one, below which there is no interval."""

ROWS = Units("row", "sizes")
"""A row's size is its weight times the number of its labels."""


@dataclass(frozen=True)
class RowIntervals:
    """The intervals, with rows as units."""

    together: LabelRows
    infinite: int
    """Cells with an infinite loss."""
    counts: Sequence[tuple[str, int, int]]
    """Of each label that has rows: its name, and how many where it is false, and where true."""
    level: float

    @cached_property
    def loss(self) -> Interval:
        """Of the log loss."""
        moments = self.together.moments("loss")
        if reason := self._unusable or self._few(FEWEST_FOR_MEAN):
            return refused(reason, "Hall", moments.error)
        return mean_interval(moments, self.level, units=ROWS)

    def accuracy(self, share: float) -> Interval:
        """Of the accuracy."""
        moments = self.together.moments("right")
        return mean_share_interval(share, moments, self.level, units=ROWS)

    @property
    def macro(self) -> Interval:
        """Of the macro loss."""
        if all(a + b == self.together.count("rows") for _, a, b in self.counts):
            return self.loss  # the same number: every label has the weight of all rows
        lacking = "some rows lack some labels: the macro loss has no interval then"
        return refused(self._unusable or lacking, "Hall")

    @cached_property
    def skill(self) -> Interval:
        """Of the skill; equal rows are those of which the same labels are true."""
        if reason := self._unusable or self._few(FEWEST_FOR_SKILL) or self._rare():
            return refused(reason, "delta, Hall")
        found = self.together.by_set()
        if found is None:
            many = f"more than {MOST:,} sets of labels are true together: too many for skill"
            return refused(many, "delta, Hall")
        moments, labels = found
        count = 2 * labels.shape[1]
        places = np.where(labels == MISSING, -1, 2 * np.arange(labels.shape[1]) + labels)
        shares = Shares.of(moments, places, count)
        surprise = shares.surprise
        if not moments.w @ surprise > 0:
            return refused("the base rate is not a finite number above 0", "delta, Hall")
        return ratio_of_losses(moments, surprise, self.level, shares, ROWS)

    @property
    def _unusable(self) -> str:
        """Why the moments of the losses are of no use; or nothing."""
        if self.infinite:
            return infinite_losses(self.infinite, "cell")
        if n := self.together.count("left_out"):
            return f"the losses of {counted(n, 'row')} are too large to square"
        return ""

    def _rare(self) -> str:
        """That the share of a label is hardly known; or nothing."""
        name, false, true = min(self.counts, key=lambda each: min(each[1:]))
        if (few := min(false, true)) >= FEWEST_OF_A_CLASS:
            return ""
        which = "true" if true < false else "false"
        rows = counted(few, "row")
        return f"label '{name}' is {which} in only {rows}: skill needs {FEWEST_OF_A_CLASS}"

    def _few(self, least: int) -> str:
        """That there are too few rows, or too few with a true label or a false one; or nothing."""
        if (rows := self.together.count("rows")) < FEWEST_ROWS:
            return told(rows, "row", FEWEST_ROWS)
        for name in ("true", "false"):
            if (n := self.together.count(name)) < least:
                have = counted(n, "row has", "rows have")
                return f"only {have} a {name} label: an interval needs {least}"
        return ""
