"""Which columns hold labels, scores and weights, and their values as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xent._kind import Kind, check_kind
from xent._validation import Array
from xent.scoring.errors import FileError
from xent.scoring.reader import Batch, Reader

LABEL_NAMES = ("label", "labels", "target", "targets", "y_true", "y", "class")
SCORE_NAMES: dict[str, Kind] = {
    "logit": "logits",
    "logits": "logits",
    "score": "logits",
    "scores": "logits",
    "logprob": "log-probabilities",
    "logprobs": "log-probabilities",
    "log_prob": "log-probabilities",
    "log_probs": "log-probabilities",
    "prob": "probabilities",
    "probs": "probabilities",
    "probability": "probabilities",
    "probabilities": "probabilities",
    "proba": "probabilities",
    "y_prob": "probabilities",
    "p": "probabilities",
}
LABEL_TYPES = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_boolean,
    pa.types.is_decimal,
)
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
        if weight_column is not None:
            self._must_exist(reader, weight_column)
        taken = (label_column, weight_column)
        self.scores, found_kind, suffixes = self._find_scores(reader, score_columns, taken)
        self.kind: Kind = asked or found_kind
        self.label = self._find_label(reader, label_column)
        for name in self.columns:
            if reader.names.count(name) > 1:
                self._fail(f"{reader.names.count(name)} columns are called '{name}'.")
        self.listed = len(self.scores) == 1 and reader.is_list(self.scores[0])
        self.binary = len(self.scores) == 1 and not self.listed
        self.classes: list[str] | None = ["0", "1"] if self.binary else suffixes
        """Their names; those of a column of lists are known once its first batch is."""
        if classes is not None:
            self.classes = list(classes)
        if self.classes is not None:
            self._check_classes(self.classes)

    @property
    def columns(self) -> list[str]:
        """All columns to be read."""
        return [self.label, *self.numbers]

    @property
    def numbers(self) -> list[str]:
        """The columns that hold numbers."""
        return [*self.scores, *([self.weight] if self.weight else [])]

    def rows(self, batch: Batch, first: int) -> Rows:
        """The batch as arrays. An invalid label, score or weight is reported with its row."""
        if self.listed:
            scores = self._lists(batch[self.scores[0]], first)
        else:
            columns = [self._numbers(batch[name], name, first) for name in self.scores]
            scores = columns[0] if self.binary else np.stack(columns, axis=1)
        if self.classes is None:
            self.classes = [str(j) for j in range(scores.shape[1])]
        if not self.binary and scores.shape[1] != len(self.classes):
            what = f"{scores.shape[1]} scores, but there are {len(self.classes)} classes."
            self._fail(what, row=first, column=self.scores[0])
        if not self.binary and len(self.classes) < 2:
            what = (
                f"{len(self.classes)} scores per row; expected one per class, of 2 or more. "
                "A binary score is a plain number: save scores[:, 0]."
            )
            self._fail(what, column=self.scores[0])
        if not self.lenient:
            self._check_scores(scores, first)
        weight = None
        if self.weight is not None:
            weight = self._numbers(batch[self.weight], self.weight, first)
            bad = ~((weight >= 0) & (weight <= MAX_WEIGHT))
            rule = f"a weight lies between 0 and {MAX_WEIGHT:g}"
            self._report(bad, weight, first, self.weight, rule)
        return Rows(first, self._labels(batch[self.label], first), scores, weight)

    def _find_scores(
        self, reader: Reader, asked: Sequence[str] | None, taken: Sequence[str | None]
    ) -> tuple[list[str], Kind, list[str] | None]:
        """Score columns in class order, what they hold, and the classes' names if known."""
        if asked:
            for name in asked:
                self._must_exist(reader, name)
            stem, suffix = _split(asked[0])
            kind = SCORE_NAMES.get(stem, "logits")
            if len(asked) == 1:
                return list(asked), kind, None
            parts = [_split(name) for name in asked]
            alike = suffix and all(part[0] == stem and part[1] for part in parts)
            return list(asked), kind, [part[1] for part in parts] if alike else list(asked)
        groups: dict[str, list[str]] = {}
        for name in reader.names:
            stem, _ = _split(name)
            if stem in SCORE_NAMES and name not in taken:
                groups.setdefault(name if stem == name.lower() else f"{stem}_", []).append(name)
        # "logit" is a column by itself; "logit_1" is one of several.
        found: list[tuple[Kind, list[str], list[str] | None]] = [
            (
                SCORE_NAMES[_split(names[0])[0]],
                names,
                [_split(name)[1] for name in names] if key.endswith("_") else None,
            )
            for key, names in groups.items()
            if len(names) > 1 or not key.endswith("_")
        ]
        if len(found) != 1:
            shown = "none" if not found else " and ".join(names[0] for _, names, _ in found)
            every = ", ".join(reader.names)
            self._fail(f"no one set of score columns among {every}: found {shown}. {HOW}")
        kind, names, named = found[0]
        return names, kind, named

    def _find_label(self, reader: Reader, asked: str | None) -> str:
        if asked is not None:
            self._must_exist(reader, asked)
            return asked
        taken = {*self.scores, self.weight}
        for name in LABEL_NAMES:
            for column in reader.names:
                if column.lower() == name and column not in taken:
                    return column
        what = (
            f"no column of labels among {', '.join(reader.names)}. It is called one of "
            f"{', '.join(LABEL_NAMES)}, or named with --label-column."
        )
        if reader.path.suffix.lower() == ".npy":
            what = "scores alone, without labels. Name their file with --labels FILE.npy."
        raise FileError(self.path, what)

    def _must_exist(self, reader: Reader, name: str) -> None:
        if name not in reader.names:
            self._fail(f"no column '{name}'; the columns are {', '.join(reader.names)}.")

    def _check_classes(self, classes: list[str]) -> None:
        if len(set(classes)) != len(classes):
            msg = f"classes {', '.join(classes)} are not all different."
            raise ValueError(msg)
        expected = 2 if self.binary else len(self.scores)
        if not self.listed and len(classes) != expected:
            msg = f"{len(classes)} classes are named, but the scores are for {expected}."
            raise ValueError(msg)

    def _fail(self, what: str, *, row: int | None = None, column: str | None = None) -> NoReturn:
        raise FileError(self.path, what, row=row, column=column)

    def _numbers(self, column: Any, name: str, first: int) -> Array:
        """A column of numbers as float64 or float32."""
        if isinstance(column, np.ndarray):
            values = column
        else:
            self._present(column, name, first)
            if pa.types.is_dictionary(column.type):
                column = column.dictionary_decode()
            if pa.types.is_decimal(column.type):
                column = column.cast(pa.float64())
            if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
                self._fail(f"holds {column.type}; expected numbers.", column=name)
            values = column.to_numpy(zero_copy_only=False)
        if values.dtype.kind not in "fiu" or values.ndim != 1:
            self._fail(
                f"holds {values.dtype} of shape {values.shape}; expected one number per row.",
                column=name,
            )
        return values.astype(np.float32 if values.dtype == np.float16 else _wide(values.dtype))

    def _lists(self, column: Any, first: int) -> Array:
        """A column of equally long lists as a matrix."""
        name = self.scores[0]
        if isinstance(column, np.ndarray):
            if column.ndim != 2:
                self._fail(f"has {column.ndim} axes; expected two, rows and classes.", column=name)
            return self._numbers(column.reshape(-1), name, first).reshape(column.shape)
        self._present(column, name, first)
        lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
        width = len(self.classes) if self.classes is not None else int(lengths[0])
        odd = lengths != width
        if odd.any():
            row = int(odd.argmax())
            self._fail(
                f"{lengths[row]} scores; expected {width}, one per class.",
                row=first + row,
                column=name,
            )
        values = column.flatten()
        if values.null_count:
            row = first + pc.index(pc.is_null(values), True).as_py() // width
            self._fail("a score is missing.", row=row, column=name)
        return self._numbers(values, name, first).reshape(len(column), width)

    def _present(self, column: Any, name: str, first: int) -> None:
        if column.null_count:
            row = first + pc.index(pc.is_null(column), True).as_py()
            self._fail("the value is missing.", row=row, column=name)

    def _check_scores(self, scores: Array, first: int) -> None:
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
        self._report(bad, scores, first, None, rule)
        if self.kind != "logits" and not self.binary:
            p = scores if self.kind == "probabilities" else np.exp(scores)
            sums = p.sum(axis=1, dtype=np.float64)
            off = np.abs(sums - 1) > self.tolerance
            if off.any():
                row = int(off.argmax())
                what = (
                    f"the probabilities sum to {sums[row]:.6g}, not 1 (within {self.tolerance:g}). "
                    "If they were rounded when written, pass a larger --tolerance."
                )
                self._fail(what, row=first + row)

    def _report(self, bad: Array, values: Array, first: int, name: str | None, rule: str) -> None:
        if not bad.any():
            return
        where = np.unravel_index(int(bad.argmax()), bad.shape)
        if name is None:
            name = self.scores[0] if self.binary or self.listed else self.scores[where[1]]
        self._fail(f"{values[where]}: {rule}.", row=first + int(where[0]), column=name)

    def _labels(self, column: Any, first: int) -> Array:
        """Class indices of a column of names or numbers."""
        if isinstance(column, np.ndarray):
            column = self._arrow(column)
        self._present(column, self.label, first)
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if not any(test(kind) for test in LABEL_TYPES):
            self._fail(
                f"holds {kind}; expected one label per row, a number or a name.", column=self.label
            )
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        codes = np.array([self._code(v) for v in encoded.dictionary.to_pylist()], dtype=np.intp)
        labels: Array = codes[encoded.indices.to_numpy(zero_copy_only=False)]
        unknown = labels == NO_CLASS
        if unknown.any():
            row = int(unknown.argmax())
            value = column[row].as_py()
            self._fail(self._unknown(value), row=first + row, column=self.label)
        return labels

    def _arrow(self, column: Array) -> Any:
        """Labels from a NumPy file as an Arrow array, like those of other files."""
        if column.ndim != 1 or column.dtype.kind not in "biufUS":
            self._fail(
                f"holds {column.dtype} of shape {column.shape[1:]} per row; expected one label.",
                column=self.label,
            )
        if column.dtype.kind == "S":
            column = np.char.decode(column, "utf-8", "replace")
        if column.dtype.kind == "f":
            column = column.astype(np.float64)
        return pa.array(column.astype(column.dtype.newbyteorder("=")))

    def _code(self, value: Any) -> int:
        """Class index of one distinct label, or NO_CLASS."""
        assert self.classes is not None
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
        if str(int(number)) in self.classes:  # 1.0 for 1
            return self.classes.index(str(int(number)))
        numbered = any(name.lstrip("-").isdigit() for name in self.classes)
        if self.lenient and abs(number) < 2**31 and (self._by_index() or not numbered):
            return int(number)
        if numbered:
            return NO_CLASS  # the classes are named by numbers, and this is not one of them
        return int(number) if 0 <= number < len(self.classes) else NO_CLASS

    def _by_index(self) -> bool:
        """Are the classes called 0, 1, 2, ... in this order?"""
        assert self.classes is not None
        return self.classes == [str(j) for j in range(len(self.classes))]

    def _unknown(self, value: Any) -> str:
        assert self.classes is not None
        if value is None or not str(value).strip():
            return "the label is missing."
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        k = len(self.classes)
        shown = ", ".join(self.classes[:8]) + (f", ... ({k} in all)" if k > 8 else "")
        what = f"{value!r} is not a class; the classes are {shown}."
        text = str(value).strip()
        if self._by_index():
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


def _wide(dtype: Any) -> Any:
    """Floats keep their precision; whole numbers become float64."""
    return dtype if dtype.kind == "f" else np.float64
