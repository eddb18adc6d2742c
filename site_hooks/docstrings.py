"""Griffe extension: what numpydoc writes in reStructuredText becomes Markdown for the site.

Formulas become `math` blocks and `$...$`, and names of public functions become links.
"""

from __future__ import annotations

import re
from typing import Any

import griffe
from griffe._internal.docstrings import numpy as parser

import xent

BLOCK = re.compile(r"^\.\. math:: (.*(?:\n[ ]+\S.*)*)", re.MULTILINE)
ROLE = re.compile(r":math:`([^`]+)`")
NAME = re.compile(rf"(?<![`\[.\w])`({'|'.join(xent.__all__)})`(?!`)")


def block(match: re.Match[str]) -> str:
    """A displayed formula, its lines joined."""
    lines = [line.strip() for line in match[1].splitlines()]
    return "```math\n" + "\n".join(lines) + "\n```"


def markdown(docstring: str) -> str:
    """The docstring, with formulas and links as Markdown has them."""
    text = BLOCK.sub(block, docstring)
    text = ROLE.sub(lambda match: f"${match[1]}$", text)
    text = text.replace(r"\|", "|")  # numpydoc reads a bar as the start of a substitution
    return NAME.sub(r"[`\1`][xent.\1]", text)


def described(annotation: str, *_: Any, **__: Any) -> str:
    """The type of a parameter as it is written: "array_like, shape (K,)" is prose, not Python."""
    return annotation.replace("`", "")


vars(parser)["parse_docstring_annotation"] = described


class Docstrings(griffe.Extension):
    """Rewrites each docstring as it is loaded."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Every module, class, function and attribute passes here."""
        if obj.docstring is not None:
            obj.docstring.value = markdown(obj.docstring.value)
