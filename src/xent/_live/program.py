"""Numbers computed one after the other from formulas: in Python, and by a page in JavaScript."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

from xent._live.javascript import printed
from xent._report.evaluation import Values, function_of, position
from xent._report.expression import Expression, Number, Operand, Symbol, wrap


@dataclass(frozen=True)
class Definition:
    """A number, or one for each value of its indices: p_j = e^(z_j - m) / S for j of K."""

    symbol: Symbol
    tree: Expression
    sizes: tuple[int, ...] = ()
    """How many values each letter in the symbol's index has."""

    @property
    def parts(self) -> list[str]:
        """The indices: letters, numbers, or a letter plus a number."""
        return self.symbol.index.split(",") if self.symbol.index else []

    @property
    def letters(self) -> list[str]:
        """The indices that run over all their values here."""
        return self.parts[len(self.parts) - len(self.sizes) :]

    @cached_property
    def _value(self) -> Callable[[Values], float]:
        return function_of(self.tree)

    def compute(self, values: dict[str, Any]) -> None:
        """Add it to the values."""
        inner, letters = dict(values), self.letters
        for numbers in product(*map(range, self.sizes)):
            inner.update(zip(letters, numbers, strict=True))
            found = float(self._value(inner))
            _put(values, self.symbol.name, [position(part, inner) for part in self.parts], found)

    def javascript(self, bound: tuple[str, ...] = ()) -> str:
        """A statement that adds it to v."""
        value = printed(self.tree, {*bound, *self.letters})
        for letter, size in reversed(list(zip(self.letters, self.sizes, strict=True))):
            value = f"numbers({size}, ({letter}) => {value})"
        outer = self.parts[: len(self.parts) - len(self.sizes)]
        name = f"v.{self.symbol.name}"
        lists = f"{name} ??= []; " if outer else ""
        return f"{lists}{name}{''.join(f'[{part}]' for part in outer)} = {value};"


@dataclass(frozen=True)
class Loop:
    """Definitions repeated for an index: what has it plus 1 is there in the next round."""

    index: str
    size: int
    body: tuple[Definition | Loop, ...]

    def compute(self, values: dict[str, Any]) -> None:
        """Add all rounds to the values."""
        for number in range(self.size):
            values[self.index] = number
            for each in self.body:
                each.compute(values)
        del values[self.index]

    def javascript(self, bound: tuple[str, ...] = ()) -> str:
        """A loop."""
        inner = " ".join(each.javascript((*bound, self.index)) for each in self.body)
        letter = self.index
        return f"for (let {letter} = 0; {letter} < {self.size}; {letter}++) {{ {inner} }}"


@dataclass(frozen=True)
class Table:
    """Numbers that the page cannot compute, or need not: a list, or lists of lists."""

    name: str
    numbers: Sequence[Any]

    def compute(self, values: dict[str, Any]) -> None:
        """Add it to the values."""
        values[self.name] = self.numbers

    def javascript(self) -> str:
        """A statement that adds it to v."""
        return f"v.{self.name} = {_literal(self.numbers)};"


class Program:
    """Definitions in an order in which each needs only those before it, and the inputs."""

    def __init__(self, definitions: Iterable[Definition | Loop | Table]) -> None:
        self.definitions = tuple(definitions)

    def __add__(self, other: Program) -> Program:
        return Program((*self.definitions, *other.definitions))

    def compute(self, inputs: Values) -> dict[str, Any]:
        """The inputs and all that is defined, by name."""
        values = dict(inputs)
        for each in self.definitions:
            each.compute(values)
        return values

    def javascript(self) -> str:
        """The statements; they add to the inputs in v."""
        return "\n".join(each.javascript() for each in self.definitions)


def define(name: str, tree: Operand, *sizes: int) -> Definition:
    """A definition by its name, as in `define("p_j", ..., 3)` or `define("m", ...)`."""
    letter, _, index = name.partition("_")
    return Definition(Symbol(letter, index), wrap(tree), sizes)


def _literal(numbers: Any) -> str:
    if isinstance(numbers, (int, float)):
        return printed(Number(repr(numbers).removesuffix(".0")))
    return f"[{','.join(map(_literal, numbers))}]"


def _put(values: dict[str, Any], name: str, places: list[int], number: float) -> None:
    """Store a number at its place in lists that grow as they are filled."""
    if not places:
        values[name] = number
        return
    holder: Any = values.setdefault(name, [])
    for place in places[:-1]:
        if place == len(holder):
            holder.append([])
        holder = holder[place]
    if places[-1] < len(holder):
        holder[places[-1]] = number
    else:
        holder.append(number)
