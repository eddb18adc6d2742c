"""What scores may be."""

from __future__ import annotations

from typing import Literal, cast, get_args

Kind = Literal["logits", "probabilities", "log-probabilities"]


def check_kind(kind: str, *others: str) -> Kind:
    """The kind, if it is one; the error also names others that were looked for before."""
    if kind not in get_args(Kind):
        msg = f"kind is {kind!r}; expected {', '.join([*get_args(Kind), *others])}."
        raise ValueError(msg)
    return cast(Kind, kind)
