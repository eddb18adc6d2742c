"""How the nodes of a formula are written, in plain text, LaTeX and HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from itertools import zip_longest

from xent._report.expression import (
    ATOM,
    POWER,
    PRODUCT,
    Binary,
    Call,
    Derivative,
    Expression,
    Negative,
    Number,
    Power,
    Symbol,
    Total,
)

MINUS = "−"
"""The sign of pages; texts that may be copied to a program have the hyphen."""


class Notation:
    """Plain text; the others override what differs."""

    times = " · "
    minus = "-"
    parentheses = "({})"
    quotient_in_product = POWER
    """How tightly a right factor that is a quotient must bind, to stand without parentheses."""

    def write(self, node: Expression, least: int = 0) -> str:
        """A node, in parentheses if it binds less tightly than `least`."""
        text = self.node(node)
        return text if node.strength >= least else self.group(text)

    def chain(self, nodes: Iterable[Expression]) -> str:
        """Equal expressions on one line."""
        return " = ".join(map(self.write, nodes))

    def equations(self, chain: tuple[Expression, ...]) -> list[tuple[str, str]]:
        """Left and right side of a line for each equality; only the first has a left side."""
        written = list(map(self.write, chain))
        return list(zip_longest(written[:1], written[1:], fillvalue=""))

    def node(self, node: Expression) -> str:
        """A node without regard to what is around it."""
        match node:
            case Number(text):
                return self.number(text)
            case Symbol():
                return self.symbol(node)
            case Negative(body):
                return self.minus + self.write(body, PRODUCT)
            case Power(base, exponent):
                return self.power(self.write(base, ATOM), exponent)
            case Binary("/", left, right):
                return self.quotient(left, right)
            case Binary("*", left, right):
                quotient = isinstance(right, Binary) and right.operator == "/"
                least = self.quotient_in_product if quotient else PRODUCT
                return self.write(left, PRODUCT) + self.times + self.write(right, least)
            case Binary(operator, left, right):
                sign = self.minus if operator == "-" else operator
                return f"{self.write(left, 0)} {sign} {self.write(right, PRODUCT)}"
            case Call(function, arguments):
                return self.call(function, [self.write(a) for a in arguments])
            case Total(index, body):
                return self.total(index, self.write(body, PRODUCT))
            case Derivative(top, bottom, partial):
                return self.derivative("∂" if partial else "d", self.write(top), self.write(bottom))
        msg = f"no notation for {node!r}"
        raise TypeError(msg)

    def group(self, text: str) -> str:
        """Parentheses around it."""
        return self.parentheses.format(text)

    def number(self, text: str) -> str:
        """A number as shown."""
        return text

    def symbol(self, node: Symbol) -> str:
        """A name, with its index behind an underscore."""
        return f"{node.name}_{node.index}" if node.index else node.name

    def power(self, base: str, exponent: Expression) -> str:
        """Exponents behind a caret; in parentheses unless a number, symbol or |x|, or minus it."""
        inner = exponent.body if isinstance(exponent, Negative) else exponent
        simple = isinstance(inner, (Number, Symbol)) or (
            isinstance(inner, Call) and inner.function == "abs"
        )
        return f"{base}^{self.write(exponent) if simple else self.group(self.write(exponent))}"

    def quotient(self, left: Expression, right: Expression) -> str:
        """A fraction on one line."""
        return f"{self.write(left, PRODUCT)} / {self.write(right, POWER)}"

    def call(self, function: str, arguments: list[str]) -> str:
        """A function of its arguments."""
        if function == "abs":
            return f"|{arguments[0]}|"
        if function == "lim":
            return f"lim h→0 {arguments[0]}"
        return f"{function}({', '.join(arguments)})"

    def total(self, index: str, body: str) -> str:
        """A sum over an index."""
        return f"Σ_{index} {body}"

    def derivative(self, sign: str, top: str, bottom: str) -> str:
        """A derivative on one line."""
        return f"{sign}{top}/{sign}{bottom}"


FUNCTIONS = {
    "log": r"\log",
    "log1p": r"\mathrm{log1p}",
    "max": r"\max",
    "tanh": r"\tanh",
    "σ": r"\sigma",
}
"""What LaTeX calls them."""


class Latex(Notation):
    """LaTeX mathematics."""

    times = r" \cdot "
    parentheses = r"\left({}\right)"
    quotient_in_product = PRODUCT  # a built-up fraction needs no parentheses

    def number(self, text: str) -> str:
        """1.2e-07 as 1.2 x 10^-7."""
        if "inf" in text:
            return text.replace("inf", r"\infty")
        if "e" not in text:
            return text
        digits, exponent = text.split("e")
        power = f"10^{{{int(exponent)}}}"
        if digits in ("1", "-1"):
            return digits.removesuffix("1") + power
        return rf"{digits} \times {power}"

    def symbol(self, node: Symbol) -> str:
        """Single letters as variables, words upright."""
        name = node.name if len(node.name) == 1 else rf"\text{{{escape_latex(node.name)}}}"
        name = name.replace("ε", r"\varepsilon").replace("γ", r"\gamma")
        word = len(node.index) > 1 and node.index.isalpha()
        index = rf"\text{{{node.index}}}" if word else node.index.replace("≠", r" \ne ")
        return f"{name}_{{{index}}}" if index else name

    def power(self, base: str, exponent: Expression) -> str:
        """A raised exponent; a fraction in it stays on one line."""
        match exponent:
            case Binary("/", left, right):
                return f"{base}^{{{super().quotient(left, right)}}}"
        return f"{base}^{{{self.write(exponent)}}}"

    def quotient(self, left: Expression, right: Expression) -> str:
        """A built-up fraction."""
        return rf"\frac{{{self.write(left)}}}{{{self.write(right)}}}"

    def call(self, function: str, arguments: list[str]) -> str:
        """A function of its arguments."""
        if function == "abs":
            return rf"\left|{arguments[0]}\right|"
        if function == "lim":
            return rf"\lim_{{h \to 0}} {arguments[0]}"
        name = FUNCTIONS.get(function, function)
        return rf"{name}{self.group(', '.join(arguments))}"

    def total(self, index: str, body: str) -> str:
        """A sum over an index."""
        index = index.replace("≠", r" \ne ")
        return rf"\sum_{{{index}}} {body}"

    def derivative(self, sign: str, top: str, bottom: str) -> str:
        """A built-up derivative."""
        d = r"\partial " if sign == "∂" else "d"
        return rf"\frac{{{d}{top}}}{{{d}{bottom}}}"


class Html(Notation):
    """HTML with sub- and superscripts; readable with the tags stripped."""

    minus = MINUS

    def number(self, text: str) -> str:
        """A number with the true minus, behind which no line breaks."""
        return html.escape(text).replace("-", MINUS)

    def symbol(self, node: Symbol) -> str:
        """A name, with its index lowered."""
        name = typeset(html.escape(node.name))
        if len(name) == 1:
            name = f"<i>{name}</i>"
        return f"{name}<sub>{self.number(node.index)}</sub>" if node.index else name

    def power(self, base: str, exponent: Expression) -> str:
        """A raised exponent, behind a caret that shows only where tags are stripped."""
        return _raised(base, self.write(exponent), bracketed=isinstance(exponent, Binary))

    def total(self, index: str, body: str) -> str:
        """A sum over an index."""
        return f"Σ<sub>{html.escape(index)}</sub> {body}"


# Narrow: a sentence may hold a reader's own names, such as a_b.
SIGN = re.compile(r"(?<![\w-])-(?=[\w|(.])|(?<= )-(?= )|(?<=\de)-(?=\d)")
RAISED = re.compile(rf"\b([e2])\^(?:\(([^()]*)\)|({MINUS}?(?:\w+|\|\w\|)))")
LOWERED = re.compile(r"\b(?:([Lpuvwxyz])_([ijky+-])|([epz])_(\d+))(?!\w)")


def typeset(sentence: str) -> str:
    """A sentence in HTML with its minus signs, and x_i and e^-z written as in formulas."""
    made = RAISED.sub(_exponent, signed(sentence))
    return LOWERED.sub(_indexed, made)


def _indexed(found: re.Match[str]) -> str:
    letter, index = filter(None, found.groups())
    return f"{_letter(letter)}<sub>{index.replace('-', MINUS)}</sub>"


def signed(sentence: str) -> str:
    """A sentence with its minus signs."""
    return SIGN.sub(MINUS, sentence)


def _exponent(found: re.Match[str]) -> str:
    base, inner, bare = found.groups()
    return _raised(_letter(base), inner or bare, bracketed=inner is not None)


def _letter(text: str) -> str:
    return f"<i>{text}</i>" if text.isalpha() else text


def _raised(base: str, exponent: str, *, bracketed: bool) -> str:
    """A raised exponent; a caret and parentheses show only where tags are stripped."""
    left, right = ("(", ")") if bracketed else ("", "")
    return f"{base}{_hidden('^' + left)}<sup>{exponent}</sup>{_hidden(right)}"


def _hidden(text: str) -> str:
    return f'<span style="display:none">{text}</span>' if text else ""


_LATEX = {
    "\\": r"\textbackslash{}",
    **{c: f"\\{c}" for c in "&%$#_{}"},
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "~": r"\textasciitilde{}",
    "^": r"\^{}",
    "·": r"\(\cdot\)",
    "→": r"\(\to\)",
    "∂": r"\(\partial\)",
    "±": r"\(\pm\)",
    "≈": r"\(\approx\)",
    "σ": r"\(\sigma\)",
    "≠": r"\(\ne\)",
    "ε": r"\(\varepsilon\)",
    "γ": r"\(\gamma\)",
}


def escape_latex(text: str) -> str:
    """Prose for LaTeX, which would make a dash of two hyphens."""
    return "".join(_LATEX.get(character, character) for character in text).replace("--", "-{}-")


TEXT, LATEX, HTML = Notation(), Latex(), Html()
