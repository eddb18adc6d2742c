"""Sums over rows whose several labels may be true at once: there a row is the unit, not a cell.

The cells of a row depend on each other, as its labels do, so that sums over cells tell no error.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from xent._validation import Array
from xent.scoring.intervals import ClassMoments, LossMoments, class_moments
from xent.scoring.products import (
    WEIGHTED,
    WEIGHTS,
    kept,
    moments,
    powers,
    products_of_totals,
    usable,
)
from xent.scoring.state.accumulator import Batch
from xent.scoring.state.exact import ONE, Counts, ExactSums, exact_sums
from xent.scoring.state.moments import product

MOST = 4096
"""The most sets of labels that are true together of which there are sums."""

BY_SET = ("wl", "wll", "wlll")
BY_SET_WEIGHTED = (*BY_SET, "w", "ww", "wwl", "wwll")
MISSING = 2
"""Beside 0 and 1: the row has no such label."""

COUNTS = ("rows", "left_out", "true", "false")
"""Rows; those whose powers are too large to sum; those with a true label, and with a false one."""


class LabelRows:
    """Exact sums over rows: of their losses and hits by size, and by which labels are true.

    The size of a row is its weight times the number of its labels, so that the mean over cells is
    the mean of rows, weighted by their sizes.
    """

    def __init__(self, labels: int, *, weighted: bool) -> None:
        self.labels, self.weighted = labels, weighted
        self.counts = {name: Counts(1) for name in COUNTS}
        self.sums = {
            f"{what} {name}": ExactSums(1) for what in ("loss", "right") for name in WEIGHTED
        }
        self.sums |= {name: ExactSums(1) for name in WEIGHTS}
        self.sets: dict[bytes, list[int]] | None = {}
        """For each set of true and missing labels: rows and sums; None if there are too many."""

    def add(self, places: Sequence[Array], batches: Iterable[Batch | None]) -> None:
        """Add rows: the numbers that they have for each label, and each label's scored batch.

        Batches may lack rows, which have weight 0. Only one of them is held at a time.
        """
        whole = _union(places)
        n = len(whole)
        loss, right, size = np.zeros(n), np.zeros(n, np.int64), np.zeros(n, np.int64)
        weight = np.ones(n) if self.weighted else None
        codes = np.full((n, self.labels), MISSING, np.uint8)
        for j, batch in enumerate(batches):
            if batch is None:
                continue
            at: Any = slice(None)
            if len(batch.places) < n:
                at = np.searchsorted(whole, batch.places)
            loss[at] += batch.losses
            right[at] += batch.scored.groups & 1
            size[at] += 1
            codes[at, j] = batch.labels
            if weight is not None and batch.weight is not None:
                weight[at] = batch.weight
        if not size.all():  # of weight 0
            found = size > 0
            loss, right, size, codes = loss[found], right[found], size[found], codes[found]
            weight = None if weight is None else weight[found]
        self._add(loss, right, size, weight)
        self.counts["true"].add_rows(0, int((codes == 1).any(axis=1).sum()))
        self.counts["false"].add_rows(0, int((codes == 0).any(axis=1).sum()))
        self._add_sets(loss, weight, codes)

    def _add(self, loss: Array, right: Array, size: Array, weight: Array | None) -> None:
        w = size.astype(np.float64) if weight is None else weight * size
        self.counts["rows"].add_rows(0, len(loss))
        for name, power in powers(w).items():
            self.sums[name].add(power)
        for what, total in (("loss", loss), ("right", right.astype(np.float64))):
            with np.errstate(all="ignore"):
                made = products_of_totals(total if weight is None else weight * total, w)
            rows = usable(made)
            if rows is not None:
                self.counts["left_out"].add_rows(0, int((~rows[1]).sum()))
            for name, values in made.items():
                self.sums[f"{what} {name}"].add(values[kept(name, rows)])

    def _add_sets(self, loss: Array, weight: Array | None, codes: Array) -> None:
        if self.sets is None or not len(loss):
            return
        keys, of = np.unique(_packed(codes), return_inverse=True)
        n = len(keys)
        if n > MOST:
            self.sets = None
            return
        found = [dict(enumerate(np.bincount(of, minlength=n).tolist()))]
        for name in BY_SET if weight is None else BY_SET_WEIGHTED:
            if "l" in name:
                values = product(name, loss, weight)
                values = np.where(np.isfinite(values), values, 0.0)
            else:
                values = powers(weight if weight is not None else loss)[name]
            found.append(exact_sums(values, of, n))
        self._take((key.tobytes(), [each.get(i, 0) for each in found])
                   for i, key in enumerate(keys))  # fmt: skip

    def _take(self, several: Iterable[tuple[bytes, list[int]]]) -> None:
        if self.sets is None:
            return
        for key, sums in several:
            old = self.sets.get(key)
            self.sets[key] = (
                sums if old is None else [a + b for a, b in zip(old, sums, strict=True)]
            )
        if len(self.sets) > MOST:
            self.sets = None

    def merge(self, other: LabelRows) -> LabelRows:
        """The sums of both sets of rows; the order of merging does not matter."""
        both = LabelRows(self.labels, weighted=self.weighted)
        both.counts = {name: each.merge(other.counts[name]) for name, each in self.counts.items()}
        both.sums = {name: each.merge(other.sums[name]) for name, each in self.sums.items()}
        if self.sets is None or other.sets is None:
            both.sets = None
        else:
            both.sets = dict(self.sets)
            both._take(other.sets.items())
        return both

    # What figures are computed from.

    def count(self, name: str) -> int:
        """A number of rows, by its name in `COUNTS`."""
        return self.counts[name].whole[0]

    def moments(self, what: str) -> LossMoments:
        """Of the mean over cells of the "loss", or of being "right"."""
        sums = {name: self.sums[f"{what} {name}"].whole[0] for name in WEIGHTED}
        sums |= {name: self.sums[name].whole[0] for name in WEIGHTS}
        return moments(self.count("rows"), sums, self.count("left_out"), sizes=True)

    def by_set(self) -> tuple[ClassMoments, Array] | None:
        """Moments of the rows' losses by set, and each set's labels: 0, 1, or 2 if missing."""
        if self.sets is None:
            return None
        items = sorted(self.sets.items())
        names = BY_SET_WEIGHTED if self.weighted else BY_SET
        sums = {name: [each[1 + i] for _, each in items] for i, name in enumerate(names)}
        made = class_moments([""] * len(items), [each[0] for _, each in items], ONE, sums)
        return made, _unpacked([key for key, _ in items], self.labels)

    # Saved.

    def to_data(self) -> dict[str, Any]:
        """Plain data, for JSON: equal for equal rows."""
        return {
            "counts": {name: each.to_data() for name, each in self.counts.items()},
            "sums": {name: each.to_data() for name, each in self.sums.items()},
            "sets": None if self.sets is None else [
                [key.hex(), sums[0], *(f"{each:x}" for each in sums[1:])]
                for key, sums in sorted(self.sets.items())
            ],
        }  # fmt: skip

    @classmethod
    def from_data(cls, data: Any, labels: int, *, weighted: bool) -> LabelRows:
        """What was saved."""
        made = cls(labels, weighted=weighted)
        for name, count in made.counts.items():
            count.read(data["counts"][name])
        for name, each in made.sums.items():
            each.read(data["sums"][name])
        made.sets = None
        if data["sets"] is not None:
            size = len(BY_SET_WEIGHTED if weighted else BY_SET)
            made.sets = {
                bytes.fromhex(key): [int(rows), *(int(text, 16) for text in sums)]
                for key, rows, *sums in data["sets"]
            }
            if any(len(sums) != 1 + size for sums in made.sets.values()):
                msg = "sums of labels that are true together"
                raise ValueError(msg)
        return made

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, LabelRows)
            and (self.labels, self.weighted) == (other.labels, other.weighted)
            and self.to_data() == other.to_data()
        )

    __hash__ = None  # type: ignore[assignment]


def _union(several: Sequence[Array]) -> Array:
    """All numbers of rows, in their order."""
    first = several[0]
    if all(len(each) == len(first) and (each == first).all() for each in several[1:]):
        return first
    return np.unique(np.concatenate(several))


def _packed(codes: Array) -> Array:
    """A text of bytes for each row: a bit for each true label, and one for each missing label."""
    bits = np.concatenate([codes == 1, codes == MISSING], axis=1)
    packed = np.ascontiguousarray(np.packbits(bits, axis=1))
    return packed.view(np.dtype((np.void, packed.shape[1]))).ravel()


def _unpacked(keys: Sequence[bytes], labels: int) -> Array:
    packed = np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), -1)
    bits = np.unpackbits(packed, axis=1)[:, : 2 * labels].astype(np.int64)
    return bits[:, :labels] + MISSING * bits[:, labels:]
