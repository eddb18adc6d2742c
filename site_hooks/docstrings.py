"""Griffe extension: what numpydoc writes in reStructuredText becomes Markdown for the site.

Formulas become `math` blocks and `$...$`, and names of public functions become links.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import Any

import griffe
from griffe._internal.docstrings import numpy as parser

import xent

BLOCK = re.compile(r"^\.\. math:: (.*(?:\n[ ]+\S.*)*)", re.MULTILINE)
ROLE = re.compile(r":math:`([^`]+)`")
NAME = re.compile(rf"(?<![`\[.\w])`({'|'.join(xent.__all__)})`(?!`)")
PROSE = re.compile(r"^(?!\s*(?:>>>|\.\.\.)).*", re.MULTILINE)
"""A line that is not code."""
DOTTED = re.compile(r"(?<![`\w.])torch(?:\.\w+){2,}(?![`\w(])")
"""A name of PyTorch's that is not marked as code."""
ALIAS = re.compile(r"[A-Z]\w*$")
"""A type that says nothing to a reader, like Any."""


def block(match: re.Match[str]) -> str:
    """A displayed formula, its lines joined."""
    lines = [line.strip() for line in match[1].splitlines()]
    return "```math\n" + "\n".join(lines) + "\n```"


def markdown(docstring: str) -> str:
    """The docstring, with formulas and links as Markdown has them."""
    text = BLOCK.sub(block, docstring)
    text = ROLE.sub(lambda match: f"${match[1]}$", text)
    text = text.replace(r"\|", "|")  # numpydoc reads a bar as the start of a substitution
    text = PROSE.sub(lambda line: DOTTED.sub(r"`\g<0>`", line[0]), text)
    return NAME.sub(r"[`\1`][xent.\1]", text)


def described(annotation: str, *_: Any, **__: Any) -> str:
    """The type of a parameter as it is written: "array_like, shape (K,)" is prose, not Python."""
    return annotation.replace("`", "")


_read = vars(parser)["_read_parameters"]


def read(lines: list[str], docstring: Any, **options: Any) -> Any:
    """The parameters, each with the type and the default that are its own.

    Griffe gives those of the first to all that share a description, and takes the first of several
    choices for the default.
    """
    found, after = _read(lines, docstring, **options)
    declared: Any = getattr(docstring.parent, "parameters", ())
    for _, group in groupby(found, lambda each: (str(each.annotation), each.description)):
        together = list(group)
        types = str(together[0].annotation).split(" and ")
        for number, each in enumerate(together):
            if len(together) == len(types) > 1:
                each.annotation = types[number]
            if each.name in declared:
                own = declared[each.name]
                given = own.default is not None and each.name[0] != "*"
                each.value = str(own.default).replace("'", '"') if given else None
                if not isinstance(each.annotation, str):
                    each.annotation = None if ALIAS.match(str(own.annotation)) else own.annotation
    return found, after


vars(parser)["parse_docstring_annotation"] = described
vars(parser)["_read_parameters"] = read


class Docstrings(griffe.Extension):
    """Rewrites each docstring as it is loaded."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Every module, class, function and attribute passes here."""
        if obj.docstring is not None:
            obj.docstring.value = markdown(obj.docstring.value)
