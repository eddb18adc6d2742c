"""The `xent` command: starts the command line, and turns errors into messages."""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def main() -> None:
    """Run the command line; no traceback reaches a user."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # σ and ≈ must not end in a UnicodeEncodeError
            stream.reconfigure(errors="replace")
    try:
        from xent.cli import app
    except ModuleNotFoundError as error:
        _fail(f"the command line needs {error.name}: pip install 'xent[cli]'", 1)
    from xent.scoring.errors import FileError

    try:
        app()
    except (FileError, ModuleNotFoundError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)  # the reader of our output, `head` say, has seen enough
        _fail(str(error), 1)
    except (TypeError, ValueError) as error:
        if "XENT_DEBUG" in os.environ:
            raise
        _fail(str(error), 2)


def _fail(message: str, code: int) -> NoReturn:
    print(f"xent: {message}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
