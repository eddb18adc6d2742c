"""Write docs/reference/cli.md: every command with its real help, found by asking the application.

python scripts/make_cli_reference.py
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.testing import CliRunner

from xent.cli import application

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
PAGE = Path(__file__).parents[1] / "docs" / "reference" / "cli.md"

HEAD = """\
# Command line

Every command with its arguments and options, as `--help` shows them. Problems with a file end with
exit code 1 and name file, row and column; incorrect use ends with 2, and a condition of `--fail-if`
that is true with 3. `xent audit` and `xent diagnose` end with 1 if something is wrong with what
they check, and with 2 for any error. `XENT_DEBUG=1` shows the traceback behind a message.

"""

END = """
## How this page was made

`python scripts/make_cli_reference.py` asks each command for its help, and a test compares the page
with it.
"""


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its name, groups before what is in them."""
    yield from _walk("xent", typer.main.get_command(application()))


def _walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield name, command
    for part, inner in getattr(command, "commands", {}).items():
        if not inner.hidden:
            yield from _walk(f"{name} {part}", inner)


def section(name: str) -> str:
    """A heading, and the help as a terminal of 80 columns shows it."""
    _, *parts = name.split()
    result = CliRunner().invoke(
        application(), [*parts, "--help"], prog_name="xent", env={"COLUMNS": "80"}
    )
    lines = [line.rstrip() for line in COLOUR.sub("", result.output).rstrip().splitlines()]
    return "\n".join([f"## {name}", "", "```text", *lines, "```", ""])


def page() -> str:
    return HEAD + "\n".join(section(name) for name, _ in commands()) + END


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.name}")
