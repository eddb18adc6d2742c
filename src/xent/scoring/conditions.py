"""Conditions under which a result is not good enough, as `--fail-if 'loss > 0.5'` names them."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from xent.scoring.compared_figures import compared_figures

SHORT = {
    "loss": "log_loss_nats",
    "bits": "log_loss_bits",
    "macro_loss": "macro_log_loss_nats",
    "brier": "brier_score",
    "auc": "roc_auc",
    "base_loss": "base_rate_loss",
    "standard_error": "standard_error_nats",
}
"""Short names of keys of the plain data, wherever they occur in it."""

IDENTIFYING = ("class", "value", "label", "slice")
"""The keys by which a record in a list is named; it is the first one."""

ANY = "*"
OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
PART = r"\"[^\"]*\"|'[^']*'|[^\s.\"'<>=!]+"
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?inf"
FORM = re.compile(rf"\s*((?:{PART})(?:\.(?:{PART}))*)\s*(>=|<=|==|!=|>|<)\s*({NUMBER})\s*")

MOST = 5
"""Values that a message names."""
MOST_NAMES = 30
"""Names of figures that a message lists."""


@dataclass(frozen=True)
class Condition:
    """A figure by its path in the plain data of a result, an operator and a number."""

    text: str
    path: tuple[str, ...]
    sign: str
    number: float

    @classmethod
    def of(cls, text: str) -> Condition:
        """The condition of a text such as ``loss.high > 0.5``."""
        found = FORM.fullmatch(text)
        if found is None:
            msg = (
                f"{text!r} is no condition; expected NAME, one of {', '.join(OPERATORS)}, and a "
                "number, such as 'loss > 0.5' or 'slices.country.*.loss > 0.5'."
            )
            raise ValueError(msg)
        path = tuple(
            part[1:-1] if part[0] in "\"'" else part for part in re.findall(PART, found[1])
        )
        return cls(text, path, found[2], float(found[3]))

    def failures(self, data: Mapping[str, Any]) -> list[str]:
        """What makes the condition true, in words; a figure that is not known fails, too."""
        found = list(_found(data, self.path, ()))
        if not found and not _any_of_none(data, self.path):
            raise ValueError(_unknown(data, self))
        return [told for each in found if (told := self._told(*each))]

    def _told(self, name: str, value: Any, reason: str) -> str:
        if value is None:
            return f"{name} is not known" + (f": {reason}" if reason else "")
        value = float(value)
        compare = OPERATORS[self.sign]
        if not compare(value, self.number):
            return ""
        rounded = f"{value:.6g}"
        return f"{name} is {rounded if compare(float(rounded), self.number) else repr(value)}"


def failed(conditions: Iterable[str | Condition], data: Mapping[str, Any]) -> list[str]:
    """A sentence for each condition that is true of a result, given its `to_dict()`.

    Parameters
    ----------
    conditions : iterable of str
        Each NAME OPERATOR NUMBER, such as ``loss > 0.5``. A name is a key of the data, or several
        with dots between them; rows of a list go by their class, value or label, or ``*`` for any.
        Names with spaces, dots or operators stand in quotes. Of a comparison, figures go by its
        models: ``loss.A``, ``difference.A.B`` (the first less the second), ``p.A.B``; of two
        models also ``difference`` and ``p``.
    data : mapping
        The plain data of a result of `score` or `compare`.

    Returns
    -------
    list of str
        Empty if no condition is true. A figure that is null makes its condition true: nothing
        passes by a number that is missing.

    Raises
    ------
    ValueError
        If a text is no condition, or names a figure that the result does not have.

    Examples
    --------
    >>> import xent
    >>> result = xent.score({"prob": [0.9, 0.2], "label": [1, 0]})
    >>> failed(["loss > 0.1", "accuracy < 0.9"], result.to_dict())
    ['loss > 0.1: loss is 0.164252.']
    """
    if "pairs" in data and "models" in data:
        data = compared_figures(data)
    told = []
    for each in conditions:
        condition = each if isinstance(each, Condition) else Condition.of(each)
        found = condition.failures(data)
        if found:
            more = f"; and {len(found) - MOST} more" * (len(found) > MOST)
            told.append(f"{condition.text}: {'; '.join(found[:MOST])}{more}".rstrip(".") + ".")
    return told


def _found(
    data: Any, path: tuple[str, ...], before: tuple[str, ...], reason: str = ""
) -> Iterator[tuple[str, Any, str]]:
    """The figures of a path: the name of each, its number or None, and why there is none."""
    if not path:
        if (number := _number(data, before[-1])) is not _NONE:
            yield ".".join(map(_quoted, before)), number, reason
        return
    children, (first, *rest) = _children(data), path
    names = [*children] if first == ANY and ANY not in children else [_key(children, first)]
    for name in names:
        if name in children:
            shown = name if first == ANY else first
            within = children[name]
            if rest and (interval := _interval(data, name)) is not None:
                within = interval
            yield from _found(within, (*rest,), (*before, shown), _reason(data, name))


def _any_of_none(data: Any, path: tuple[str, ...]) -> bool:
    """Does the path ask for any record of a list that has none?"""
    for part in path:
        if part == ANY and isinstance(data, (list, tuple)) and not data:
            return True
        children = _children(data)
        key = next(iter(children), "") if part == ANY else _key(children, part)
        if key not in children:
            return False
        data = children[key]
    return False


def _key(children: Mapping[str, Any], name: str) -> str:
    return name if name in children else SHORT.get(name, name)


def _children(data: Any) -> dict[str, Any]:
    """What is in a part of the data, by name: the keys of a record, or the records of a list."""
    if isinstance(data, Mapping):
        return {str(name): value for name, value in data.items()}
    found = {}
    for each in data if isinstance(data, (list, tuple)) else ():
        first = next(iter(each), None) if isinstance(each, Mapping) else None
        if first not in IDENTIFYING:
            return {}
        found[str(each[first])] = {name: value for name, value in each.items() if name != first}
    return found


def _interval(data: Any, name: str) -> dict[str, Any] | None:
    """The interval of a figure, which stands beside it: as NAME_interval, or in `intervals`."""
    if not isinstance(data, Mapping) or isinstance(data.get(name), (Mapping, list)):
        return None
    several = data.get("intervals")
    found = several.get(name) if isinstance(several, Mapping) else data.get(f"{name}_interval")
    if isinstance(found, (list, tuple)):
        found = dict(zip(("low", "high"), found, strict=True))
    return dict(found) if isinstance(found, Mapping) else None


_NONE = object()


def _number(data: Any, name: str) -> Any:
    """A figure; None if it is not known, and _NONE if this is no figure."""
    if data is None or (isinstance(data, (int, float)) and not isinstance(data, bool)):
        return None if data is None or math.isnan(data) else data
    if data in ("inf", "-inf"):
        return float(data)
    if isinstance(data, Mapping) and "value" in data:  # with bounds and more beside it
        return _number(data["value"], name)
    if isinstance(data, Mapping) and name.endswith("_left_out"):
        return sum(data.values())  # counts by the reason
    return _NONE


def _reason(data: Any, name: str) -> str:
    """Why a figure is not known, where the data say so."""
    if not isinstance(data, Mapping):
        return ""
    return str(data.get(f"{name}_reason") or data.get("reason") or "")


def _names(data: Any, before: str = "") -> Iterator[str]:
    """The names of all figures, with `*` for the records of a list."""
    for name, value in _children(data).items():
        if name in ("intervals", "schema_version", "value") or name.endswith("_interval"):
            continue
        short = next((s for s, key in SHORT.items() if key == name), name)
        named = f"{before}.{_quoted(short)}" if before else _quoted(short)
        if _number(value, name) is not _NONE:
            yield named
            has_value = isinstance(value, Mapping) and "value" in value
            yield from _names(value if has_value else _interval(data, name) or {}, named)
        elif isinstance(value, Mapping):
            yield from _names(value, named)
        elif records := _children(value):
            yield from _names(next(iter(records.values())), f"{named}.{ANY}")


def _unknown(data: Mapping[str, Any], condition: Condition) -> str:
    """Says that there is no such figure, and which there are, the closest first."""
    within: Any = data
    done: list[str] = []
    for part in condition.path:
        children = _children(within)
        if part == ANY and children:
            key = next(iter(children))
        elif (key := _key(children, part)) not in children:
            break
        within = children[key]
        done.append(part)
    here = list(map(_quoted, _children(within))) if isinstance(within, (list, tuple)) else []
    found = here or list(dict.fromkeys(_names(data)))
    near = ".".join(condition.path[len(done) if here else 0 :])
    found.sort(key=lambda each: -SequenceMatcher(None, near, each).ratio())
    where = f" in {'.'.join(map(_quoted, done))}" if here else ""
    more = f", ... ({len(found)} in all)" * (len(found) > MOST_NAMES)
    return (
        f"{condition.text!r} names no figure of this result. There are{where}: "
        f"{', '.join(found[:MOST_NAMES])}{more}."
    )


def _quoted(name: str) -> str:
    """A part of a name as it is written in a condition."""
    if re.fullmatch(PART, name) and name[0] not in "\"'":
        return name
    return f'"{name}"' if '"' not in name else f"'{name}'"
