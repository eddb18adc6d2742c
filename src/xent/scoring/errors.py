"""An error in a file that says where it is: file, row, line and column."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from xent._format import visible


class FileError(ValueError):
    """Names the file and, where there is one, the row (from 0), the line (from 1), the column."""

    def __init__(
        self,
        path: Path | str,
        what: str,
        *,
        row: int | None = None,
        line: int | None = None,
        column: str | None = None,
    ) -> None:
        self.path, self.what, self.row, self.line, self.column = path, what, row, line, column
        place = []
        if row is not None:
            place.append(f"row {row}" if line is None else f"row {row} (line {line})")
        elif line is not None:
            place.append(f"line {line}")
        if column is not None:
            place.append(f"column '{column}'")
        where = f"{path}: {', '.join(place)}: " if place else f"{path}: "
        super().__init__(visible(where + what))

    def at(self, row: int, line: int | None) -> FileError:
        """The same problem in this row and, where that is known, on this line."""
        return FileError(self.path, self.what, row=row, line=line, column=self.column)

    def __reduce__(self) -> Any:
        """How it is sent from another process."""
        made = partial(
            FileError, self.path, self.what, row=self.row, line=self.line, column=self.column
        )
        return made, ()
