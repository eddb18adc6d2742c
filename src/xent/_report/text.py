"""Prints blocks as plain text: lines in pieces, each with a role, for terminals with colours."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from xent._report.blocks import Block, Equations, Finding, Line, Picture, Table, Term, Terms, Text
from xent._report.expression import Expression
from xent._report.notation import TEXT
from xent._signs import written

WIDTH, LONGEST_PROSE, NARROWEST = 80, 88, 20
"""Columns: by default, the most for prose, and the least that anything is laid out for."""

INDENT = "   "
LEAST_BESIDE = 18
"""A cell of text is broken into lines of its own column where that leaves it so many characters."""

NO_BREAK = "\N{NO-BREAK SPACE}"
OPERATOR = re.compile(r"(?<= )(=|≈|~=|·|\*|\+|-|/) ")
"""An operator between its operands: a line may break before it, not behind it."""

BINDING = {"=": 0, "≈": 0, "~=": 0, "+": 1, "-": 1, "·": 2, "*": 2, "/": 2}
"""How strongly operators bind: an equation breaks before one that binds little."""

TOGETHER = re.compile(
    r"(?<=[\w^])\([^()]{1,20}\)"  # a call in a text: log(1 + x)
    r"|(?<= )(?:=|≈|~=|·|\*) "
    r"|(?<=[a-z]) \d{1,2}(?=[.,:;)]*(?: |$))"  # label 0
    r"|(?<=\d) %"
)
"""What a line of prose is not broken in."""

UNDERLINES = {"title": "=", "section": "-"}

Spans = list[tuple[str, str]]
"""A line in pieces: the role of each, and its text."""


class Columns(NamedTuple):
    """How many characters the parts of lines with numbers have, up to the decimal point."""

    left: int
    middle: int = 0
    relation: int = 0
    point: int = 0


class Place(NamedTuple):
    """Where an equation may be broken, and how strongly its parts are bound there."""

    at: int
    binding: tuple[int, int]


def to_text(blocks: Iterable[Block], width: int = WIDTH) -> str:
    """Plain text, without colours."""
    lines = Layout(width).lines(blocks)
    return "".join("".join(text for _, text in spans).rstrip() + "\n" for spans in lines)


@dataclass(frozen=True)
class Layout:
    """Lays blocks out in lines no wider than `width`, with words for signs the encoding lacks."""

    width: int = WIDTH
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", max(self.width, NARROWEST))

    def lines(self, blocks: Iterable[Block]) -> Iterator[Spans]:
        """All blocks, with blank lines between those that do not belong together."""
        printed = [block for block in blocks if not isinstance(block, Picture)]
        for before, block in zip([None, *printed], printed, strict=False):
            if before is not None and not _joined(before, block):
                yield []
            yield from self._block(block)

    def _block(self, block: Block) -> Iterator[Spans]:
        match block:
            case Text(text, role):
                yield from self._text(text, role)
            case Table():
                yield from self._table(block)
            case Finding():
                yield from self.prose(block.heading, block.role, "")
                for part in block.told:
                    yield from self.prose(part, "plain", "  ")
            case Equations():
                yield from self.formula(block)
                yield from self.numbers(block)
            case Terms(terms, heading):
                if heading:
                    yield from self._text(heading, "section")
                for number, term in enumerate(terms):
                    if number and not heading:
                        yield []
                    yield from self._term(term)

    def _text(self, text: str, role: str) -> Iterator[Spans]:
        if role == "headline":  # a long file name in it stays whole
            yield [(role, self._signs(text))]
            return
        hanging = INDENT if role == "name" else ""
        lines = list(self.prose(text, role, INDENT if role == "why" else "", hanging))
        yield from lines
        if role in UNDERLINES:
            longest = max((len(part) for line in lines for _, part in line), default=0)
            yield [(role, UNDERLINES[role] * longest)]

    def prose(
        self, text: str, role: str, indent: str = INDENT, hanging: str = ""
    ) -> Iterator[Spans]:
        """A paragraph in lines; a word too long for one, such as a file's name, stays whole."""
        width = min(self.width, LONGEST_PROSE) - len(indent)
        signs = written(text, self.encoding)
        parts = _wrapped(TOGETHER.sub(_unbroken, signs), width, hanging)
        if max(map(len, parts), default=0) > width:
            parts = _wrapped(signs, width, hanging)
        for part in parts:
            yield [(role, f"{indent}{part.replace(NO_BREAK, ' ')}")]

    def formula(self, block: Equations) -> Iterator[Spans]:
        """The chain of equal expressions, on one line if it fits."""
        columns = self._columns(block).left
        sides = [tuple(self._signs(side) for side in pair) for pair in TEXT.equations(block.chain)]
        lines = [f"{left.ljust(columns)} = {right}" for left, right in sides]
        one_line = " ".join([*lines[:1], *(line.lstrip() for line in lines[1:])])
        for line in [one_line] if lines and len(INDENT + one_line) <= self.width else lines:
            for part in self._broken(INDENT + line, len(INDENT) + columns):
                yield [("formula", part)]

    def numbers(self, block: Equations) -> Iterator[Spans]:
        """Symbol, operands and value of each line in columns, the values at their points."""
        columns = self._columns(block)
        for line in block.lines:
            symbol = INDENT + self._written(line.symbol).ljust(columns.left)
            operands = self._operands(line).ljust(columns.middle)
            sign = self._signs(line.relation).rjust(columns.relation)
            value = " " * (columns.point - _before_point(line.text)) + line.text
            whole = f"{symbol}{operands} {sign}{NO_BREAK}{value}"
            yield from self._number(line, whole, len(symbol), len(value))

    def _columns(self, block: Equations) -> Columns:
        """The columns of a block; none but the formula's where some line is too long for them."""
        lines = block.lines
        lefts = [*block.chain[:1], *(line.symbol for line in lines)]
        found = Columns(
            max((len(self._written(node)) for node in lefts), default=0),
            max((len(self._operands(line)) for line in lines), default=0),
            max((len(self._signs(line.relation)) for line in lines), default=0),
            max((_before_point(line.text) for line in lines), default=0),
        )
        behind = max((len(x.text) - _before_point(x.text) for x in lines), default=0)
        if len(INDENT) + sum(found) + len("  ") + behind <= self.width:
            return found
        return Columns(left=max((len(self._written(node)) for node in block.chain[:1]), default=0))

    def _operands(self, line: Line) -> str:
        return "" if line.substituted is None else f" = {self._written(line.substituted)}"

    def _number(self, line: Line, whole: str, symbol: int, value: int) -> Iterator[Spans]:
        """One number, on several lines if it is too long for one."""
        parts = self._broken(whole, symbol)
        for i, part in enumerate(parts):
            start = symbol if i == 0 else 0
            end = len(part) - value if i == len(parts) - 1 else len(part)
            yield [
                ("true" if line.true else "symbol", part[:start]),
                ("numbers", part[start:end]),
                (line.role or "result", part[end:]),
            ]

    def _broken(self, line: str, hang: int) -> list[str]:
        """An equation in lines, each broken before the operator that binds least.

        Relations stand below the first one, behind the symbol, and other operators further in.
        """
        aligned = hang + 1 <= self.width * 2 // 5
        below = hang + 1 if aligned else len(INDENT) + 2
        first = hang + 2 if aligned else len(INDENT) + 1  # the least that the first line keeps
        parts = []
        rest = OPERATOR.sub(rf"\1{NO_BREAK}", line)
        while len(rest) > self.width and (places := _places(rest, first)):
            fitting = [place for place in places if place.at <= self.width]
            at = min(fitting, key=lambda place: (place.binding, -place.at)).at if fitting else 0
            at = at or places[0].at
            parts.append(rest[:at])
            rest = rest[at + 1 :]
            relation = BINDING.get(rest.partition(NO_BREAK)[0]) == 0
            indent = below if relation else below + 2
            rest = " " * indent + rest
            first = indent + 1
        return [part.replace(NO_BREAK, " ") for part in (*parts, rest)]

    def _table(self, table: Table) -> Iterator[Spans]:
        rows = [("row", row) for row in table.rows]
        if table.heads:
            rows.insert(0, ("head", table.heads))
        cells = [(role, [self._signs(cell) for cell in row]) for role, row in rows]
        widths = [max(map(len, column)) for column in zip(*(row for _, row in cells), strict=True)]
        pads = table.sides(str.ljust, str.rjust)
        before = sum(widths[:-1]) + 2 * len(widths[:-1])
        text_last = pads[-1] is str.ljust and self.width - before >= LEAST_BESIDE
        if before + widths[-1] > self.width and not text_last:
            yield from self._stacked(cells, heads=bool(table.heads))
            return
        for role, row in cells:
            padded = [pad(cell, n) for pad, cell, n in zip(pads, row, widths, strict=True)][:-1]
            last = [pads[-1](row[-1], widths[-1])]
            if before + widths[-1] > self.width:
                last = _wrapped(row[-1], self.width - before) or [""]
            for i, part in enumerate(last):
                start = "".join(f"{cell}  " for cell in padded) if i == 0 else " " * before
                yield [(role, f"{start}{part}".rstrip())]

    def _stacked(self, cells: list[tuple[str, list[str]]], *, heads: bool) -> Iterator[Spans]:
        """A table that is too wide: below a row's first cell the others, with their heads."""
        names = cells[0][1] if heads else [""] * len(cells[0][1])
        for _, (first, *others) in cells[heads:]:
            yield from self.prose(" ".join(filter(None, (names[0], first))), "head", "")
            for name, cell in zip(names[1:], others, strict=True):
                if cell:
                    yield from self.prose(" ".join(filter(None, (name, cell))), "row")

    def _term(self, term: Term) -> Iterator[Spans]:
        yield from self.prose(term.name, "term", "")
        yield from self.prose(term.definition, "plain")
        yield from self.formula(Equations(term.formula))
        if term.see:
            yield from self.prose(f"See {', '.join(term.see)}.", "why")

    def _written(self, node: Expression) -> str:
        return self._signs(TEXT.write(node))

    def _signs(self, text: str) -> str:
        return written(text, self.encoding)


def _joined(before: Block, block: Block) -> bool:
    """Does the block follow without a blank line?"""
    if isinstance(before, Text) and before.role == "section":
        return isinstance(block, Text) and block.role == "name"
    # The name, the equations and the reason of a step stand together.
    return isinstance(block, Equations) or (isinstance(block, Text) and block.role == "why")


def _places(line: str, first: int) -> list[Place]:
    """The spaces behind the first characters, and how strongly what surrounds them binds."""
    depths = accumulate((character == "(") - (character == ")") for character in line)
    return [
        Place(at, (depth, BINDING.get(re.split(r"\s", line[at + 1 :], maxsplit=1)[0], 3)))
        for at, (sign, depth) in enumerate(zip(line, depths, strict=True))
        if sign == " " and at >= first
    ]


def _unbroken(found: re.Match[str]) -> str:
    return found[0].replace(" ", NO_BREAK)


def _wrapped(text: str, width: int, hanging: str = "") -> list[str]:
    """Lines of whole words."""
    return textwrap.wrap(
        text, width, subsequent_indent=hanging, break_on_hyphens=False, break_long_words=False
    )


def _before_point(text: str) -> int:
    """How many characters stand before the decimal point."""
    return len(text.partition("e")[0].partition(".")[0])
