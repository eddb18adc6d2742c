"""The columns that are read from a file, as arrays of labels, scores and weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from pyarrow import types

from xent._plausible import ROUNDING
from xent._validation import Array, first
from xent.scoring import out_of_range, several_labels
from xent.scoring.labels import GONE, NO_CLASS, whole_number
from xent.scoring.reading import Reading
from xent.scoring.slicing import NOTHING, Slicing
from xent.scoring.sources.reader import Batch, Reader
from xent.scoring.state.accumulator import Groups
from xent.scoring.values import DROP, Values

MIN_WEIGHT, MAX_WEIGHT = 1e-75, 1e75
"""Keep products with any plausible loss exact and finite."""

ROUNDED = " If they were rounded when written, pass a larger --tolerance"
DIVIDE = " To divide each row by its sum, pass --normalize."

Missing = Literal["error", "drop"]


@dataclass(frozen=True)
class Rows:
    """A batch as arrays; `scores` has shape (n,) for a binary column, else (n, K)."""

    places: Array
    """The rows' numbers in the file, from 0."""
    labels: Array
    scores: Array
    weight: Array | None
    shown: tuple[Array, ...] = ()
    """Columns that are shown beside the worst rows, as texts."""
    groups: tuple[Groups, ...] = ()
    """The values of the columns by which there are sums."""


class Layout:
    """Makes arrays of batches, as a reading says."""

    def __init__(
        self,
        reader: Reader,
        reading: Reading,
        *,
        tolerance: float = 1e-3,
        missing: Missing = "error",
        ignored: Sequence[str] = (),
        lenient: bool = False,
    ) -> None:
        self.reading, self.tolerance, self.lenient = reading, tolerance, lenient
        self.drops = missing == "drop"
        self.ignored = frozenset(whole_number(str(each)) for each in ignored)
        self.values = Values(reader.name)
        self.distinct: list[Any] | None = None
        """The distinct labels of the last batch, for which there are the arrays below."""
        self.codes, self.leave = np.empty(0, np.intp), np.empty(0, bool)
        self.left_out: Counter[str] = Counter()
        """How many rows were left out, by the reason."""

    def rows(self, batch: Batch, first_row: int) -> Rows:
        """The batch as arrays. Errors about a label, score or weight give the row in the batch."""
        r, values = self.reading, self.values
        labels, ignored = self._labels(batch[r.label])
        scores = self._scores(batch)
        weight = None
        if r.weight is not None:
            weight = values.numbers(batch[r.weight], r.weight, gaps=self.drops)
        cluster, apart = None, np.zeros(len(labels), bool)
        if r.cluster is not None:
            cluster = groups_of(self.values, batch[r.cluster], r.cluster)
            apart = np.array([text == NOTHING for text in cluster.texts])[cluster.codes]
        kept = None if ignored is None else ~ignored
        if ignored is not None:
            self.left_out["label left out"] += int(ignored.sum())
        if self.drops:
            kept = np.ones(len(labels), bool) if kept is None else kept
            gone = {
                "no label": labels == GONE,
                "no score": np.isnan(scores.reshape(len(scores), -1)).any(axis=1),
                "no weight": np.zeros(len(labels), bool) if weight is None else np.isnan(weight),
                "no cluster": apart,
            }
            for reason, rows in gone.items():
                self.left_out[reason] += int((kept & rows).sum())
                kept &= ~rows
        places = np.arange(len(labels)) if kept is None else np.flatnonzero(kept)
        if len(places) < len(labels):
            labels, scores = labels[places], scores[places]
            weight = None if weight is None else weight[places]
        if len(labels) and labels.min() == GONE:
            self._fail_at(places, labels == GONE, "the label is missing." + DROP, r.label)
        if not self.lenient:
            scores = self._checked(scores, places)
        if weight is not None and r.weight is not None:
            inside = (weight >= np.float64(MIN_WEIGHT)) & (weight <= np.float64(MAX_WEIGHT))
            rule = f"a weight is 0, or lies between {MIN_WEIGHT:g} and {MAX_WEIGHT:g}"
            self._report(~(inside | (weight == 0)), weight, [r.weight], rule, places)
        shown = tuple(self._shown(batch[name], name)[places] for name in r.show)
        groups = [self._sliced(batch[each.column], each) for each in r.by]
        if cluster is not None and r.cluster is not None:
            if apart[places].any():
                self._fail_at(places, apart[places], "the cluster is missing." + DROP, r.cluster)
            groups.append(cluster)
        of = tuple(each.of(places) for each in groups)
        return Rows(first_row + places, labels, scores, weight, shown, of)

    def _shown(self, column: Any, name: str) -> Array:
        """A column as texts; whole numbers without a point, though it may be read as floats."""
        texts = self.values.texts(column)
        binned = {each.column for each in self.reading.by if each.edges}
        if name not in binned.union(self.reading.numbers):
            return texts
        return np.array([whole_number(text) for text in texts], object)

    def _sliced(self, column: Any, slicing: Slicing) -> Groups:
        if not slicing.edges:
            return groups_of(self.values, column, slicing.column)
        numbers = self.values.numbers(column, slicing.column, gaps=True)
        return Groups(slicing.bins_of(numbers), [*slicing.bins, NOTHING])

    def _labels(self, column: Any) -> tuple[Array, Array | None]:
        """Class indices of the rows, and which rows have a label that is to be left out, if any."""
        if what := several_labels.in_lists(column, self.reading):
            self.values.fail(what, column=self.reading.label)
        codes, distinct = self.values.labels(column, self.reading.label)
        if distinct != self.distinct:
            code = self.reading.labels.code
            self.distinct = distinct
            self.leave = np.array([_text(value) in self.ignored for value in distinct] + [False])
            self.codes = np.array([code(value) for value in distinct] + [GONE], np.intp)
        labels = self.codes[codes]
        ignored = self.leave[codes] if self.leave.any() else None
        if (self.codes == NO_CLASS).any():
            unknown = labels == NO_CLASS
            rows = np.flatnonzero(unknown if ignored is None else unknown & ~ignored)
            if rows.size:
                value = distinct[codes[rows[0]]]
                what = several_labels.in_text(value, self.reading)
                what = what or self.reading.labels.unknown(value)
                self.values.fail(what, row=int(rows[0]), column=self.reading.label)
        return labels, ignored

    def _scores(self, batch: Batch) -> Array:
        r, gaps = self.reading, self.drops or self.lenient
        if r.shape == "lists":
            name = r.scores[0]
            scores = self.values.lists(batch[name], name, len(r.classes), gaps=gaps)
        else:
            columns = (self.values.numbers(batch[name], name, gaps=gaps) for name in r.scores)
            # Columns stay columns: to turn them into rows takes longer than to score them.
            scores = next(columns) if r.shape == "binary" else _stacked(columns, len(r.scores)).T
        if r.percent:
            scores = scores / 100
        if r.predicted is not None:
            codes, distinct = self.values.labels(batch[r.predicted], r.predicted)
            of = np.array([r.labels.code(value) for value in distinct] + [GONE], np.intp)[codes]
            if (of < 0).any():
                row = int((of < 0).argmax())
                self.values.fail("is not one of the labels.", row=row, column=r.predicted)
            scores = np.where(of == 1, scores, 1 - scores)
        return scores

    def _checked(self, scores: Array, places: Array) -> Array:
        """No NaN; probabilities between 0 and 1, but for rounding, in rows that sum to 1."""
        kind, binary = self.reading.kind, self.reading.shape == "binary"
        if not scores.size:
            return scores
        if self.reading.normalize:
            return self._normalized(scores, places)
        least, most = scores.min(), scores.max()  # NaN if one is
        fine = {
            "logits": most < np.inf or (binary and most == np.inf),
            "probabilities": least >= -ROUNDING and most <= 1 + ROUNDING,
            "log-probabilities": most <= ROUNDING,
        }
        if not fine[kind]:
            self._report_scores(scores, places)
        if kind == "probabilities" and (least < 0 or most > 1):
            scores = np.clip(scores, 0, 1)
        if kind != "logits" and not binary:
            p = scores if kind == "probabilities" else np.exp(scores)
            sums = p.sum(axis=1, dtype=np.float64)
            off = np.flatnonzero(np.abs(sums - 1) > self.tolerance)
            if off.size:
                self.values.fail(self._sum(sums[off[0]]), row=int(places[off[0]]))
        return scores

    def _report_scores(self, scores: Array, places: Array) -> None:
        """Fail at the first score that cannot be one."""
        kind, binary = self.reading.kind, self.reading.shape == "binary"
        bad = np.isnan(scores)
        if bad.any():
            self._report(bad, scores, self.reading.scores, "a score must be a number", places)
        # Written as "not inside", so that NaN is found too.
        if kind == "probabilities":
            bad = out_of_range.outside_of(scores)
        elif kind == "log-probabilities":
            bad = ~(scores <= ROUNDING)
        elif not binary:
            certain = scores == np.inf
            bad = certain & (certain.sum(axis=1, keepdims=True) > 1)
        rule = out_of_range.rule(scores, self.reading, self.tolerance)
        shown = np.round(scores * 100, 9) if self.reading.percent else scores
        self._report(bad, shown, self.reading.scores, rule, places)

    def _normalized(self, scores: Array, places: Array) -> Array:
        """Rows of numbers that are not negative, divided by their sums."""
        scores = np.ascontiguousarray(scores)  # else sums would be rounded in another way
        names = self.reading.scores
        self._report(np.isnan(scores), scores, names, "a score must be a number", places)
        bad = ~((scores >= 0) & (scores < np.inf))
        self._report(bad, scores, names, "a probability is not negative", places)
        sums = scores.sum(axis=1, dtype=np.float64)
        off = np.flatnonzero(sums == 0)
        if off.size:
            what = "the probabilities sum to 0: such a row cannot be normalized."
            self.values.fail(what, row=int(places[off[0]]))
        return np.asarray(scores / sums[:, None])

    def _sum(self, total: float) -> str:
        """Says that a row does not sum to 1, and what to do."""
        what = f"the probabilities sum to {total:.6g}, not 1 (within {self.tolerance:g})."
        if self.reading.kind == "log-probabilities" and not 0.9 < total < 1.1:
            return what + " For log-likelihoods of choices pass --kind logits: it normalises them."
        if self.reading.kind == "log-probabilities":
            return what + ROUNDED + "."
        if not 0.9 < total < 1.1:
            several = " Are several labels true at once? Then give each a column of 0 and 1."
            return what + several + DIVIDE
        return what + ROUNDED + "." + DIVIDE

    def _report(
        self, bad: Array, values: Array, names: Sequence[str], rule: str, places: Array
    ) -> None:
        """Fail at the first bad value; `names` are the columns that the values are from."""
        if bad.any():
            row, *column = where = first(bad)
            name = names[column[0] if len(names) > 1 else 0]
            self.values.fail(f"{values[where]}: {rule}.", row=int(places[row]), column=name)

    def _fail_at(self, places: Array, bad: Array, what: str, column: str) -> None:
        self.values.fail(what, row=int(places[bad.argmax()]), column=column)


def _stacked(columns: Iterator[Array], count: int) -> Array:
    """A matrix with these rows, of which only one is held beside it."""
    row = next(columns)
    matrix = np.empty((count, len(row)), row.dtype)
    matrix[0] = row
    for j, row in enumerate(columns, 1):
        if row.dtype != matrix.dtype:  # float32 beside float64
            matrix = matrix.astype(np.promote_types(row.dtype, matrix.dtype), copy=False)
        matrix[j] = row
    return matrix


def groups_of(values: Values, column: Any, name: str) -> Groups:
    """Which value of a column each row has."""
    if isinstance(column, pa.Array) and types.is_temporal(column.type):
        column = column.cast(pa.string())
    codes, distinct = values.labels(column, name)
    # Arrow has nulls where a value is missing, but NumPy has NaN.
    texts = [_text(None if value != value else value) or NOTHING for value in distinct]
    return Groups(np.where(codes < 0, len(texts), codes), [*texts, NOTHING])


def _text(value: Any) -> str:
    """A label as it is written after --ignore-label."""
    return "" if value is None else whole_number(str(value).strip())
