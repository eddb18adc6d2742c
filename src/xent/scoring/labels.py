"""Which class a label is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

NO_CLASS = -(1 << 62)
"""The index of a label that is not a class."""
GONE = NO_CLASS + 1
"""The index of a label that is missing."""
MISSING = frozenset(
    {"", "na", "n/a", "#n/a", "#na", "nan", "null", "none", "<na>", "nat", "\\n",
     "?", "-", "--", "."}
)  # fmt: skip
"""Texts, in lower case, of a number or label that is missing, unless a class has this name."""
MARKS = frozenset({"-100", "-1", "255"})
"""Labels that often mark rows to be left out."""
SOFT = " Soft labels are not read from files; in Python xent.log_loss takes them."
SIGNS = {"-", "+"}
"""Labels of two classes, beside each other: then "-" is not missing."""
BLANKS = frozenset({"?", "-", "--", "."})
"""Signs that may be one of two classes where there is only one other label."""
YES_OR_NO = (
    ("0", "1"), ("-", "+"), ("false", "true"), ("no", "yes"), ("n", "y"), ("f", "t"), ("off", "on"),
    ("negative", "positive"), ("neg", "pos"),
)  # fmt: skip
"""Labels of two classes, in lower case, of which the second one is label 1."""


class Labels:
    """The classes, and what else their labels may be called."""

    def __init__(
        self,
        classes: Sequence[str],
        aliases: Mapping[str, int] = MappingProxyType({}),
        seen: Collection[str] = (),
        *,
        lenient: bool = False,
    ) -> None:
        self.classes = list(classes)
        self.seen = sorted(set(seen))
        """Labels that were seen."""
        self.from_0 = "0" in map(whole_number, seen)
        """Is 0 among the labels that were seen?"""
        self.aliases = {**aliases, **{name: j for j, name in enumerate(classes)}}
        self.lenient = lenient
        """Accept class indices out of range: `diagnose` explains them."""
        self.numbered = any(name.lstrip("-").isdigit() for name in classes)

    @property
    def are_indices(self) -> bool:
        """Are the names of the classes just their indices?"""
        return self.classes == indices(len(self.classes))

    def code(self, value: Any) -> int:
        """Class index of a label, NO_CLASS or GONE."""
        text = "" if value is None else str(value).strip()
        if text in self.aliases:
            return self.aliases[text]
        if text.lower() in MISSING:
            return GONE
        if len(self.classes) == 2 and text.lower() in ("false", "true"):
            return int(text.lower() == "true")
        try:
            number = float(text)
        except ValueError:
            return NO_CLASS
        if not number.is_integer():
            return NO_CLASS
        index = int(number)
        if str(index) in self.aliases:  # 1.0 for 1
            return self.aliases[str(index)]
        if self.lenient and abs(index) < 2**31 and (self.are_indices or not self.numbered):
            return index
        return NO_CLASS

    def unknown(self, value: Any) -> str:
        """Says that a label is not a class, and what may be meant."""
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        k = len(self.classes)
        shown = ", ".join(self.classes[:8]) + f", ... ({k} in all)" * (k > 8)
        what = f"{value!r} is not a class; the classes are {shown}."
        text = str(value).strip()
        for name in self.classes:
            if name.lower() == text.lower():
                order = ",".join(text if each == name else each for each in self.classes)
                return (
                    what + f" It differs from {name!r} in case: --classes {order}, or write "
                    "labels alike where they are mixed."
                )
        if self.are_indices:
            if text == str(k) and self.from_0:
                more = (
                    " Labels start at 0, so there are more classes than scores: save one for each."
                )
                return what + more
            if text == str(k):
                order = ",".join(indices(k, 1)) if k <= 12 else "1,2,..."
                return what + f" If your labels start at 1, name them: --classes {order}"
            if text == "-1" and k == 2 and not self.from_0:
                return what + " If your labels are -1 and 1, name them: --classes=-1,1"
        if text in MARKS:
            return what + f" If it marks rows to be left out: --ignore-label={text}"
        if is_share(text):
            return what + SOFT
        if isinstance(value, str) and not text.lstrip("-").isdigit():
            if self.are_indices:
                what += " Name the classes in the order of the scores: --classes A,B,..."
                if len(self.seen) == k and not any(map(_is_float, self.seen)):
                    order = ",".join(self.seen)
                    what += f" scikit-learn sorts them: --classes {order}"
                return what
            return what + (
                " Where the model has no class for a label, its probability is 0 and the loss "
                f"infinite; leave such rows out with --ignore-label={text}"
            )
        return what


def indices(k: int, first: int = 0) -> list[str]:
    """The names of k classes that have no other names, counted from the first one's."""
    return [str(first + j) for j in range(k)]


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def is_share(text: str) -> bool:
    """Is this a number between 0 and 1?"""
    return _is_float(text) and 0 < float(text) < 1


def whole_number(text: str) -> str:
    """1.0 as 1; any other text unchanged."""
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number.is_integer() else text


def present(texts: Collection[str]) -> list[str]:
    """The texts without those of labels that are missing."""
    signs: Collection[str] = SIGNS if {*texts} >= SIGNS else ()
    kept = [text for text in texts if text.lower() not in MISSING or text in signs]
    blanks = [text for text in texts if text in BLANKS]
    if len(kept) == len(blanks) == 1 and yes_or_no(kept) is None:
        return kept + blanks
    return kept


def yes_or_no(texts: Sequence[str]) -> list[str] | None:
    """Labels of two classes with label 1 last, if it is clear which one that is."""
    found = {text.lower(): text for text in texts}
    for no, yes in YES_OR_NO[1:]:
        if found and found.keys() <= {no, yes}:
            return [found.get(no, no), found.get(yes, yes)]
    return None


def with_last(classes: Sequence[str], name: str) -> list[str]:
    """Two classes in the order in which the one that a score is named after is the last."""
    words = name.lower().removeprefix("class").strip(" _-.") or name
    negative = {no for no, _ in YES_OR_NO} | {classes[0].lower()}
    if words in negative and words != classes[1].lower():
        return [classes[1], classes[0]]
    return list(classes)
