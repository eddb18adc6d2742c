"""Prints blocks as plain text: lines in pieces, each with a role, for terminals with colours."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from xent._report.blocks import Block, Equations, Finding, Line, Picture, Table, Term, Terms, Text
from xent._report.notation import TEXT

WIDTH, INDENT = 88, "   "
NUMBERS = 100
"""Columns for equations: a number and its operands are better kept on one line."""

NO_BREAK = "\N{NO-BREAK SPACE}"
UNDERLINES = {"title": "=", "section": "-"}
ONE_LINE = ("title", "headline", "section", "name", "note")
"""Roles of texts that are not wrapped, so that a long file name stays whole."""

Spans = list[tuple[str, str]]
"""A line in pieces: the role of each, and its text."""


def to_text(blocks: Iterable[Block]) -> str:
    """Plain text, without colours."""
    lines = styled_lines(blocks)
    return "".join("".join(text for _, text in spans).rstrip() + "\n" for spans in lines)


def styled_lines(blocks: Iterable[Block], width: int = NUMBERS) -> Iterator[Spans]:
    """Lines in pieces with roles, no wider than `width` where words allow it."""
    before: Block | None = None
    for block in blocks:
        if isinstance(block, Picture):
            continue
        if before is not None and not _joined(before, block):
            yield []
        yield from _lines(block, width)
        before = block


def _joined(before: Block, block: Block) -> bool:
    """Does the block follow without a blank line?"""
    if isinstance(before, Text) and before.role == "section":
        return isinstance(block, Text) and block.role == "name"
    # The name, the equations and the reason of a step stand together.
    return isinstance(block, Equations) or (isinstance(block, Text) and block.role == "why")


def _lines(block: Block, width: int) -> Iterator[Spans]:
    narrow = min(width, WIDTH)
    match block:
        case Text(text, role):
            if role in ONE_LINE:
                yield [(role, text)]
            else:
                yield from prose(text, role, narrow, INDENT if role == "why" else "")
            if role in UNDERLINES:
                yield [(role, UNDERLINES[role] * len(text))]
        case Table():
            yield from _table(block)
        case Finding():
            yield [(block.role, block.heading)]
            for part in block.told:
                yield from prose(part, "plain", narrow, "  ")
        case Equations():
            yield from formula(block, narrow)
            yield from numbers(block, width)
        case Terms(terms, heading):
            if heading:
                yield from _lines(Text(heading, "section"), width)
            for number, term in enumerate(terms):
                if number and not heading:
                    yield []
                yield from _term(term, narrow)


def prose(text: str, role: str, width: int = WIDTH, indent: str = INDENT) -> Iterator[Spans]:
    """A paragraph in lines."""
    for part in textwrap.wrap(
        text, width - len(indent), break_on_hyphens=False, break_long_words=False
    ):
        yield [(role, f"{indent}{part}")]


def _table(table: Table) -> Iterator[Spans]:
    rows = [("row", row) for row in table.rows]
    if table.heads:
        rows.insert(0, ("head", table.heads))
    widths = [max(map(len, column)) for column in zip(*(cells for _, cells in rows), strict=True)]
    pads = table.sides(str.ljust, str.rjust)
    for role, cells in rows:
        padded = [pad(cell, n) for pad, cell, n in zip(pads, cells, widths, strict=True)]
        yield [(role, "  ".join(padded).rstrip())]


def formula(block: Equations, width: int = WIDTH) -> Iterator[Spans]:
    """The chain of equal expressions, on one line if it fits."""
    columns = _left_width(block)
    lines = [f"{left.ljust(columns)} = {right}" for left, right in TEXT.equations(block.chain)]
    one_line = " ".join([*lines[:1], *(line.lstrip() for line in lines[1:])])
    for line in [one_line] if lines and len(INDENT + one_line) <= width else lines:
        yield [("formula", INDENT + line)]


def numbers(block: Equations, width: int = NUMBERS) -> Iterator[Spans]:
    """Symbol, operands and value of each line in columns, the values at their decimal points."""
    lines, left = block.lines, _left_width(block)
    middles = ["" if x.substituted is None else f" = {TEXT.write(x.substituted)}" for x in lines]
    middle = max(map(len, middles), default=0)
    point = max((_before_point(x.text) for x in lines), default=0)
    longest = max((len(x.text) - _before_point(x.text) for x in lines), default=0)
    if len(INDENT) + left + middle + len(" = ") + point + longest > width:
        middle = point = 0  # no columns: some line is too long for them
    for line, operands in zip(lines, middles, strict=True):
        symbol = INDENT + TEXT.write(line.symbol).ljust(left)
        value = " " * (point - _before_point(line.text)) + line.text
        yield from _number(line, symbol, operands.ljust(middle), value, width)


def _number(line: Line, symbol: str, operands: str, value: str, width: int) -> Iterator[Spans]:
    """One number, on several lines if it is too long for one."""
    parts = [f"{symbol}{operands} {line.relation}{NO_BREAK}{value}"]
    if len(parts[0]) > width:
        hang = " " * (len(symbol) + len(" = "))
        parts = textwrap.wrap(parts[0], width, subsequent_indent=hang, break_on_hyphens=False)
    for i, part in enumerate(part.replace(NO_BREAK, " ") for part in parts):
        start = len(symbol) if i == 0 else 0
        end = len(part) - len(value) if i == len(parts) - 1 else len(part)
        yield [
            ("true" if line.true else "symbol", part[:start]),
            ("numbers", part[start:end]),
            (line.role or "result", part[end:]),
        ]


def _term(term: Term, width: int) -> Iterator[Spans]:
    yield [("term", term.name)]
    yield from prose(term.definition, "plain", width)
    if term.formula:
        yield [("formula", INDENT + TEXT.chain(term.formula))]
    if term.see:
        yield from prose(f"See {', '.join(term.see)}.", "why", width)


def _left_width(block: Equations) -> int:
    """Columns of the left sides, that of the formula included."""
    lefts = [*block.chain[:1], *(line.symbol for line in block.lines)]
    return max((len(TEXT.write(node)) for node in lefts), default=0)


def _before_point(text: str) -> int:
    """How many characters stand before the decimal point."""
    return len(text.partition("e")[0].partition(".")[0])
