"""The report of `check.diagnose`: findings and figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from xent._format import counted, plain
from xent._report import Block, Finding, Table, Text
from xent.check._batch.significance import ENOUGH
from xent.check.naming import figure
from xent.check.report import CheckReport


@dataclass(frozen=True, repr=False)
class BatchReport(CheckReport):
    """What is odd about a batch. It is true if no mistake was found.

    `findings` holds mistakes first, then notes. Losses are means in nats over the `counted` rows:
    those that are not ignored, have a label that is a class, and scores that are numbers.
    """

    findings: tuple[Finding, ...]
    rows: int
    counted: int
    classes: int
    kind: str
    binary: bool
    dtype: str
    loss: float
    chance: float
    """Loss of predicting that all classes are equally likely: log K."""
    base_loss: float
    """Loss of always predicting the labels' shares."""
    accuracy: float
    majority: float
    """Share of the commonest label."""
    lowest: float
    highest: float
    source: str = ""
    """The file, if the batch is from one."""
    remark: str = ""

    def blocks(self) -> Iterator[Block]:
        """The report as text and tables."""
        yield Text(f"{self.source or 'Batch'}: {self.verdict}", "title")
        yield Text(self._what(), "good" if self else "bad")
        if self.remark:
            yield Text(self.remark)
        yield from self.findings
        yield Text("Figures", "section")
        yield self._figures()
        if self.counted < ENOUGH:
            yield Text(
                f"Fewer than {ENOUGH} rows are too few for statistics: labels flipped or shifted, "
                "classes permuted and a loss worse than chance were not looked for."
            )

    def _what(self) -> str:
        rows = counted(self.rows, "row")
        what = {"logits": "logit", "probabilities": "probability of label 1"}
        of = f"with one {what.get(self.kind, 'log-probability of label 1')} each"
        if not self.binary:
            of = f"of {self.classes} {self.kind}"
        part = "" if self.counted == self.rows else f"; {self.counted} of them count below"
        return f"{rows} {of}, in {self.dtype}{part}."

    def _figures(self) -> Table:
        scores = {"logits": "logit"}.get(self.kind, self.kind.replace("ities", "ity"))
        rows = (
            ("loss", self.loss, "mean of the losses, nats per row"),
            ("chance", self.chance, f"log {self.classes}: all classes equally likely"),
            ("base rate", self.base_loss, "always predicting the labels' shares"),
            ("accuracy", self.accuracy, "likeliest class is the label"),
            ("commonest", self.majority, "share of the commonest label"),
            ("lowest", self.lowest, f"the lowest finite {scores}"),
            ("highest", self.highest, f"the highest finite {scores}"),
        )
        cells = tuple((name, figure(value), about) for name, value, about in rows)
        return Table(("figure", "value", "what it is"), cells, left=(0, 2))

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON: infinities as "inf", what is undefined as null."""
        return {
            "source": self.source or None,
            "mistakes": self.mistakes,
            "findings": [finding.to_dict() for finding in self.findings],
            "rows": self.rows,
            "rows_counted": self.counted,
            "classes": self.classes,
            "binary": self.binary,
            "kind": self.kind,
            "dtype": self.dtype,
            "loss": plain(self.loss),
            "chance": self.chance,
            "base_rate_loss": plain(self.base_loss),
            "accuracy": plain(self.accuracy),
            "commonest_label_share": plain(self.majority),
            "lowest": plain(self.lowest),
            "highest": plain(self.highest),
            "remark": self.remark or None,
        }

    def __repr__(self) -> str:
        named = f": {', '.join(self.mistakes)}" if self.mistakes else ""
        return f"<BatchReport: {self.verdict}{named}>"
