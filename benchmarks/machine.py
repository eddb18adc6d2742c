"""A measurement: its times, and what it ran on (versions, the processor, no names or paths)."""

from __future__ import annotations

import datetime as dt
import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, NotRequired, TypedDict


class Timing(TypedDict):
    """Seconds per call of every column, one for each repetition."""

    case: str
    task: NotRequired[str]
    seconds: dict[str, list[float]]


class Circumstances(TypedDict):
    """When and on what was measured."""

    date: str
    processor: str
    cores: int
    versions: dict[str, str]


MADE = "## How this page was made"
"""The heading of the last section of a page."""


def measured(report: Mapping[str, Any]) -> str:
    """When, on what and with what was measured, as the end of a page says it."""
    versions = ", ".join(f"{name} {number}" for name, number in report["versions"].items())
    place = ""
    if "processor" in report:
        place = f" on one machine ({report['processor']}, {report['cores']} cores)"
    return f"Measured on {report['date']}{place} with {versions}."


def today() -> str:
    """The date, in UTC."""
    return dt.datetime.now(dt.UTC).date().isoformat()


def versions(*distributions: str) -> dict[str, str]:
    """Python's version and those of the distributions."""
    return {"Python": platform.python_version(), **{name: version(name) for name in distributions}}


def cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor() -> str:
    """The processor's model name, as far as the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
