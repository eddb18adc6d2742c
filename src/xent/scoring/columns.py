"""Which columns hold labels, scores and weights, and their values as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from xent._kind import Kind, check_kind
from xent._validation import Array, first
from xent.scoring.errors import FileError
from xent.scoring.reader import Batch, Reader

LABEL_NAMES = ("label", "labels", "target", "targets", "y_true", "y", "class")
NAMES_BY_KIND: dict[Kind, str] = {
    "logits": "logit logits score scores",
    "log-probabilities": "logprob logprobs log_prob log_probs",
    "probabilities": "prob probs probability probabilities proba y_prob p",
}
SCORE_NAMES = {name: kind for kind, names in NAMES_BY_KIND.items() for name in names.split()}
TEXT_TYPES = (types.is_string, types.is_large_string, types.is_string_view)
NUMBER_TYPES = (types.is_integer, types.is_floating, types.is_decimal)
LABEL_TYPES = (*TEXT_TYPES, *NUMBER_TYPES, types.is_boolean)
HOW = (
    "Scores are found by name: one column logit or prob (or a list per row under logits or "
    "probs), or one column per class, logit_CLASS or prob_CLASS. Name others with "
    "--score-columns A,B,C and --kind."
)

NO_CLASS = int(np.iinfo(np.intp).min)
"""The index of a label that is not a class."""

MAX_WEIGHT = 1e100
"""Keeps products with any plausible loss finite."""


@dataclass(frozen=True)
class Rows:
    """A batch as arrays; `scores` has shape (n,) for a binary column, else (n, K)."""

    first: int
    labels: Array
    scores: Array
    weight: Array | None


class Layout:
    """The columns that are read from a file, and how their values become arrays."""

    def __init__(
        self,
        reader: Reader,
        *,
        label_column: str | None = None,
        score_columns: Sequence[str] | None = None,
        weight_column: str | None = None,
        kind: str | None = None,
        classes: Sequence[str] | None = None,
        tolerance: float = 1e-3,
        lenient: bool = False,
    ) -> None:
        self.path: Path = reader.path
        self.tolerance = tolerance
        self.lenient = lenient
        """Accept invalid scores and class indices out of range: `diagnose` explains them."""
        asked = None if kind is None else check_kind(kind)
        self.weight = weight_column
        for name in (weight_column, *(score_columns or ()), label_column):
            if name is not None and name not in reader.names:
                self._fail(f"no column '{name}'; the columns are {', '.join(reader.names)}.")
        taken = (label_column, weight_column)
        self.scores, found_kind, suffixes = self._find_scores(reader, score_columns, taken)
        self.kind: Kind = asked or found_kind
        self.label = self._find_label(reader) if label_column is None else label_column
        for name in self.columns:
            if reader.names.count(name) > 1:
                self._fail(f"{reader.names.count(name)} columns are called '{name}'.")
        self.listed = len(self.scores) == 1 and reader.is_list(self.scores[0])
        self.binary = len(self.scores) == 1 and not self.listed
        known = ["0", "1"] if self.binary else suffixes
        self.classes = known if classes is None else list(classes)
        """Names of the classes; for a column of lists, known once its first batch has been read."""
        self._check_classes()

    @property
    def columns(self) -> list[str]:
        """All columns to be read."""
        return [self.label, *self.numbers]

    @property
    def numbers(self) -> list[str]:
        """The columns that hold numbers."""
        return [*self.scores, *([self.weight] if self.weight else [])]

    @property
    def names(self) -> list[str] | None:
        """The names of the classes, unless they are just the indices."""
        return None if self.classes == _indices(len(self.classes)) else self.classes

    def rows(self, batch: Batch, first_row: int) -> Rows:
        """The batch as arrays. Errors about a label, score or weight give the row in the batch."""
        if self.listed:
            scores = self._lists(batch[self.scores[0]])
        else:
            columns = [self._numbers(batch[name], name) for name in self.scores]
            scores = columns[0] if self.binary else np.stack(columns, axis=1)
        if not self.binary:
            k = scores.shape[1]
            self.classes = self.classes or _indices(k)
            if k != len(self.classes):
                what = f"{k} scores, but there are {len(self.classes)} classes."
                self._fail(what, row=0, column=self.scores[0])
            if k < 2:
                what = f"{k} scores per row; expected 2 or more, one per class. "
                what += "A binary score is a plain number: save scores[:, 0]."
                self._fail(what, column=self.scores[0])
        if not self.lenient:
            self._check_scores(scores)
        weight = None
        if self.weight is not None:
            weight = self._numbers(batch[self.weight], self.weight)
            bad = ~((weight >= 0) & (weight <= MAX_WEIGHT))
            rule = f"a weight lies between 0 and {MAX_WEIGHT:g}"
            self._report(bad, weight, [self.weight], rule)
        return Rows(first_row, self._labels(batch[self.label]), scores, weight)

    def _find_scores(
        self, reader: Reader, asked: Sequence[str] | None, taken: Sequence[str | None]
    ) -> tuple[list[str], Kind, list[str]]:
        """Score columns in class order, what they hold, and the classes' names if known."""
        names = list(asked or self._named_scores(reader, taken))
        parts = [_split(name) for name in names]
        stem = parts[0][0]
        kind = SCORE_NAMES.get(stem, "logits")
        if len(names) == 1:
            return names, kind, []
        alike = all(part[0] == stem and part[1] for part in parts)
        return names, kind, [suffix for _, suffix in parts] if alike else names

    def _named_scores(self, reader: Reader, taken: Sequence[str | None]) -> list[str]:
        """The one set of columns whose names say that they hold scores."""
        groups: dict[str, list[str]] = {}
        for name in reader.names:
            stem, _ = _split(name)
            if stem in SCORE_NAMES and name not in taken:
                groups.setdefault(name if stem == name.lower() else f"{stem}_", []).append(name)
        # "logit" is a column by itself; "logit_1" is one of several.
        found = [names for key, names in groups.items() if len(names) > 1 or not key.endswith("_")]
        if len(found) != 1:
            shown = " and ".join(names[0] for names in found) or "none"
            every = ", ".join(reader.names)
            self._fail(f"no single set of score columns among {every}: found {shown}. {HOW}")
        return found[0]

    def _find_label(self, reader: Reader) -> str:
        taken = {*self.scores, self.weight}
        for name in LABEL_NAMES:
            for column in reader.names:
                if column.lower() == name and column not in taken:
                    return column
        what = f"no label column among {', '.join(reader.names)}. It must be called one of "
        what += f"{', '.join(LABEL_NAMES)}, or be named with --label-column."
        if reader.path.suffix.lower() == ".npy":
            what = "holds only scores, no labels. Give the file of labels with --labels FILE.npy."
        raise FileError(self.path, what)

    def _check_classes(self) -> None:
        if len(set(self.classes)) != len(self.classes):
            msg = f"classes {', '.join(self.classes)} contain duplicates."
            raise ValueError(msg)
        expected = 2 if self.binary else len(self.scores)
        if not self.listed and len(self.classes) != expected:
            msg = f"{len(self.classes)} classes are named, but the scores are for {expected}."
            raise ValueError(msg)

    def _fail(self, what: str, *, row: int | None = None, column: str | None = None) -> NoReturn:
        raise FileError(self.path, what, row=row, column=column)

    def _numbers(self, column: Any, name: str) -> Array:
        """A column of numbers as float64 or float32."""
        values = column
        if not isinstance(column, np.ndarray):
            self._present(column, name)
            if types.is_dictionary(column.type):
                column = column.dictionary_decode()
            if not any(test(column.type) for test in NUMBER_TYPES):
                self._fail(f"holds {column.type}; expected numbers.", column=name)
            if types.is_decimal(column.type):
                column = column.cast(pa.float64())
            values = column.to_numpy(zero_copy_only=False)
        if values.dtype.kind not in "fiu" or values.ndim != 1:
            what = f"holds {values.dtype} of shape {values.shape}; expected one number per row."
            self._fail(what, column=name)
        # Floats keep their precision, except for float16; whole numbers become float64.
        least = np.float32 if values.dtype.kind == "f" else np.float64
        return np.asarray(values.astype(np.promote_types(values.dtype, least)))

    def _lists(self, column: Any) -> Array:
        """A column of equally long lists as a matrix."""
        name = self.scores[0]
        if isinstance(column, np.ndarray):
            if column.ndim != 2:
                self._fail(f"has {column.ndim} axes; expected two, rows and classes.", column=name)
            return self._numbers(column.reshape(-1), name).reshape(column.shape)
        self._present(column, name)
        lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
        width = len(self.classes) or int(lengths[0])
        odd = np.flatnonzero(lengths != width)
        if odd.size:
            what = f"{lengths[odd[0]]} scores; expected {width}, one per class."
            self._fail(what, row=odd[0], column=name)
        values = column.flatten()
        self._present(values, name, "a score is missing.", per_row=width)
        return self._numbers(values, name).reshape(len(column), width)

    def _present(
        self, values: Any, name: str, what: str = "the value is missing.", per_row: int = 1
    ) -> None:
        if values.null_count:
            self._fail(what, row=pc.index(pc.is_null(values), True).as_py() // per_row, column=name)

    def _check_scores(self, scores: Array) -> None:
        """No NaN; probabilities between 0 and 1, in rows that sum to 1."""
        # Written as "not inside", so that NaN is found too.
        if self.kind == "probabilities":
            slack = 0.0 if self.binary else self.tolerance
            bad = ~((scores >= 0) & (scores <= 1 + slack))
            rule = "a probability lies between 0 and 1; for raw scores pass --kind logits"
        elif self.kind == "log-probabilities":
            bad = ~(scores <= self.tolerance)
            rule = "a log-probability is not above 0; for raw scores pass --kind logits"
        else:
            bad = np.isnan(scores)
            rule = "a score must be a number"
            if not self.binary:
                certain = scores == np.inf
                bad |= certain & (certain.sum(axis=1, keepdims=True) > 1)
                rule += ", and only one of a row may be inf"
        self._report(bad, scores, self.scores, rule)
        if self.kind != "logits" and not self.binary:
            p = scores if self.kind == "probabilities" else np.exp(scores)
            sums = p.sum(axis=1, dtype=np.float64)
            off = np.flatnonzero(np.abs(sums - 1) > self.tolerance)
            if off.size:
                what = f"the probabilities sum to {sums[off[0]]:.6g}, not 1 (within "
                what += f"{self.tolerance:g}). If they were rounded when written, pass a larger "
                self._fail(what + "--tolerance.", row=off[0])

    def _report(self, bad: Array, values: Array, names: Sequence[str], rule: str) -> None:
        """Fail at the first bad value; `names` are the columns that the values are from."""
        if bad.any():
            row, *column = where = first(bad)
            name = names[column[0] if len(names) > 1 else 0]
            self._fail(f"{values[where]}: {rule}.", row=row, column=name)

    def _labels(self, column: Any) -> Array:
        """Class indices of a column of names or numbers."""
        if isinstance(column, np.ndarray):
            column = self._arrow(column)
        self._present(column, self.label)
        is_encoded = types.is_dictionary(column.type)
        kind = column.type.value_type if is_encoded else column.type
        if not any(test(kind) for test in LABEL_TYPES):
            what = f"holds {kind}; expected one label per row, a number or a name."
            self._fail(what, column=self.label)
        encoded = column if is_encoded else column.dictionary_encode()
        codes = np.array([self._code(v) for v in encoded.dictionary.to_pylist()], dtype=np.intp)
        labels: Array = codes[encoded.indices.to_numpy(zero_copy_only=False)]
        unknown = np.flatnonzero(labels == NO_CLASS)
        if unknown.size:
            row = int(unknown[0])
            self._fail(self._unknown(column[row].as_py()), row=row, column=self.label)
        return labels

    def _arrow(self, column: Array) -> Any:
        """Labels from a NumPy file as an Arrow array, like those of other files."""
        if column.ndim != 1 or column.dtype.kind not in "biufUS":
            what = f"holds {column.dtype} of shape {column.shape[1:]} per row; expected one label."
            self._fail(what, column=self.label)
        if column.dtype.kind == "S":
            column = np.char.decode(column, "utf-8", "replace")
        if column.dtype.kind == "f":
            column = column.astype(np.float64)
        return pa.array(column.astype(column.dtype.newbyteorder("=")))

    def _code(self, value: Any) -> int:
        """Class index of one distinct label, or NO_CLASS."""
        text = str(value).strip()
        if text in self.classes:
            return self.classes.index(text)
        if len(self.classes) == 2 and text.lower() in ("false", "true"):
            return int(text.lower() == "true")
        try:
            number = float(text)
        except ValueError:
            return NO_CLASS
        if not number.is_integer():
            return NO_CLASS
        index = int(number)
        if str(index) in self.classes:  # 1.0 for 1
            return self.classes.index(str(index))
        numbered = any(name.lstrip("-").isdigit() for name in self.classes)
        if self.lenient and abs(index) < 2**31 and (self.names is None or not numbered):
            return index
        # If the classes are named by numbers, this is not one of them.
        return index if not numbered and 0 <= index < len(self.classes) else NO_CLASS

    def _unknown(self, value: Any) -> str:
        if value is None or not str(value).strip():
            return "the label is missing."
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        k = len(self.classes)
        shown = ", ".join(self.classes[:8]) + f", ... ({k} in all)" * (k > 8)
        what = f"{value!r} is not a class; the classes are {shown}."
        text = str(value).strip()
        if self.names is None:
            if text == str(k):
                return what + " If your labels start at 1, name them: --classes 1,2,..."
            if text == "-1" and k == 2:
                return what + " If your labels are -1 and 1, name them: --classes=-1,1"
        if isinstance(value, str) and not text.lstrip("-").isdigit():
            return what + " Name the classes in the order of the scores: --classes A,B,..."
        return what


def _split(name: str) -> tuple[str, str]:
    """Stem in lower case and class of a score column: "Log_Prob_cat" is log_prob and cat."""
    lower = name.lower()
    if lower in SCORE_NAMES:
        return lower, ""
    stems = [stem for stem in SCORE_NAMES if lower.startswith(f"{stem}_")]
    stem = stems[0] if stems else lower.partition("_")[0]
    return stem, name[len(stem) + 1 :]


def _indices(k: int) -> list[str]:
    """The names of k classes that have no other names."""
    return [str(j) for j in range(k)]
