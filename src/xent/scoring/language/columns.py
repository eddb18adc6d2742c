"""Which columns hold log-probabilities of a language model, by their names and numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xent.scoring import naming
from xent.scoring.language.form import COUNTS, Form, Shape
from xent.scoring.language.plain import is_text_list, lists_of
from xent.scoring.values import is_listed, is_numeric

TOKEN = (
    "token_logprob,token_log_prob,logprob,log_prob,logp,log_p,log_probability,token_log_probability"
)
DOCUMENT = (
    "loglikelihood,log_likelihood,loglik,ll,sum_logprob,sum_logprobs,sum_log_prob,sum_log_probs,"
    "logprob_sum,total_logprob,total_log_prob,cumulative_logprob,sequence_logprob,"
    "total_log_likelihood,sum_log_likelihood"
)
LIST = (
    "token_logprobs,token_log_probs,logprobs,log_probs,logprob,log_prob,token_logprob,"
    "token_log_prob,tokens_logprobs"
)
CHOICES = (
    "logprobs,log_probs,loglikelihoods,log_likelihoods,lls,choice_logprobs,choices_logprobs,"
    "choice_log_probs,choice_loglikelihoods,choice_log_likelihoods,loglikelihood,logprob"
)
COUNT_NAMES = {
    "tokens": "num_tokens,n_tokens,token_count,tokens,ntokens,tokens_count,num_tok",
    "bytes": "num_bytes,n_bytes,byte_count,bytes,nbytes,bytes_count,utf8_bytes,token_bytes",
    "words": "num_words,n_words,word_count,words,nwords,words_count",
    "characters": "num_chars,n_chars,char_count,chars,characters,num_characters,n_characters",
}
TEXT = "token,tokens,text,document,doc,sentence,content,question,prompt,query"
ID = "doc_id,document_id,id,request_id,custom_id,uid,key,name"

FAR = 0.05
"""How far from 1 the probabilities of a row may sum, if they are those of classes."""

LOOKED_AT = 10_000
"""Numbers in lists that are looked at, if there are more than two lists."""


def form_of(names: Sequence[str], columns: Mapping[str, Any]) -> Form | None:
    """How the columns are read; None if they are not those of a language model."""
    sure, unsure = naming.labels(names)
    names = [name for name in names if name in columns]
    if sure or unsure:
        return _beside_labels((*sure, *unsure), names, columns)
    listed = _lists(names, columns)
    if listed:
        return _form("list", listed[0], names, columns)
    plain = [name for name in names if is_numeric(columns[name])]
    sums, tokens = _called(DOCUMENT, plain), _called(TOKEN, plain)
    if len(sums) == 1 and not tokens:
        return _form("document", sums[0], names, columns)
    if len(tokens) == 1 and not sums:
        counted = any(_called(COUNT_NAMES[unit], plain) for unit in ("tokens", "words"))
        return _form("document" if counted else "token", tokens[0], names, columns)
    return None


def _beside_labels(
    labels: Sequence[str], names: Sequence[str], columns: Mapping[str, Any]
) -> Form | None:
    """Choices; or a document whose text is called a target. All else are ordinary predictions."""
    plain = [name for name in names if is_numeric(columns[name])]
    sums = _called(DOCUMENT, plain)
    if len(sums) == 1 and any(_called(COUNT_NAMES[unit], plain) for unit in ("tokens", "bytes")):
        return _form("document", sums[0], names, columns)
    tokens = [name for name in _lists(names, columns) if "token" in name.lower()]
    if tokens:
        return _form("list", tokens[0], names, columns)
    listed = [name for name in _called(CHOICES, names) if is_listed(columns[name])]
    if len(listed) != 1 or len(labels) != 1 or not _are_choices(columns[listed[0]]):
        return None
    roles = {"values": listed[0], "label": labels[0]}
    for name in ("choices", "endings", "options"):
        if name in names and is_text_list(columns[name]):
            roles["choices"] = name
            break
    roles |= _texts(names, roles)
    told = (
        f"Log-likelihoods of choices in '{listed[0]}', normalised over the choices of each "
        f"question; the right choice in '{labels[0]}'."
    )
    return Form("columns", "choices", roles, told=told)


def _lists(names: Sequence[str], columns: Mapping[str, Any]) -> list[str]:
    """Columns of lists of token log-probabilities, not of those of classes."""
    listed = [name for name in _called(LIST, names) if is_listed(columns[name])]
    return [name for name in listed
            if _first_rows(columns[name]) and not _are_classes(columns[name])]  # fmt: skip


def _are_choices(column: Any) -> bool:
    """Log-likelihoods of texts: no log-probabilities of classes, and none is positive."""
    rows = _first_rows(column)
    values = [value for row in rows for value in row]
    if not rows or any(value is None or value > 0 for value in values):
        return False
    # The probabilities of different texts after the same one cannot sum to more than 1.
    possible = all(math.fsum(map(math.exp, row)) <= 1 + FAR for row in rows)
    return len({len(row) for row in rows}) > 1 or (possible and not _are_classes(column))


def _are_classes(column: Any) -> bool:
    """Are there as many numbers in each row, whose probabilities sum to about 1?"""
    rows = _first_rows(column)
    if len({len(row) for row in rows}) != 1 or any(value is None for row in rows for value in row):
        return False
    with np.errstate(over="ignore"):
        sums = np.exp(np.array(rows, np.float64)).sum(axis=1)
    return bool(np.median(np.abs(sums - 1)) <= FAR)


def _first_rows(column: Any) -> list[list[Any]]:
    """The first rows that are not empty; none if they hold anything but numbers."""
    width = max(map(len, lists_of(column[:1])), default=0)
    rows = [row for row in lists_of(column[: max(2, LOOKED_AT // max(width, 1))]) if row]
    values = (value for row in rows for value in row)
    numbers = all(isinstance(value, (int, float, type(None))) for value in values)
    return rows if numbers else []


def _called(names: str, columns: Sequence[str]) -> list[str]:
    """The columns with these names, in the order of the names."""
    wanted = names.split(",")
    plain = {column: re.sub(r"[\s.-]+", "_", column.strip().lower()) for column in columns}
    return sorted((c for c in columns if plain[c] in wanted), key=lambda c: wanted.index(plain[c]))


def _texts(names: Sequence[str], used: Mapping[str, str]) -> dict[str, str]:
    """Columns that name a row, or hold its text."""
    free = [name for name in names if name not in used.values()]
    found = {"id": _called(ID, free), "text": _called(TEXT, free)}
    return {role: columns[0] for role, columns in found.items() if columns}


def _form(shape: Shape, values: str, names: Sequence[str], columns: Mapping[str, Any]) -> Form:
    roles = {"values": values}
    for unit, known in COUNT_NAMES.items():
        numbers = [n for n in _called(known, names) if n != values and _is_count(columns, n, shape)]
        if numbers and not (unit == "tokens" and shape in ("token", "list")):
            roles[unit] = numbers[0]
    roles |= _texts(names, roles)
    what = {
        "token": f"A token per row: its log-probability in '{values}'",
        "list": f"A list of token log-probabilities per row, in '{values}'",
        "document": f"A document per row: the sum of its log-probabilities in '{values}'",
    }[shape]
    counts = ", ".join(f"{unit} in '{roles[unit]}'" for unit in COUNTS if unit in roles)
    return Form("columns", shape, roles, told=f"{what}{'; ' * bool(counts)}{counts}.")


def _is_count(columns: Mapping[str, Any], name: str, shape: Shape) -> bool:
    column = columns[name]
    texts = not isinstance(column, np.ndarray) and is_text_list(column)
    return is_numeric(column) or (shape == "list" and is_listed(column) and not texts)
