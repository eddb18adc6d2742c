"""The figures of questions with choices: as properties, as a report and as plain data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from xent._format import counted, plain
from xent._report import Block, Table, Text
from xent.scoring.figure import Figure, exp, intervals_data, mapped, scaled
from xent.scoring.file_score import SCHEMA_VERSION, cells
from xent.scoring.intervals import Interval, Units, ratio_of_losses, refused
from xent.scoring.language.report import LanguageScore
from xent.scoring.language.state import ChoiceState


@dataclass(frozen=True, repr=False)
class ChoiceScore(LanguageScore[ChoiceState]):
    """How well a language model chooses: log-likelihoods, normalised over the choices."""

    units = Units("question", "weights")

    def __repr__(self) -> str:
        return f"ChoiceScore({self.path!r}, questions={self.questions}, loss={self.loss:.6g})"

    @property
    def questions(self) -> int:
        """Number of questions."""
        return self.state.rows

    @property
    def infinite(self) -> int:
        """Number of questions whose right choice has a probability of 0."""
        return self.state.infinite

    @property
    def loss(self) -> float:
        """Log loss in nats: the mean of -log of the right choice's normalised probability."""
        return self._per(self.questions)

    @property
    def bits(self) -> float:
        """Log loss in bits."""
        return self.loss / math.log(2)

    @property
    def perplexity(self) -> float:
        """Number of equally likely choices that would be as hard to guess."""
        return exp(self.loss)

    @property
    def base_loss(self) -> float:
        """Log loss of taking every choice for equally likely: the mean of log(choices / right)."""
        terms = [n * -math.log(_part(chance)) for chance, n in self._chances()]
        return math.fsum(terms) / self.questions

    @property
    def skill(self) -> float:
        """1 - loss / base loss: 1 is perfect, 0 as good as chance."""
        return 1 - self.loss / self.base_loss if self.base_loss > 0 else math.nan

    @property
    def accuracy(self) -> float:
        """Share of questions whose choice of the highest log-likelihood is right (acc)."""
        return self._accuracy("acc")

    @property
    def accuracy_per_character(self) -> float:
        """The same by log-likelihood per character (acc_norm); NaN if lengths are not known."""
        return self._accuracy("acc_norm")

    @property
    def accuracy_per_byte(self) -> float:
        """The same by log-likelihood per byte in UTF-8 (acc_bytes); NaN if not known."""
        return self._accuracy("acc_bytes")

    @property
    def base_accuracy(self) -> float:
        """Accuracy of choosing at random."""
        hits = sum((n * _part(chance) for chance, n in self._chances()), Fraction(0))
        return float(hits / self.questions)

    @property
    def loss_error(self) -> float:
        """Standard error of `loss`; NaN of a few questions."""
        return self._error(self.state.moments().error)

    @property
    def accuracy_error(self) -> float:
        """Standard error of `accuracy`, as lm-evaluation-harness gives it; NaN of a few."""
        n, share = self.questions, self.accuracy
        return self._error(math.sqrt(share * (1 - share) / (n - 1))) if n > 1 else math.nan

    @property
    def notes(self) -> list[str]:
        """What a reader of the figures should know."""
        notes, state = [], self.state
        if state.infinite:
            told = counted(state.infinite, "question gives", "questions give")
            notes.append(
                f"{told} the right choice a probability of 0, so the log loss is infinite."
            )
        for key in ("acc", "acc_norm", "acc_bytes"):
            if differs := state.reported[f"{key} differs"]:
                told = counted(differs, "question")
                notes.append(
                    f"In {told} of {state.reported[key]}, '{key}' in the file differs from the "
                    "accuracy computed here: the task may score its choices in its own way."
                )
        if 0 < state.known["acc_norm"] < state.rows:
            lacking = counted(
                state.rows - state.known["acc_norm"], "question has", "questions have"
            )
            notes.append(f"{lacking} no texts of choices, so there is no accuracy by length.")
        if self.loss > self.base_loss:
            notes.append("The predictions are worse than taking every choice for equally likely.")
        return notes

    @property
    def _figures(self) -> list[Figure]:
        loss = self._interval(self.state.moments(), self.state.sums["lost"])
        return [
            Figure("log_loss_nats", "log loss", self.loss, "nats per question", loss),
            Figure("log_loss_bits", "", self.bits, "bits per question",
                   scaled(loss, math.log(2))),
            Figure("perplexity", "perplexity", self.perplexity, "choices as hard to guess",
                   mapped(loss, exp)),
            Figure("chance_loss", "chance", self.base_loss, "nats, every choice equally likely",
                   None),
            Figure("skill", "skill", self.skill, "1 - log loss / chance", self._skill_interval),
            Figure("accuracy", "accuracy", self.accuracy, "acc: by log-likelihood",
                   self._share_interval(self.accuracy)),
            Figure("accuracy_per_character", "", self.accuracy_per_character,
                   "acc_norm: by log-likelihood per character",
                   self._share_interval(self.accuracy_per_character)),
            Figure("accuracy_per_byte", "", self.accuracy_per_byte,
                   "acc_bytes: by log-likelihood per byte",
                   self._share_interval(self.accuracy_per_byte)),
            Figure("chance_accuracy", "", self.base_accuracy, "by chance", None),
        ]  # fmt: skip

    @property
    def _skill_interval(self) -> Interval:
        """Of the skill: of a ratio of sums over questions, whose chances may differ."""
        method = "delta, Hall"
        loss = self._interval(self.state.moments(), self.state.sums["lost"])
        if loss.reason:
            return refused(loss.reason, method)
        if not self.base_loss > 0:
            return refused("every choice is right, so that chance has no loss", method)
        by_chance = self.state.by_chance()
        surprise = np.array([-math.log(_part(chance)) for chance in by_chance.names])
        return ratio_of_losses(by_chance, surprise, self.level, units=self.units)

    def blocks(self) -> Iterator[Block]:
        """The figures, the worst questions and the notes."""
        yield from self._told(f"{self.path}: {counted(self.questions, 'question')}")
        if self.worst:
            heads = ("worst row", "question", "right", "predicted", "p(right)", "log loss")
            yield Table(heads, cells(self._worst()), left=(1,))
        for note in self.notes:
            yield Text(f"Note: {note}", "note")

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON: infinities as "inf", what is unknown as null."""
        names = ("text", "right", "predicted", "probability_of_right", "log_loss_nats")
        return {
            "file": self.path,
            "scores": "log-likelihoods of choices",
            "read": self.read,
            "questions": self.questions,
            "schema_version": SCHEMA_VERSION,
            "left_out": dict(self.left_out),
            "files_left_out": list(self.skipped),
            "log_loss_nats": plain(self.loss),
            "log_loss_nats_standard_error": plain(self.loss_error),
            "log_loss_bits": plain(self.bits),
            "perplexity": plain(self.perplexity),
            "chance_loss": plain(self.base_loss),
            "skill": plain(self.skill),
            "accuracy": plain(self.accuracy),
            "accuracy_standard_error": plain(self.accuracy_error),
            "accuracy_per_character": plain(self.accuracy_per_character),
            "accuracy_per_byte": plain(self.accuracy_per_byte),
            "chance_accuracy": plain(self.base_accuracy),
            "infinite": self.infinite,
            "worst_rows": [
                {"file": each.source, "row": each.row}
                | dict(zip(names, map(plain, row[1:]), strict=True))
                for each, row in zip(self.worst, self._worst(), strict=True)
            ],
            "notes": self.notes,
            "level": self.level,
            "intervals": intervals_data(self.figures),
        }

    def _accuracy(self, key: str) -> float:
        known = self.state.known[key] == self.questions
        return self.state.right[key] / self.questions if known else math.nan

    def _chances(self) -> list[tuple[str, int]]:
        return sorted(self.state.chances.items())

    def _worst(self) -> list[tuple[Any, ...]]:
        return [
            (each.place, each.text, each.right, each.predicted, each.probability, each.loss)
            for each in self.worst
        ]


def _part(chance: str) -> Fraction:
    """The share of right choices, of "1/4"."""
    right, size = chance.split("/")
    return Fraction(int(right), int(size))
