"""Arrow IPC files (Feather version 2) and streams."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from xent.scoring.sources.arrow_reader import BinaryReader
from xent.scoring.sources.lines import Wanted
from xent.scoring.sources.reader import sliced
from xent.scoring.sources.sample import ROWS


class ArrowReader(BinaryReader):
    """Arrow IPC files (Feather version 2) and streams."""

    endings = (".feather", ".arrow", ".ipc")
    kind = "Arrow"

    def _schema(self) -> Any:
        return self._file()[0]

    def _stream(self, wanted: Wanted) -> Any:
        for batch in self._file()[1]:
            for part in sliced(batch.select(wanted.columns)):
                part.validate(full=True)  # damaged offsets would point outside the file
                yield part

    def _first(self) -> Iterator[Any]:
        for batch in self._file()[1]:
            part = batch.slice(0, ROWS)
            part.validate(full=True)
            yield part

    def _file(self) -> tuple[Any, Iterator[Any]]:
        source = self.file.open()  # a memory map would die with SIGBUS if the file shrinks
        try:
            file = pa.ipc.open_file(source)
        except pa.ArrowInvalid:
            source.seek(0)
            stream = pa.ipc.open_stream(source)
            return stream.schema, iter(stream)
        return file.schema, (file.get_batch(i) for i in range(file.num_record_batches))
