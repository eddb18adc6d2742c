"""The `xent` command: starts the command line, and turns errors into messages."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from xent._signs import HANDLER

CHECKS = (["audit"], ["diagnose"])
"""Commands whose exit code 1 says that something is wrong with what they check."""


def main() -> None:
    """Run the command line; no traceback reaches a user."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # where σ and ≈ cannot be shown, words stand for them
            stream.reconfigure(errors=HANDLER)
    if hasattr(signal, "SIGPIPE"):  # end like other commands when `head` has seen enough
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        _run()
    except KeyboardInterrupt:
        sys.exit(130)


def _run() -> None:
    try:
        from xent.cli import application
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        _fail(
            f"the command line needs {package}: pip install {package}, or xent with its extra cli",
            1,
        )
    from xent.scoring.errors import FileError

    code = 2 if sys.argv[1:2] in CHECKS else 1
    try:
        application(*sys.argv[1:2])()
    except (FileError, ModuleNotFoundError) as error:
        _fail(str(error), code)
    except OSError as error:
        _fail(": ".join(str(part) for part in (error.filename, error.strerror) if part), code)
    except MemoryError:
        _fail("out of memory.", code)
    except (TypeError, ValueError) as error:
        if "XENT_DEBUG" in os.environ:
            raise
        _fail(_as_typed(str(error), sys.argv[2:]), 2)


def _as_typed(message: str, arguments: Sequence[str]) -> str:
    """The message with the parameter that it begins with called as the option that was typed."""
    name, space, rest = message.partition(" ")
    option = "--" + {"ignored": "ignore-label"}.get(name, name.replace("_", "-"))
    typed = any(each.partition("=")[0] == option for each in arguments) and not rest.startswith(
        "are "
    )
    return f"{option}{space}{rest}" if typed else message


def _fail(message: str, code: int) -> NoReturn:
    print(f"xent: {message}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
