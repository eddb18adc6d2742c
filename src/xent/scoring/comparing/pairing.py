"""Rows that belong together in several sources: in the same order, or found by a key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xent._format import counted
from xent._validation import Array
from xent.scoring.comparing.sides import Piece, Side
from xent.scoring.errors import FileError
from xent.scoring.reading import all_of
from xent.scoring.sources import joined
from xent.scoring.sources.joined import Truth
from xent.scoring.sources.keys import Key, key_of
from xent.scoring.sources.reader import Batch

MOST_KEYS = 1 << 26
"""Bytes of keys, in the same order everywhere, that are kept to see whether one occurs twice."""


def in_order(sides: Sequence[Side]) -> Iterator[list[Piece]]:
    """Pieces of the same rows of all sides, row by row; an error if one has more rows."""
    streams = [side.pieces() for side in sides]
    held: list[Piece | None] = [None] * len(sides)
    rows = 0
    while True:
        held = [next(stream, None) if piece is None else piece
                for piece, stream in zip(held, streams, strict=True)]  # fmt: skip
        pieces = [piece for piece in held if piece is not None]
        if len(pieces) < len(sides):
            if pieces:
                _fail_at_end(sides, held, streams, rows)
            return
        count = min(len(piece.rows) for piece in pieces)
        rows += count
        yield [piece.of(slice(0, count)) for piece in pieces]
        held = [
            piece.of(slice(count, None)) if len(piece.rows) > count else None for piece in pieces
        ]


def _fail_at_end(
    sides: Sequence[Side], held: Sequence[Piece | None], streams: Sequence[Any], rows: int
) -> None:
    totals = [
        rows + (0 if piece is None else len(piece.rows) + sum(len(each.rows) for each in stream))
        for piece, stream in zip(held, streams, strict=True)
    ]
    shown = ", ".join(f"{side.name} {n:,}" for side, n in zip(sides, totals, strict=True))
    what = f"the sources differ in their number of rows: {shown}. Name the column that says which "
    raise FileError(sides[0].name, f"{what}rows belong together: --key COLUMN.")


class Partner(Truth):
    """A further source, of whose rows those with the keys of the first one are looked up."""

    advice = (
        "Split the files by the key, or sort them by it: files in the same order take no memory."
    )

    def __init__(self, side: Side, base: Side, key: Key, *, drops: bool, tables: int) -> None:
        self.side, self.base, self.tables = side, base, tables
        readers = [side.open(name, opened) for name, opened in side.source.parts]
        self.sizes = [0] * len(readers)
        super().__init__(readers, side.name, key, drops=drops)
        # A written list, and what is to be read as text, is no number here.
        self.numbers = side.numbers

    @property
    def most(self) -> int:
        """Bytes that it may take: all partners together as many as one table of labels."""
        return joined.MOST_BYTES // self.tables

    @property
    def alone(self) -> str:
        names = ", ".join(f"'{name}'" for name in self.key.truth)
        return f"with a key {names} that {self.base.name} does not have"

    def _batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        wanted = list(dict.fromkeys([*self.key.truth, *columns]))
        for i, reader in enumerate(self.readers):
            self.sizes[i] = 0
            for batch in reader.batches(wanted, [n for n in self.numbers if n in columns]):
                self.sizes[i] += len(batch[wanted[0]])
                yield {name: _arrow(column) for name, column in batch.items()}

    def piece(self, places: Array) -> Piece:
        """The rows at these places."""
        batch = {name: self.take(name, places) for name in self.side.columns}
        if len(self.readers) == 1:
            return Piece(self.readers[0].name, self.readers[0], batch, places)
        return Piece(self.name, None, batch, places)


def _arrow(column: Any) -> Any:
    """A NumPy matrix as an Arrow array of lists."""
    if isinstance(column, np.ndarray) and column.ndim == 2:
        flat = pa.array(np.ascontiguousarray(column).reshape(-1))
        return pa.FixedSizeListArray.from_arrays(flat, column.shape[1])
    return column


def by_key(
    sides: Sequence[Side], named: str | Sequence[str], *, drops: bool
) -> Iterator[list[Piece]]:
    """Pieces of the same rows of all sides, by the key; rows as they are in the first side.

    Where all sides have the same keys in the same order, nothing is held in memory but some keys.
    """
    base, *others = sides
    keys = [_key(base, side, named) for side in others]
    if _in_same_order(sides, keys):
        yield from in_order(sides)
        return
    partners = [
        Partner(side, base, key, drops=drops, tables=len(others))
        for side, key in zip(others, keys, strict=True)
    ]
    for partner in partners:
        partner.match(base.source._unjoined(), partner.side.columns, base.source.skipping)
        base.left_out[f"a key only in {partner.name}"] += partner.without_prediction
    for piece in base.pieces():
        places = [partner.places[piece.part][piece.rows] for partner in partners]
        kept = np.all([each >= 0 for each in places], axis=0)
        for partner, each in zip(partners, places, strict=True):
            base.left_out[f"a key that {partner.name} does not have"] += int((each < 0).sum())
        rows = np.flatnonzero(kept)
        if len(rows):
            first = piece if len(rows) == len(kept) else piece.of(rows)
            found = [p.piece(each[rows]) for p, each in zip(partners, places, strict=True)]
            yield [first, *found]


def _key(base: Side, side: Side, named: str | Sequence[str]) -> Key:
    """The columns of the key in the first source and in another one, which may call it NAME=OTHER.

    Beside a table of labels, it is this one that has the other name.
    """
    key = key_of(named)
    if base.source.truth is not None:
        return Key(key.predictions, key.predictions)
    names = side.source.first[0].names
    other = tuple(
        second if second in names or first not in names else first
        for first, second in zip(key.predictions, key.truth, strict=True)
    )
    return Key(key.predictions, other)


def _in_same_order(sides: Sequence[Side], keys: Sequence[Key]) -> bool:
    """Do all sources have the same keys, row by row? Fails if one of them occurs twice."""
    names = [keys[0].predictions, *(key.truth for key in keys)]
    streams = [_keys(side, columns) for side, columns in zip(sides, names, strict=True)]
    held: list[Any] = [None] * len(sides)
    kept: list[Any] = []
    size = 0
    while True:
        held = [
            next(stream, None) if each is None or not len(each) else each
            for each, stream in zip(held, streams, strict=True)
        ]
        if any(each is None for each in held):
            break
        count = min(map(len, held))
        first, *others = (each[:count] for each in held)
        if not all(pc.all(pc.fill_null(pc.equal(first, o), False)).as_py() for o in others):
            return False
        size += first.nbytes
        if size <= MOST_KEYS:
            kept.append(first)
        held = [each[count:] for each in held]
    if any(each is not None for each in held):
        return False
    if size <= MOST_KEYS and kept:
        every = pa.chunked_array(kept)
        if len(pc.unique(every)) < len(every):
            _fail_at_duplicates(sides[0], names[0], every)
    return True


def _keys(side: Side, columns: Sequence[str]) -> Iterator[Any]:
    key = Key(tuple(columns), tuple(columns))
    for part, reader in side.source._unjoined():
        for name in columns:
            if name not in reader.names:
                what = f"no column '{name}'; the columns are {all_of(reader.names)}."
                raise FileError(part, what)
        if reader.once:
            what = "an iterator, which is read once; a join reads the keys first. Give a "
            raise FileError(part, what + "list of its tables.")
        for batch in reader.batches(list(columns), ()):
            if len(batch[columns[0]]):
                yield key.of(batch, columns)


def _fail_at_duplicates(side: Side, columns: Sequence[str], keys: Any) -> None:
    counts = pc.value_counts(keys)
    several = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
    names = ", ".join(f"'{name}'" for name in columns)
    many = counted(len(keys) - len(pc.unique(keys)), "row")
    what = f"{many} with a key {names} that earlier rows have: "
    shown = joined.few(several[:5].to_pylist(), len(several))
    raise FileError(side.name, f"{what}{shown}. Each row needs a key of its own.")
