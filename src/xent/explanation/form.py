"""What of a row stays while its numbers move, and conditions on the numbers that do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from xent._live.conditions import Condition, differ, every, no, some
from xent._live.words import Prose, choice
from xent._report.expression import Expression, Number, Symbol, call, log, same

Source = Literal["features", "logits", "probabilities"]
Stages = tuple[tuple[str, str], ...]
T = TypeVar("T")

L, V, M = Symbol("L"), Symbol("V"), Symbol("m")
INFINITE = Number("inf")


@dataclass(frozen=True)
class Form:
    """How many classes there are, what is given for them, and which options.

    All that a row shows is made of trees over its numbers (`quantities.py`); what decides on their
    making stands here.
    """

    source: Source
    names: Sequence[str]
    binary: bool
    """Is there one logit? Then there are two classes, whose logits are 0 and z."""
    labels: tuple[int, ...]
    """Which classes the true one can be; none if the label is shared."""
    support: tuple[int, ...]
    """Which classes have a share of the target, whatever the label; none if only the label has."""
    chosen: tuple[int, ...]
    """The classes to show, in order."""
    smoothed: bool = False
    weighted: bool = False
    whole: bool = True
    """Do the shares sum to 1?"""
    stages: Stages = ()
    """What is done to the logits, each with the letter of its result."""
    masked: frozenset[int] = frozenset()
    features: int = 0

    # What is given.

    @property
    def count(self) -> int:
        """The number of classes."""
        return len(self.names)

    @property
    def hard(self) -> bool:
        """Is there a true class?"""
        return bool(self.labels)

    @property
    def one_hot(self) -> bool:
        """Is there a single class with a share?"""
        return self.hard and not self.smoothed

    @property
    def plain(self) -> bool:
        """Is it a label, neither smoothed nor weighted?"""
        return self.one_hot and not self.weighted

    @property
    def given_p(self) -> bool:
        """Were the probabilities given, and not the logits?"""
        return self.source == "probabilities"

    @property
    def letter(self) -> str:
        """Of the logits that become probabilities."""
        return self.stages[-1][1] if self.stages else "z"

    @property
    def mass(self) -> str:
        """The letter of the target's shares: y, or v with weights."""
        return "v" if self.weighted else "y"

    @property
    def classes(self) -> Sequence[int]:
        """In the order in which they are added: label 1 first, of one logit."""
        return (1, 0) if self.binary else range(self.count)

    @property
    def among(self) -> int:
        """How many classes a guess is among: the unmasked ones, if there are at least two."""
        unmasked = self.count - len(self.masked)
        return unmasked if unmasked >= 2 else self.count

    # Symbols, and the trees of their numbers.

    def name(self, letter: str, j: int) -> Symbol:
        """The symbol of a class, z_2, or of any, z_j for -1; of a binary row z, or p and q."""
        if self.binary:
            return Symbol("q" if (letter, j) == ("p", 0) else letter)
        return Symbol(letter, "j" if j < 0 else str(j))

    def number(self, letter: str, j: int | str) -> Symbol:
        """The number of a class; of a binary row there is one logit, and one gradient."""
        alone = self.binary and letter in "zcugG"
        return Symbol(letter, "" if alone else str(j))

    def share(self, letter: str, j: int) -> Expression:
        """The share of a class, y_2; of a binary row y and 1 - y, or with weights v_1 and v_0."""
        if not self.binary or letter == "v":
            return Symbol(letter, "j" if j < 0 else str(j))
        return 1 - Symbol(letter) if j == 0 else Symbol(letter)

    def shared(self, letter: str, j: int) -> dict[Symbol, Expression]:
        """The symbol in a share's expression, with its number."""
        symbol = self.share(letter, j)
        if isinstance(symbol, Symbol):
            return {symbol: Symbol(letter, str(j))}
        return {Symbol(letter): Symbol(letter, "1")}

    # The label.

    @property
    def y(self) -> Symbol:
        """The label's number."""
        return Symbol("share" if self.binary else "label")

    def of_true(self, letter: str) -> Symbol:
        """The number of the true class."""
        return self.number(letter, self.y.name)

    def is_label(self, j: int) -> Condition:
        """Is it the true class?"""
        if j not in self.labels:
            return False
        return True if len(self.labels) == 1 else same(self.y, j)

    def by_label(self, texts: Mapping[int, Prose | str] | Sequence[str]) -> Prose:
        """The text of the true class."""
        return choice(*((self.is_label(j), texts[j]) for j in self.labels))

    def parts(self) -> Iterator[tuple[Condition, tuple[int, ...]]]:
        """The classes that add to the loss: the label, whichever it is, or all with a share."""
        if self.support:
            yield True, self.support
        else:
            for j in self.labels:
                yield self.is_label(j), (j,)

    # Conditions on the numbers.

    @property
    def unit(self) -> Condition:
        """Is the sum of the weighted shares 1?"""
        return same(V, 1) if self.weighted else self.whole

    def times_total(self, node: Expression) -> list[tuple[Condition, Expression]]:
        """The node where V is 1, and V times the node where it is not."""
        found = [(self.unit, node), (no(self.unit), V * node)]
        return [(held, each) for held, each in found if held is not False]

    def exact(self, j: int) -> Condition:
        """Is its probability not rounded? It is masked, or all that are not are equal."""
        if self.given_p or j in self.masked:
            return True
        return same(Symbol("uneven"), 0)

    @property
    def certain(self) -> Condition:
        """Is a loss of 0 or inf exact, not the result of rounding?"""
        if not self.given_p:
            wanted = set(self.support or self.labels)
            return bool(wanted & self.masked) or len(self.masked) == self.count - 1
        sure = [
            some(same(self.number("p", j), 0), same(self.number("p", j), 1))
            for j in range(self.count)
        ]
        return every(*(some(same(Symbol("v", str(j)), 0), held) for j, held in enumerate(sure)))

    @property
    def infinite(self) -> Condition:
        """Is the loss infinite?"""
        return same(L, INFINITE)

    @property
    def per_weight(self) -> Expression:
        """The loss, as it would be if the weights were 1 on average."""
        return L if self.unit is True else L / V

    @property
    def at_chance(self) -> Condition:
        """Is it, to the digits shown, the loss of a uniform guess?"""
        return alike(self.per_weight, log(self.among))


def alike(a: Expression, b: Expression) -> Expression:
    """Are two numbers the same to the digits shown?"""
    return same(call("rounded", a, 4), call("rounded", b, 4))


def unlike(a: Expression, b: Expression) -> Expression:
    """Do they differ in the digits shown?"""
    return differ(call("rounded", a, 4), call("rounded", b, 4))
