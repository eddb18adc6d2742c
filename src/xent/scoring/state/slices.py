"""Sums by the values of columns: where the predictions are good, and where they are not."""

from __future__ import annotations

from typing import Any

import numpy as np

from xent.scoring.state.accumulator import Accumulator, Batch, Schema
from xent.scoring.state.exact import SCALE, exact_sums

MOST = 100_000
"""The most values of a column."""

SUMS = ("rows", "infinite", "weights", "right", "losses")
"""What is summed for each value; the last three in units of 2**-1126."""


class Slices(Accumulator):
    """For each column, and each of its values: counts, and exact sums of weights and losses."""

    def __init__(self, schema: Schema) -> None:
        super().__init__(schema)
        self.columns: dict[str, dict[str, list[int]]] = {name: {} for name in schema.by}

    def _sums(self, schema: Schema) -> dict[str, Any]:  # noqa: ARG002
        return {}

    def add(self, batch: Batch) -> None:
        if not self.columns:
            return
        infinite = np.zeros(len(batch.labels), bool) if batch.infinite is None else batch.infinite
        right = batch.scored.groups & 1 == 1
        losses = np.where(infinite, 0.0, batch.weighted)
        for values, (codes, texts) in zip(self.columns.values(), batch.slices, strict=True):
            n = len(texts)
            rows = np.bincount(codes, minlength=n).tolist()
            found = {
                "rows": dict(enumerate(rows)),
                "infinite": dict(enumerate(np.bincount(codes[infinite], minlength=n).tolist())),
                "losses": exact_sums(losses, codes, n),
            }
            if batch.weight is None:
                hits = np.bincount(codes[right], minlength=n).tolist()
                found["weights"] = {code: count << SCALE for code, count in enumerate(rows)}
                found["right"] = {code: count << SCALE for code, count in enumerate(hits)}
            else:
                found["weights"] = exact_sums(batch.weight, codes, n)
                found["right"] = exact_sums(batch.weight[right], codes[right], n)
            for code in np.flatnonzero(rows).tolist():
                new = [found[name].get(code, 0) for name in SUMS]
                old = values.get(texts[code])
                values[texts[code]] = new if old is None else _added(old, new)
        self._check()

    def merge(self, other: Slices) -> Slices:
        merged = Slices(self.schema)
        for name, values in merged.columns.items():
            values.update(self.columns[name])
            for value, sums in other.columns[name].items():
                values[value] = _added(values[value], sums) if value in values else sums
        merged._check()
        return merged

    def _check(self) -> None:
        for name, values in self.columns.items():
            if len(values) > MOST:
                msg = f"column '{name}' has more than {MOST:,} values: too many to score by each."
                raise ValueError(msg)

    def to_data(self) -> Any:
        return {
            name: {value: [f"{each:x}" for each in sums] for value, sums in sorted(values.items())}
            for name, values in self.columns.items()
        }

    def read(self, data: Any) -> None:
        for name, values in self.columns.items():
            for value, sums in data[name].items():
                values[str(value)] = [int(text, 16) for text in sums]


def _added(a: list[int], b: list[int]) -> list[int]:
    return [x + y for x, y in zip(a, b, strict=True)]
