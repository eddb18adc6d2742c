"""Prints formulas as JavaScript, which computes them in a page.

The numbers are properties of an object `v`: `v.p[2]` is p_2, and `v.p[j]` p_j inside a sum over j.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from xent._report.expression import (
    Binary,
    Call,
    Case,
    Comparison,
    Expression,
    Extreme,
    Negative,
    Number,
    Power,
    Symbol,
    Total,
)

LOOPS = """\
const numbers = (n, f) => Array.from({ length: n }, (_, i) => f(i));
const total = (n, f) => numbers(n, f).reduce((sum, each) => sum + each, 0);
const largest = (n, f) => Math.max(...numbers(n, f));
const first = (n, f) => numbers(n, f).indexOf(largest(n, f));
"""
"""Sums, largest elements and their positions, for the code printed here."""

SIGNS = {"and": " && ", "or": " || "}
COMPARED = {"==": "===", "!=": "!=="}
WRITTEN = ("rounded", "placed")
"""Functions of numbers.js."""
EXACT = {"+": "plus", "-": "minus", "*": "times", "/": "over"}
CONSTANTS = {"inf": "Infinity", "-inf": "(-Infinity)", "nan": "NaN"}


def printed(node: Expression, bound: Iterable[str] = ()) -> str:
    """The JavaScript of a tree; `bound` are indices that are variables, and no properties of v."""
    known = frozenset(bound)

    def write(node: Expression) -> str:
        return printed(node, known)

    match node:
        case Number(text):
            return CONSTANTS.get(text) or (f"({text})" if text.startswith("-") else text)
        case Symbol("e", ""):
            return "Math.E"
        case Symbol(name, index):
            parts = index.split(",") if index else []
            return _named(name, known) + "".join(f"[{_named(part, known)}]" for part in parts)
        case Negative(body):
            return f"(-{write(body)})"
        case Power(Symbol("e"), exponent):
            return f"Math.exp({write(exponent)})"
        case Power(base, exponent):
            return f"Math.pow({write(base)}, {write(exponent)})"
        case Binary(sign, left, right):
            return f"({write(left)} {sign} {write(right)})"
        case Comparison(sign, left, right):
            return f"({write(left)} {COMPARED.get(sign, sign)} {write(right)})"
        case Case(condition, then, otherwise):
            return f"({write(condition)} ? {write(then)} : {write(otherwise)})"
        case Call("not", (held,)):
            return f"!{write(held)}"
        case Call(function, arguments) if function in SIGNS:
            return f"({SIGNS[function].join(map(write, arguments))})"
        case Call("exact", (body,)):
            return f"nearest({exactly(body, lambda each: f'exact.read(whole({write(each)}))')})"
        case Call(function, arguments) if function in WRITTEN:
            return f"{function}({', '.join(map(write, arguments))})"
        case Call(function, arguments):
            return f"Math.{function}({', '.join(map(write, arguments))})"
        case Total(index, body, size) if size:
            letter, _, left_out = index.partition("≠")
            inner = printed(body, known | {letter})
            if left_out:
                inner = f"{letter} === {_named(left_out, known)} ? 0 : {inner}"
            return f"total({size}, ({letter}) => {inner})"
        case Extreme(function, letter, body, size):
            loop = {"max": "largest", "argmax": "first"}[function]
            return f"{loop}({size}, ({letter}) => {printed(body, known | {letter})})"
    msg = f"no value: {node!r}"
    raise ValueError(msg)


def exactly(node: Expression, read: Callable[[Symbol], str]) -> str:
    """Code for the exact value, in the cases of `xent._report.evaluation.exactly`.

    `read` gives that of a symbol.
    """

    def write(node: Expression) -> str:
        return exactly(node, read)

    match node:
        case Power(Symbol("e"), exponent):
            return f"exact.exp({write(exponent)})"
        case Symbol():
            return read(node)
        case Number(text):
            return f'exact.read("{text}")'
        case Negative(body):
            return f"exact.minus(exact.zero, {write(body)})"
        case Call("log" | "log1p" as function, (x,)):
            return f"exact.{function}({write(x)})"
        case Binary("/", left, Call("log", (Number("2"),))):
            return f"exact.bits({write(left)})"
        case Binary(sign, left, right):
            return f"exact.{EXACT[sign]}({write(left)}, {write(right)})"
    return "null"


def _named(name: str, bound: frozenset[str]) -> str:
    """A name: a number, a variable, or a property of v. `j+1` is the index after j."""
    letter, sign, more = name.partition("+")
    whole = letter if letter.isdigit() or letter in bound else f"v.{letter}"
    return f"{whole}{sign}{more}"
