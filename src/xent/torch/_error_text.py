"""Errors in the caller's words: tensors' fixes in place of NumPy's, and torch's names of arguments.

The texts are made once, where arrays are checked; here they are put as those say who call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import torch

ERRORS = (TypeError, ValueError, NotImplementedError)
"""What is raised about arguments."""

Rule = tuple[re.Pattern[str], str]


def reworded(error: Exception, rules: Iterable[Rule]) -> Exception:
    """The same error, its text rewritten by the rules."""
    if torch.compiler.is_compiling():  # which follows no such change
        return error
    text = str(error)
    for pattern, words in rules:
        text = pattern.sub(words, text)
    error.args = (text,)
    return error


def renaming(**names: str) -> list[Rule]:
    """Rules for arguments of other names; "one weight per row" is no argument."""
    return [(re.compile(rf"(?<!one )\b{ours}\b"), theirs) for ours, theirs in names.items()]


TENSORS: list[Rule] = [
    (re.compile(r"\.astype\(int\)"), ".long()"),
    (re.compile(r"\.astype\(float\)"), ".float()"),
    (re.compile(r"has dtype (?!torch)"), "has dtype torch."),
    (re.compile(r" Encode labels .*"), ""),  # of strings, which no tensor holds
]
"""For xent's functions of tensors."""

TWINS: list[Rule] = [
    (re.compile(r"pass axis=(\d+)"), r"pass input.movedim(\1, 1)"),
    (re.compile(r"\bthe logits have\b"), "input has"),
    (re.compile(r"\bthe logits'"), "input's"),
    (re.compile(r"\blogits\b"), "input"),
    *renaming(
        targets="target",
        class_weight="weight",
        sample_weight="weight",
        binary_cross_entropy="binary_cross_entropy_with_logits",
    ),
]
"""For torch's function of logits."""

BINARY: list[Rule] = [
    (re.compile(r"pass ignore_index=\S+"), "give them weight 0."),
    *TWINS,
]
"""For torch's binary function, which has no such argument."""

LINEAR: list[Rule] = [
    (re.compile(r"\. Their shape fits if [^.]*"), ""),
    *renaming(
        weight="linear_weight",
        bias="linear_bias",
        inputs="input",
        targets="target",
        class_weight="weight",
    ),
]
"""For torch's function of a linear layer, whose logits are no argument."""
