"""Readings whose labels are columns, or lists, of 0 and 1: one for each class or label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import types

from xent._validation import Array
from xent.scoring.labels import GONE, NO_CLASS, SOFT, Labels, is_share, whole_number
from xent.scoring.reading import Reading, quoted
from xent.scoring.values import Values


class TruthLabels(Labels):
    """What is 0 and what is 1 in a column that says whether a label is true."""

    def unknown(self, value: Any) -> str:
        no, yes = self.classes
        text = whole_number(str(value).strip())
        what = f"{text!r} does not say whether the label is true; expected {no} or {yes}."
        if is_share(text):
            return what + SOFT.replace("xent.log_loss", "xent.log_loss(y.ravel(), p.ravel())")
        return f"{what} If it marks what is to be left out: --ignore-label={text}"


@dataclass(frozen=True)
class Indicators(Reading):
    """What both readings have: the columns of truth, and the labels of each."""

    truths: tuple[str, ...] = ()
    """A column for each label, in the order of the scores; or one of lists."""
    each: tuple[TruthLabels, ...] = ()
    """What is 0 and what is 1 in the columns."""
    ignored: frozenset[str] = frozenset()
    """What marks rows or cells that are left out."""

    @property
    def label_columns(self) -> tuple[str, ...]:
        return self.truths

    @property
    def numbers(self) -> list[str]:
        lists = self.truths if len(self.truths) == 1 else ()
        return [*lists, *super().numbers]


@dataclass(frozen=True)
class OneHot(Indicators):
    """Each row has a single 1, at its class."""

    def prepared(self, batch: Mapping[str, Any], values: Values) -> Mapping[str, Any]:
        """The batch, with the classes' names in a column of labels."""
        codes = indicators(batch, self.truths, self.each, values)
        marked = np.full(len(codes), "", object)
        for row, j in np.argwhere(codes == NO_CLASS).tolist():
            text = whole_number(str(self._written(batch, row, j, values)).strip())
            if text not in self.ignored:
                name = self.truths[j] if len(self.truths) > 1 else self.truths[0]
                share = f"{text!r} is neither 0 nor 1.{SOFT}"
                what = share if is_share(text) else self.each[j].unknown(text)
                values.fail(what, row=row, column=name)
            marked[row] = text
        whole = (codes >= 0).all(axis=1)
        bad = np.flatnonzero(whole & ((codes == 1).sum(axis=1) != 1))
        if bad.size:
            row = int(bad[0])
            told = ", ".join(map(str, codes[row][:8].tolist())) + ", ..." * (codes.shape[1] > 8)
            what = f"the labels of a row are {told}; expected a single 1. If several labels may be "
            values.fail(what + "true at once, pass --multi-label.", row=row)
        names = np.where(marked == "", np.array(self.classes, object)[codes.argmax(axis=1)], marked)
        gone = ~whole & (marked == "")
        return {**batch, self.label: pa.array(names.tolist(), pa.string(), mask=gone)}

    def _written(self, batch: Mapping[str, Any], row: int, j: int, values: Values) -> Any:
        """What a cell holds."""
        if len(self.truths) == 1:
            name = self.truths[0]
            return values.lists(numbers(batch[name]), name, len(self.each), gaps=True)[row, j]
        value = batch[self.truths[j]][row]
        return value.as_py() if isinstance(value, pa.Scalar) else value

    @property
    def _labels_in(self) -> str:
        return f"Labels one-hot in {quoted(self.truths)}"


@dataclass(frozen=True)
class MultiLabel(Indicators):
    """Several labels of a row may be true at once, each with a score of its own."""

    @property
    def parts(self) -> Sequence[Reading]:
        return [
            Reading(
                truth, (score,), "binary", self.kind, each, self.weight,
                percent=self.percent, truth=self.truth, show=self.show,
            )
            for truth, score, each in zip(
                self._names(self.truths), self._names(self.scores), self.each, strict=True
            )
        ]  # fmt: skip

    def _names(self, columns: Sequence[str]) -> Sequence[str]:
        """Columns for each label; those of lists are named by their place."""
        if len(columns) > 1:
            return columns
        return [f"{columns[0]}[{j}]" for j in range(len(self.classes))]

    def prepared(self, batch: Mapping[str, Any], values: Values) -> Mapping[str, Any]:
        """The batch, with a column for each place of its lists."""
        made: dict[str, Any] = {}
        for columns in (self.truths, self.scores):
            if len(columns) == 1:
                column = numbers(batch[columns[0]])
                matrix = values.lists(column, columns[0], len(self.classes), gaps=True)
                made |= dict(zip(self._names(columns), matrix.T, strict=True))
        arrays = {name: pa.array(column, from_pandas=True) for name, column in made.items()}
        return {**batch, **arrays}

    @property
    def description(self) -> str:
        """How the file is read, in a sentence for the result."""
        kind = "percentages" if self.percent else self.kind
        places = (
            f"in {quoted(names)}" if len(names) > 1 else f"in '{names[0]}', a list per row"
            for names in (self.truths, self.scores)
        )
        names = ", ".join(self.classes[:6]) + f", ... ({len(self.classes)})" * (
            len(self.classes) > 6
        )
        truth, scores = places
        weight = f"; weights in '{self.weight}'" if self.weight else ""
        other = f" of {self.truth}" if self.truth else ""
        return (
            f"Labels {names}, of which several may be true at once: truth {truth}{other}; "
            f"{kind} {scores}{weight}."
        )


def numbers(column: Any) -> Any:
    """A column of lists, with booleans as 0 and 1."""
    if isinstance(column, np.ndarray):
        return column.astype(np.int8) if column.dtype.kind == "b" else column
    nested = types.is_nested(column.type)
    if nested and types.is_boolean(column.type.value_type):
        return column.cast(pa.list_(pa.int8()))
    return column


def indicators(
    batch: Mapping[str, Any], truths: Sequence[str], each: Sequence[Labels], values: Values
) -> Array:
    """0 and 1 by row and label; below 0 where there is no label, or something else."""
    if len(truths) == 1:
        matrix = values.lists(numbers(batch[truths[0]]), truths[0], len(each), gaps=True)
        fine = (matrix == 0) | (matrix == 1)
        return np.where(fine, matrix == 1, np.where(np.isnan(matrix), GONE, NO_CLASS))
    columns = []
    for name, labels in zip(truths, each, strict=True):
        codes, distinct = values.labels(batch[name], name)
        columns.append(np.array([*map(labels.code, distinct), GONE], np.int64)[codes])
    return np.stack(columns, axis=1)
