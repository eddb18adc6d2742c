"""Says what to do where one column holds several labels in a row, such as "cat,dog"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from shlex import quote
from typing import Any

import pyarrow as pa
from pyarrow import types

from xent.scoring import naming
from xent.scoring.labels import Labels
from xent.scoring.reading import Reading

SEPARATORS = ("|", ";", ",", "/", "+", "&", " ")
LIST = re.compile(r"\s*[\[({](.*)[\])}]\s*", re.DOTALL)
MANY = 12
"""The most classes that code names."""


def in_text(value: Any, reading: Reading) -> str:
    """What to do where this label, which is no class, or others are several; else nothing."""
    labels = reading.labels
    for text in (value, *(labels.seen if labels.are_indices else ())):
        if isinstance(text, str) and (separator := _separator(text, labels)):
            pop = f"df.pop({reading.label!r})"
            if LIST.fullmatch(text):
                pop += r""".str.replace(r"[\[\](){}'\"]", "", regex=True)"""
            return f"{text!r} holds several labels. {_how(pop, separator, reading)}"
    return ""


def _separator(text: str, labels: Labels) -> str:
    """What stands between the labels in a text; nothing if it is a single one."""
    inside = LIST.fullmatch(text)
    for separator in SEPARATORS:
        parts = _parts(text, separator)
        if len(parts) > 1 and (inside or _are_labels(parts, separator, labels)):
            return separator + " " * (separator + " " in text)
    return "," if inside else ""


def in_lists(column: Any, reading: Reading) -> str:
    """The same where each row has a list of labels."""
    if not isinstance(column, pa.Array) or not types.is_list(column.type):
        return ""
    pop = f"df.pop({reading.label!r}).map(lambda each: '|'.join(map(str, each)))"
    return f"holds a list of labels in each row. {_how(pop, '|', reading)}"


def in_numbered_lists(rows: Sequence[Any], width: int, name: str) -> str:
    """The same where lists hold the numbers of labels, beside scores for `width` labels."""
    known = [row for row in rows if row is not None]
    whole = all(x is not None and x == int(x) and 0 <= x < width for row in known for x in row)
    if not whole or all(len(row) in (1, width) for row in known):
        return ""
    code = f"df[{name!r}].map(lambda row: [int(j in row) for j in range({width})])"
    return (
        f"holds the numbers of several labels in each row; expected a list of {width} numbers, 0 "
        f"or 1, one for each score: in pandas df[{name!r}] = {code}."
    )


def _parts(text: str, separator: str) -> list[str]:
    inside = LIST.fullmatch(text)
    return [part.strip(" '\"") for part in (inside[1] if inside else text).split(separator)]


def _are_labels(parts: Sequence[str], separator: str, labels: Labels) -> bool:
    """Are the parts classes, or do they occur in several labels where the names are unknown?"""
    if all(labels.code(part) >= 0 for part in parts):
        return True
    every = [_parts(each, separator) for each in labels.seen]
    distinct = {part for each in every for part in each}
    again = sum(map(len, every)) > len(distinct)
    return labels.are_indices and again and len(distinct) <= len(labels.classes)


def _how(pop: str, separator: str, reading: Reading) -> str:
    classes, label = reading.classes, reading.label
    if reading.shape == "binary":
        return "Save a score for each label, and a column of 0 and 1: label_X beside prob_X."
    what = "Give each label a column of 0 and 1"
    code = f"{pop}.str.get_dummies({separator!r})"
    if reading.shape == "lists":
        code = f"df[{label!r}] = {code}.values.tolist()"
        return f"Give each row a list of 0 and 1, in the order of the scores: in pandas {code}."
    if len(classes) <= MANY:
        code += f".reindex(columns={classes!r}, fill_value=0)"
    code += ".add_prefix('label_')"
    how = f"{what}, in pandas df = df.join({code})"
    found = [naming.named(column) for column in reading.scores]
    if [each and each[2] for each in found] != classes:
        names = quote(",".join(f"label_{name}" for name in classes))
        scores = quote(",".join(reading.scores))
        how += f", and pass --label-column {names} --score-columns {scores}"
    return how + "."
