"""Controls of a page: sliders, choices and buttons; each sets numbers of the state."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from xent._format import shown
from xent._live.javascript import printed
from xent._live.page import Live
from xent._report.expression import Expression, Symbol
from xent._report.notation import HTML


def slider(
    live: Live,
    path: str,
    label: str,
    low: float,
    high: float,
    step: float = 0.1,
    shows: Expression | None = None,
) -> str:
    """A slider for a number of the state, or for one of a list: `z.0`.

    It shows this number, or another that follows from it.
    """
    value = _held(live.state, path)
    tree = shows or _symbol(path)
    said = ""
    if shows:
        now = HTML.number(shown(live.value(shows)))
        said = f' aria-valuetext="{now}"' + live.bind("said", f"v => {printed(shows)}")
    return (
        f'<label class="slider"><span>{label}</span>'
        f'<input type="range" data-set="{path}" min="{low}" max="{high}" step="{step}" '
        f'value="{value}"{said}><output>{live.number(tree)}</output></label>'
    )


def stops(live: Live, path: str, label: str, numbers: Sequence[float]) -> str:
    """A slider that stops at these numbers only, which ascend; the state is one of them."""
    value = _held(live.state, path)
    listed = " ".join(f"{number:g}" for number in numbers)
    return (
        f'<label class="slider"><span>{label}</span>'
        f'<input type="range" data-stops="{listed}" data-set="{path}" min="0" '
        f'max="{len(numbers) - 1}" step="1" value="{numbers.index(value)}" '
        f'aria-valuetext="{HTML.number(shown(value))}"><output>{live.number(_symbol(path))}</output></label>'
    )


def choice(live: Live, path: str, label: str, options: Mapping[float, str], style: str = "") -> str:
    """Radio buttons for a number of the state; in columns if the style is "many"."""
    value = _held(live.state, path)
    made = "".join(
        f'<label><input type="radio" name="{path}" data-set="{path}" value="{number}"'
        f"{' checked' if number == value else ''}><span>{told}</span></label>"
        for number, told in options.items()
    )
    return f'<fieldset class="choice {style}"><legend>{label}</legend>{made}</fieldset>'


def preset(label: str, /, **state: Any) -> str:
    """A button that sets several numbers at once."""
    return (
        f"<button type=\"button\" data-preset='{json.dumps(state)}'>{html.escape(label)}</button>"
    )


def presets(buttons: Iterable[str]) -> str:
    """Buttons in a row."""
    return f'<div class="buttons">{"".join(buttons)}</div>'


def beside(*controls: str) -> str:
    """Controls beside each other where there is room."""
    return f'<div class="beside">{"".join(controls)}</div>'


def take(live: Live, label: str, name: str, tree: Expression) -> str:
    """A button that sets a number of the state to one that the page computed."""
    code = live.bind("take", f"v => {printed(tree)}")
    return f'<button type="button" data-take="{name}"{code}>{html.escape(label)}</button>'


def push(label: str, growing: str, name: str, times: int = 1) -> str:
    """A button that adds a number, of the state or computed, to a list that grows."""
    mark = f'data-push="{growing}:{name}:{times}"'
    return f'<button type="button" {mark}>{html.escape(label)}</button>'


def pop(label: str, growing: str) -> str:
    """A button that takes the last number from a list that grows."""
    mark = f'data-pop="{growing}" data-needs="{growing}"'
    return f'<button type="button" {mark}>{html.escape(label)}</button>'


RESET = '<button type="button" data-reset>Start again</button>'


def _held(state: Mapping[str, Any], path: str) -> Any:
    name, _, number = path.partition(".")
    return state[name][int(number)] if number else state[name]


def _symbol(path: str) -> Symbol:
    return Symbol(*path.split("."))
