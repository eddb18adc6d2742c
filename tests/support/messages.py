"""Error texts of tests: a table of calls, each with the text that it must raise.

    f(z, y[:, None])
        ValueError: targets has shape (3, 1), expected (3,).

The text is indented under its call and may take several lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest


def cases(text: str) -> Iterator[tuple[str, str]]:
    """The (call, text) pairs of a table."""
    for case in re.split(r"\n(?! )", text.strip()):
        call, *lines = case.splitlines()
        yield call, " ".join(map(str.strip, lines))


def each_case(*tables: str) -> Any:
    """A decorator that runs a test of (call, words) once for each case of the tables."""
    found = [case for table in tables for case in cases(table)]
    return pytest.mark.parametrize(("call", "words"), found, ids=[call for call, _ in found])


def error_of(call: str | Callable[[], Any], names: dict[str, Any] | None = None) -> str:
    """Type and text of the TypeError or ValueError that a call raises, which it must.

    `call` is a function without arguments, or an expression over `names`. The user must see one
    traceback: an error that was raised while handling another must hide it.
    """
    with pytest.raises((TypeError, ValueError)) as caught:
        call() if callable(call) else eval(call, names)
    assert caught.value.__suppress_context__ or not caught.value.__context__
    return f"{caught.type.__name__}: {caught.value}"
