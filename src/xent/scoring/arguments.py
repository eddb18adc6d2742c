"""Checks the options of `score`: an error says what was given, and what is expected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from types import NoneType
from typing import Any, NoReturn

import numpy as np

from xent._validation import check_number
from xent.scoring.intervals.interval import asked_level

NAMES = ("weight_column", "predicted_column", "cluster")
LISTS = {
    "label_column": "columns", "score_columns": "columns", "show": "columns", "by": "columns",
    "key": "columns", "classes": "names", "ignored": "labels",
}  # fmt: skip
"""What the lists hold."""
ONE_OR_MORE = ("label_column", "key")
"""Of these, a text is the name of one column."""
EMPTY = ("show", "by", "ignored")
"""Of these, None is an empty list."""
FLAGS = {"skip_bad": "True or False", "normalize": "True or False",
         "multi_label": "True, False or None"}  # fmt: skip
KINDS = ("logits", "probabilities", "log-probabilities", "percent")
OTHERS = (
    "kind", "labels", "tolerance", "clip", "worst", "missing", "truth", "losses", "progress",
    "part", "level", "baseline", "engine", "threads",
)  # fmt: skip


def checked(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, with what lists hold as texts; an error at the first wrong one."""
    found = dict(options)
    for name, value in options.items():
        if name in NAMES and value is not None and not isinstance(value, str):
            _wrong(name, value, "the name of a column, as text", _as_text(value))
        elif name in LISTS:
            found[name] = _listed(name, value)
        elif name in FLAGS and not isinstance(value, (bool, np.bool_, NoneType)):
            _wrong(name, value, FLAGS[name])
        elif name not in (*NAMES, *LISTS, *FLAGS, *OTHERS):
            _unknown(name)
    _check_choices(found)
    _check_numbers(found)
    if isinstance(found.get("labels"), (bool, int, float)):
        _wrong("labels", found["labels"], "the path of an NPY file, or an array of labels")
    baseline = found.get("baseline")
    if isinstance(baseline, (bool, int, float, bytes)) or type(baseline) is object:
        _wrong("baseline", baseline, "the path of a file of labels, or a table")
    losses, progress = found.get("losses"), found.get("progress")
    if losses is not None:
        if not isinstance(losses, (str, PathLike)):
            _wrong("losses", losses, "the path of a file to write")
        found["losses"] = Path(losses)
    if progress is not None and not callable(progress):
        _wrong("progress", progress, "a function of the number of rows and the part that is read")
    return found


def _check_choices(options: Mapping[str, Any]) -> None:
    kind, missing = options.get("kind"), options.get("missing", "error")
    part = options.get("part")
    if kind is not None and not isinstance(kind, str):
        _wrong("kind", kind, ", ".join(KINDS))
    if not isinstance(missing, str) or missing not in ("error", "drop"):
        msg = f"missing is {missing!r}; expected 'error' or 'drop'."
        raise ValueError(msg)
    engine, threads = options.get("engine", "local"), options.get("threads")
    if not isinstance(engine, str) or engine not in ("local", "ray"):
        msg = f"engine is {engine!r}; expected 'local' or 'ray'."
        raise ValueError(msg)
    if threads is not None and (type(threads) is not int or threads < 1):
        msg = f"threads is {threads!r}; expected a number of threads, 1 or more."
        raise ValueError(msg)
    if part is not None and (not isinstance(part, str) or part not in ("prompt", "generated")):
        msg = f"part is {part!r}; expected 'prompt' or 'generated'."
        raise ValueError(msg)


def _check_numbers(options: dict[str, Any]) -> None:
    if "tolerance" in options:
        options["tolerance"] = check_number(options["tolerance"], "tolerance", 0, 1)
    if options.get("clip") is not None:
        options["clip"] = check_number(options["clip"], "clip", 0, 0.5, above=True)
    if "level" in options:
        options["level"] = asked_level(options["level"])
    worst = options.get("worst", 0)
    if isinstance(worst, bool) or not isinstance(worst, int) or worst < 0:
        msg = f"worst is {worst!r}; expected a number of rows, 0 or more."
        raise ValueError(msg)


def _listed(name: str, value: Any) -> Any:
    """The list as texts; a text as it is where it may be the name of one column."""
    columns = LISTS[name] == "columns"
    what = f"a list of {LISTS[name]}" + ", as text" * (columns and not isinstance(value, str))
    if value is None:
        return () if name in EMPTY else None
    if isinstance(value, str) and name in ONE_OR_MORE:
        return value
    single = _as_text(value)
    if single is not None or isinstance(value, (bytes, Mapping)) or not isinstance(value, Iterable):
        given = single if columns or isinstance(value, str) else value
        _wrong(name, value, what, None if single is None else [given])
    items = list(value)
    texts = [_as_text(item) for item in items]
    if None in texts or (columns and texts != items):
        _wrong(name, items, what, None if None in texts else texts)
    return texts


def _as_text(value: Any) -> str | None:
    """A text or a number as text; None if it is neither."""
    if isinstance(value, np.generic):
        value = value.item()
    return str(value) if isinstance(value, (str, int, float)) else None


def _wrong(name: str, value: Any, expected: str, such: Any = None) -> NoReturn:
    example = f": {such!r}" if such is not None else ""
    msg = f"{name} is {value!r:.60}; expected {expected}{example}."
    raise TypeError(msg)


def _unknown(name: str) -> NoReturn:
    known = [*NAMES, *LISTS, *FLAGS, *OTHERS]
    close = get_close_matches(name, known, 4, 0.5)
    near = f" Did you mean {' or '.join(close)}?" if close else f" Options are {', '.join(known)}."
    msg = f"there is no option {name!r}.{near}"
    raise TypeError(msg)
