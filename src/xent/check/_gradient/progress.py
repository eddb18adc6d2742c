"""A progress bar on a terminal, for checks that take more than a second."""

from __future__ import annotations

import sys
import time
from typing import Any

PATIENCE = 1.0
"""Seconds until a bar is worth showing."""


class Progress:
    """Counts steps, and shows them on stderr if rich is installed."""

    def __init__(self, shown: bool | None) -> None:
        self._asked = shown
        self._wanted = sys.stderr.isatty() if shown is None else shown
        self._began, self._done, self._total = time.monotonic(), 0, 0
        self._bar: Any = None

    def expect(self, steps: int) -> None:
        """Say how many steps are still to come."""
        self._total = self._done + steps

    def step(self) -> None:
        """One step is about to be done."""
        self._done += 1
        if self._wanted and self._bar is None and time.monotonic() - self._began > PATIENCE:
            self._start()
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done, total=self._total or None)

    def _start(self) -> None:
        try:
            from rich.console import Console
            from rich.progress import Progress as Bar
        except ModuleNotFoundError:
            self._wanted = False
            return
        force = True if self._asked else None
        self._bar = Bar(console=Console(stderr=True, force_terminal=force), transient=True)
        self._bar.start()
        self._task = self._bar.add_task("checking", total=None)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
