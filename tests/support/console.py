"""Commands and outputs shown in a Markdown file: run them, compare them, or write them anew."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

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


def run(command: str) -> str:
    """What a command prints, in a terminal of 80 columns without colours."""
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
        timeout=120,
    )
    lines = [line.rstrip() for line in (result.stdout + result.stderr).splitlines()]
    return "\n".join(lines).rstrip() + "\n" if any(lines) else ""


def rewritten(text: str) -> str:
    """The text with every output as the command gives it now."""

    def block(match: re.Match[str]) -> str:
        parts = [f"$ {command}\n{run(command)}" for command, _ in commands(match.group(0))]
        return "```console\n" + "\n".join(parts) + "```"

    return BLOCK.sub(block, text)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(rewritten(path.read_text("utf-8")), "utf-8")
