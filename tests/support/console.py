"""Commands and outputs shown in a Markdown file: run them, compare them, or write them anew."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from commands import HANGS

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[tuple[str, str]]:
    """The (command, output) pairs of all console blocks."""
    pairs = []
    for block in BLOCK.findall(text):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            pairs.append((command, output.rstrip() + "\n" if output.strip() else ""))
    return pairs


class Result(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def shown(self) -> str:
        """What a page shows of it: the output, and the error message of a command that failed.

        A command that succeeds may write notices to stderr (that a kernel is being compiled, say),
        which depend on the machine and are not part of its output.
        """
        return self.out + self.err if self.code else self.out


def run(command: str) -> Result:
    """Run a command as in a terminal of 80 columns without colours."""
    here = Path(sys.executable).parent
    env = {**os.environ, "COLUMNS": "80", "PATH": f"{here}{os.pathsep}{os.environ['PATH']}"}
    for name in ("FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS"):  # each of them asks for colours
        env.pop(name, None)
    result = subprocess.run(
        command,
        shell=True,
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=HANGS,
    )
    return Result(result.returncode, _trimmed(result.stdout), _trimmed(result.stderr))


def _trimmed(text: str) -> str:
    """The text without blanks at the ends of lines and empty lines at its end."""
    lines = [line.rstrip() for line in text.splitlines()]
    return "\n".join(lines).rstrip() + "\n" if any(lines) else ""


def rewritten(text: str) -> str:
    """The text with every output as the command gives it now."""

    def block(match: re.Match[str]) -> str:
        parts = [f"$ {command}\n{run(command).shown}" for command, _ in commands(match.group(0))]
        return "```console\n" + "\n".join(parts) + "```"

    return BLOCK.sub(block, text)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(rewritten(path.read_text("utf-8")), "utf-8")
