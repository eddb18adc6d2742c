"""A page under construction: the HTML of what moves, and the code that moves it.

Python computes what is shown at first, from the same formulas as the page does later, so a page can
be read without scripts.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal

from xent._format import shown
from xent._live.conditions import Cases, Condition, code, every, holds, no, reached
from xent._live.javascript import LOOPS, printed
from xent._live.lines import LiveLine
from xent._live.program import Program
from xent._live.words import Choice, Prose, Shown
from xent._report.evaluation import evaluate
from xent._report.expression import Expression
from xent._report.notation import HTML

NumberKind = Literal["number", "fixed", "general", "literal"]
MOST = 40
"""How many numbers a list may have that grows."""


class Live:
    """Collects what follows the controls.

    `state` has the inputs of the program: numbers, and lists of numbers. Those in `growing` may
    change their length, which is then `NAME_count`. `data` are numbers and words that stay, for the
    program and for the pictures; no control sets them and no address has them.
    """

    def __init__(
        self,
        state: Mapping[str, Any],
        program: Program,
        growing: Sequence[str] = (),
        data: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.state, self.program, self.growing = dict(state), program, tuple(growing)
        self.data = dict(data)
        counts = {f"{name}_count": len(state[name]) for name in growing}
        self.values = program.compute({**data, **state, **counts})
        self._bound: list[str] = []

    def bind(self, kind: str, *what: str) -> str:
        """The attribute of an element that follows."""
        self._bound.append(f"[{', '.join([json.dumps(kind), *what])}]")
        return f' data-b="{len(self._bound) - 1}"'

    def value(self, tree: Expression) -> float:
        """The value at first."""
        return evaluate(tree, self.values)

    def number(self, tree: Expression, digits: int = 4, kind: NumberKind = "number") -> str:
        """A number in a sentence or in a picture's text."""
        return f"<span{self.following(tree, digits, kind)}</span>"

    def following(self, tree: Expression, digits: int, kind: NumberKind = "number") -> str:
        """The rest of the start tag and the text of an element that shows a number.

        It has so many decimals if "fixed", and so many digits if "general"; "literal" is for code,
        which has no true minus.
        """
        value = self.value(tree)
        form = {"fixed": f".{digits}f", "general": f".{digits}g"}.get(kind)
        text = format(value, form) if form else shown(value, digits)
        mark = self.bind(kind, f"v => {printed(tree)}", str(digits))
        return f"{mark}>{text if kind == 'literal' else HTML.number(text)}"

    def word(self, tree: Expression, words: str, tag: str = "span") -> str:
        """The word with this number in a list of `data`; in a picture its tag is "tspan"."""
        mark = self.bind("word", f"v => {printed(tree)}", json.dumps(words))
        return f"<{tag}{mark}>{html.escape(self.data[words][int(self.value(tree))])}</{tag}>"

    def when(self, condition: Condition, content: str, tag: str = "span") -> str:
        """HTML that is there where the condition holds."""
        if condition is True:
            return content if tag == "span" else f"<{tag}>{content}</{tag}>"
        mark = self.bind("show", f"v => {code(condition)}")
        hidden = "" if holds(condition, self.values) else " hidden"
        return f"<{tag}{mark}{hidden}>{content}</{tag}>"

    def choose(self, *cases: tuple[Condition, str], otherwise: str) -> str:
        """The first content whose condition holds."""
        return self.first((*cases, (True, otherwise)))

    def first(self, cases: Cases[str], tag: str = "span") -> str:
        """The first content whose condition holds, if any."""
        made: list[str] = []
        before: list[Condition] = []
        for condition, content in reached(cases):
            made.append(self.when(every(*map(no, before), condition), content, tag))
            before.append(condition)
        return "".join(made)

    def prose(self, prose: Prose, write: Callable[[str], str] = html.escape) -> str:
        """A sentence; `write` makes HTML of words."""
        parts = []
        for part in prose:
            match part:
                case Choice(cases):
                    each = ((held, self.prose(text, write)) for held, text in cases)
                    parts.append(self.first(tuple(each)))
                case Shown():
                    mark = self.bind("text", f"v => {part.javascript()}")
                    parts.append(f"<span{mark}>{HTML.number(part.at(self.values))}</span>")
                case _:
                    parts.append(write(part))
        return "".join(parts)

    def places(self, **attributes: Expression) -> str:
        """Attributes of an element in a picture; `stroke_width` is stroke-width."""
        named = {name.replace("_", "-"): tree for name, tree in attributes.items()}
        now = "".join(f' {name}="{self.value(tree):.2f}"' for name, tree in named.items())
        made = {name: printed(tree) for name, tree in named.items()}
        # What has no symbol stays where it is.
        moving = [f"{json.dumps(name)}: v => {js}" for name, js in made.items() if "v." in js]
        return now + self.bind("place", f"{{ {', '.join(moving)} }}") if moving else now

    def line(self, line: LiveLine, *, formula: bool = True) -> str:
        """``symbol = formula = numbers ≈ value`` as one line, without the formula if not wanted."""
        left = [HTML.write(line.symbol)]
        if formula and line.formula not in (None, line.symbol):
            left.append(HTML.write(line.formula))
        mark, hidden, numbers, relation, value = self._parts(line)
        filled = ""
        if line.formula is not None:
            filled = f"<span data-filled{hidden}> = {numbers}</span>"
        return f'<span class="line"{mark}>{" = ".join(left)}{filled} {relation} {value}</span>'

    def row(self, line: LiveLine) -> str:
        """``symbol = numbers ≈ value`` as a row of a table."""
        mark, hidden, numbers, relation, value = self._parts(line)
        sign = f"<span data-filled{hidden}>=</span>" if line.formula is not None else ""
        cells = (HTML.write(line.symbol), sign, numbers, relation, value)
        return f"<tr{mark}>{' '.join(f'<td>{each}</td>' for each in cells)}</tr>"

    def _parts(self, line: LiveLine) -> tuple[str, str, str, str, str]:
        """Of a line: the attributes, whether its numbers are hidden, these, the sign, the value."""
        now = line.at(self.values)
        sign = "negative" if now.value < 0 else "positive" if now.value > 0 else "zero"
        mark = f'{self.bind("line", line.javascript())} data-sign="{sign}"'
        if line.role:
            mark += f' data-kind="{line.role}"'
        if line.true is not False:
            mark += f' data-true="{str(now.true).lower()}"'
        if not holds(line.when, self.values):
            mark += " hidden"
        numbers = "" if now.substituted is None else HTML.write(now.substituted)
        return (
            mark,
            "" if numbers else " hidden",
            f'<span data-part="formula">{numbers}</span>',
            f'<span data-part="relation">{now.relation}</span>',
            f'<b data-part="value">{HTML.number(now.text)}</b>',
        )

    def formula(self, name: str, *lines: LiveLine, told: str = "") -> str:
        """Lines that a bar or a point shows when it is pointed at (`data-tell`)."""
        content = "<br>".join(self.line(line) for line in lines)
        return f'<div data-formula="{name}" hidden>{content}{told}</div>'

    def script(self) -> str:
        """The code of the page."""
        bound = ",\n".join(self._bound)
        growing = json.dumps(self.growing)
        return (
            f"{LOOPS}{_file('numbers.js')}{_file('live.js')}"
            f"live(document.querySelector('.xent-live'), {{\n"
            f"state: {json.dumps(self.state)}, lists: {growing}, most: {MOST},\n"
            f"data: {json.dumps(self.data, separators=(',', ':'))},\n"
            f"compute: v => {{ {self.program.javascript()}\nreturn v }},\n"
            f"bound: [\n{bound}\n] }});"
        )


def _file(name: str) -> str:
    return (files("xent._live") / name).read_text("utf-8")


def style() -> str:
    """The style sheet of what moves."""
    return _file("live.css")
