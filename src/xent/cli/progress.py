"""How far a command is, on the terminal, if it takes longer than a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

DELAY = 1.0
"""Seconds before anything is shown."""


@contextmanager
def shown_progress() -> Iterator[Callable[[int, float | None], None] | None]:
    """Takes the rows so far and the part of the whole; None where nobody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    start = time.monotonic()
    bar = Progress(
        BarColumn(),
        TextColumn("{task.fields[rows]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task("", total=None, rows="")
    try:

        def update(rows: int, fraction: float | None) -> None:
            passed = time.monotonic() - start
            if passed < DELAY:
                return
            bar.start()
            told = f"{rows:,} rows, {rows / passed:,.0f} per second"
            bar.update(task, completed=fraction or 0, total=fraction and 1, rows=told)

        yield update
    finally:
        bar.stop()
