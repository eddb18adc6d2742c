"""Saved results of language models: read, and merged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from xent.scoring.language.choice_report import ChoiceScore
from xent.scoring.language.form import Form
from xent.scoring.language.state import ChoiceState, TextState
from xent.scoring.language.text_report import TextScore
from xent.scoring.state import StateError

Result = TypeVar("Result", TextScore, ChoiceScore)


def score_from(data: dict[str, Any]) -> TextScore | ChoiceScore:
    """The result that was saved, of the data of its text."""
    form, path = Form(**data["form"]), str(data["path"])
    skipped = tuple(map(str, data["skipped"]))
    if form.shape == "choices":
        return ChoiceScore(path, form, ChoiceState.from_json(data["state"]), skipped)
    return TextScore(path, form, TextState.from_json(data["state"]), skipped)


def merged(a: Result, b: Result) -> Result:
    """The result of the rows of both."""
    for name in ("shape", "unit", "part"):
        one, other = getattr(a.form, name), getattr(b.form, name)
        if one != other:
            msg = (
                f"These states cannot be merged. The {name} of one is {one}, of the other {other}."
            )
            raise StateError(msg)
    if a.state.keep != b.state.keep:
        msg = "These states cannot be merged. "
        msg += f"One state keeps {a.state.keep} of the worst rows, the other {b.state.keep}."
        raise StateError(msg)
    return replace(
        a,
        path=", ".join(dict.fromkeys([*a.path.split(", "), *b.path.split(", ")])),
        state=a.state.merge(b.state),
        skipped=(*a.skipped, *b.skipped),
    )
