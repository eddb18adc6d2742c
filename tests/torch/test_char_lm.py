"""The character-level language model of the examples, and what the documentation shows of it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from commands import HANGS
from console import ROOT

PAGE = ROOT / "docs" / "howto" / "huggingface.md"
NUMBER = re.compile(r"\d+(?:\.\d+)?")


def rows(text: str) -> list[list[float]]:
    return [[float(number) for number in NUMBER.findall(line)] for line in text.splitlines()]


def test_the_example_prints_what_its_page_shows() -> None:
    """Other versions of Python have other sources, so the losses are near those shown."""
    import transformers  # noqa: F401 - the example needs it

    shown = PAGE.read_text("utf-8").split("```text\n")[1].split("```")[0]
    command = [sys.executable, "examples/char_lm.py"]
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=HANGS
    )
    assert result.returncode == 0, result.stderr
    printed = result.stdout
    words = [re.sub(r"[\d.\s]+", " ", text) for text in (printed, shown)]
    assert words[0] == words[1], printed
    assert printed.rstrip().endswith("agrees")
    for ours, theirs in zip(rows(printed)[1:], rows(shown)[1:], strict=True):
        assert ours == pytest.approx(theirs, abs=0.5)
