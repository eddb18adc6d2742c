"""The course: lessons on cross-entropy, as pages whose pictures and numbers follow their controls.

Each is Markdown and a module of the same name in `lessons/`. The module states formulas, from which
come both the numbers at first and the code that computes them anew in the page.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import NamedTuple


class Lesson(NamedTuple):
    """One lesson of the course."""

    name: str
    title: str
    about: str


COURSE = tuple(
    Lesson(**each)
    for each in tomllib.loads((files("xent.learn") / "course.toml").read_text("utf-8"))["lesson"]
)


def lesson(name: str) -> Lesson:
    """Find a lesson by its name.

    Parameters
    ----------
    name : str
        As in `COURSE`.

    Returns
    -------
    Lesson
        With its name, title and what it is about.

    Examples
    --------
    >>> from xent import learn
    >>> learn.lesson("score").title
    'From score to loss'
    """
    for each in COURSE:
        if each.name == name:
            return each
    names = ", ".join(each.name for each in COURSE)
    msg = f"no lesson is named {name!r}; there are {names}."
    raise ValueError(msg)
