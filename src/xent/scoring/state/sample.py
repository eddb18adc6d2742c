"""A sample of the rows with their scores, for figures that need all scores of a row."""

from __future__ import annotations

import base64
from typing import Any, NamedTuple

import numpy as np

from xent._validation import Array
from xent.scoring.state.accumulator import Accumulator, Batch, Schema

MOST_ROWS, MOST_NUMBERS = 1 << 16, 1 << 20
"""The sizes of a sample: this many rows, unless they have more scores than that."""

FEWEST = 1000
"""No sample is kept where it would be smaller than this."""

ANY = np.uint64(2**64 - 1)
"""The highest priority that there can be."""

STEP = 1 << 14
"""Rows whose priorities are computed at a time."""

Part = tuple[Array, ...]


class SampledRows(NamedTuple):
    """Rows in an order that depends on what they hold alone."""

    priorities: Array
    """Random integers of 64 bits."""
    scores: Array
    labels: Array
    weights: Array


class Sample(Accumulator):
    """The rows with the lowest priorities, so that any order of merging keeps the same ones."""

    def __init__(self, schema: Schema) -> None:
        super().__init__(schema)
        width = 1 if schema.binary else len(schema.classes)
        self.most = min(MOST_ROWS, MOST_NUMBERS // width)
        if self.most < FEWEST:
            self.most = 0
        self._parts: list[Part] = []
        self._size = 0
        self._limit = ANY
        """No row of a higher priority is kept: of the rows so far, enough have lower ones."""

    def _sums(self, schema: Schema) -> dict[str, Any]:  # noqa: ARG002
        return {}

    def add(self, batch: Batch) -> None:
        if not self.most:
            return
        priorities, chosen = _chosen(batch.places, batch.losses, self._limit)
        # Copies: batches are views of memory that is used again.
        weights = np.ones(len(chosen)) if batch.weight is None else batch.weight[chosen]
        self._take([(priorities, batch.scores[chosen], batch.labels[chosen], weights)])

    def merge(self, other: Sample) -> Sample:
        merged = Sample(self.schema)
        merged._take([*self._parts, *other._parts])
        return merged

    def _take(self, parts: list[Part]) -> None:
        self._parts += parts
        self._size += sum(len(part[0]) for part in parts)
        if self._size > 2 * self.most:
            self._keep_lowest()

    def _keep_lowest(self) -> None:
        if not self._parts:
            return
        whole = tuple(map(np.concatenate, zip(*self._parts, strict=True)))
        self._parts = [_lowest(whole, self.most)]
        self._size = len(self._parts[0][0])
        if self._size == self.most:
            self._limit = self._parts[0][0].max()

    @property
    def rows(self) -> SampledRows | None:
        """The sample; None if none is kept."""
        if not self.most or not self._parts:
            return None
        self._keep_lowest()
        part = self._parts[0]
        order = _by_content(part)
        return SampledRows(*(values[order] for values in part))

    def to_data(self) -> Any:
        rows = self.rows
        if rows is None:
            return None
        return [base64.b64encode(values.tobytes()).decode() for values in rows]

    def read(self, data: Any) -> None:
        if data is None:
            return
        kinds = (np.uint64, np.float64, np.int64, np.float64)
        part = tuple(
            np.frombuffer(base64.b64decode(text, validate=True), kind)
            for text, kind in zip(data, kinds, strict=True)
        )
        if not self.schema.binary:
            scores = part[1].reshape(-1, len(self.schema.classes))
            part = (part[0], scores, *part[2:])
        if len({len(values) for values in part}) > 1 or len(part[0]) > self.most:
            msg = "a sample whose columns have different lengths"
            raise ValueError(msg)
        self._take([part])


def _chosen(places: Array, losses: Array, limit: np.uint64) -> tuple[Array, Array]:
    """The rows whose priority is at most a limit: their priorities, and their places in arrays.

    Some rows at a time, so that what is computed of them stays in the processor's cache.
    """
    priorities, chosen = [], []
    for start in range(0, len(places), STEP):
        rows = slice(start, start + STEP)
        found = _priorities(places[rows], losses[rows])
        kept = np.flatnonzero(found <= limit)
        priorities.append(found[kept])
        chosen.append(kept + start)
    return np.concatenate(priorities), np.concatenate(chosen)


def _priorities(places: Array, losses: Array) -> Array:
    """Random numbers of rows by their numbers and losses: no other row matters."""
    x = places.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    x ^= losses.view(np.uint64)
    x ^= x >> np.uint64(32)
    x *= np.uint64(0x94D049BB133111EB)  # the highest bits depend on all others
    return np.asarray(x)


def _lowest(part: Part, most: int) -> Part:
    """The rows with the lowest priorities."""
    priorities = part[0]
    if len(priorities) <= most:
        return part
    limit = np.partition(priorities, most - 1)[most - 1]
    kept = np.flatnonzero(priorities <= limit)
    part = tuple(values[kept] for values in part)
    if len(kept) > most:
        # Rows of several files with one number and one loss: what they hold decides.
        order = _by_content(part)
        order = order[np.argsort(part[0][order], kind="stable")][:most]
        part = tuple(values[order] for values in part)
    return part


def _by_content(part: Part) -> Array:
    """The order of rows by their scores, labels, weights and priorities."""
    priorities, scores, labels, weights = part
    columns = scores.reshape(len(scores), -1).T
    return np.lexsort((priorities, weights, labels, *columns[::-1]))
