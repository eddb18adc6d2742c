"""States as text: plain JSON, with every sum exact."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from xent.scoring.state.accumulator import Accumulator, Schema

Parts = dict[str, Accumulator]

VERSION = 3
FORMAT = "xent score state"


class StateError(ValueError):
    """A saved state cannot be read, or two states cannot be merged."""


def to_json(schema: Schema, parts: Parts) -> str:
    """A state as JSON."""
    data = {
        "format": FORMAT,
        "version": VERSION,
        "schema": schema.to_data(),
        "parts": {name: part.to_data() for name, part in parts.items()},
    }
    return json.dumps(data, allow_nan=False)


def from_json(text: str, name: str, empty: Callable[[Schema], Parts]) -> tuple[Schema, Parts]:
    """A state from JSON, given the parts of an empty one; errors begin with the name."""
    try:
        data = json.loads(text)
    except ValueError as error:
        msg = f"{name} is not a complete saved state (truncated, or of another kind): {error}"
        raise StateError(msg) from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        msg = f"{name} is JSON, but not a state that xent score saved."
        raise StateError(msg)
    if data.get("version") != VERSION:
        msg = (
            f"{name} is a state of version {data.get('version')!r}; this xent reads version "
            f"{VERSION}. Score the file again, or use the xent that saved it."
        )
        raise StateError(msg)
    try:
        schema = Schema.from_data(data["schema"])
        parts, saved = empty(schema), data["parts"]
        if set(saved) != set(parts):
            msg = f"holds {sorted(saved)}; this xent expects {sorted(parts)}."
            raise StateError(msg)
        for each, part in parts.items():
            part.read(saved[each])
    except StateError as error:
        msg = f"{name} {error}"
        raise StateError(msg) from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        msg = f"{name} is damaged: {type(error).__name__}: {error}."
        raise StateError(msg) from None
    return schema, parts


def check_same(a: Schema, b: Schema) -> None:
    """Raise an error unless both schemas are one."""
    told = {
        "classes": "The classes differ: {a} and {b}. Pass the same --classes to both.",
        "kind": "One state is of {a}, the other of {b}.",
        "binary": "One state is of a single score for each row, the other of scores by class.",
        "weighted": "One state has weights and the other has none.",
        "clip": "The probabilities were clipped at {a} and at {b}.",
        "keep": "One state keeps {a} of the worst rows, the other {b}.",
        "by": "One state has slices by {a}, the other by {b}.",
        "cluster": "One state has clusters by {a}, the other by {b}.",
    }
    for name, text in told.items():
        first, second = getattr(a, name), getattr(b, name)
        if first != second:
            shown = {"a": _shown(first), "b": _shown(second)}
            msg = f"These states cannot be merged. {text.format(**shown)}"
            raise StateError(msg)


def _shown(value: Any) -> str:
    if not isinstance(value, tuple):
        return "nothing" if value is None else str(value)
    return ", ".join(value[:6]) + f", ... ({len(value)})" * (len(value) > 6)
