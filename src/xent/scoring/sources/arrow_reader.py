"""What all formats read by PyArrow share: batches, and errors that name the file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import pyarrow as pa

from xent.scoring.errors import FileError
from xent.scoring.sources.file import File
from xent.scoring.sources.lines import LONGEST, Place, Wanted, check_text
from xent.scoring.sources.reader import Batch, FileReader
from xent.scoring.sources.sample import ROWS, Sample

NOTHING = Wanted()


class PyArrowReader(FileReader):
    """Files that PyArrow reads."""

    def batches(self, columns: Sequence[str], numbers: Sequence[str]) -> Iterator[Batch]:
        wanted = Wanted(columns, frozenset(numbers))
        with self._explained(wanted):
            for batch in self._stream(wanted):
                yield dict(zip(columns, batch.columns, strict=True))

    def sample(self) -> Sample:
        with self._explained(Wanted(self.names)):
            for batch in self._first():
                if batch.num_rows:
                    return self._sampled(batch.schema.names, batch.slice(0, ROWS).columns)
        return Sample({name: pa.nulls(0) for name in self.names})

    def _first(self) -> Iterator[Any]:
        """Batches of all columns, of which only the first is used."""
        raise NotImplementedError

    def _sampled(self, names: Sequence[str], columns: Sequence[Any]) -> Sample:
        return Sample(dict(zip(names, columns, strict=True)))

    @contextmanager
    def _explained(self, wanted: Wanted = NOTHING) -> Iterator[None]:
        """Turn errors of PyArrow and of file systems into those of this format."""
        try:
            yield
        except FileError:
            raise
        except (pa.ArrowException, OSError, ValueError) as error:
            raise self._error(str(error), wanted) from None

    def _stream(self, wanted: Wanted) -> Any:
        """Batches of the wanted columns, in that order."""
        raise NotImplementedError

    def _error(self, reason: str, wanted: Wanted) -> FileError:
        raise NotImplementedError


class TextReader(PyArrowReader):
    """What the text formats share: blocks of bytes, and errors with their line."""

    streams = True
    block: ClassVar[int] = LONGEST
    """Bytes of a batch."""

    def __init__(self, file: File) -> None:
        super().__init__(file)
        check_text(file)

    def _content(self) -> Any:
        """The bytes of the rows."""
        self.source = self.file.open()
        return self.file.content(self.source)

    def fraction(self, rows: int) -> float | None:  # noqa: ARG002
        try:
            return float(self.source.tell() / max(1, self.source.size()))
        except (AttributeError, OSError, ValueError):  # not open yet, or of unknown size
            return None

    def line(self, row: int) -> int | None:
        places = self._places()
        return next((place["line"] for place in places if place["row"] == row), None)

    def _places(self) -> Iterator[Place]:
        """The places of the rows."""
        raise NotImplementedError

    def _check(self, wanted: Wanted) -> None:
        """Read the text line by line; raise FileError at the first row that is at fault."""
        raise NotImplementedError

    def _error(self, reason: str, wanted: Wanted) -> FileError:
        """The error with its line, or the parser's own message if no line is at fault."""
        if "straddling" in reason:
            reason = f"a row is longer than {self.block} bytes."
        try:
            self._check(wanted)
        except FileError as found:
            return found
        except OSError as error:  # compressed data that is cut off or damaged
            reason = str(error)
        # The parser counts rows from the start of its block.
        return FileError(self.name, f"cannot be read: {re.sub(r' in row [0-9]+$', '', reason)}")


class BinaryReader(PyArrowReader):
    """What Parquet and Arrow files share: a schema, and typed batches."""

    schema: Any
    kind: str

    def __init__(self, file: File) -> None:
        super().__init__(file)
        with self._explained():
            self.schema = self._schema()
            self.names = list(self.schema.names)

    def _schema(self) -> Any:
        raise NotImplementedError

    def _error(self, reason: str, wanted: Wanted) -> FileError:  # noqa: ARG002
        reason = reason.splitlines()[0].strip()
        if "seek" in reason.lower():
            what = f"a {self.kind} file is not read from front to back, but its server sends it "
            return FileError(self.name, what + "only so: download it first.")
        what = f"is not a complete {self.kind} file (truncated, or of another kind): {reason}"
        return FileError(self.name, what)
