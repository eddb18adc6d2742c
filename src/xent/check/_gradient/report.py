"""The report of `check.gradient`: verdict, findings and the worst entries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from xent._format import counted, plain
from xent._report import Block, Finding, Table, Text
from xent._validation import Array
from xent.check._gradient.comparison import FAIL, INCONCLUSIVE, PASS
from xent.check._gradient.derivatives import Derivatives
from xent.check._gradient.directions import CHANCE, Directions
from xent.check._gradient.problem import Problem
from xent.check.report import CheckError, CheckReport

ENOUGH = 0.5
"""Share of the gradient, by size, that must pass for the verdict to be `pass`."""
WORDS = {PASS: "pass", INCONCLUSIVE: "inconclusive", FAIL: "FAIL"}


class GradientError(CheckError):
    """A gradient check failed; the text is the report."""


GradientError.__module__ = "xent.check"


@dataclass(frozen=True, repr=False, eq=False)
class GradientReport(CheckReport):
    """The outcome of `check.gradient`. It is true if the gradient is right.

    `numeric` holds the derivatives and their estimated errors, `analytic` the given gradient at the
    same entries, `allowed` how far they may differ, `verdicts` 1 (pass), 0 (inconclusive) or -1
    (fail), and `findings` the mistakes by name.
    """

    problem: Problem
    numeric: Derivatives
    analytic: Array
    allowed: Array
    verdicts: Array
    directions: Directions | None
    findings: tuple[Finding, ...]
    method: str
    h: float
    precision: str
    grad_precision: str
    independent: bool
    definition: str | None

    _error = GradientError

    @property
    def passed(self) -> int:
        """How many entries passed."""
        return int((self.verdicts == PASS).sum())

    @property
    def failed(self) -> int:
        """How many entries failed."""
        return int((self.verdicts == FAIL).sum())

    @property
    def inconclusive(self) -> int:
        """How many entries are inconclusive."""
        return int((self.verdicts == INCONCLUSIVE).sum())

    @property
    def verdict(self) -> str:
        """`pass`, `fail` or `inconclusive`."""
        elsewhere = self.directions is not None and self.directions.failed
        if self.failed or elsewhere or self.mistakes:
            return "fail"
        # Confirmed zeros, or a few small entries that are right, say little about the gradient.
        with np.errstate(invalid="ignore"):
            size = np.nan_to_num(np.fmax(np.abs(self.analytic), np.abs(self.numeric.value)))
        enough = float(size[self.verdicts == PASS].sum()) >= ENOUGH * float(size.sum())
        return "pass" if enough and (size.any() or self.inconclusive == 0) else "inconclusive"

    @property
    def relative_error(self) -> Array:
        """Difference of each entry, divided by the larger of its two values; 0 where both are 0."""
        with np.errstate(invalid="ignore"):
            size = np.maximum(np.abs(self.analytic), np.abs(self.numeric.value))
            return np.asarray(np.abs(self.analytic - self.numeric.value) / np.where(size, size, 1))

    def __bool__(self) -> bool:
        return self.verdict == "pass"

    def _failed(self) -> str:
        """An inconclusive gradient has not passed either."""
        return ", ".join(self.mistakes) or f"the gradient check is {self.verdict}"

    def worst(self, number: int = 5) -> list[dict[str, Any]]:
        """The entries furthest beyond what is allowed, as plain data."""
        with np.errstate(invalid="ignore", divide="ignore"):
            excess = np.abs(self.analytic - self.numeric.value) / self.allowed
        excess = np.where(np.isnan(excess), np.where(self.verdicts == FAIL, np.inf, 0), excess)
        # Failed entries first, however large the excess of an inconclusive one.
        order = np.lexsort((-np.nan_to_num(excess, posinf=1e300), self.verdicts))
        return [self._entry(int(i)) for i in order[:number]]

    def _entry(self, i: int) -> dict[str, Any]:
        row, column = int(self.numeric.row[i]), int(self.numeric.column[i])
        entry: dict[str, Any] = {"row": list(self.problem.index(row))}
        if self.problem.task == "classes":
            entry["class"] = column
        entry["logit"] = float(self.problem.logits[row, column])
        targets = self.problem.targets
        if targets is not None and targets.size == len(self.problem.logits):
            entry["label"] = targets.reshape(-1)[row].item()
        analytic, numeric = float(self.analytic[i]), float(self.numeric.value[i])
        return entry | {
            "analytic": analytic,
            "numeric": numeric,
            "difference": abs(analytic - numeric),
            "relative": float(self.relative_error[i]),
            "allowed": float(self.allowed[i]),
            "verdict": WORDS[int(self.verdicts[i])].lower(),
        }

    def blocks(self) -> Iterator[Block]:
        """The report as text and tables."""
        yield Text(f"Gradient check: {self.verdict}", "title")
        total = len(self.verdicts)
        counts = f"{self.passed} of {total} entries pass, {self.failed} fail"
        role = {"pass": "good", "fail": "bad"}.get(self.verdict, "unsure")
        yield Text(f"{counts}, {self.inconclusive} are inconclusive.", role)
        yield from self.findings
        yield Text("The entries" if total <= 6 else "The worst entries", "section")
        yield _entries(self.worst(total if total <= 6 else 5))
        if self.directions is not None:
            yield Text(self._along(self.directions))
        yield Text("How it was checked", "section")
        yield Text(self._how())

    def _along(self, d: Directions) -> str:
        """What the random directions show, if not all entries were checked."""
        looked = f"{len(self.verdicts)} of {self.problem.logits.size} entries were checked"
        through = f"{len(d.verdict)} random directions through all of them"
        passed, unsure, failed = (int((d.verdict == verdict).sum()) for verdict in WORDS)
        counts = f"{passed} pass, {failed} fail, {unsure} are inconclusive"
        i = int(np.argmin(d.verdict))
        does = {PASS: "passes", INCONCLUSIVE: "is inconclusive", FAIL: "fails"}[int(d.verdict[i])]
        worst = f"{d.analytic[i]:.9g} analytic, {d.numeric[i]:.9g} numeric"
        text = f"{looked}, and {through}: {counts}. One that {does}: {worst}."
        if not d.failed:
            text += f" An error of more than {100 * d.excluded:.2g}% of the gradient, by norm, "
            text += f"would have shown with a probability of 1 - {CHANCE:.0e}."
        return text

    def _how(self) -> str:
        noun = "logit" if self.problem.task == "binary" else "row"
        rows = counted(len(self.problem.logits), noun)
        if self.problem.task == "classes":
            rows += f" of {self.problem.classes} classes"
        method = {
            "central": "Central differences",
            "forward": "Forward differences",
            "richardson": "Richardson extrapolation of central differences",
            "complex": "A complex step, confirmed by central differences,",
        }[self.method]
        each = "one loss per row" if self.problem.per_row else "one loss for all"
        dtypes = f"given in {self.problem.dtype} and computed in {self.precision}"
        parts = [f"{method} with h = {self.h:.3g}: {rows}, {each}, {dtypes}."]
        if self.grad_precision != self.precision:
            parts.append(f"The gradient is computed in {self.grad_precision}.")
        truncation, rounding = self.numeric.truncation, self.numeric.rounding
        if np.isfinite(truncation).any():
            error = f"up to {np.nanmax(truncation):.3g} from the step size"
            error += f", {np.nanmax(rounding):.3g} from rounding"
            parts.append(f"Estimated error of the numerical derivative: {error}.")
        if self.problem.per_row and not self.independent:
            parts.append("Rows are not independent, so entries were moved one at a time.")
        if self.numeric.kinked.any():
            corners = counted(int(self.numeric.kinked.sum()), "entry", "entries")
            parts.append(f"The loss has a corner at {corners}.")
        if self.inconclusive:
            parts.append(
                "Entries are inconclusive if their derivative is too small, or changes too "
                "sharply, to be distinguished from an error."
            )
        if self.definition:
            parts.append(f"The loss was compared with {self.definition} too.")
        return " ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON: the counts, the findings and the worst entries."""
        return {
            "verdict": self.verdict,
            "mistakes": self.mistakes,
            "passed": self.passed,
            "failed": self.failed,
            "inconclusive": self.inconclusive,
            "entries": int(self.problem.logits.size),
            "directions": None if self.directions is None else _plain(self.directions),
            "findings": [finding.to_dict() for finding in self.findings],
            "worst": [{name: plain(v) for name, v in one.items()} for one in self.worst()],
            "method": self.method,
            "h": self.h,
            "dtype": self.problem.dtype,
            "precision": self.precision,
            "grad_precision": self.grad_precision,
            "rows_are_independent": self.independent,
        }

    def __repr__(self) -> str:
        named = f"; {', '.join(self.mistakes)}" if self.mistakes else ""
        return f"<GradientReport: {self.verdict}{named}>"


def _plain(d: Directions) -> dict[str, Any]:
    """Plain data of random directions."""
    passed, inconclusive, failed = (int((d.verdict == verdict).sum()) for verdict in WORDS)
    return {
        "passed": passed,
        "failed": failed,
        "inconclusive": inconclusive,
        "excluded_error": plain(d.excluded),
        "probability_of_missing_it": CHANCE,
    }


def _entries(entries: list[dict[str, Any]]) -> Table:
    digits = {"logit": 6, "analytic": 9, "numeric": 9, "difference": 3, "relative": 2, "allowed": 2}

    def cell(head: str, value: Any) -> str:
        if head in digits:
            return f"{value:.{digits[head]}g}"
        if head == "row":
            return ", ".join(map(str, value)) or "-"
        return "FAIL" if value == "fail" else str(value)

    heads = tuple(entries[0])
    rows = tuple(tuple(cell(head, entry[head]) for head in heads) for entry in entries)
    return Table(heads, rows, left=(len(heads) - 1,))
