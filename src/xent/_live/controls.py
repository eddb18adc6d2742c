"""Controls of a page: sliders, choices and buttons; each sets numbers of the state."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping
from typing import Any

from xent._live.page import Live
from xent._report.expression import Symbol


def slider(live: Live, path: str, label: str, low: float, high: float, step: float = 0.1) -> str:
    """A slider for a number of the state, or for one of a list: `z.0`."""
    value = _held(live.state, path)
    tree = _symbol(path)
    return (
        f'<label class="slider"><span>{label}</span>'
        f'<input type="range" data-set="{path}" min="{low}" max="{high}" step="{step}" '
        f'value="{value}"><output>{live.number(tree)}</output></label>'
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


def preset(label: str, **state: Any) -> str:
    """A button that sets several numbers at once."""
    return (
        f"<button type=\"button\" data-preset='{json.dumps(state)}'>{html.escape(label)}</button>"
    )


def presets(buttons: Iterable[str]) -> str:
    """Buttons in a row."""
    return f'<div class="buttons">{"".join(buttons)}</div>'


def push(label: str, growing: str, name: str) -> str:
    """A button that adds a number of the state to a list that grows."""
    return f'<button type="button" data-push="{growing}:{name}">{html.escape(label)}</button>'


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
