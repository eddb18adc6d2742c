"""What is kept of a language model's rows: counts, exact sums and the worst rows.

Sums are exact, so the same rows give the same bits however they are split into batches.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, ClassVar, Self

import numpy as np

from xent._validation import Array
from xent.scoring.intervals import ClassMoments, LossMoments, class_moments
from xent.scoring.language.form import COUNTS
from xent.scoring.language.losses import losses_of, predicted
from xent.scoring.language.rows import Questions, Texts
from xent.scoring.products import PLAIN, moments, powers, products, products_of_totals
from xent.scoring.state import exact_sums
from xent.scoring.state.exact import ONE

LARGEST = 1e100
"""Losses whose cubes, and products with squares of any number of tokens, are finite."""

BY_UNIT = ("w", "ww", "www", "wwl", "wwwl", "wwwll")
"""Products of a text's loss wl and its number w of tokens, as `products_of_totals` calls them; the
others have no number."""


class Placed:
    """A row by its file, if there are several, and its number."""

    source: str
    row: int

    @property
    def place(self) -> str:
        """The row, with its file if there are several."""
        return f"{self.source}, row {self.row}" if self.source else str(self.row)


@dataclass(frozen=True, order=True)
class WorstText(Placed):
    """A text with a high loss per token, per byte, or in all; worst first, then by file and row."""

    negative_rate: float
    source: str
    row: int
    loss: float
    """Loss of the whole text, in nats."""
    size: int
    """Its tokens or bytes; 1 if the loss is not per any of them."""
    text: str

    @property
    def rate(self) -> float:
        """Loss per token, per byte, or in all."""
        return -self.negative_rate


@dataclass(frozen=True, order=True)
class WorstQuestion(Placed):
    """A question with a high loss; ordered worst first, then by file and row."""

    negative_loss: float
    source: str
    row: int
    right: int
    predicted: int
    probability: float
    text: str

    @property
    def loss(self) -> float:
        """Loss in nats."""
        return -self.negative_loss


@dataclass
class LanguageState:
    """What texts and questions share."""

    keep: int = 5
    rows: int = 0
    """Texts or questions."""
    losses: int = 0
    """Sum of the finite losses, in units of 2**-1126."""
    infinite: int = 0
    """Tokens or questions whose loss is infinite."""
    left_out: Counter[str] = field(default_factory=Counter)
    worst: list[Any] = field(default_factory=list)

    worst_class: ClassVar[type[WorstText] | type[WorstQuestion]]

    def merge(self, other: Self) -> Self:
        """The state of both sets of rows; the order of merging does not matter."""
        sums = {
            each.name: getattr(self, each.name) + getattr(other, each.name)
            for each in fields(self)
            if each.name != "keep"
        }
        sums["worst"] = sorted(sums["worst"])[: self.keep]
        return replace(self, **sums)

    def to_json(self) -> dict[str, Any]:
        """Plain data of which `from_json` makes the same state; infinities are texts."""
        data = {each.name: getattr(self, each.name) for each in fields(self)}
        data |= {key: dict(value) for key, value in data.items() if isinstance(value, Counter)}
        data["worst"] = [
            {k: str(v) if isinstance(v, float) and math.isinf(v) else v for k, v in row.items()}
            for row in map(asdict, self.worst)
        ]
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The state that was saved."""
        values: dict[str, Any] = {
            k: Counter(v) if isinstance(v, dict) else v for k, v in data.items()
        }
        values["worst"] = [cls.worst_class(**_numbers(row)) for row in data["worst"]]
        return cls(**values)

    def _add_losses(self, losses: Array) -> None:
        infinite = np.isinf(losses)
        self.infinite += int(infinite.sum())
        self.losses += exact_sum(np.where(infinite, 0.0, losses))

    def _highest(self, losses: Array) -> list[int]:
        """The places of the highest losses; of equal ones, the first."""
        rows = np.arange(len(losses))
        if 0 < self.keep < len(losses):
            least = -np.partition(-losses, self.keep - 1)[self.keep - 1]
            rows = np.flatnonzero(losses >= least)
        found: list[int] = rows[np.argsort(-losses[rows], kind="stable")[: self.keep]].tolist()
        return found

    def _keep(self, found: list[Any]) -> None:
        self.worst = sorted([*self.worst, *found])[: self.keep]


@dataclass
class TextState(LanguageState):
    """Sums over texts."""

    totals: Counter[str] = field(default_factory=Counter)
    """Tokens, bytes, words, characters, and texts that greedy decoding gives."""
    known: Counter[str] = field(default_factory=Counter)
    """For how many texts each of them is known."""
    sums: Counter[str] = field(default_factory=Counter)
    """Over texts, in units of 2**-1126: sums of products of a text's loss with its numbers of
    tokens, bytes and so on, and of their powers; see `moments`. "finite" counts these texts."""

    worst_class = WorstText

    def add(self, texts: Texts, unit: str, source: str = "", *, errors: bool = True) -> None:
        """Add a batch; the worst texts are those with the highest loss per `unit`."""
        n = len(texts.places)
        self.rows += n
        self.left_out += texts.left_out
        self._add_losses(texts.losses)
        counts = texts.counts | ({} if texts.greedy is None else {"greedy": texts.greedy})
        for name, values in counts.items():
            known = values >= 0
            self.known[name] += int(known.sum())
            self.totals[name] += int(values[known].sum())
        losses = texts.losses
        if texts.owners is not None:
            losses = np.bincount(texts.owners, losses, n)
        if errors:
            self._add_powers(losses, texts.counts)
        sizes = np.maximum(texts.counts.get(f"{unit}s", np.ones(n, np.int64)), 1)
        rates = losses / sizes
        self._keep([
            WorstText(-float(rates[i]), source, int(texts.places[i]), float(losses[i]),
                      int(sizes[i]), texts.excerpt(i))
            for i in self._highest(rates)
        ])  # fmt: skip

    def _add_powers(self, losses: Array, counts: dict[str, Array]) -> None:
        finite = losses < LARGEST
        self.sums["finite"] += int(finite.sum())
        losses = losses[finite]
        for name, values in products(losses, None).items():
            self.sums[name] += exact_sum(values)
        for unit in COUNTS:
            if unit in counts:
                numbers = np.maximum(counts[unit][finite], 0).astype(np.float64)
                made = products_of_totals(losses, numbers) | powers(numbers)
                for name in BY_UNIT:
                    self.sums[f"{unit} {name}"] += exact_sum(made[name])

    @property
    def lost(self) -> int:
        """Texts whose loss is infinite, or too large for its powers."""
        return self.rows - self.sums["finite"]

    def moments(self, unit: str = "") -> LossMoments:
        """Of the loss per token, byte and so on, with each text a cluster of them; or per text."""
        sums = {name: self.sums[name] for name in PLAIN}
        if unit:
            shared = {"wl": sums["wl"], "wwll": sums["wll"], "wwwlll": sums["wlll"]}
            sums = shared | {name: self.sums[f"{unit} {name}"] for name in BY_UNIT}
        return moments(self.rows, sums, self.lost, sizes=True)


@dataclass
class ChoiceState(LanguageState):
    """Sums over questions."""

    chances: Counter[str] = field(default_factory=Counter)
    """How many questions have so many right choices of so many: "1/4"."""
    right: Counter[str] = field(default_factory=Counter)
    """Questions whose best choice is right: as it is, and by length in characters and bytes."""
    known: Counter[str] = field(default_factory=Counter)
    """For how many questions each of these is known."""
    reported: Counter[str] = field(default_factory=Counter)
    """Questions for which the file itself gives an accuracy, and those where it is another."""
    sums: Counter[str] = field(default_factory=Counter)
    """By chance, as in "1/4 wll": sums of the powers of the losses, in units of 2**-1126, but of
    infinite and huge ones, which "lost" counts."""

    worst_class = WorstQuestion

    def add(self, questions: Questions, source: str = "") -> None:
        """Add a batch."""
        n = len(questions.places)
        if not n:
            return
        self.rows += n
        self.left_out += questions.left_out
        sizes = questions.sizes
        starts = np.cumsum(sizes) - sizes
        losses, probabilities = losses_of(questions)
        self._add_losses(losses)
        targets = np.add.reduceat(questions.right.astype(np.int64), starts)
        pairs, of, numbers = np.unique(
            np.stack([targets, sizes]), axis=1, return_inverse=True, return_counts=True
        )
        of = of.ravel()  # NumPy 2.0 has it in another shape
        fits = losses < LARGEST
        self.sums["lost"] += int((~fits).sum())
        made = products(losses[fits], None)
        for i, (count, size) in enumerate(pairs.T.tolist()):
            self.chances[f"{count}/{size}"] += int(numbers[i])
            for name, values in made.items():
                self.sums[f"{count}/{size} {name}"] += exact_sum(values[of[fits] == i])
        places = predicted(questions.values, sizes)
        self._count("acc", questions, places, np.ones(n, bool))
        for unit, key in (("characters", "acc_norm"), ("bytes", "acc_bytes")):
            lengths = questions.lengths.get(unit)
            if lengths is None:
                continue
            known = np.minimum.reduceat(lengths, starts) >= 0
            # A choice without a text cannot be the best one, as in the harness.
            with np.errstate(divide="ignore", invalid="ignore"):
                rates = np.where(lengths > 0, questions.values / lengths, -np.inf)
            self._count(key, questions, predicted(rates, sizes), known)
        first = predicted(np.where(questions.right, 0.0, -1.0), sizes)
        self._keep([
            WorstQuestion(-float(losses[i]), source, int(questions.places[i]), int(first[i]),
                          int(places[i]), float(probabilities[i]), questions.excerpt(i))
            for i in self._highest(losses)
        ])  # fmt: skip

    def by_chance(self) -> ClassMoments:
        """Moments of the losses of the questions that have the same chance, sorted by that."""
        names = sorted(self.chances)
        sums = {name: [self.sums[f"{each} {name}"] for each in names] for name in PLAIN}
        return class_moments(names, [self.chances[each] for each in names], ONE, sums)

    def moments(self) -> LossMoments:
        """Of the mean loss."""
        sums = {n: sum(self.sums[f"{each} {n}"] for each in self.chances) for n in PLAIN}
        return moments(self.rows, sums, self.sums["lost"])

    def _count(self, key: str, questions: Questions, places: Array, known: Array) -> None:
        starts = np.cumsum(questions.sizes) - questions.sizes
        right = questions.right[starts + places]
        self.known[key] += int(known.sum())
        self.right[key] += int(right[known].sum())
        said = questions.reported.get(key)
        if said is not None:
            compared = known & ~np.isnan(said)
            self.reported[key] += int(compared.sum())
            self.reported[f"{key} differs"] += int((right != (said == 1))[compared].sum())


def exact_sum(values: Array) -> int:
    """The sum of finite values, in units of 2**-1126."""
    return exact_sums(values, np.zeros(len(values), np.intp), 1).get(0, 0) if len(values) else 0


def _numbers(row: dict[str, Any]) -> dict[str, Any]:
    """A saved row with its infinities as numbers."""
    return {
        k: float(v) if k not in ("text", "source") and isinstance(v, str) else v
        for k, v in row.items()
    }
