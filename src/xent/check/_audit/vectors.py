"""Test vectors that ship with xent: exact inputs, losses and gradients to 50 digits.

`vectors.json` may be read by any project; docs/test-vectors.md says how. It is written by
scripts/make_vectors.py.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from xent._validation import Array
from xent.check.arguments import Task


@dataclass(frozen=True, eq=False)
class Group:
    """Rows of one task, in one dtype; answers are decimal strings."""

    task: Task
    name: str
    dtype: str
    logits: Array
    """float64, (rows, classes) or (rows,): numbers of the dtype."""
    labels: Array
    losses: list[str]
    gradients: list[Any]
    """A list per row, or a string for a binary one."""

    @property
    def has_margin(self) -> bool:
        """Is it one of the groups that measure accuracy?"""
        return self.name.startswith("margin")


@cache
def vectors() -> tuple[Group, ...]:
    """All groups, in the order of the file."""
    text = (files("xent.check") / "vectors.json").read_text(encoding="utf-8")
    return tuple(_group(**group) for group in json.loads(text)["groups"])


def _group(kind: Task, logits: Any, labels: Any, **others: Any) -> Group:
    # `kind` is the task, by its name in format 1 of the file. A float64 array reads "Infinity".
    scores = np.array(logits, dtype=np.float64)
    return Group(kind, logits=scores, labels=np.array(labels), **others)
