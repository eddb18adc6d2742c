"""The whole report of a score: in what order its parts stand, as a page and as Markdown."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from xent._format import shown, visible
from xent._report import Block, Picture, Report, Table, Text, page, to_html, to_markdown
from xent._report.page import STYLE
from xent._report.roles import colour
from xent._report.text import NO_BREAK
from xent.scoring.grouped import Group
from xent.scoring.page import calibration, pictures
from xent.scoring.page.findings import Found, findings, summary
from xent.scoring.page.told import Told
from xent.scoring.page.warnings import warnings_of
from xent.scoring.page.wording import LONGEST, column_name, cut
from xent.scoring.page.worst import EXPLAINED, explained

LEAST = 10
"""The fewest rows of a slice that is shown."""

MOST_COLUMNS = 12
"""Columns of slices that are drawn."""

LEAST = 10
"""Rows of a value below which it is not shown."""

TOLD = 3
"""Groups of which it is told why they have no interval."""

MOST_ROWS = 100
"""Worst rows that are shown."""

OWN_STYLE = """
.xent-score td { white-space: normal; overflow-wrap: break-word; }
.xent-score td[style*="right"], .xent-score td.near { white-space: nowrap; }
.xent-score td:first-child { white-space: normal; max-width: 16rem; min-width: 3.5rem; }
.xent-score td:last-child:not([style*="right"]) { white-space: normal; }
.xent-score figure svg { max-width: 34rem !important; }
.xent-score td, .xent-score th { vertical-align: baseline; }
.xent-score ul { padding-left: 1.2rem; }
.xent-score li { margin: 0.4rem 0; }
.xent-score figcaption { font-size: 0.9rem; }
.xent-score h5 { font-size: 1.15rem; margin: 0.8rem 0; }
.xent-score h6 { font-size: 1rem; margin: 1rem 0 0.3rem; border-bottom: 1px solid; }
.xent-score details { margin: 0.6rem 0; }
.xent-score summary { font-size: 1rem; margin-top: 0.4rem; }
.xent-score details > div { border-left: 2px solid; padding-left: 0.8rem; }
@media (max-width: 40rem) {
  .xent-score th { white-space: normal; overflow-wrap: normal; }
  .xent-score td:first-child { max-width: 7rem; overflow-wrap: anywhere; }
  .xent-score th, .xent-score td { font-size: 0.75rem; }
}
"""


@dataclass(frozen=True, repr=False)
class ScoreReport(Report):
    """Everything that a score tells, for a page or for Markdown."""

    score: Told

    def blocks(self, *, drawn: bool = False) -> Iterator[Block]:
        """The report; with `drawn` as HTML shows it: pictures, and details that unfold."""
        found = _bounded(self._blocks(drawn=drawn))
        weighted = self.score.state.schema.weighted
        return (each if weighted or not isinstance(each, Table) else _slim(each) for each in found)

    def _blocks(self, *, drawn: bool) -> Iterator[Block]:
        score = self.score
        opening = list(score.opening())
        yield opening[0]
        yield Text(summary(score), "summary")
        yield Text("What is wrong, and what is not", "section")
        yield from _listed(findings(score), drawn=drawn)
        drawable = drawn and pictures.available()
        if drawn and not drawable:
            yield from pictures.missing()
        yield Text("Figures", "section")
        yield from score.figure_blocks()
        yield Text("Calibration", "section")
        yield from self._calibration(drawn=drawable)
        yield Text("Losses of the rows", "section")
        yield from self._losses(drawn=drawable)
        yield Text("Classes", "section")
        yield from score.class_blocks()
        yield from _refusals("class", score.by_class)
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
            yield from _folded(
                "The reliability curve in numbers", [table, *_text(told)], fold=drawn
            )

    def _losses(self, *, drawn: bool) -> Iterator[Block]:
        sampled = self.score.sampled_losses
        if sampled is None:
            yield Text("No losses: of so many classes no sample of rows is kept.", "plain")
            return
        if drawn:
            yield pictures.losses(self.score)
        if sampled.some:
            told = f"From a sample of {len(sampled.losses):,} of {sampled.rows:,} rows."
            yield Text(told, "plain")
        at = (0.5, 0.9, 0.95, 0.99, 1.0)
        heads = ("of the rows", *(f"{100 * each:g} %" for each in at))
        values = (shown(sampled.quantile(each), trim=False) for each in at)
        yield Table(heads, (("log loss at most", *values),))
        if 0 < sampled.losses.max() < math.inf:
            part, share = sampled.concentration
            told = f"The {100 * part:.2g} % of the rows with the highest loss make up "
            yield Text(f"{told}{100 * share:.3g} % of the total loss.", "plain")

    def _slices(self, *, drawn: bool) -> Iterator[Block]:
        score = self.score
        yield from score.weak_blocks()
        for number, column in enumerate(score.state.schema.by):
            enough = any(each.rows >= LEAST for each in score.by_value(column))
            if drawn and number < MOST_COLUMNS and enough:
                yield pictures.slices(score, column, number)
            for block in score.slice_blocks(column, LEAST):
                if isinstance(block, Table):
                    heads = (column_name(column), *block.heads[1:])
                    yield replace(block, heads=heads)
                else:
                    yield block
            groups = score.by_value(column)
            few = sum(each.rows < LEAST for each in groups)
            if few:
                told = f"{few:,} of {len(groups):,} values have fewer than {LEAST} rows, and are "
                yield Text(f"{told}not shown; --format json has all.", "plain")
            yield from _refusals(column, [each for each in groups if each.rows >= LEAST])

    def _worst(self, *, drawn: bool) -> Iterator[Block]:
        table = self.score.worst_table()
        yield replace(table, rows=table.rows[:MOST_ROWS])
        if len(table.rows) > MOST_ROWS:
            yield Text(f"{MOST_ROWS} of {len(table.rows)}; --format json has all.", "plain")
        for number, row in enumerate(self.score.worst[:EXPLAINED]):
            found = explained(self.score, row)
            if found is None:
                yield Text("The worst rows have too many scores to be kept and explained.", "plain")
                return
            cost = "infinite loss" if math.isinf(row.loss) else f"loss of {shown(row.loss)} nats"
            head = f"Row {row.row}: its {cost}, step by step"
            if drawn:
                inner = Picture(_apart(found.to_html(), number))
                yield from _folded(head, [inner], fold=True)
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
            names = ", ".join(cut(name, 2 * LONGEST) for name in files[:MOST_COLUMNS])
            more = f" and {len(files) - MOST_COLUMNS:,} more" if len(files) > MOST_COLUMNS else ""
            yield Text(f"Files: {names}{more}.", "plain")

    def to_html(self) -> str:
        """HTML: a fragment with pictures."""
        return to_html(self.blocks(drawn=True), name="score")

    def to_page(self) -> str:
        """A page of its own, which needs neither network nor script."""
        title = cut(next(self.blocks()).text, 2 * LONGEST)  # type: ignore[union-attr]
        return page(title, self.to_html(), STYLE + OWN_STYLE)

    def to_markdown(self) -> str:
        """Markdown, without pictures."""
        return to_markdown(self.blocks())


def _slim(table: Table) -> Table:
    """A table without the rows' share, where their number says the same: it fits a phone."""
    if table.heads[1:3] != ("rows", "share"):
        return table
    heads, *rows = (row[:2] + row[3:] for row in (table.heads, *table.rows))
    return replace(
        table, heads=heads, rows=tuple(rows), left=tuple(i - (i > 2) for i in table.left)
    )


def _refusals(column: str, groups: Sequence[Group]) -> Iterator[Block]:
    """Why some groups have no interval: values of a column, or classes."""
    without = [each for each in groups if each.interval.reason]
    reasons = {each.interval.reason for each in without}
    if len(reasons) == 1 and len(without) > 1:
        yield Text(f"No interval of {len(without)} of these: {reasons.pop()}.", "plain")
    elif without:
        told = "; ".join(
            f"{column_name(column)} {cut(each.name)}: {each.interval.reason}"
            for each in without[:TOLD]
        )
        more = f"; and {len(without) - TOLD} more" if len(without) > TOLD else ""
        yield Text(f"No interval of {told}{more}.", "plain")


def _text(told: str) -> list[Block]:
    return [Text(told, "plain")] if told else []


def _listed(found: Iterable[Found], *, drawn: bool) -> Iterator[Block]:
    """What was found, as a list in HTML."""
    if not drawn:
        yield from (Text(f"{each.head}. {each.text}", each.role) for each in found)
        return
    items = (
        f'<li><strong style="color:{colour(each.role)}">{_escaped(each.head)}.</strong> '
        f"{_escaped(each.text)}</li>"
        for each in found
    )
    yield Picture("<ul>\n" + "\n".join(items) + "\n</ul>")


def _escaped(text: str) -> str:
    return html.escape(visible(_unbroken(_no_long_words(text))))


def _folded(head: str, blocks: Iterable[Block], *, fold: bool) -> Iterator[Block]:
    """Blocks that unfold in HTML, or stand below a line elsewhere."""
    if not fold:
        yield Text(f"{head}:", "plain")
        yield from blocks
        return
    yield Picture(f"<details><summary>{html.escape(head)}</summary>")
    yield from blocks
    yield Picture("</details>")


def _apart(fragment: str, number: int) -> str:
    """An explanation below the headings of the page, and with names of its own."""
    for outer, inner in (("h4", "h6"), ("h3", "h5")):
        fragment = fragment.replace(f"<{outer}", f"<{inner}").replace(f"</{outer}", f"</{inner}")
    return re.sub(r"\bxent-[0-9a-f]{8}\b", lambda found: f"{found[0]}-{number}", fragment)


def _bounded(blocks: Iterable[Block]) -> Iterator[Block]:
    """The same, with names from files cut where they are very long."""
    for block in blocks:
        match block:
            case Table():
                heads = tuple(map(cut, block.heads))
                rows = tuple(tuple(_unbroken(cut(each)) for each in row) for row in block.rows)
                yield replace(block, heads=heads, rows=rows)
            case Text():
                yield replace(block, text=_unbroken(_no_long_words(block.text)))
            case _:
                yield block


def _unbroken(text: str) -> str:
    """The text with numbers kept together with what follows them: 95 %, 0.1 to 0.2."""
    text = re.sub(r"(?<=\d) %", f"{NO_BREAK}%", text)
    return re.sub(r"(?<=\d) to (?=-?\d)", f"{NO_BREAK}to{NO_BREAK}", text)


def _no_long_words(text: str) -> str:
    """The text, cut where it is far too long; and so are its words."""
    text = re.sub(r"\S{201,}", lambda found: f"{found[0][:100]}…", text)
    return text if len(text) <= 3000 else f"{text[:2999]}…"
