"""The blocks that reports are made of."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal, TypeVar

from xent._format import shown, visible
from xent._report.evaluation import exactly
from xent._report.expression import Expression, Number

T = TypeVar("T")
Level = Literal["mistake", "note"]
Role = Literal["", "loss", "pull", "push"]
"""What a number is: the loss, or a gradient whose step raises its logit (pull) or lowers it."""


@dataclass(frozen=True)
class Text:
    """A paragraph or a heading, by its role.

    Headings: title and section, which plain text underlines; headline, which it does not; name, of
    a step. Paragraphs: plain; good, bad and unsure for a verdict; note; why, which explains the
    step above it; summary; and hint, which only plain text prints.
    """

    text: str
    role: str = "plain"
    strong: int = 0
    """How many of the first characters are printed in bold, where only some of a verdict are."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", visible(self.text))


def _cells(row: tuple[str, ...]) -> tuple[str, ...]:
    """The cells of a row, each of one line."""
    return tuple(visible(cell).replace("\n", "\\n") for cell in row)


@dataclass(frozen=True)
class Table:
    """Rows of cells, perhaps below heads; columns in `left` are aligned left, the others right."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        object.__setattr__(self, "heads", _cells(self.heads))
        object.__setattr__(self, "rows", tuple(map(_cells, self.rows)))

    def sides(self, left: T, right: T) -> list[T]:
        """One of the two for each column, by how it is aligned."""
        return [left if i in self.left else right for i in range(len(self.rows[0]))]


@dataclass(frozen=True)
class Finding:
    """Something noticed about a gradient, a loss or a batch.

    `name` is stable and short, for programs. `seen` says what was noticed, `matters` why it
    matters, and `fix` what to change. A report with a `mistake` is false; a `note` changes nothing.
    """

    name: str
    seen: str
    matters: str
    fix: str
    level: Level = "mistake"

    def to_dict(self) -> dict[str, str]:
        """Plain data, for JSON."""
        return asdict(self)

    @property
    def told(self) -> tuple[str, str, str]:
        """The sentences below the heading."""
        return self.seen, self.matters, self.fix

    @property
    def heading(self) -> str:
        """The level and the name."""
        return f"{'MISTAKE' if self.level == 'mistake' else 'Note'}: {self.name}"

    @property
    def role(self) -> str:
        """The role that gives the heading its colour."""
        return "bad" if self.level == "mistake" else "note"


@dataclass(frozen=True)
class Line:
    """One computed number: ``symbol = substituted ≈ value``."""

    symbol: Expression
    substituted: Expression | None
    value: float
    digits: int = 4
    rounded: bool = False
    """Were the operands rounded, as shown or already when computed (a probability of 1)?"""
    role: Role = ""
    true: bool = False
    """Is it about the true class?"""

    @property
    def text(self) -> str:
        """The value as shown."""
        return shown(self.value, self.digits)

    @property
    def relation(self) -> str:
        """`=` where nothing was rounded, neither in showing the value nor in computing it."""
        if self.rounded or float(self.text) != self.value:
            return "≈"
        if self.substituted is None:
            return "="
        exact = exactly(self.substituted)
        return "=" if exact is not None and exact == exactly(Number(self.text)) else "≈"


@dataclass(frozen=True)
class Equations:
    """A formula as a chain of equal expressions, and numbers computed by it."""

    formula: tuple[Expression, ...]
    lines: tuple[Line, ...] = ()

    @property
    def chain(self) -> tuple[Expression, ...]:
        """The formula if it says something: a symbol alone, equal to nothing, does not."""
        return self.formula if len(self.formula) > 1 else ()


@dataclass(frozen=True)
class Term:
    """A term, its definition, its formula as a chain of equal expressions, and related terms."""

    name: str
    definition: str
    formula: tuple[Expression, ...] = ()
    see: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()
    """Other forms and names under which it occurs, in lower case."""
    aliases: tuple[str, ...] = ()
    """More names under which it is looked up, in lower case."""


@dataclass(frozen=True)
class Terms:
    """Definitions. With an `anchor`, HTML links the terms in the report's text to them."""

    terms: tuple[Term, ...]
    heading: str = ""
    anchor: str = ""


@dataclass(frozen=True)
class Picture:
    """A drawing as HTML, which the other printers leave out."""

    html: str


Block = Text | Table | Finding | Equations | Terms | Picture
