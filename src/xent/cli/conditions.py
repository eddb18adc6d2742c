"""Ends a command with an exit code of its own where `--fail-if` says so."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from xent._format import visible
from xent._report import Report
from xent.scoring.conditions import Condition, failed

FAILED = 3
"""The exit code if a condition is true: 1 is for files, and 2 for incorrect use."""


def exit_if(conditions: Sequence[Condition], report: Report) -> None:
    """Say which conditions are true of the report, and exit if one is."""
    told = failed(conditions, report.to_dict()) if conditions else []
    for each in told:
        print(visible(f"xent: failed: {each}"), file=sys.stderr)
    if told:
        raise typer.Exit(FAILED)
