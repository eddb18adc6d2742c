"""The figures of texts: as properties, as a report and as plain data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from xent._format import counted, plain
from xent._report import Block, Table, Text
from xent.scoring.figure import Figure, exp, intervals_data, mapped, scaled
from xent.scoring.file_score import SCHEMA_VERSION, cells
from xent.scoring.intervals import Interval, Units, refused
from xent.scoring.language.form import COUNTS
from xent.scoring.language.report import LanguageScore
from xent.scoring.language.responses import LEAST
from xent.scoring.language.state import TextState

TAKEN = "Intervals take into account that the tokens of one text go together"
ALONE = "a row is a token, and tokens of one text are not independent"


@dataclass(frozen=True, repr=False)
class TextScore(LanguageScore[TextState]):
    """How well a language model predicts texts."""

    units = Units("text", "lengths", fewest=35)  # long texts may be harder, too

    def __repr__(self) -> str:
        return f"TextScore({self.path!r}, tokens={self.tokens}, loss={self.loss:.6g})"

    @property
    def documents(self) -> int | None:
        """Number of texts; None where each row is a token, and texts are not told apart."""
        return None if self.form.shape == "token" else self.state.rows

    @property
    def tokens(self) -> int | None:
        """Number of tokens that count; None if it is not known for every text."""
        return self._total("tokens")

    @property
    def bytes(self) -> int | None:
        """Number of bytes; None if it is not known for every text."""
        return self._total("bytes")

    @property
    def words(self) -> int | None:
        """Number of words; None if it is not known for every text."""
        return self._total("words")

    @property
    def characters(self) -> int | None:
        """Number of characters; None if it is not known for every text."""
        return self._total("characters")

    @property
    def infinite(self) -> int:
        """Number of tokens (or texts, where only these are known) of probability 0."""
        return self.state.infinite

    @property
    def log_likelihood(self) -> float:
        """Log-likelihood of all texts, in nats."""
        return -self._per(1)

    @property
    def loss(self) -> float:
        """Log loss in nats per token; per text where the number of tokens is not known."""
        return self._per(self.state.rows if self.tokens is None else self.tokens)

    @property
    def bits(self) -> float:
        """Log loss in bits per token, or per text."""
        return self.loss / math.log(2)

    @property
    def perplexity(self) -> float:
        """exp(-log-likelihood / tokens); of single continuations exp(-log-likelihood / texts).

        NaN if the number of tokens is not known otherwise.
        """
        known = self.tokens is not None or self.form.shape == "continuation"
        return exp(self.loss) if known else math.nan

    @property
    def bits_per_byte(self) -> float:
        """-log-likelihood / (bytes · log 2); NaN if the number of bytes is not known."""
        return self._per(self.bytes or 0) / math.log(2)

    @property
    def bits_per_character(self) -> float:
        """-log-likelihood / (characters · log 2); NaN if their number is not known."""
        return self._per(self.characters or 0) / math.log(2)

    @property
    def byte_perplexity(self) -> float:
        """exp(-log-likelihood / bytes); NaN if the number of bytes is not known."""
        return exp(self._per(self.bytes or 0))

    @property
    def word_perplexity(self) -> float:
        """exp(-log-likelihood / words); NaN if the number of words is not known."""
        return exp(self._per(self.words or 0))

    @property
    def accuracy(self) -> float:
        """Share of texts that greedy decoding gives; NaN if the file does not say it."""
        right = self._total("greedy")
        return math.nan if right is None else right / self.state.rows

    @property
    def loss_error(self) -> float:
        """Standard error of `loss`, with each text a cluster of tokens; NaN of a few texts."""
        return self._error(self.state.moments("" if self.tokens is None else "tokens").error)

    @property
    def bits_per_byte_error(self) -> float:
        """Standard error of `bits_per_byte`, with each text a cluster; NaN of a few texts."""
        known = self.bytes is not None
        return self._error(self.state.moments("bytes").error) / math.log(2) if known else math.nan

    @property
    def notes(self) -> list[str]:
        """What a reader of the figures should know."""
        notes = []
        state, unit = self.state, "token" if self.tokens is not None else "text"
        if state.infinite:
            told = counted(state.infinite, f"{unit} has", f"{unit}s have")
            sentinel = self.form.source == "responses"
            why = f" ({LEAST:g} is what servers write for it)" if sentinel else ""
            notes.append(f"{told} a probability of 0{why}, so the perplexity is infinite.")
        if self.form.part == "generated":
            notes.append(
                "Tokens that the model generated itself tell how certain it was, not how well it "
                "predicts given text."
            )
        for name in COUNTS:
            if 0 < state.known[name] < state.rows:
                lacking = counted(state.rows - state.known[name], "text")
                notes.append(f"Figures per {name[:-1]} are left out: {lacking} without {name}.")
        if self.tokens is None and self.form.source == "columns":
            notes.append("The number of tokens is not known, so nothing is per token.")
        return notes

    @property
    def _figures(self) -> list[Figure]:
        unit = "text" if self.tokens is None else "token"
        loss = self._per_unit("" if self.tokens is None else "tokens")
        by_byte, log2 = self._per_unit("bytes"), math.log(2)
        return [
            Figure("log_loss_nats", "log loss", self.loss, f"nats per {unit}", loss),
            Figure("log_loss_bits", "", self.bits, f"bits per {unit}", scaled(loss, log2)),
            Figure("perplexity", "perplexity", self.perplexity, f"exp(log loss per {unit})",
                   mapped(loss, exp)),
            Figure("bits_per_byte", "bits per byte", self.bits_per_byte,
                   f"over {self.bytes} bytes", scaled(by_byte, log2)),
            Figure("byte_perplexity", "byte perplexity", self.byte_perplexity,
                   "exp(log loss per byte)", mapped(by_byte, exp)),
            Figure("bits_per_character", "bits per character", self.bits_per_character,
                   f"over {self.characters} characters",
                   scaled(self._per_unit("characters"), log2)),
            Figure("word_perplexity", "word perplexity", self.word_perplexity,
                   f"exp(log loss per word), {self.words} words",
                   mapped(self._per_unit("words"), exp)),
            Figure("accuracy", "accuracy", self.accuracy,
                   "share of texts that greedy decoding gives",
                   self._share_interval(self.accuracy)),
        ]  # fmt: skip

    def _per_unit(self, unit: str) -> Interval:
        """Of the loss per token, byte and so on, or per text."""
        if self.form.shape == "token":
            return refused(ALONE, "Hall")
        if unit and not self._total(unit):
            return refused(f"the number of {unit} is not known", "Hall")
        return self._interval(self.state.moments(unit), self.state.lost)

    def blocks(self) -> Iterator[Block]:
        """The figures, the worst rows and the notes."""
        tokens, documents = self.tokens, self.documents
        sizes = [counted(n, what) for n, what in ((documents, "text"), (tokens, "token"))
                 if n is not None]  # fmt: skip
        yield from self._told(f"{self.path}: {', '.join(sizes)}")
        clusters = tokens is not None or self.bytes is not None
        if clusters and any(f.interval and f.interval.known for f in self.figures):
            yield Text(f"{TAKEN}: {counted(self.state.rows, 'text')}.", "plain")
        if self.worst:
            yield self._worst_table()
        for note in self.notes:
            yield Text(f"Note: {note}", "note")

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON: infinities as "inf", what is unknown as null."""
        unit = self.form.unit
        return {
            "file": self.path,
            "scores": "token log-probabilities" if self.form.shape in ("token", "list")
            else "log-likelihoods of texts",
            "read": self.read,
            "texts": self.documents,
            "tokens": self.tokens,
            "bytes": self.bytes,
            "characters": self.characters,
            "words": self.words,
            "schema_version": SCHEMA_VERSION,
            "left_out": dict(self.left_out),
            "files_left_out": list(self.skipped),
            "log_likelihood": plain(self.log_likelihood),
            "log_loss_per": "text" if self.tokens is None else "token",
            "log_loss_nats": plain(self.loss),
            "log_loss_nats_standard_error": plain(self.loss_error),
            "log_loss_bits": plain(self.bits),
            "perplexity": plain(self.perplexity),
            "bits_per_byte": plain(self.bits_per_byte),
            "bits_per_byte_standard_error": plain(self.bits_per_byte_error),
            "bits_per_character": plain(self.bits_per_character),
            "byte_perplexity": plain(self.byte_perplexity),
            "word_perplexity": plain(self.word_perplexity),
            "accuracy": plain(self.accuracy),
            "infinite": self.infinite,
            "worst_rows": [
                {"file": each.source, "row": each.row, "text": each.text}
                | ({f"{unit}s": each.size} if unit != "document" else {})
                | {"log_loss_nats": plain(each.loss)}
                | ({f"log_loss_nats_per_{unit}": plain(each.rate)} if unit != "document" else {})
                for each in self.worst
            ],
            "notes": self.notes,
            "level": self.level,
            "intervals": intervals_data(self.figures),
        }  # fmt: skip

    def _total(self, name: str) -> int | None:
        state = self.state
        return state.totals[name] if state.rows and state.known[name] == state.rows else None

    def _worst_table(self) -> Block:
        if self.form.shape == "token":
            rows = [(each.place, each.text, each.loss) for each in self.worst]
            return Table(("worst row", "token", "log loss"), cells(rows), left=(1,))
        if self.form.unit == "document":
            rows = [(each.place, each.text, each.loss) for each in self.worst]
            return Table(("worst row", "text", "log loss"), cells(rows), left=(1,))
        heads = ("worst row", "text", f"{self.form.unit}s", "log loss", f"per {self.form.unit}")
        found = [(e.place, e.text, e.size, e.loss, e.rate) for e in self.worst]
        return Table(heads, cells(found), left=(1,))
