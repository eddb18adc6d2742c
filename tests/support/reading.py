"""A reader with a calculator: the printed lines of an explanation, evaluated independently.

Nothing of `xent.explanation` is called: Python reads the formulas as printed.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any, NamedTuple

NUMBER = re.compile(r"-?(?:\d+(?:\.\d+)?(?:e[+-]\d+)?|inf)")
LINE = re.compile(
    rf"   (?P<left>\S.*?) +(?:= (?P<middle>.*) )?(?P<relation>[=≈]) +(?P<value>{NUMBER.pattern})$"
)


class Printed(NamedTuple):
    """`left = middle ≈ value`, as printed; `middle` is empty where only the value is."""

    left: str
    middle: str
    relation: str
    value: str


def flat(text: str) -> str:
    """The text without the blanks that make columns."""
    return re.sub(r"(?<=\S) {2,}", " ", text)


def lines(text: str) -> list[Printed]:
    """The lines with numbers of an explanation in plain text, none of which is broken."""
    found = (LINE.match(line) for line in text.splitlines())
    return [
        Printed(*((match[g] or "").strip() for g in LINE.groupindex)) for match in found if match
    ]


def python(expression: str) -> str:
    """An expression of plain text in Python."""
    code = re.sub(r"\|([^|]*)\|", r"abs(\1)", expression)
    code = re.sub(r"(?<![\w.])e\^", "E**", code).replace("^", "**").replace("·", "*")
    return re.sub(r"(?<![\w.])inf\b", "INF", code)


def value(expression: str, **names: Any) -> float:
    """What a calculator gives for it."""
    functions = {
        "log": lambda x: math.log(x) if x > 0 else -math.inf,
        "log1p": math.log1p,
        "max": max,
        "tanh": math.tanh,
        "abs": abs,
        "INF": math.inf,
        "E": Euler(),
    }
    return eval(python(expression), {"__builtins__": {}}, {**functions, **names})


class Euler:
    """e, whose powers may overflow."""

    def __pow__(self, x: float) -> float:
        try:
            return math.exp(x)
        except OverflowError:
            return math.inf


EXACT = {
    r"^(?:[^()]+ \+ )?inf(?: \+ [^()]+)?$": "inf",
    r"^-log\(0\)$|^inf / log\(2\)$|^.* - \(-inf\) \+ log1p\(.*\)$": "inf",
    r"e\^-inf|e\^\(-inf - (?:[^()]+|\([^()]+\))\)": "0",
    r"e\^-?0(?![.\d])|e\^\(\(?(\S+?)\)? - \(?\1\)?\)": "1",
    r"log\(1\)|log1p\(0\)|^0 / log\(2\)$|^log\(0\.5 / \(1 - 0\.5\)\)$": "0",
}


def exact(expression: str) -> Fraction | float | None:
    """The number, or None where more is written than + - * / and what is known of e and log."""
    for pattern, known in EXACT.items():
        expression = re.sub(pattern, known, expression)
    if expression == "inf":
        return math.inf
    if re.search(r"[a-df-zA-Z^|]", expression):
        return None
    code = re.sub(r"-?\d[\d.]*(?:e[+-]\d+)?", lambda m: f"Fraction('{m[0]}')", expression)
    return Fraction(eval(code.replace("·", "*"), {"Fraction": Fraction}))


def rounds_to(result: float, shown: str, digits: int) -> bool:
    """Does the result, rounded to that many digits behind the point, read as shown?

    Fewer digits are only left out where they are 0; more are shown where the number is near 1.
    """
    if not math.isfinite(result):
        return shown == str(result)
    number, _, power = shown.partition("e")
    behind = max(digits, len(number.partition(".")[2]))
    place = Fraction(10) ** (int(power or 0) - behind)
    slack = abs(Fraction(shown)) * Fraction(2, 10**16)  # of the reader's own calculator
    same = float(shown) == result  # a subnormal number has fewer digits
    return same or abs(Fraction(result) - Fraction(shown)) <= place / 2 + slack
