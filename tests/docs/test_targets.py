"""`make test` and `make test-slow`, which CI runs, leave out no test between them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections import Counter

import pytest
from commands import HANGS
from console import ROOT
from marks import MEDIUM, SLOW

MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def recipe(target: str) -> str:
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert found, f"the Makefile has no {target}"
    return found[1]


def selection(target: str) -> list[str]:
    """The options of the one call of pytest in a target."""
    (line,) = (line for line in recipe(target).splitlines() if "$(PYTEST)" in line)
    return shlex.split(line.partition("$(PYTEST)")[2])


def collected(options: list[str]) -> Counter[str]:
    """The tests that pytest would run."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-qq", *options]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "default"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=HANGS,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return Counter(dict(map(counted, re.findall(r"^\S.*: \d+$", done.stdout, re.MULTILINE))))


def counted(line: str) -> tuple[str, int]:
    """Of `file: number of tests`."""
    file, _, number = line.rpartition(": ")
    return file, int(number)


def test_ci_runs_both_targets() -> None:
    lines = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()
    assert {"make test", "make test-slow"} <= set(lines)


def test_the_targets_select_by_one_mark() -> None:
    assert selection("test") == ["-m", "not slow"]
    assert selection("test-slow") == ["-m", "slow"]
    assert selection("test-fast") == ["-m", "not slow and not medium"]


def test_every_test_is_in_one_of_the_two() -> None:
    everything = collected([])
    assert everything.total() > 3000
    assert collected(selection("test")) + collected(selection("test-slow")) == everything


@pytest.mark.parametrize("place", [*SLOW, *MEDIUM])
def test_what_is_listed_is_there(place: str) -> None:
    file, _, name = place.partition("::")
    assert (ROOT / file).exists()
    assert not name or f"def {name}(" in (ROOT / file).read_text("utf-8")
