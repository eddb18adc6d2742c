"""The whole report of a comparison, as a page and as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from xent._format import listed, shown
from xent._report import Block, Picture, Table, Text
from xent.scoring.comparing import tables
from xent.scoring.comparing.compared import Compared
from xent.scoring.comparing.pictures import differences, slice_differences
from xent.scoring.comparing.recalibrated import made_up_for
from xent.scoring.comparing.words import bounds, fixed, p_value, percent
from xent.scoring.page import calibration, pictures
from xent.scoring.page.findings import findings
from xent.scoring.page.layout import PageReport, itemized
from xent.scoring.page.report import MOST_COLUMNS, NO_LOSSES, QUANTILES
from xent.scoring.page.wording import lowered
from xent.scoring.report import Score

DETAILED = 6
"""Models of which findings and pictures are shown, those with the lowest losses."""


@dataclass(frozen=True, repr=False)
class ComparisonReport(PageReport):
    """Everything that a comparison tells."""

    comparison: Compared

    def laid_out(self, *, drawn: bool) -> Iterator[Block]:
        found = self.comparison
        opening = list(tables.opening(found))
        conclusions = 1 + len(found.conclusions)
        yield from opening[:conclusions]
        drawable = drawn and pictures.available()
        yield from pictures.missing(drawn=drawn)
        yield Text("Differences", "section")
        yield from itemized(made_up_for(found), drawn=drawn)
        yield from self._differences(drawn=drawable)
        yield Text("What is wrong with each model, and what is not", "section")
        yield from self._findings(drawn=drawn)
        yield Text("Figures", "section")
        yield from self._figures()
        yield Text("Calibration", "section")
        yield from self._calibration(drawn=drawable)
        yield Text("Losses of the rows", "section")
        yield from self._losses(drawn=drawable)
        if found.state.schema.by:
            yield Text("Slices", "section")
            yield from self._slices(drawn=drawable)
        if found.differing:
            yield Text("Rows in which the losses differ most", "section")
            yield from tables.rows_blocks(found)
        if found.notes:
            yield Text("Notes", "section")
            yield from (Text(note, "unsure") for note in found.notes)
        yield Text("How the files were read", "section")
        yield from opening[conclusions:]

    @property
    def _detailed(self) -> dict[str, Score]:
        """The scores of which all is shown, in the order of the models."""
        scores = self.comparison.scores
        best = sorted(scores, key=lambda name: (scores[name].loss, name))[:DETAILED]
        return {name: score for name, score in scores.items() if name in best}

    def _some(self) -> Iterator[Block]:
        """That something is not shown of all models."""
        if (many := len(self.comparison.scores)) > DETAILED:
            told = f"Of the {DETAILED} models with the lowest log loss, of {many}; --format json "
            yield Text(f"{told}has all.", "plain")

    def _differences(self, *, drawn: bool) -> Iterator[Block]:
        found = self.comparison
        if drawn and any(pair.difference == pair.difference for pair in found.pairs):
            yield differences(found)
        test = "p (Holm)" if len(found.pairs) > 1 else "p"
        heads = ("log loss", "difference", f"{percent(found.level)} interval", test)
        yield Table(
            heads,
            tuple(
                (f"{pair.first} less {pair.second}", fixed(pair.difference),
                 bounds(pair.interval), p_value(pair.corrected))
                for pair in found.told_pairs
            ),
        )  # fmt: skip
        yield from tables.untold(found)
        seen = [
            f"{pair.first} and {pair.second} {shown(pair.detectable)}"
            for pair in found.told_pairs
            if pair.detectable == pair.detectable
        ]
        if seen:
            told = "A difference of so many nats would have been seen with a power of 80 %: "
            yield Text(f"{told}{listed(seen, DETAILED)}.", "plain")
        yield from self._wins()
        if found.state.schema.cluster is not None:
            yield Text(tables.told_of_clusters(found), "plain")

    def _wins(self) -> Iterator[Block]:
        found = self.comparison
        rows, tests = [], []
        depends = math.isnan(found.pairs[0].mcnemar)
        for pair in found.told_pairs:
            for i, (name, other) in enumerate(
                ((pair.first, pair.second), (pair.second, pair.first))
            ):
                share = f"{pair.lower[i]:,} ({100 * pair.lower[i] / found.rows:.1f} %)"
                rows.append((name, other, share, f"{pair.right_alone[i]:,}"))
            both = f"{pair.first} less {pair.second}"
            interval = bounds(pair.accuracy_interval)
            test = [] if depends else [p_value(pair.mcnemar)]
            tests.append((both, shown(pair.accuracy_difference, trim=False), interval, *test))
        yield Table(("rows of", "beside", "lower loss", "right alone"), tuple(rows), left=(0, 1))
        test = [] if depends else ["p (McNemar)"]
        heads = ("accuracy", "difference", f"{percent(found.level)} interval", *test)
        yield Table(heads, tuple(tests))

    def _findings(self, *, drawn: bool) -> Iterator[Block]:
        for name, score in self._detailed.items():
            yield Text(name, "name")
            yield from itemized(findings(score), drawn=drawn)
        yield from self._some()

    def _figures(self) -> Iterator[Block]:
        found = self.comparison
        rows: list[tuple[str, ...]] = []
        for figures in zip(*(score.figures for score in found.scores.values()), strict=True):
            if figures[0].key in tables.LEFT_OUT:
                continue
            for i, (name, each) in enumerate(zip(found.scores, figures, strict=True)):
                value = shown(each.value, trim=False)
                rows.append(("" if i else each.name, name, value, bounds(each.interval)))
        heads = ("", "model", "value", f"{percent(found.level)} interval")
        yield Table(heads, tuple(rows), left=(0, 1))
        yield from tables.models_without_interval(found)

    def _calibration(self, *, drawn: bool) -> Iterator[Block]:
        detailed = self._detailed
        if drawn:
            yield from _beside(
                pictures.reliability(score, name, number)
                for number, (name, score) in enumerate(detailed.items())
                if score.calibration is not None
            )
            yield Text(pictures.caption(next(iter(detailed.values()))), "plain")
        for name, score in detailed.items():
            yield Text(f"{name}: {lowered(tables.confidence(score))}", "plain")
        yield from calibration.beside_each_other(detailed)
        yield from self._some()

    def _losses(self, *, drawn: bool) -> Iterator[Block]:
        known = {n: s for n, s in self._detailed.items() if s.sampled_losses is not None}
        if not known:
            yield Text(NO_LOSSES, "plain")
            return
        if drawn:
            yield from _beside(
                pictures.losses(score, name, number)
                for number, (name, score) in enumerate(known.items())
            )
        rows = [
            (name, *(shown(sampled.quantile(at), trim=False) for at in QUANTILES))
            for name, score in known.items()
            if (sampled := score.sampled_losses)
        ]
        yield Table(("log loss at most, of", *(f"{100 * at:g} %" for at in QUANTILES)), (*rows,))
        sampled = next(iter(known.values())).sampled_losses
        if sampled and sampled.some:
            some = f"From samples of {len(sampled.losses):,} of {sampled.rows:,} rows."
            yield Text(some, "plain")
        yield from self._some()

    def _slices(self, *, drawn: bool) -> Iterator[Block]:
        found = self.comparison
        for number, column in enumerate(found.state.schema.by):
            known = [each for each in found.beside_reference(column) if each.rows >= pictures.LEAST]
            if (
                drawn
                and number < MOST_COLUMNS
                and any(each.difference == each.difference for each in known)
            ):
                yield slice_differences(found, column, number)
            yield from map(_slim, tables.slice_blocks(found, column))
        slices = (each for name in found.state.schema.by for each in found.by_value(name))
        tested = sum(each.p == each.p for each in slices)
        if tested > 1:
            told = "Intervals are for each of these alone; p is by Holm's correction over "
            told += f"{tested:,}: all values of all columns, and all pairs of models."
            yield Text(told, "plain")


def _slim(block: Block) -> Block:
    """A table with value, rows and model, if it names one, in one column: it fits a phone."""
    if not isinstance(block, Table) or block.heads[1] != "rows":
        return block
    named = 1 + (block.heads[2] == "log loss of")
    head, *heads = block.heads
    rows = (
        (": ".join([f"{value} ({others[0]})", *others[1:named]]) if others[0] else value,
         *others[named:])
        for value, *others in block.rows
    )  # fmt: skip
    of = ": model" * (named > 1)
    return Table((f"{head} (rows){of}", *heads[named:]), tuple(rows))


def _beside(found: Iterable[Picture]) -> Iterator[Block]:
    """Pictures beside each other, where the page is wide enough."""
    yield Picture('<div class="beside">')
    yield from found
    yield Picture("</div>")
