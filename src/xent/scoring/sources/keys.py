"""Keys of a join: which rows belong together, and why keys that seem alike do not match."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from xent.scoring.sources.reader import Batch

MOST = 1 << 16
"""The most keys without a partner that are compared with those of the other table."""
GONE = ("", "NA", "N/A", "#N/A", "<NA>", "NaN", "nan", "NaT", "NULL", "null", "None")
"""Texts of a key that is missing, as tools write it."""
APART = "\0"
"""Stands between the parts of a key of several columns."""


class Key(NamedTuple):
    """The columns that say which rows belong together."""

    predictions: tuple[str, ...]
    truth: tuple[str, ...]

    def of(self, batch: Batch, columns: Sequence[str]) -> Any:
        """The keys of a batch, as texts; null where a part is missing."""
        texts = [_texts(batch[name]) for name in columns]
        if len(texts) == 1:
            return texts[0]
        return pc.binary_join_element_wise(*texts, pa.scalar(APART, pa.large_string()))


def key_of(named: str | Sequence[str]) -> Key:
    """The key; NAME=OTHER if it has another name in the table of labels."""
    names = [named] if isinstance(named, str) else list(named)
    pairs = [name.partition("=") for name in names]
    return Key(tuple(a for a, _, _ in pairs), tuple(b or a for a, _, b in pairs))


def _texts(column: Any) -> Any:
    """The keys as texts; whole numbers without a point."""
    column = pa.array(column)
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if types.is_floating(column.type):
        column = _whole(pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column))
    texts = pc.utf8_trim_whitespace(column.cast(pa.large_string()))
    gone = pc.is_in(texts, value_set=pa.array(GONE, texts.type))
    return pc.if_else(gone, pa.scalar(None, texts.type), texts) if pc.any(gone).as_py() else texts


def _whole(column: Any) -> Any:
    """Numbers as texts, if some are not whole: 1.0 is 1 beside whatever other numbers."""
    fits = pc.and_(pc.equal(column, pc.floor(column)), pc.less(pc.abs(column), 2.0**63))
    if pc.all(fits).as_py() is not False:  # None where all are missing
        return column.cast(pa.int64())
    whole = pc.if_else(fits, column, pa.scalar(None, column.type)).cast(pa.int64())
    return pc.coalesce(whole.cast(pa.large_string()), column.cast(pa.large_string()))


class Writing(NamedTuple):
    """A way in which two tables may write the same key."""

    form: Callable[[str], str]
    """What both are alike in."""
    how: str
    """How to make them alike in pandas, in both tables."""


WRITINGS = (
    Writing(lambda text: text.removesuffix(".0"), "{0}.astype(str).str.removesuffix('.0')"),
    Writing(lambda text: text.lstrip("0") or "0",
            "{0}.astype(str).str.replace('^0+(?=.)', '', regex=True)"),
    Writing(str.lower, "{0}.str.lower()"),
    Writing(lambda text: re.split(r"[/\\]", text)[-1], "{0}.str.split('/').str[-1]"),
    Writing(lambda text: re.sub(r"\.[A-Za-z]\w{0,4}$", "", text),
            r"{0}.astype(str).str.replace(r'\.\w+$', '', regex=True)"),
    Writing(lambda text: re.sub(r"\.[A-Za-z]\w{0,4}$", "", re.split(r"[/\\]", text)[-1]),
            r"{0}.astype(str).str.replace(r'^.*/|\.\w+$', '', regex=True)"),
)  # fmt: skip


def written_differently(keys: Sequence[str | None], others: Any, names: Sequence[str]) -> str:
    """Says that keys without a partner are in the other table in another writing; or nothing."""
    known = [key for key in others.slice(0, MOST).to_pylist() if key is not None]
    for writing in WRITINGS:
        forms = {_form(other, writing): other for other in reversed(known)}
        for key in keys:
            other = forms.get(_form(key, writing)) if key is not None else None
            if key is not None and other is not None:
                parts = zip(key.split(APART), other.split(APART), names, strict=True)
                one, two, name = next(each for each in parts if each[0] != each[1])
                column = f"df[{name!r}]"
                return (
                    f"The keys are written differently: {one!r} here is {two!r} there. Write them "
                    f"alike in both, in pandas {column} = {writing.how.format(column)}."
                )
    return ""


def _form(key: str, writing: Writing) -> str:
    return APART.join(map(writing.form, key.split(APART)))
