"""Predictions whose labels are in another table, found by a key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xent._format import counted
from xent._validation import Array
from xent.scoring.errors import FileError
from xent.scoring.reading import all_of
from xent.scoring.sources.keys import Key, written_differently
from xent.scoring.sources.reader import Batch, Reader
from xent.scoring.sources.sample import Sample
from xent.scoring.values import as_numpy

MOST_BYTES = 4 << 30
"""The most memory that a join may take."""
CHUNK = 1 << 20
"""The fewest keys that are looked up at once: each time costs as much as all keys of the labels."""


class Truth:
    """The table of labels, and which of its rows each prediction belongs to."""

    advice = (
        "Split both tables by the key, score each pair with --save-state, and merge the states "
        "with --merge."
    )
    """What to do where it takes too much memory."""

    def __init__(self, readers: Sequence[Reader], name: str, key: Key, *, drops: bool) -> None:
        self.readers, self.name, self.key, self.drops = readers, name, key, drops
        self.sample = readers[0].sample()
        self.names = [each for each in readers[0].names if each not in key.truth]
        self.numbers = [each for each in self.names if self.sample.numeric(each)]
        for column in key.truth:
            if column not in readers[0].names:
                what = f"no column '{column}'; the columns are {all_of(readers[0].names)}."
                raise FileError(readers[0].name, what)
        self.places: dict[str, Array] = {}
        """For each part of the predictions, the rows here of its rows; -1 where there is none."""
        self.without_prediction = 0
        self._columns: dict[str, Any] = {}

    @property
    def alone(self) -> str:
        """What is said of rows that no prediction belongs to."""
        return "without a prediction"

    @property
    def most(self) -> int:
        """The most bytes that it may take."""
        return MOST_BYTES

    def matching(self, keys: Any) -> dict[str, Any]:
        """The columns for a few keys, null where there is none."""
        found = []
        for batch in self._batches(self.names):
            here = self.key.of(batch, self.key.truth)
            chosen = pc.is_in(here, value_set=keys, skip_nulls=True)
            if pc.any(chosen).as_py():
                columns = [pa.array(batch[name]) for name in self.names]
                table = pa.table([here, *columns], [" key", *self.names])
                found.append(table.filter(chosen))
        if not found:
            return {name: pa.nulls(len(keys)) for name in self.names}
        table = pa.concat_tables(found, promote_options="permissive")
        places = pc.index_in(keys, value_set=table.column(" key"), skip_nulls=True)
        return {name: table.column(name).take(places).combine_chunks() for name in self.names}

    def _batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        wanted = list(dict.fromkeys([*self.key.truth, *columns]))
        for reader in self.readers:
            yield from reader.batches(wanted, [n for n in self.numbers if n in columns])

    def load(self, columns: Sequence[str]) -> Any:
        """Keep the columns; returns the keys. Fails if they would take too much memory."""
        kept: dict[str, list[Any]] = {name: [] for name in (" key", *columns)}
        rows = size = 0
        for batch in self._batches(columns):
            parts = {" key": self.key.of(batch, self.key.truth)}
            parts |= {name: pa.array(batch[name]) for name in columns}
            rows += len(parts[" key"])
            # Beside the keys there are a hash table of them, and a place for each prediction.
            size += sum(part.nbytes for part in parts.values()) + 32 * len(parts[" key"])
            if size > self.most:
                kept = {name: [] for name in kept}
            for name, part in parts.items():
                if size <= self.most:
                    kept[name].append(part)
        if size > self.most:
            what = (
                f"its {rows:,} rows would take {size / 2**30:.1f} GB of memory to join, and at "
                f"most {self.most / 2**30:g} GB are used. {self.advice}"
            )
            raise FileError(self.name, what)
        self._columns = {name: pa.chunked_array(kept[name]) for name in columns if kept[name]}
        return pa.chunked_array(kept[" key"], pa.large_string())

    def take(self, name: str, places: Array) -> Any:
        """A column for these rows; null for place -1."""
        column = self._columns[name]
        return column.take(pa.array(places, mask=places < 0)).combine_chunks()

    def match(
        self,
        parts: Iterable[tuple[str, Reader]],
        columns: Sequence[str],
        skipping: Any,
    ) -> None:
        """Find the row of each prediction. Fails at keys that occur twice or have no partner."""
        keys = self.load(columns)
        self._check_unique(keys)
        held: list[tuple[str, Any]] = []
        found = _Found(len(keys))
        for part, reader in parts:
            with skipping(part):
                if reader.once:
                    what = "an iterator, which is read once; a join reads the keys first. Give a "
                    raise FileError(part, what + "list of its tables.")
                here = [
                    self.key.of(batch, self.key.predictions)
                    for batch in reader.batches(list(self.key.predictions), ())
                ]
                held.append((part, pa.chunked_array(here, pa.large_string())))
            if sum(len(each) for _, each in held) >= max(CHUNK, len(keys)):
                self._find(held, keys, found)
                held = []
        self._find(held, keys, found)
        self.without_prediction = int(len(keys) - found.seen.sum())
        self._check_found(found, keys)

    def _check_found(self, found: _Found, keys: Any) -> None:
        """Fail at keys that occur twice; and at those without a partner, unless they may be."""
        names = _quoted(self.key.predictions)
        gone, lost, twice = found.gone, found.lost, found.twice
        if twice.count:
            what = f"{counted(twice.count, 'row')} with a key {names} that earlier rows have: "
            raise FileError(twice.part, f"{what}{twice}. Each row needs a key of its own.")
        drop = "--missing drop leaves them out, and counts them."
        if gone.count and not self.drops:
            raise FileError(
                gone.part, f"{counted(gone.count, 'row')} without a key {names}. {drop}"
            )
        any_seen = bool(found.seen.any())
        if lost.count and not (self.drops and any_seen):
            unseen = keys.filter(pa.array(~found.seen))
            written = written_differently(lost.keys, unseen, self.key.predictions)
            what = f"{counted(lost.count, 'row')} with a key {names} that {self.name} does not have"
            if not any_seen:
                what = f"none of the keys {names} is in {self.name}"
                drop = f"Are these the keys of the same rows? There they are {_first(keys)}."
            raise FileError(lost.part, f"{what}: {lost}. {written or drop}")
        if self.without_prediction and not self.drops:
            first = keys.take(np.flatnonzero(~found.seen)[:5]).to_pylist()
            what = f"{counted(self.without_prediction, 'row')} {self.alone}: "
            raise FileError(self.name, f"{what}{few(first, self.without_prediction)}. {drop}")

    def _find(self, held: Sequence[tuple[str, Any]], keys: Any, found: _Found) -> None:
        if not held:
            return
        chunks = [chunk for _, each in held for chunk in each.chunks]
        every = pa.chunked_array(chunks, pa.large_string())
        indices = pc.index_in(every, value_set=keys, skip_nulls=True)
        places = as_numpy(indices.fill_null(-1).combine_chunks()).astype(np.int32)
        start = 0
        for part, each in held:
            here = self.places[part] = places[start : start + len(each)]
            start += len(each)
            missing = here < 0
            if each.null_count:
                gone = as_numpy(each.is_null().combine_chunks().cast(pa.uint8())).astype(bool)
                found.gone.add(part, each, np.flatnonzero(gone))
                missing &= ~gone
            found.lost.add(part, each, np.flatnonzero(missing))
            known = np.flatnonzero(here >= 0)
            order = known[np.argsort(here[known], kind="stable")]
            again = found.seen[here[order]]
            again[1:] |= here[order][1:] == here[order][:-1]
            found.twice.add(part, each, np.sort(order[again]))
            found.seen[here[known]] = True

    def _check_unique(self, keys: Any) -> None:
        names = _quoted(self.key.truth)
        if keys.null_count and not self.drops:
            what = f"{counted(keys.null_count, 'row')} without a key {names}. "
            raise FileError(self.name, what + "--missing drop leaves them out, and counts them.")
        keys = keys.drop_null()
        distinct = len(pc.unique(keys))
        if distinct < len(keys):
            counts = pc.value_counts(keys)
            several = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
            more = len(keys) - distinct
            what = f"{counted(more, 'row')} with a key {names} that earlier rows have: "
            shown = few(several[:5].to_pylist(), len(several))
            raise FileError(self.name, f"{what}{shown}. Each row needs a key of its own.")


class _Examples:
    """How many rows have a fault, and the keys of the first ones."""

    def __init__(self) -> None:
        self.count, self.part = 0, ""
        self.keys: list[Any] = []

    def add(self, part: str, keys: Any, rows: Array) -> None:
        """Add rows of a part."""
        if len(rows):
            self.part = self.part or part
            self.keys += keys.take(rows[: 5 - len(self.keys)]).to_pylist()
            self.count += len(rows)

    def __str__(self) -> str:
        return few(self.keys, self.count)


class _Found:
    """Which rows of the table of labels have a prediction, and which predictions have a fault."""

    def __init__(self, rows: int) -> None:
        self.seen = np.zeros(rows, bool)
        self.gone, self.lost, self.twice = _Examples(), _Examples(), _Examples()
        """Predictions without a key, with a key that the labels lack, with one of earlier rows."""


class JoinedReader(Reader):
    """Predictions with the columns of the table of labels beside them.

    A column that both have is that of the labels; the one of the predictions is renamed.
    """

    def __init__(self, reader: Reader, truth: Truth, part: str) -> None:
        super().__init__(reader.name)
        self.reader, self.truth, self.part = reader, truth, part
        for column in truth.key.predictions:
            if column not in reader.names:
                what = f"no column '{column}'; the columns are {all_of(reader.names)}."
                raise FileError(reader.name, what)
        self.own = {
            (predicted(n) if n in truth.names else n): n for n in reader.names
        }  # fmt: skip
        self.names = [*self.own, *truth.names]

    @property
    def label_names(self) -> list[str]:
        return self.truth.names

    def sample(self) -> Sample:
        found = self.reader.sample()
        own = {name: found.columns[n] for name, n in self.own.items() if n in found.columns}
        written = {name: found.written[n] for name, n in self.own.items() if n in found.written}
        keys = self.truth.key.of(found.written, self.truth.key.predictions)
        added = self.truth.matching(keys)
        return Sample({**own, **added}, {**written, **added})

    def batches(self, columns: Sequence[str], numbers: Sequence[str]) -> Iterator[Batch]:
        own = [name for name in columns if name in self.own] or [next(iter(self.own))]
        wanted = [self.own[name] for name in own]
        start, places = 0, self.truth.places[self.part]
        for batch in self.reader.batches(wanted, [self.own[n] for n in own if n in numbers]):
            rows = len(batch[wanted[0]])
            here = places[start : start + rows]
            start += rows
            yield {
                name: batch[self.own[name]] if name in self.own else self.truth.take(name, here)
                for name in columns
            }

    def called(self, name: str) -> str:
        return next((new for new, own in self.own.items() if own == name), name)

    def check(self, name: str) -> None:
        self.reader.check(self.own.get(name, name))

    def fraction(self, rows: int) -> float | None:
        return self.reader.fraction(rows)

    def line(self, row: int) -> int | None:
        return self.reader.line(row)


def predicted(name: str) -> str:
    """What a column of predictions is called if the table of labels has one of this name."""
    return f"predicted_{name}"


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _first(keys: Any) -> str:
    return few(keys.drop_null()[:3].to_pylist(), len(keys))


def few(keys: Sequence[Any], count: int) -> str:
    """The first keys, for a message."""
    shown = ", ".join(repr(key).replace("\\x00", " ") for key in keys)
    return shown + ", ..." * (count > len(keys))
