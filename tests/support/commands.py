"""The command line in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

XENT = (sys.executable, "-m", "xent")
HANGS = 900
"""Seconds after which a process of a test is taken to hang: far more than a busy machine needs."""


class Output(NamedTuple):
    code: int
    out: str
    err: str


def command(*arguments: str | Path, program: tuple[str, ...] = XENT, **environment: str) -> Output:
    """The command in a process of its own; the terminal is 80 wide."""
    env = {**os.environ, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8", **environment}
    done = subprocess.run([*program, *map(str, arguments)], capture_output=True, env=env)
    encoding = env["PYTHONIOENCODING"]
    return Output(done.returncode, done.stdout.decode(encoding), done.stderr.decode(encoding))
