"""Files with columns of their own: a token, a document, a list of tokens, or choices per row."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from xent._validation import Array
from xent.scoring.language.form import COUNTS, Batch, Form, column_of, records_of
from xent.scoring.language.gold import right_choices
from xent.scoring.language.rows import FIRST, Checks, Question, Texts, excerpt_of
from xent.scoring.values import LIST_TYPES, Values, as_numpy, is_listed

LOST = "no log-probability"


def texts(batch: Batch, first: int, form: Form, checks: Checks, *, drop: bool) -> Texts:
    """The rows of a batch as texts."""
    roles = form.columns
    column = column_of(batch, roles["values"], checks.name, first)
    read = {role: column_of(batch, name, checks.name, first) for role, name in roles.items()
            if role in (*COUNTS, "id", "text")}  # fmt: skip
    columns = _Columns(form, checks, first)
    found = columns.listed(column, read) if form.shape == "list" else columns.single(column, drop)
    kept = found.places - first
    for unit in COUNTS:
        if unit in read and unit not in found.counts:
            found.counts[unit] = columns.counts(read[unit], unit, kept)
    if form.shape == "token":
        found.counts["tokens"] = np.ones(len(kept), np.int64)
    if "tokens" in roles:
        columns.possible(found)

    def excerpt(i: int) -> str:
        at = int(kept[i])
        told = [_value(read[role], at) if role in read else None for role in ("id", "text")]
        return excerpt_of(*told)

    found.excerpt = excerpt
    return found


class _Columns:
    """Makes arrays of columns."""

    def __init__(self, form: Form, checks: Checks, first: int) -> None:
        self.form, self.checks, self.first = form, checks, first
        self.name = form.columns["values"]

    def single(self, column: Any, drop: bool) -> Texts:
        """A number per row."""
        values, known = self._numbers(column, self.name)
        gone = np.flatnonzero(~known)
        left_out: Counter[str] = Counter()
        if gone.size:
            if self.form.shape == "token" and self.first == 0 and gone[0] == 0:
                left_out[FIRST], gone = 1, gone[1:]
            if gone.size and not drop:
                what = (
                    "the log-probability is missing. Rows without one are left out, and counted, "
                    "with --missing drop."
                )
                self.checks.fail(what, self.first + int(gone[0]), self.name)
            left_out[LOST] += len(gone)
        rows = np.flatnonzero(known)
        values = self.checks.numbers(values[rows], lambda i: self.first + int(rows[i]), self.name)
        return Texts(self.first + rows, -values, None, left_out=left_out)

    def listed(self, column: Any, read: dict[str, Any]) -> Texts:
        """A list per row; a first token without a log-probability is left out."""
        column, name, checks = self._as_lists(column), self.name, self.checks
        if column.null_count:
            row = int(pc.index(pc.is_null(column), True).as_py())
            checks.fail("the list is missing.", self.first + row, name)
        sizes = as_numpy(pc.list_value_length(column)).astype(np.int64)
        starts = np.cumsum(sizes) - sizes
        values, known = self._numbers(
            column.flatten(), name, np.repeat(np.arange(len(sizes)), sizes)
        )
        owners = np.repeat(np.arange(len(sizes)), sizes)
        leading = np.zeros(len(values), bool)
        leading[starts[sizes > 0]] = True
        bad = np.flatnonzero(~known & ~leading)
        if bad.size:
            row = int(owners[bad[0]])
            what = f"token {bad[0] - starts[row]} has no log-probability; "
            checks.fail(f"{what}only the first token may have none.", self.first + row, name)
        byte_lists = None
        if "bytes" in read and is_listed(read["bytes"]):
            byte_lists = read["bytes"] = self._as_lists(read["bytes"])
        self._same_sizes(read, sizes)
        owners, lost = owners[known], int((~known).sum())
        values = checks.numbers(values[known], lambda i: self.first + int(owners[i]), name)
        counts = {"tokens": np.bincount(owners, minlength=len(sizes))}
        if byte_lists is not None:
            of_tokens = self.counts(byte_lists.flatten(), "bytes", known, owners)
            counts["bytes"] = np.bincount(owners, of_tokens, len(sizes)).astype(np.int64)
        left_out = Counter({FIRST: lost} if lost else {})
        return Texts(self.first + np.arange(len(sizes)), -values, owners, counts, left_out=left_out)

    def _same_sizes(self, read: Mapping[str, Any], sizes: Array) -> None:
        """Fail where other lists are not as long as that of the log-probabilities."""
        for role in ("text", "bytes"):
            if role not in read or isinstance(read[role], np.ndarray) or not _nested(read[role]):
                continue
            others = as_numpy(pc.list_value_length(read[role]).fill_null(0))
            odd = np.flatnonzero(others != sizes)
            if odd.size:
                row = int(odd[0])
                what = f"{sizes[row]} log-probabilities, but {others[row]} entries in "
                what += f"'{self.form.columns[role]}'; expected one of each per token."
                self.checks.fail(what, self.first + row, self.name)

    def counts(self, column: Any, unit: str, kept: Array, owners: Array | None = None) -> Array:
        """Tokens, bytes, words or characters of the rows that count, or of their tokens."""
        name = self.form.columns[unit]
        values, known = self._numbers(column, name)
        values, known = values[kept], known[kept]
        bad = np.flatnonzero(~known | ~(values >= 0) | (values != np.floor(values)))
        if bad.size:
            seen = f"{values[bad[0]]:g}" if known[bad[0]] else "nothing"
            what = f"{seen} is no number of {unit}; expected a whole number, 0 or more."
            rows = kept if owners is None else owners
            self.checks.fail(what, self.first + int(rows[bad[0]]), name)
        return values.astype(np.int64)

    def possible(self, found: Texts) -> None:
        """Fail where no token has a log-probability."""
        bad = np.flatnonzero((found.counts["tokens"] == 0) & (found.losses > 0))
        if bad.size:
            what = "the text has 0 tokens, but a log-probability other than 0."
            self.checks.fail(what, int(found.places[bad[0]]), self.form.columns["tokens"])

    def _as_lists(self, column: Any) -> Any:
        if isinstance(column, np.ndarray):
            column = pa.array(column.tolist())
        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        if types.is_string(column.type) or types.is_large_string(column.type):
            return pa.array(self._parsed(column.to_pylist()), pa.list_(pa.float64()))
        if not _nested(column):
            what = f"holds {column.type}; expected a list of log-probabilities per row."
            self.checks.fail(what, None, self.name)
        return column

    def _parsed(self, written: Sequence[str | None]) -> list[Any]:
        """Lists that were written as text, by JSON or by Python."""
        found = [parsed(text or "null") for text in written]
        for row, text in enumerate(written):
            if text and found[row] is None:
                what = f"{text!r:.60} is no list of log-probabilities, such as [-1.2, -0.3]."
                self.checks.fail(what, self.first + row, self.name)
        return found

    def _numbers(self, column: Any, name: str, owners: Array | None = None) -> tuple[Array, Array]:
        """Numbers as float64, and which are given."""
        if isinstance(column, np.ndarray):
            return column.astype(np.float64), np.ones(len(column), bool)
        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        if types.is_string(column.type) or types.is_large_string(column.type):
            column = self._cast(column, name, owners)
        known = as_numpy(column.is_valid().cast(pa.uint8())).astype(bool)
        values = Values(self.checks.name).numbers(column, name, gaps=True)
        return values.astype(np.float64, copy=False), known

    def _cast(self, column: Any, name: str, owners: Array | None) -> Any:
        texts = pc.utf8_trim_whitespace(column)
        try:
            return texts.cast(pa.float64())
        except pa.ArrowInvalid:
            place = next(i for i in range(len(texts)) if not _is_number(texts[i : i + 1]))
            row = place if owners is None else int(owners[place])
            what = f"{column[place].as_py()!r:.60} is not a number."
            return self.checks.fail(what, self.first + row, name)


def _is_number(text: Any) -> bool:
    try:
        text.cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def questions(batch: Batch, first: int, form: Form, checks: Checks) -> list[Question]:
    """The rows of a batch as questions."""
    roles = form.columns
    found = []
    for row, record in enumerate(records_of(batch), first):
        field = roles["values"]
        written = record.get(field)
        entries = written
        if isinstance(written, str):
            entries = parsed(written)
        if not isinstance(entries, (list, np.ndarray)) or not len(entries):
            checks.fail("expected a list of log-likelihoods, one per choice.", row, field)
        values = [checks.number(value, row, field, "a log-likelihood") for value in entries]
        choices = [str(text) for text in record.get(roles.get("choices", ""), None) or ()]
        if choices and len(choices) != len(values):
            what = f"{len(values)} log-likelihoods for {len(choices)} choices in "
            what += f"'{roles['choices']}'; expected one of each."
            checks.fail(what, row, field)
        lengths = {
            "characters": list(map(len, choices)),
            "bytes": [len(text.encode("utf-8", "surrogatepass")) for text in choices],
        }
        likeliest = int(np.argmax(values))
        right = right_choices(record.get(roles["label"]), choices, len(values), None, likeliest,
                              row, checks, roles["label"])  # fmt: skip
        text = excerpt_of(*(record.get(roles.get(role, "")) for role in ("id", "text")))
        found.append(Question(row, values, right, lengths if choices else {}, {}, text))
    return found


def is_text_list(column: Any) -> bool:
    """Does the column hold a list of texts per row?"""
    return (
        isinstance(column, pa.Array) and _nested(column) and types.is_string(column.type.value_type)
    )


def _nested(column: Any) -> bool:
    return any(test(column.type) for test in LIST_TYPES)


def lists_of(column: Any) -> list[list[Any]]:
    """The lists of a column, also those that were written as text; empty where there is none."""
    rows = column.tolist() if isinstance(column, np.ndarray) else column.to_pylist()
    lists = (parsed(row) if isinstance(row, str) else row for row in rows)
    return [row if isinstance(row, list) else [] for row in lists]


def parsed(text: str) -> Any:
    """What was written by JSON or by Python; None if it cannot be read."""
    for python, as_json in (("None", "null"), ("nan", "NaN"), ("inf", "Infinity")):
        text = re.sub(rf"\b{python}\b", as_json, text)
    try:
        return json.loads(text)
    except ValueError:
        return None


def _value(column: Any, place: int) -> Any:
    value = column[place]
    value = value.item() if isinstance(value, np.generic) else value
    value = value.as_py() if isinstance(value, pa.Scalar) else value
    return "".join(map(str, value)) if isinstance(value, list) else value
