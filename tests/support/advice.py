"""Follows the advice of an error about a file, as a user would."""

from __future__ import annotations

import re
import shlex
from typing import Any

from xent.scoring import FileError, score

LISTS = ("classes", "score_columns", "ignored")
NAMES = {"ignore_label": "ignored"}
OFFERED = re.compile(r"\((--.*?)\)(?=[;.]|$)")
INLINE = re.compile(r"--(?:kind|classes|ignore-label|missing|label-column)[ =](?:'[^']+'|[^\s;]+)")
PLACEHOLDER = re.compile(r"\.\.\.|[A-Z]{2,}|\bA,B")


def options_in(message: str) -> list[str]:
    """The options that an error names: one that is to be chosen, or what to pass."""
    found = OFFERED.findall(message) or [each.rstrip(".") for each in INLINE.findall(message)]
    return [each for each in found if not PLACEHOLDER.search(each)]


def arguments(option: str) -> dict[str, Any]:
    """Arguments of `score` for options of the command line."""
    words = shlex.split(option.replace("=", " ", 1) if " " not in option else option)
    pairs = {}
    for name, value in zip(words[::2], words[1::2], strict=True):
        key = name.removeprefix("--").replace("-", "_")
        key = NAMES.get(key, key)
        pairs[key] = value.split(",") if key in LISTS else value
    return pairs


def losses(source: Any, steps: int = 3, **options: Any) -> dict[str, float]:
    """The loss, or those that advice gives, by the options that were added."""
    try:
        return {"": score(source, **options).loss}
    except FileError as error:
        found = {}
        for option in options_in(str(error)) if steps else ():
            given = arguments(option)
            if given.items() <= options.items():
                continue
            below = losses(source, steps - 1, **{**options, **given})
            found |= {f"{option} {more}".strip(): loss for more, loss in below.items()}
        return found
