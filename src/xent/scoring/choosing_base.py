"""The first rows and the options, by which it is decided how a file is read; and errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from xent._validation import Array
from xent.scoring import naming
from xent.scoring.columns import Layout
from xent.scoring.labels import indices, present, whole_number
from xent.scoring.losses import losses_of
from xent.scoring.reading import Options, Reading
from xent.scoring.sources.reader import Reader
from xent.scoring.sources.sample import Sample
from xent.scoring.values import Values

PERCENT = "percent"


class Candidate(NamedTuple):
    """A reading that is possible, and the option that chooses it."""

    description: str
    option: str
    reading: Reading


class BaseChooser:
    """What deciding about columns, classes and kind has in common."""

    def __init__(
        self, reader: Reader, sample: Sample, options: Options, *, tries: bool = True
    ) -> None:
        self.reader, self.sample, self.options = reader, sample, options
        self.tries = tries
        """Are other options tried, for an error to name them?"""
        self.values = Values(reader.name)
        self.fail = self.values.fail

    def reading(self) -> Reading:
        """How the file is read."""
        raise NotImplementedError

    def _labels_in(self, label: str) -> list[str]:
        """The distinct labels of the sample, without those left out and what stands for none."""
        ignored = self.options.ignored
        texts = present(self.sample.texts(label))
        return [text for text in texts if whole_number(text) not in ignored]

    def _predicted_column(self, label: str, scores: Sequence[str]) -> str | None:
        """A column of predicted labels, if there is one."""
        labels = {*map(whole_number, self._labels_in(label))}
        for name in self.sample.columns:
            if name in (label, *scores) or self.sample.listed(name):
                continue
            found = {*map(whole_number, present(self.sample.texts(name)))}
            named = naming.PREDICTED.fullmatch(name.strip()) is not None
            if found & labels and (named or (found <= labels and len(found) < len(self.sample))):
                return name
        return None

    def _counting(self, matrix: Array, label: str) -> Array:
        """The rows of the sample in which nothing is missing, and which are not left out."""
        column = self.sample.columns.get(label)
        if self.options.ignored and column is not None and len(column) == len(matrix):
            values = column.tolist() if isinstance(column, np.ndarray) else column.to_pylist()
            texts = (whole_number(str(value).strip()) for value in values)
            matrix = matrix[[text not in self.options.ignored for text in texts]]
        return whole_rows(matrix)

    def _several(self, seen: str, found: Sequence[Candidate], column: str | None = None) -> None:
        """Fail, with each reading, its loss and its option."""
        said = [each for each in found if self._loss(each.reading)]
        found = said or found
        shown = "; ".join(f"{self._loss(e.reading)}for {e.description} ({e.option})" for e in found)
        rows = f" on the first {len(self.sample)} rows" if len(self.sample) > 1 else ""
        self.fail(f"{seen}. Pass the option that is right; losses{rows}: {shown}.", column=column)

    def _tried(self, **options: Any) -> Reading | None:
        """The reading with these options; None if it gives no loss of the sample."""
        try:
            asked = replace(self.options, **options)
            reading = type(self)(self.reader, self.sample, asked, tries=False).reading()
        except ValueError:  # FileError, too
            return None
        return reading if self._loss(reading) else None

    def _loss(self, reading: Reading) -> str:
        """The mean loss of the sample for this reading, in words; nothing if it has none."""
        mean = self._mean(reading)
        return "" if np.isnan(mean) else f"{mean:.4f} "

    def _mean(self, reading: Reading) -> float:
        """The mean loss of the sample for this reading, or NaN."""
        tolerance, each = self.options.tolerance, []
        try:
            batch = reading.prepared(self.sample.columns, self.values)
            for part in reading.parts:
                layout = Layout(self.reader, part, tolerance=tolerance, missing="drop")
                rows = layout.rows(batch, 0)
                each.append(losses_of(rows.scores, rows.labels, reading.kind))
        except (ValueError, TypeError):
            return np.nan
        losses = np.concatenate(each)
        return float(losses.mean()) if len(losses) else np.nan


def whole_rows(matrix: Array) -> Array:
    """The rows in which nothing is missing."""
    if matrix.ndim == 1:
        return matrix[~np.isnan(matrix)]
    return matrix[~np.isnan(matrix).any(axis=1)]


def is_number(text: str) -> bool:
    """Is it a whole number?"""
    return whole_number(text).lstrip("-").isdigit()


def few(texts: Sequence[str]) -> str:
    """The first of the texts, for a message."""
    return ", ".join(texts[:6]) + ", ..." * (len(texts) > 6)


def order(low: int, count: int) -> str:
    """The option for classes that are counted from a number."""
    names = indices(count, low)
    return ",".join(names) if count <= 12 else f"{names[0]},{names[1]},...,{names[-1]}"
