"""`score` for language models: log-probabilities of tokens, of documents and of choices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal

from xent._format import reasons
from xent.scoring.errors import FileError
from xent.scoring.language import columns, harness, plain, responses
from xent.scoring.language.choice_report import ChoiceScore
from xent.scoring.language.form import Batch, Form, Part, column_of, records_of
from xent.scoring.language.rows import Checks, Questions, Texts, questions_of, texts_of
from xent.scoring.language.state import ChoiceState, TextState
from xent.scoring.language.text_report import TextScore

__all__ = [
    "ChoiceScore",
    "ChoiceState",
    "Form",
    "Missing",
    "TextScore",
    "TextState",
    "add_batch",
    "new_state",
    "recognise",
    "score_of",
]

Missing = Literal["error", "drop"]
State = TextState | ChoiceState


def recognise(
    names: Sequence[str],
    sample: Sequence[Mapping[str, Any]] | Mapping[str, Any],
    name: str = "",
    part: Part | None = None,
) -> Form | None:
    """How a file of a language model is read; None if it is none, such as ordinary predictions.

    `sample` has the first rows of the file: records of JSON Lines, or columns by name. A form with
    a problem is of a language model but cannot be scored; `new_state` raises it. `part` says
    which tokens of responses count, where there are those of prompts and generated ones.
    """
    if isinstance(sample, Mapping):
        records = records_of(sample) if _holds_records(sample) else []
    else:
        records = [dict(record) for record in sample]
    form = harness.form_of(names, records) or responses.form_of(records, part, Checks(name))
    if form is not None:
        return form
    if isinstance(sample, Mapping):
        return columns.form_of(names, sample)
    found = {}
    for column in names:
        with suppress(FileError):  # of several types: neither numbers nor lists
            found[column] = column_of(records, column, name)
    return columns.form_of(names, found)


def _holds_records(columns: Mapping[str, Any]) -> bool:
    """May the columns be those of a tool's records, with objects or lists of lists in them?"""
    types = [str(getattr(column, "type", "")) for column in columns.values()]
    return any(field in columns for field in harness.FIELDS) or any("struct<" in t for t in types)


def new_state(form: Form, worst: int, name: str) -> State:
    """A state without rows; an error if the file cannot be scored."""
    if form.problem:
        raise FileError(name, form.problem)
    return ChoiceState(worst) if form.shape == "choices" else TextState(worst)


def add_batch(
    state: State,
    form: Form,
    first: int,
    batch: Batch,
    name: str,
    missing: Missing = "error",
    source: str = "",
) -> None:
    """Add a batch of rows to a state. States of several batches may be merged in any order.

    `source` is the file of the rows, if there are several.
    """
    checks = Checks(name)
    if isinstance(state, ChoiceState):
        state.add(_questions(form, first, batch, checks), source)
    else:
        texts = _texts(form, first, batch, checks, missing)
        # Tokens of one text depend on each other, so that they give no standard error.
        state.add(texts, form.unit, source, errors=form.shape != "token")


def score_of(
    state: State, form: Form, name: str, skipped: tuple[str, ...] = (), level: float = 0.95
) -> TextScore | ChoiceScore:
    """The figures of a state; an error if it has no rows."""
    empty = isinstance(state, TextState) and state.known["tokens"] and not state.totals["tokens"]
    if not state.rows or empty:
        told = reasons((why, n) for why, n in sorted(state.left_out.items()) if n)
        raise FileError(name, f"nothing is left: {told}." if told else "holds no rows.")
    if isinstance(state, ChoiceState):
        return ChoiceScore(name, form, state, skipped, level)
    return TextScore(name, form, state, skipped, level)


def _texts(form: Form, first: int, batch: Batch, checks: Checks, missing: Missing) -> Texts:
    if form.source == "columns":
        return plain.texts(batch, first, form, checks, drop=missing == "drop")
    records = records_of(batch)
    if form.source == "responses":
        return texts_of(
            *responses.documents(records, first, form.part, checks, drop=missing == "drop")
        )
    return texts_of(harness.documents(records, first, form, checks), Counter())


def _questions(form: Form, first: int, batch: Batch, checks: Checks) -> Questions:
    make = harness.questions if form.source == "harness" else plain.questions
    found = make(records_of(batch), first, form, checks)
    return questions_of(found, checks, form.columns["values"])
