"""Pages that move: their state in the address, and what they show without scripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


def put(state: dict[str, Any], path: str, value: float) -> None:
    """Set a number of a state, or one of a list in it: `z.0`."""
    name, _, place = path.partition(".")
    if place:
        state[name][int(place)] = value
    else:
        state[name] = value


def hashed(state: Mapping[str, Any]) -> str:
    """The state as an address has it."""
    told = (
        f"{name}={','.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in state.items()
    )
    return "&".join(told)


@contextmanager
def without_scripts(chromium: Any) -> Iterator[Any]:
    """A page that shows what Python wrote."""
    context = chromium.new_context(
        java_script_enabled=False, viewport={"width": 1280, "height": 900}
    )
    try:
        yield context.new_page()
    finally:
        context.close()
