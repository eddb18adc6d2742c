"""The whole report of a score: in what order its parts stand, as a page and as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from xent._format import listed, shown
from xent._report import Block, Picture, Table, Text
from xent.scoring.page import calibration, pictures
from xent.scoring.page.findings import findings, summary
from xent.scoring.page.layout import PageReport, apart, folded, itemized
from xent.scoring.page.told import Told
from xent.scoring.page.warnings import warnings_of
from xent.scoring.page.wording import LONGEST, column_name, cut
from xent.scoring.page.worst import EXPLAINED, explained

MOST_COLUMNS = 12
"""Columns of slices that are drawn."""

QUANTILES = (0.5, 0.9, 0.95, 0.99, 1.0)
"""Of the losses of rows."""

NO_LOSSES = "No losses: of so many classes no sample of rows is kept."

MOST_ROWS = 100
"""Worst rows that are shown."""


@dataclass(frozen=True, repr=False)
class ScoreReport(PageReport):
    """Everything that a score tells, for a page or for Markdown."""

    score: Told

    def laid_out(self, *, drawn: bool) -> Iterator[Block]:
        """The report; with `drawn` as HTML shows it: pictures, and details that unfold."""
        weighted = self.score.state.schema.weighted
        for each in self._parts(drawn=drawn):
            yield each if weighted or not isinstance(each, Table) else _slim(each)

    def _parts(self, *, drawn: bool) -> Iterator[Block]:
        score = self.score
        opening = list(score.opening())
        yield opening[0]
        yield Text(summary(score), "summary")
        yield Text("What is wrong, and what is not", "section")
        yield from itemized(findings(score), drawn=drawn)
        drawable = drawn and pictures.available()
        yield from pictures.missing(drawn=drawn)
        yield Text("Figures", "section")
        yield from score.figure_blocks()
        yield Text("Calibration", "section")
        yield from self._calibration(drawn=drawable)
        yield Text("Losses of the rows", "section")
        yield from self._losses(drawn=drawable)
        yield Text("Classes", "section")
        yield from score.class_blocks()
        if score.state.schema.by:
            yield Text("Slices", "section")
            yield from self._slices(drawn=drawable)
        if score.worst:
            yield Text("Worst rows", "section")
            yield from self._worst(drawn=drawn)
        yield Text("Does the file look as it should?", "section")
        yield from self._warnings()
        yield Text("How the file was read", "section")
        yield from opening[1:]
        yield from self._files()

    def _calibration(self, *, drawn: bool) -> Iterator[Block]:
        found = self.score.calibration
        if drawn and found is not None:
            yield pictures.reliability(self.score)
        yield from calibration.section(self.score)
        if found is not None:
            table, told = calibration.curve_table(found)
            more = [Text(told, "plain")] if told else []
            head = "The reliability curve in numbers"
            yield from folded(head, [table, *more], fold=drawn)

    def _losses(self, *, drawn: bool) -> Iterator[Block]:
        sampled = self.score.sampled_losses
        if sampled is None:
            yield Text(NO_LOSSES, "plain")
            return
        if drawn:
            yield pictures.losses(self.score)
        if sampled.some:
            told = f"From a sample of {len(sampled.losses):,} of {sampled.rows:,} rows."
            yield Text(told, "plain")
        heads = ("of the rows", *(f"{100 * each:g} %" for each in QUANTILES))
        values = (shown(sampled.quantile(each), trim=False) for each in QUANTILES)
        yield Table(heads, (("log loss at most", *values),))
        if 0 < sampled.losses.max() < math.inf:
            part, share = sampled.concentration
            told = f"The {100 * part:.2g} % of the rows with the highest loss make up "
            yield Text(f"{told}{100 * share:.3g} % of the total loss.", "plain")

    def _slices(self, *, drawn: bool) -> Iterator[Block]:
        score = self.score
        yield from score.weak_blocks()
        for number, column in enumerate(score.state.schema.by):
            enough = any(each.rows >= pictures.LEAST for each in score.by_value(column))
            if drawn and number < MOST_COLUMNS and enough:
                yield pictures.slices(score, column, number)
            for block in score.slice_blocks(column, pictures.LEAST):
                if isinstance(block, Table):
                    heads = (column_name(column), *block.heads[1:])
                    yield replace(block, heads=heads)
                else:
                    yield block
            groups = score.by_value(column)
            few = sum(each.rows < pictures.LEAST for each in groups)
            if few:
                told = f"{few:,} of {len(groups):,} values have fewer than {pictures.LEAST} rows, "
                yield Text(f"{told}and are not shown; --format json has all.", "plain")

    def _worst(self, *, drawn: bool) -> Iterator[Block]:
        table = self.score.worst_table()
        yield replace(table, rows=table.rows[:MOST_ROWS])
        if len(table.rows) > MOST_ROWS:
            yield Text(f"{MOST_ROWS} of {len(table.rows):,}; --format json has all.", "plain")
        for number, row in enumerate(self.score.worst[:EXPLAINED]):
            found = explained(self.score, row)
            if found is None:
                yield Text("The worst rows have too many scores to be kept and explained.", "plain")
                return
            cost = "infinite loss" if math.isinf(row.loss) else f"loss of {shown(row.loss)} nats"
            head = f"Row {row.row}: its {cost}, step by step"
            if drawn:
                inner = Picture(apart(found.to_html(), number))
                yield from folded(head, [inner], fold=True)
            else:
                yield Text(f"Row {row.row}: {found.summary}", "plain")

    def _warnings(self) -> Iterator[Block]:
        found = warnings_of(self.score)
        yield from found
        if self.score.state.sample.rows is None:
            yield Text("Not looked at: of so many classes no rows are kept.", "plain")
        elif not found:
            yield Text("xent diagnose finds nothing odd in these rows.", "good")

    def _files(self) -> Iterator[Block]:
        files = self.score.files
        if len(files) > 1:
            names = [cut(name, 2 * LONGEST) for name in files]
            yield Text(f"Files: {listed(names, MOST_COLUMNS)}.", "plain")


def _slim(table: Table) -> Table:
    """A table without the rows' share, where their number says the same: it fits a phone."""
    if table.heads[1:3] != ("rows", "share"):
        return table
    heads, *rows = (row[:2] + row[3:] for row in (table.heads, *table.rows))
    return replace(
        table, heads=heads, rows=tuple(rows), left=tuple(i - (i > 2) for i in table.left)
    )
