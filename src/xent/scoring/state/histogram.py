"""A histogram of the predictions over their logits, by what came true."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xent._engine.cpu.portable import FIRST_KEY, KEY_BITS, KEYS
from xent.scoring.state.accumulator import Accumulator, Batch, Schema
from xent.scoring.state.exact import SCALE, Counts, ExactSums


class Histogram(Accumulator):
    """Predictions in 4,096 bins, each with what came true.

    With two classes, a prediction is the probability of label 1, and what came true the label. With
    more, it is the probability of the likeliest class, and what came true is whether that was the
    true one.
    """

    def _sums(self, schema: Schema) -> dict[str, Any]:
        sums: dict[str, Any] = {"rows": Counts(2 * KEYS)}
        return sums | ({"weights": ExactSums(2 * KEYS)} if schema.weighted else {})

    def add(self, batch: Batch) -> None:
        self.sums["rows"].add(batch.scored.keys)
        if batch.weight is not None:
            self.sums["weights"].add(batch.weight, batch.scored.keys)

    @property
    def rows(self) -> tuple[list[int], list[int]]:
        """Rows of each bin that did not come true, and that did."""
        whole = self.amounts("rows")
        return whole[::2], whole[1::2]

    @property
    def weights(self) -> tuple[list[int], list[int]]:
        """Their weights, in units of 2**-1126."""
        if not self.schema.weighted:
            never, ever = self.rows
            return [n << SCALE for n in never], [n << SCALE for n in ever]
        whole = self.amounts("weights")
        return whole[::2], whole[1::2]


def edges() -> list[float]:
    """Logits between the bins, of which the first and the last go on to -inf and inf.

    Within a factor of 2 of the odds the bins have equal widths, so those of the logits are from
    1/128 to 1/64.
    """
    odds = ((np.arange(1, KEYS // 2) + FIRST_KEY) << KEY_BITS).view(np.float64)
    lower = [math.log(each) for each in odds.tolist()]
    return [*lower, 0.0, *(-each for each in reversed(lower))]
