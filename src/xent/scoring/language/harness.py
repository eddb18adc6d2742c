"""Samples of lm-evaluation-harness, as `--log_samples` writes them.

Its newer versions write every number as text, and arguments as objects.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from xent.scoring.language.form import Form, Shape
from xent.scoring.language.gold import right_choices
from xent.scoring.language.rows import Checks, Document, Question, excerpt_of

RESULTS = (
    "holds the results of lm-evaluation-harness without the samples. Score the files "
    "samples_*.jsonl beside it, which --log_samples writes."
)
GENERATED = (
    "holds samples of generated text (generate_until), which have no log-probabilities. Of "
    "lm-evaluation-harness, tasks of choices (multiple_choice), loglikelihood and "
    "loglikelihood_rolling can be scored."
)
TOLD = {
    "choices": "lm-evaluation-harness: log-likelihoods of choices in '{}', normalised over the "
    "choices of each question; the right choice in 'target'.",
    "continuation": "lm-evaluation-harness: log-likelihoods of one continuation each, in '{}'.",
    "rolling": "lm-evaluation-harness: log-likelihoods of whole documents, in '{}'; words and "
    "bytes {}.",
}
METRICS = {"word_perplexity": "words", "byte_perplexity": "bytes", "bits_per_byte": "bytes"}
"""Metrics of a document, each a pair of its log-likelihood and a count."""

FIELDS = ("filtered_resps", "resps")


def form_of(names: Sequence[str], records: Sequence[dict[str, Any]]) -> Form | None:
    """How samples are read; None if these are none."""
    if {"results", "configs"} <= set(names):
        return Form("harness", "choices", problem=RESULTS)
    field = next((each for each in FIELDS if each in names), None)
    found = [record for record in records if isinstance(record.get(field or ""), list)]
    if field is None or not found:
        return None
    shapes = [_shape(record, field) for record in found if record[field]]
    known: list[Shape] = [shape for shape in shapes if shape != "generated"]
    if not known:
        return Form("harness", "choices", problem=GENERATED)
    shape = "choices" if "choices" in known else known[0]
    metrics = any(metric in record for record in records for metric in METRICS)
    counts = "as the samples give them" if metrics else "counted in 'arguments'"
    return Form("harness", shape, {"values": field}, told=TOLD[shape].format(field, counts))


def _shape(record: dict[str, Any], field: str) -> Any:
    arguments, entries = arguments_of(record), record[field]
    if any(len(each) > 1 and isinstance(each[1], dict) for each in arguments):
        return "generated"
    if any(metric in record for metric in METRICS):
        return "rolling"
    entry = entries[0]
    while isinstance(entry, list) and len(entry) == 1:
        entry = entry[0]
    if arguments and len(arguments[0]) == 1 and not isinstance(entry, list):
        return "rolling"
    if not isinstance(entry, list):
        return "generated" if isinstance(entry, str) else "choices"  # an error says more
    return "choices" if len(entries) > 1 else "continuation"


def arguments_of(record: dict[str, Any]) -> list[list[Any]]:
    """The arguments of each request: context and continuation, or the text alone."""
    found = record.get("arguments")
    if isinstance(found, dict):
        keys = sorted(found, key=lambda key: int(re.sub(r"\D", "", key) or 0))
        found = [found[key] for key in keys]
    if not isinstance(found, list):
        return []
    lists = [list(each.values()) if isinstance(each, dict) else each for each in found]
    return [each if isinstance(each, list) else [each] for each in lists]


def documents(
    records: Sequence[dict[str, Any]], first: int, form: Form, checks: Checks
) -> list[Document]:
    """Documents, or single continuations."""
    make = _rolled if form.shape == "rolling" else _continued
    field = form.columns["values"]
    return [make(record, row, field, checks) for row, record in enumerate(records, first)]


def _rolled(record: dict[str, Any], row: int, field: str, checks: Checks) -> Document:
    entry = _entries(record, row, field, checks)[0]
    while isinstance(entry, list) and entry:
        entry = entry[0]
    value = checks.number(entry, row, field, "a log-likelihood")
    arguments = arguments_of(record)
    text = str(arguments[0][0]) if arguments and arguments[0] else None
    counts = {}
    for metric, unit in METRICS.items():
        pair = record.get(metric)
        if isinstance(pair, list) and len(pair) == 2:
            counts[unit] = checks.count(pair[1], row, metric, unit)
    if not counts and text is None:
        what = "the sample has no text: expected 'arguments', or a pair such as 'bits_per_byte'."
        checks.fail(what, row, "arguments")
    if text is not None:
        # As the harness counts them, where a task does not count in its own way.
        counts = {"bytes": _size(text), "words": len(re.split(r"\s+", text))} | counts
    return Document(row, [value], counts, text=_named(record, text or ""))


def _continued(record: dict[str, Any], row: int, field: str, checks: Checks) -> Document:
    pairs = _pairs(record, row, field, checks)
    if len(pairs) != 1:
        what = f"{len(pairs)} continuations; expected one, as in the rows before it."
        checks.fail(what, row, field)
    value, greedy = pairs[0]
    arguments = arguments_of(record)
    text = str(arguments[0][1]) if arguments and len(arguments[0]) > 1 else ""
    counts = {"bytes": _size(text)} if text else {}
    return Document(row, [value], counts, greedy, _named(record, text))


def questions(
    records: Sequence[dict[str, Any]], first: int, form: Form, checks: Checks
) -> list[Question]:
    """Questions with their choices."""
    field = form.columns["values"]
    return [_question(record, row, field, checks) for row, record in enumerate(records, first)]


def _question(record: dict[str, Any], row: int, field: str, checks: Checks) -> Question:
    values = [value for value, _ in _pairs(record, row, field, checks)]
    arguments = arguments_of(record)
    if arguments and len(arguments) != len(values):
        what = f"{len(values)} log-likelihoods for {len(arguments)} requests; expected one of each."
        checks.fail(what, row, field)
    if "acc_mutual_info" in record and len(values) % 2 == 0:
        # The second half has the same choices without a context.
        values, arguments = values[: len(values) // 2], arguments[: len(values) // 2]
    texts = [str(each[1]) for each in arguments if len(each) > 1]
    reported = {
        key: float(record[key])
        for key in ("acc", "acc_norm", "acc_bytes")
        if isinstance(record.get(key), (int, float))
    }
    lengths, choices = {}, _without_delimiter(texts) if len(texts) == len(values) else []
    contexts = {str(each[0]) for each in arguments if each}
    # Where the choices stand in the contexts, their lengths are not known.
    if choices and not (len(contexts) > 1 == len(set(texts))):
        sizes = [_size(text) for text in choices]
        lengths = {"characters": list(map(len, choices)), "bytes": sizes}
    target = record.get("target")
    likeliest = int(np.argmax(values))
    right = right_choices(target, choices, len(values), reported.get("acc"), likeliest, row, checks)
    context = str(arguments[0][0]) if arguments and arguments[0] else ""
    return Question(row, values, right, lengths, reported, _named(record, context, tail=True))


def _entries(record: dict[str, Any], row: int, field: str, checks: Checks) -> list[Any]:
    entries = record.get(field)
    if not isinstance(entries, list) or not entries:
        checks.fail("expected a list of log-likelihoods; found none.", row, field)
    return entries


def _pairs(record: dict[str, Any], row: int, field: str, checks: Checks) -> list[tuple[float, int]]:
    """Log-likelihood of each choice, and whether greedy decoding gives it."""
    pairs = []
    for entry in _entries(record, row, field, checks):
        pair = entry[0] if isinstance(entry, list) and len(entry) == 1 else entry
        if isinstance(pair, list) and pair and isinstance(pair[0], list):
            pair = pair[0]  # of several equal requests
        if not isinstance(pair, list) or len(pair) != 2:
            what = (
                f"{entry!r:.60} is no pair of a log-likelihood and is_greedy, as "
                "lm-evaluation-harness writes them for each choice: [-5.2, false]."
            )
            checks.fail(what, row, field)
        greedy = {"true": 1, "1": 1, "1.0": 1, "false": 0, "0": 0, "0.0": 0}
        value = checks.number(pair[0], row, field, "a log-likelihood")
        pairs.append((value, greedy.get(str(pair[1]).lower(), -1)))
    return pairs


def _without_delimiter(texts: Sequence[str]) -> list[str]:
    """The choices without the blank that the harness puts before each."""
    spaced = all(text.startswith(" ") for text in texts)
    return [text[spaced:] for text in texts]


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _named(record: dict[str, Any], text: str, *, tail: bool = False) -> str:
    """The number that the harness gives a document, and a part of its text."""
    name = None if record.get("doc_id") is None else f"doc {record['doc_id']}"
    return excerpt_of(name, text, tail=tail)
