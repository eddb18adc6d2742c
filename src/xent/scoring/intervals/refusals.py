"""Sentences that say why there is no interval."""

from __future__ import annotations

from collections.abc import Mapping

FEWEST_OF_A_CLASS = 5
"""Rows of a class below which a mean over the classes has no interval."""


def told(count: int, what: str, least: int) -> str:
    """That there are too few of something."""
    return f"only {count:,} {what}{'s' * (count != 1)}: an interval needs {least:,}"


def few_of_a_class(counts: Mapping[str, int], least: int = FEWEST_OF_A_CLASS) -> str:
    """That the rarest class has too few rows, or that there is only one; or nothing."""
    if not counts:
        return ""
    name = min(counts, key=lambda each: counts[each])
    if counts[name] >= least:
        return ""
    return told_of_class(counts[name], name, least)


def told_of_class(count: int, name: str, least: int) -> str:
    """That a class has too few rows."""
    if not count:
        return f"no row of class '{name}': an interval needs {least:,}"
    return f"only {count:,} row{'s' * (count != 1)} of class '{name}': an interval needs {least:,}"
