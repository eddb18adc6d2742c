"""The course: six live notebooks about the functions of the library.

`xent learn` opens them in the browser; nothing leaves the machine. Each is a marimo notebook, a
plain Python file in `notebooks/`. All numbers in it come from the library; no formula is
written twice.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple


class Lesson(NamedTuple):
    """One notebook of the course."""

    name: str
    title: str
    about: str

    @property
    def path(self) -> Path:
        """The notebook's file."""
        return Path(__file__).parent / "notebooks" / f"{self.name}.py"


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
        With title and path.

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
