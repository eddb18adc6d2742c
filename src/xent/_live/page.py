"""A page under construction: the HTML of what moves, and the code that moves it.

Python computes what is shown at first, from the same formulas as the page does later, so a page can
be read without scripts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from xent._format import shown
from xent._live.javascript import LOOPS, printed
from xent._live.lines import LiveLine
from xent._live.program import Program
from xent._report.evaluation import evaluate
from xent._report.expression import Expression
from xent._report.notation import HTML

MOST = 40
"""How many numbers a list may have that grows."""


class Live:
    """Collects what follows the controls.

    `state` has the inputs of the program: numbers, and lists of numbers. Those in `growing` may
    change their length, which is then `NAME_count`.
    """

    def __init__(
        self, state: Mapping[str, Any], program: Program, growing: Sequence[str] = ()
    ) -> None:
        self.state, self.program, self.growing = dict(state), program, tuple(growing)
        counts = {f"{name}_count": len(state[name]) for name in growing}
        self.values = program.compute({**state, **counts})
        self._bound: list[str] = []

    def bind(self, kind: str, *code: str) -> str:
        """The attribute of an element that follows."""
        self._bound.append(f"[{', '.join([json.dumps(kind), *code])}]")
        return f' data-b="{len(self._bound) - 1}"'

    def value(self, tree: Expression) -> float:
        """The value at first."""
        return evaluate(tree, self.values)

    def number(self, tree: Expression, digits: int = 4) -> str:
        """A number in a sentence or in a picture's text."""
        mark = self.bind("number", f"v => {printed(tree)}", str(digits))
        return f"<span{mark}>{shown(self.value(tree), digits)}</span>"

    def when(self, condition: Expression, content: str, tag: str = "span") -> str:
        """HTML that is there where the condition holds."""
        mark = self.bind("show", f"v => {printed(condition)}")
        return f"<{tag}{mark}{'' if self.value(condition) else ' hidden'}>{content}</{tag}>"

    def choose(self, *cases: tuple[Expression, str], otherwise: str) -> str:
        """The first content whose condition holds."""
        made, code, found = [], "", False
        for condition, content in cases:
            test = printed(condition)
            mark = self.bind("show", f"v => {code}{test}")
            holds = not found and bool(self.value(condition))
            made.append(f"<span{mark}{'' if holds else ' hidden'}>{content}</span>")
            code, found = f"{code}!{test} && ", found or holds
        mark = self.bind("show", f"v => {code}true")
        made.append(f"<span{mark}{' hidden' if found else ''}>{otherwise}</span>")
        return "".join(made)

    def places(self, **attributes: Expression) -> str:
        """Attributes of an element in a picture; `stroke_width` is stroke-width."""
        named = {name.replace("_", "-"): tree for name, tree in attributes.items()}
        now = "".join(f' {name}="{self.value(tree):.2f}"' for name, tree in named.items())
        moving = {name: code for name, tree in named.items() if "v." in (code := printed(tree))}
        code = ", ".join(f"{json.dumps(name)}: v => {code}" for name, code in moving.items())
        return now + (self.bind("place", f"{{ {code} }}") if moving else "")

    def line(self, line: LiveLine, *, formula: bool = True) -> str:
        """``symbol = formula = numbers ≈ value`` as one line, without the formula if not wanted."""
        now = line.at(self.values)
        left = [HTML.write(line.symbol)]
        if formula and line.formula not in (None, line.symbol):
            left.append(HTML.write(line.formula))
        numbers = "" if now.substituted is None else HTML.write(now.substituted)
        filled = ""
        if line.formula is not None:
            hidden = "" if numbers else " hidden"
            filled = (
                f'<span data-filled{hidden}> = <span data-part="formula">{numbers}</span></span>'
            )
        sign = "negative" if now.value < 0 else "positive" if now.value > 0 else "zero"
        return (
            f'<span class="line"{self.bind("line", line.javascript())} data-sign="{sign}">'
            f"{' = '.join(left)}{filled} "
            f'<span data-part="relation">{now.relation}</span> '
            f'<b data-part="value">{HTML.number(now.text)}</b></span>'
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
            f"compute: v => {{ {self.program.javascript()}\nreturn v }},\n"
            f"bound: [\n{bound}\n] }});"
        )


def _file(name: str) -> str:
    return (files("xent._live") / name).read_text("utf-8")


def style() -> str:
    """The style sheet of what moves."""
    return _file("live.css")
