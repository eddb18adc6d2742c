"""Coverage for language models: of texts, whose tokens go together, and of questions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from score_coverage_page import Found
from score_coverage_tally import MODELS, SIZES, Array, Case, Tally

from xent.scoring.intervals import Interval, normal_quantile
from xent.scoring.language.choice_report import ChoiceScore
from xent.scoring.language.form import Form
from xent.scoring.language.rows import Questions, Texts
from xent.scoring.language.state import ChoiceState, TextState
from xent.scoring.language.text_report import TextScore

SETS = 2_000
TYPICAL = 60
"""Tokens of the median text."""
EFFECT = 0.3
"""Standard deviation of the logarithm of the texts' mean losses per token."""
SHAPE = 0.7
"""The losses of tokens are gamma variables with this shape: many small ones, and few large ones."""
MORE_BYTES = 3.0
"""Bytes of a token beside its first one, on average."""
OF_BYTES = 0.2
"""Standard deviation of the logarithm of this number among texts."""


@dataclass(frozen=True)
class Written:
    """Texts with log-normal lengths, some of which are harder than others."""

    uneven: float
    """Standard deviation of the logarithm of the lengths."""
    follows: float = 0.0
    """How far the logarithms of a text's length and of its loss per token go together."""

    def tokens(self, t: Array) -> Array:
        return np.maximum(1, np.rint(TYPICAL * np.exp(self.uneven * t)))

    @cached_property
    def truth(self) -> dict[str, float]:
        """The figures of the whole population: ratios of means, by quadrature over lengths."""
        t = np.linspace(-9, 9, 200_001)
        mass = np.exp(-t * t / 2)
        mass /= mass.sum()
        tokens = self.tokens(t)
        rest = EFFECT**2 * (1 - self.follows**2) / 2
        rate = np.exp(EFFECT * self.follows * t + rest)
        loss, length = float(mass @ (tokens * rate)), float(mass @ tokens)
        # Bytes are independent of the losses, given the tokens.
        of_token = 1 + MORE_BYTES * math.exp(OF_BYTES**2 / 2)
        square = float(mass @ (tokens * rate**2)) * math.exp(2 * rest) * (1 + 1 / SHAPE)
        return {
            "log loss per token": loss / length,
            "bits per byte": loss / (length * of_token) / math.log(2),
            "log loss per text": loss,
            "variance": square / length - (loss / length) ** 2,
        }

    def texts(self, rng: np.random.Generator, n: int) -> tuple[Array, Array, Array]:
        """Losses, tokens and bytes."""
        t, u = rng.standard_normal((2, n))
        tokens = self.tokens(t)
        own = math.sqrt(1 - self.follows**2)
        rate = np.exp(EFFECT * (self.follows * t + own * u))
        losses = rng.gamma(SHAPE * tokens, rate / SHAPE)
        more = rng.poisson(MORE_BYTES * tokens * np.exp(OF_BYTES * rng.standard_normal(n)))
        return losses, tokens.astype(np.int64), tokens.astype(np.int64) + more


COUNTED = Form("columns", "document", {role: role for role in ("values", "tokens", "bytes")})
ALONE = Form("columns", "document", {"values": "values"})
"""Texts of which no lengths are known."""


def of_texts(population: Written, n: int, sets: int, seed: int) -> dict[str, Found]:
    """Tallies of the intervals of data sets with so many texts."""
    rng = np.random.default_rng(seed)
    truth = population.truth
    tally = Tally(truth)
    places = np.arange(n)
    for _ in range(sets):
        losses, tokens, in_bytes = population.texts(rng, n)
        counted, alone = TextState(keep=0), TextState(keep=0)
        counts = {"tokens": tokens, "bytes": in_bytes}
        counted.add(Texts(places, losses, None, counts), "token")
        alone.add(Texts(places, losses, None), "document")
        found = intervals(TextScore("", COUNTED, counted))
        tally.add("log loss per token", found["log_loss_nats"])
        tally.add("bits per byte", found["bits_per_byte"])
        per_text = intervals(TextScore("", ALONE, alone))["log_loss_nats"]
        tally.add("log loss per text", per_text)
        # Tokens are not drawn one by one: their variance is that of the population.
        whole = int(tokens.sum())
        mean, error = float(losses.sum()) / whole, math.sqrt(truth["variance"] / whole)
        half = normal_quantile(0.95) * error
        plain = Interval(mean - half, mean + half, error, "")
        tally.add("as if independent", plain, "log loss per token")
    return tally.found


def intervals(score: TextScore | ChoiceScore) -> dict[str, Interval]:
    """Those of a report, by the names of the figures."""
    return {each.key: each.interval for each in score.figures if each.interval}


@dataclass(frozen=True)
class Asked:
    """Kinds of questions, from which questions are drawn; the model's logits are `slope` times."""

    deviation: float
    """Standard deviation of the true logits of the choices."""
    slope: float = 1.0
    sizes: tuple[int, ...] = (4,)
    """Numbers of choices, of which each is as frequent."""
    kinds: int = 2_000

    @cached_property
    def drawn(self) -> tuple[Array, Array, Array]:
        """Number of choices, true probabilities and logits of each kind; 0 and -inf beyond it."""
        rng = np.random.default_rng(7)
        most = max(self.sizes)
        sizes = np.resize(self.sizes, self.kinds)
        z = rng.normal(0, self.deviation, (self.kinds, most))
        z[np.arange(most) >= sizes[:, None]] = -np.inf
        true = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        return sizes, true, self.slope * z

    @cached_property
    def truth(self) -> dict[str, float]:
        """The figures of the whole population: sums over kinds and choices."""
        sizes, true, said = self.drawn
        whole = np.log(np.exp(said).sum(axis=1, keepdims=True))
        losses = np.where(true > 0, whole - said, 0.0)
        loss = float((true * losses).sum(axis=1).mean())
        return {
            "log loss": loss,
            "accuracy": float(true.max(axis=1).mean()),
            "skill": 1 - loss / float(np.log(sizes).mean()),
        }

    def questions(self, rng: np.random.Generator, n: int) -> Questions:
        sizes, true, said = self.drawn
        kind = rng.integers(0, self.kinds, n)
        of = np.cumsum(true, axis=1)[kind]
        right = np.minimum((rng.random((n, 1)) > of).sum(axis=1), sizes[kind] - 1)
        places = np.arange(true.shape[1])
        kept = places < sizes[kind][:, None]
        is_right = places == right[:, None]
        return Questions(np.arange(n), sizes[kind], said[kind][kept], is_right[kept])


CHOICES = Form("columns", "choices", {role: role for role in ("values", "label")})


def of_questions(population: Asked, n: int, sets: int, seed: int) -> dict[str, Found]:
    """Tallies of the intervals of data sets with so many questions."""
    rng = np.random.default_rng(seed)
    tally = Tally(population.truth)
    names = {"log loss": "log_loss_nats", "accuracy": "accuracy", "skill": "skill"}
    for _ in range(sets):
        state = ChoiceState(keep=0)
        state.add(population.questions(rng, n))
        found = intervals(ChoiceScore("", CHOICES, state))
        for name, key in names.items():
            tally.add(name, found[key])
    return tally.found


def cells() -> Iterator[Case]:
    """The tables of texts and of questions."""
    going = {0.0: "", 0.5: ", long ones harder", -0.5: ", long ones easier"}
    for uneven, lengths in {0.0: "equal", 0.7: "uneven", 1.3: "very uneven"}.items():
        for follows, how in going.items() if uneven else [(0.0, "")]:
            of = Written(uneven, follows)
            for n in SIZES:
                yield texts_case(f"{lengths} lengths{how}", n, of)
    for deviation, name in {1.0: "hard", 4.0: "easy"}.items():
        for model, slope in MODELS.items():
            for sizes, choices in {(4,): "4 choices", (2, 3, 4, 5): "2 to 5 choices"}.items():
                asked = Asked(deviation, slope, sizes)
                for n in SIZES if sizes == (4,) else SIZES[:2]:
                    yield questions_case(f"{choices}, {name}", model, n, asked)


def texts_case(name: str, n: int, population: Written) -> Case:
    def simulated(sets: int) -> dict[str, Found]:
        return of_texts(population, n, sets, seed=n + 5)

    return Case("texts", name, "", n, simulated, SETS)


def questions_case(name: str, model: str, n: int, population: Asked) -> Case:
    def simulated(sets: int) -> dict[str, Found]:
        return of_questions(population, n, sets, seed=n + 6)

    return Case("questions", name, model, n, simulated, SETS)
