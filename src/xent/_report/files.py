"""Writes a file whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EISDIR, ENOENT
from pathlib import Path


def check_folder(path: Path) -> None:
    """A file of this name can be written: its folder is there, and it is no folder itself."""
    if not path.parent.is_dir():
        raise FileNotFoundError(ENOENT, f"there is no folder {path.parent}.", str(path))
    if path.is_dir():
        raise IsADirectoryError(EISDIR, "is a folder; expected the name of a file.", str(path))


def write_file(path: Path, content: str | bytes) -> None:
    """Write beside the file, then replace it, so that a failure leaves the old one as it was."""
    # Opened as any file is, so that it gets the usual mode; tempfile would make it private.
    data = content.encode("utf-8") if isinstance(content, str) else content
    with replacing(path) as part:
        part.write_bytes(data)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file beside this one to write to, which then replaces it, unless there was an error."""
    path = path.resolve()  # where a link leads; the link itself stays
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        if path.exists():
            shutil.copymode(path, part)
        part.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None
    finally:
        part.unlink(missing_ok=True)
