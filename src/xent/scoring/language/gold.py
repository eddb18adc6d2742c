"""Which choices of a question are right, by the target as tools write it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from xent.scoring.language.rows import Checks

HOW = "expected the place of the right choice, from 0, or its text."


def right_choices(
    target: Any,
    choices: Sequence[str],
    count: int,
    accuracy: float | None,
    likeliest: int,
    row: int,
    checks: Checks,
    field: str = "target",
) -> list[int]:
    """The places of the right choices.

    `accuracy` is what the file itself says: 1 where the likeliest choice is right. It decides
    where the target allows several readings.
    """
    if accuracy is not None and 0 < accuracy < 1:
        what = (
            f"{accuracy:g} lies between 0 and 1, so the task scores its choices in its own way "
            "(as truthfulqa_mc2 does), and the target alone does not say which choices are right."
        )
        checks.fail(what, row, "acc")
    if target is None or target == "":
        checks.fail(f"the target is missing; {HOW}", row, field)
    found = _readings(target, choices, count, row, checks, field)
    if len(found) > 1 and accuracy is not None:
        found = [right for right in found if (likeliest in right) == bool(accuracy)]
    if len(found) == 1:
        return found[0]
    if not found:
        what = f"the target {target!r:.60} contradicts 'acc' = {accuracy:g}."
    elif len(set(choices)) == 1 < count:
        what = (
            "the target is the continuation that all choices share (as in winogrande), so that "
            "it does not say which one is right. Write the place of the right choice, from 0, "
            "as 'target'."
        )
    else:
        what = (
            f"the target {target!r:.60} is the place of one choice and the text of another. "
            "Write the place, from 0, as a number."
        )
    return checks.fail(what, row, field)


def _readings(
    target: Any, choices: Sequence[str], count: int, row: int, checks: Checks, field: str
) -> list[list[int]]:
    """Every way to read the target."""
    if isinstance(target, str):
        same = [i for i, choice in enumerate(choices) if choice.strip() == target.strip()]
        written = _parsed(target)
        if len(same) == count > 1:
            return [[i] for i in same]
        if written is None:
            if not same:
                what = f"{target!r:.60} is none of the choices; {HOW}"
                checks.fail(what, row, field)
            return [same]
        if same and written not in (same, [same[0]]):
            in_range = all(0 <= i < count for i in written)
            return [same, written] if in_range else [same]
        target = written
    targets = target if isinstance(target, list) else [target]
    for each in targets:
        if isinstance(each, float) and each.is_integer():
            continue
        if isinstance(each, bool) or not isinstance(each, int):
            checks.fail(f"{target!r:.60} is no target; {HOW}", row, field)
    for each in targets:
        if not 0 <= each < count:
            hint = " If targets start at 1, subtract 1." if each == count else ""
            what = f"{each:g} is out of range: there are {count} choices, 0 to {count - 1}.{hint}"
            checks.fail(what, row, field)
    if not targets:
        checks.fail(f"the list of targets is empty; {HOW}", row, field)
    return [sorted({int(each) for each in targets})]


def _parsed(target: str) -> list[int] | None:
    """A place, or a list of places, that was written as text."""
    try:
        value = json.loads(target)
    except ValueError:
        return None
    values = value if isinstance(value, list) else [value]
    if values and all(isinstance(each, int) and not isinstance(each, bool) for each in values):
        return values
    return None
