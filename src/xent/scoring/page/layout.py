"""How the reports of scores and comparisons are laid out: lists, what unfolds, and long names."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from xent._format import visible
from xent._report import Block, Picture, Report, Table, Text, page, to_html
from xent._report.page import STYLE
from xent._report.roles import colour
from xent._report.text import NO_BREAK
from xent.scoring.page.findings import Found
from xent.scoring.page.wording import LONGEST, cut

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
.xent-score .beside { display: grid; gap: 0 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); }
.xent-score details { margin: 0.6rem 0; }
.xent-score summary { font-size: 1rem; margin-top: 0.4rem; }
.xent-score details > div { border-left: 2px solid; padding-left: 0.8rem; }
@media (max-width: 40rem) {
  .xent-score th { white-space: normal; overflow-wrap: normal; }
  .xent-score table { border-spacing: 0; }
  .xent-score td:first-child { max-width: 7rem; min-width: 4rem; overflow-wrap: anywhere; }
  .xent-score th, .xent-score td { font-size: 0.75rem; }
  .xent-score [style*="0.6em"] { padding: 0 0.3em !important; }
}
"""


class PageReport(Report):
    """A report that is a page or Markdown."""

    def laid_out(self, *, drawn: bool) -> Iterator[Block]:
        """The report; with `drawn` as HTML shows it: pictures, and details that unfold."""
        raise NotImplementedError

    def blocks(self, *, drawn: bool = False) -> Iterator[Block]:
        """The same, with names from files cut where they are very long."""
        for block in self.laid_out(drawn=drawn):
            match block:
                case Table():
                    heads = tuple(map(cut, block.heads))
                    rows = tuple(tuple(_unbroken(cut(each)) for each in row) for row in block.rows)
                    yield replace(block, heads=heads, rows=rows)
                case Text():
                    yield replace(block, text=_unbroken(_no_long_words(block.text)))
                case _:
                    yield block

    def to_html(self) -> str:
        """HTML: a fragment with pictures."""
        return to_html(self.blocks(drawn=True), name="score")

    def to_page(self) -> str:
        """A page of its own, which needs neither network nor script."""
        title = cut(next(self.blocks()).text, 2 * LONGEST)  # type: ignore[union-attr]
        return page(title, self.to_html(), STYLE + OWN_STYLE)


def itemized(found: Iterable[Found], *, drawn: bool) -> Iterator[Block]:
    """What was found, as a list in HTML."""
    if not drawn:
        for each in found:
            yield Text(f"{each.head}. {each.text}", each.role, strong=len(each.head) + 1)
        return
    items = (
        f'<li><strong style="color:{colour(each.role)}">{_escaped(each.head)}.</strong> '
        f"{_escaped(each.text)}</li>"
        for each in found
    )
    yield Picture("<ul>\n" + "\n".join(items) + "\n</ul>")


def _escaped(text: str) -> str:
    return html.escape(visible(_unbroken(_no_long_words(text))))


def folded(head: str, blocks: Iterable[Block], *, fold: bool) -> Iterator[Block]:
    """Blocks that unfold in HTML, or stand below a line elsewhere."""
    if not fold:
        yield Text(f"{head}:", "plain")
        yield from blocks
        return
    yield Picture(f"<details><summary>{html.escape(head)}</summary>")
    yield from blocks
    yield Picture("</details>")


def apart(fragment: str, number: int) -> str:
    """An explanation below the headings of the page, and with names of its own."""
    for outer, inner in (("h4", "h6"), ("h3", "h5")):
        fragment = fragment.replace(f"<{outer}", f"<{inner}").replace(f"</{outer}", f"</{inner}")
    return re.sub(r"\bxent-[0-9a-f]{8}\b", lambda found: f"{found[0]}-{number}", fragment)


def _unbroken(text: str) -> str:
    """The text with numbers kept together with what follows them: 95 %, 0.1 to 0.2."""
    text = re.sub(r"(?<=\d) %", f"{NO_BREAK}%", text)
    return re.sub(r"(?<=\d) to (?=-?\d)", f"{NO_BREAK}to{NO_BREAK}", text)


def _no_long_words(text: str) -> str:
    """The text, cut where it is far too long; and so are its words."""
    text = re.sub(r"\S{201,}", lambda found: f"{found[0][:100]}…", text)
    return text if len(text) <= 3000 else f"{text[:2999]}…"
