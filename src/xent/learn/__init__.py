"""The course: six live notebooks about the functions of the library.

`xent learn` opens them in the browser; nothing leaves the machine. Each is a marimo notebook, a
plain Python file in `notebooks/`. All numbers in it come from the library; no formula is
written twice.
"""

from __future__ import annotations

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


COURSE = (
    Lesson(
        "score",
        "From score to loss",
        "A logit becomes a probability, and the probability a loss, for both labels.",
    ),
    Lesson(
        "gradient",
        "The gradient",
        "Derived, checked numerically, and followed downhill step by step.",
    ),
    Lesson(
        "classes",
        "Many classes",
        "Softmax, arrows on the logits that sum to zero, soft labels and label smoothing.",
    ),
    Lesson(
        "dataset",
        "A whole data set",
        "From points to their mean loss in four pictures; logistic regression, live.",
    ),
    Lesson(
        "breaks",
        "Numbers break",
        "Where formulas overflow, cancel or vanish, and what float16 loses.",
    ),
    Lesson(
        "clinic",
        "Debugging clinic",
        "Losses and gradients with a mistake in them, its name, and the cure.",
    ),
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
