"""Writes the loss, probability and prediction of each row to a file, as the rows are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from xent._report.files import check_folder, replacing
from xent.scoring.columns import Rows
from xent.scoring.losses import probabilities_of, scored
from xent.scoring.reading import Reading
from xent.scoring.sources import Source

FORMATS: dict[str, Callable[[Any, Any], Any]] = {
    ".parquet": pyarrow.parquet.ParquetWriter,
    ".csv": pyarrow.csv.CSVWriter,
    ".arrow": pa.ipc.new_file,
    ".feather": pa.ipc.new_file,
}


class LossesFile:
    """A file with a row for each row, or row and label, that was scored."""

    def __init__(self, writer: Any, reading: Reading, clip: float | None, several: bool) -> None:
        self.writer, self.reading, self.clip, self.several = writer, reading, clip, several

    @staticmethod
    @contextmanager
    def open(
        path: Path | None, reading: Reading, clip: float | None, source: Source
    ) -> Iterator[LossesFile | None]:
        """The file, which is there once everything has been written; None if there is no path."""
        if path is None:
            yield None
            return
        check_path(path)
        read = [Path(name) for name, _ in source.parts] if path.exists() else []
        if any(each.exists() and each.samefile(path) for each in read):
            msg = f"losses is {str(path)!r}, which is a file of the predictions; name another."
            raise ValueError(msg)
        several = len(source.parts) > 1
        with (
            replacing(path) as part,
            FORMATS[path.suffix.lower()](str(part), _schema(reading, several)) as writer,
        ):
            yield LossesFile(writer, reading, clip, several)

    def add(self, parts: Sequence[Rows], source: str) -> None:
        """Write the rows of a batch; of several labels, each row and label, row by row."""
        schema = _schema(self.reading, self.several)
        made = pa.concat_tables(
            self._table(rows, part, name, source, schema)
            for rows, part, name in zip(parts, self.reading.parts, self._names(), strict=True)
        )
        if len(parts) > 1:
            places = np.concatenate([rows.places for rows in parts])
            made = made.take(pa.array(np.argsort(places, kind="stable")))
        self.writer.write_table(made)

    def _names(self) -> Sequence[str | None]:
        """The names of labels that may be true at once."""
        return self.reading.classes if len(self.reading.parts) > 1 else [None]

    def _table(self, rows: Rows, r: Reading, name: str | None, source: str, schema: Any) -> Any:
        scores = rows.scores.astype(np.float64, copy=False)
        made = scored(scores, rows.labels, r.kind, self.clip)
        names, n = pa.array(r.classes, pa.string()), len(rows.labels)
        columns = [
            *([pa.repeat(source, n)] if self.several else []),
            pa.array(rows.places),
            *(pa.array(texts, pa.string()) for texts in rows.shown),
            *([] if name is None else [pa.repeat(name, n)]),
            names.take(pa.array(rows.labels)),
            names.take(pa.array(made.predicted)),
            pa.array(probabilities_of(scores, rows.labels, r.kind)),
            pa.array(made.losses),
            *([] if rows.weight is None else [pa.array(rows.weight.astype(np.float64))]),
        ]
        return pa.table(columns, schema=schema)


def check_path(path: Path) -> None:
    """Fail unless a file of losses can have this name."""
    if path.suffix.lower() not in FORMATS:
        msg = f"losses is {str(path)!r}; expected a name that ends in {', '.join(FORMATS)}."
        raise ValueError(msg)
    check_folder(path)


def _schema(reading: Reading, several: bool) -> Any:
    texts = ["label", *(["truth"] if len(reading.parts) > 1 else []), "predicted"]
    named = {"row": pa.int64(), **dict.fromkeys(texts, pa.string())}
    numbers = ["probability", "loss"] + ["weight"] * (reading.weight is not None)
    named |= dict.fromkeys(numbers, pa.float64())
    if several:
        named = {"file": pa.string(), **named}
    shown = [f"{name} (shown)" if name in named else name for name in reading.show]
    fields = list(named.items())
    place = 1 + several
    return pa.schema([*fields[:place], *((name, pa.string()) for name in shown), *fields[place:]])
