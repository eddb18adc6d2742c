"""Goes through the rows that all models have, and compares the models on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from xent._format import listed
from xent._validation import Array
from xent.scoring.columns import Rows
from xent.scoring.comparing.agreement import Agreement
from xent.scoring.comparing.pairing import by_key, in_order
from xent.scoring.comparing.schema import Batch, Schema
from xent.scoring.comparing.sides import Piece, Side, at_places
from xent.scoring.comparing.state import CompareState
from xent.scoring.errors import FileError
from xent.scoring.losses import scored
from xent.scoring.reading import Reading
from xent.scoring.saved import UNPREDICTED
from xent.scoring.state import Batch as ScoredBatch

Progress = Callable[[int, float | None], None]


class CompareRun:
    """The sources, whose rows are paired by a key or by their order."""

    def __init__(
        self, sides: Sequence[Side], key: Any, schema: Schema, show: Sequence[str]
    ) -> None:
        self.sides, self.key, self.schema, self.show = sides, key, schema, show
        self.readings = [r for side in sides for r in side.models.values()]
        self.orders = [_order(reading, schema) for reading in self.readings]
        of_sides = [_order(side.first, schema) for side in sides]
        self.agreement = Agreement(sides, of_sides, schema.classes, key)
        self.left_out: Counter[str] = Counter()
        """How many rows were left out, by the reason."""
        self.weightless = 0

    def state(self, progress: Progress | None = None) -> CompareState:
        """What is kept of all rows."""
        state = CompareState(self.schema)
        layouts = [side.layouts() for side in self.sides]
        for side in self.sides:
            side.source.match(side.columns)
        for pieces in self._pieces():
            found = [
                side.rows(piece, each)
                for side, piece, each in zip(self.sides, pieces, layouts, strict=True)
            ]
            if batch := self._batch(pieces, found):
                state.add(batch)
            if progress:
                reader, seen = pieces[0].reader, int(pieces[0].rows[-1]) + 1
                one = len(self.sides[0].source.parts) == 1 and reader is not None
                progress(state.totals.rows, reader.fraction(seen) if one and reader else None)
        self._count(layouts)
        return state

    def _pieces(self) -> Iterator[list[Piece]]:
        if len(self.sides) > 1 and self.key is not None:
            return by_key(self.sides, self.key, drops=self.agreement.drops)
        return in_order(self.sides)

    def _batch(self, pieces: Sequence[Piece], found: Sequence[dict[str, Rows]]) -> Batch | None:
        """The rows that all models have, scored by each of them."""
        rows = [each for several in found for each in several.values()]
        kept = rows[0].places
        for each in rows[1:]:
            if not np.array_equal(kept, each.places):
                kept = np.intersect1d(kept, each.places, assume_unique=True)
        self.agreement.check(pieces, [next(iter(each.values())) for each in found], kept)
        weight = next(
            (at_places(r.places, r.weight, kept) for r in rows if r.weight is not None), None
        )
        if weight is not None and not (weight > 0).all():
            self.weightless += int((weight == 0).sum())
            kept, weight = kept[weight > 0], weight[weight > 0]
        if not len(kept):
            return None
        labels = at_places(rows[0].places, rows[0].labels, kept).astype(np.int64, copy=False)
        groups, shown = self._extras(found, kept)
        cluster = self.schema.cluster
        shared: dict[str, Any] = {
            "weight": None if weight is None else weight.astype(np.float64, copy=False),
            "places": pieces[0].rows[kept],
            "source": pieces[0].part,
            "keys": shown,
            "slices": [groups[name] for name in self.schema.by],
            "cluster": None if cluster is None else groups[cluster],
        }
        made = []
        for each, order, scoring in zip(rows, self.orders, self.schema.scoring, strict=True):
            scores = at_places(each.places, each.scores, kept).astype(np.float64, copy=False)
            own = _inverse(order)[labels]
            losses = scored(scores, own, scoring.kind, scoring.clip)
            made.append(ScoredBatch(scores, own, losses, **shared))
        return Batch(
            self.schema,
            labels,
            np.stack([each.losses for each in made]),
            np.stack([o[each.scored.predicted] for o, each in zip(self.orders, made, strict=True)]),
            [each.scores for each in made],
            scored=made,
            **shared,
        )

    def _extras(
        self, found: Sequence[dict[str, Rows]], kept: Array
    ) -> tuple[dict[str, Any], list[Array]]:
        """The columns by which there are sums, by name, and those that are shown."""
        groups: dict[str, Any] = {}
        shown: dict[str, Array] = {}
        for side, several in zip(self.sides, found, strict=True):
            rows = next(iter(several.values()))
            at = np.searchsorted(rows.places, kept)
            first = side.first
            names = [*(each.text for each in first.by), *([first.cluster] if first.cluster else [])]
            for name, each in zip(names, rows.groups, strict=True):
                groups[name] = each.of(at)
            for name, column in zip(side.first.show, rows.shown, strict=True):
                shown[name] = column[at]
        return groups, [shown[name] for name in self.show]

    def _count(self, layouts: Sequence[Mapping[str, Any]]) -> None:
        several = len(self.sides) > 1
        for i, (side, each) in enumerate(zip(self.sides, layouts, strict=True)):
            self.left_out += side.left_out
            for j, (model, layout) in enumerate(each.items()):
                for reason, rows in layout.left_out.items():
                    if reason == "no score":
                        self.left_out[f"no score of {model}"] += rows
                    elif reason == "no label" and j == 0:
                        where = f" in {side.name}" * (several and side.source.truth is None)
                        self.left_out[f"no label{where}"] += rows if not i or where else 0
                    elif (reason in ("no weight", "no cluster") or i == 0) and j == 0:
                        self.left_out[reason] += rows
            if side.source.truth is not None:
                lost = side.source.truth.without_prediction
                self.left_out[f"{UNPREDICTED} in {side.name}" if several else UNPREDICTED] += lost
        self.left_out["weight 0"] += self.weightless


def _order(reading: Reading, schema: Schema) -> Array:
    """The place of each of a model's classes among those of the comparison."""
    of = {name: i for i, name in enumerate(schema.classes)}
    return np.array([of[name] for name in reading.classes], np.int64)


def _inverse(order: Array) -> Array:
    return np.argsort(order)


def check_classes(models: Mapping[str, Reading]) -> tuple[str, ...]:
    """The classes of all models; an error names those that only one of two models has."""
    (first, reading), *others = models.items()
    classes = tuple(reading.classes)
    for name, other in others:
        if set(other.classes) == set(classes):
            continue
        told = []
        for model, own, theirs in ((first, classes, other.classes), (name, other.classes, classes)):
            only = [each for each in own if each not in set(theirs)]
            if only:
                told.append(f"only {model} has {listed(only, 5)}")
        what = f"the models have different classes: {'; '.join(told)}."
        if len(classes) == len(other.classes):
            what += " If they are the same ones by other names, pass --classes A,B,..."
        else:
            what += " Losses over different classes cannot be compared."
        both = f"{first} and {name}"
        raise FileError(both, what)
    return classes
