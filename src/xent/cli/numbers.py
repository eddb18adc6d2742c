"""Reads numbers and labels from the command line, negative ones too."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from typer.core import TyperCommand

from xent.cli.app import usage
from xent.cli.options import Columns


class NumberCommand(TyperCommand):
    """A command whose arguments may be negative numbers."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Keep -2.0 and -inf from being read as options; float() ignores the space."""
        return super().parse_args(ctx, [f" {a}" if _is_negative(a) else a for a in args])


def _is_negative(argument: str) -> bool:
    if not argument.startswith("-"):
        return False
    try:
        float(argument)
    except ValueError:
        return False
    return True


def label_of(text: str | None, names: list[str] | None, example: str) -> int:
    """The index of the true class, given as such or by its name."""
    if text is None:
        usage(f"--label is missing: the true label, as in {example}.")
    text = text.strip()
    if names is not None and text in names:
        return names.index(text)
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not number.is_integer():
        known = "" if names is None else f" or one of {', '.join(names)}"
        usage(f"--label is {text!r}; expected the index of a class, from 0{known}.")
    return int(number)


def target_of(text: str | None, names: list[str] | None, example: str) -> int | float | list[float]:
    """The label, or of a soft one the share of label 1, or the share of each class."""
    if text is not None and not (names and text.strip() in names):
        if "," in text:
            return numbers_of(text, "--label", "")
        if _is_fraction(text):
            return float(text)
    return label_of(text, names, example)


def _is_fraction(text: str) -> bool:
    try:
        return 0 < float(text) < 1
    except ValueError:
        return False


def scores_of(values: list[str], columns: Columns) -> dict[str, Any]:
    """Scores given as arguments, and what they are."""
    numbers = [number_of(value) for value in values]
    scores = numbers[0] if len(numbers) == 1 else numbers
    return {"logits": scores, "kind": columns.kind or "logits", "tolerance": columns.tolerance}


def numbers_of(text: str | None, option: str, partner: str) -> list[float]:
    """Numbers between commas or blanks, from an option that goes with another."""
    if text is None:
        usage(f"{option} is missing; {partner} go together.")
    return [number_of(part, option) for part in text.replace(",", " ").split()]


def number_of(text: str, option: str = "") -> float:
    """One number."""
    try:
        return float(text)
    except ValueError:
        if not option and (Path(text).exists() or Path(text).suffix):
            usage(f"{text.strip()!r} is not a number. To explain a row of a file, add --row N.")
        if not option and "," in text:
            usage(f"{text.strip()!r} is not a number. Separate logits by spaces.")
        usage(f"{text.strip()!r} is not a number{f' ({option})' if option else ''}.")
