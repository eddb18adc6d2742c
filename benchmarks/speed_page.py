"""docs/performance.md from the timings, and from nothing else."""

from __future__ import annotations

from statistics import median
from typing import TypedDict


class Timing(TypedDict):
    """Seconds per call of every column, one for each repetition."""

    case: str
    task: str
    seconds: dict[str, list[float]]


class Report(TypedDict):
    """What speed.json holds."""

    date: str
    processor: str
    cores: int
    versions: dict[str, str]
    repetitions: int
    timings: list[Timing]


HEAD = """\
# Performance

How long cross-entropy takes here, and how that compares with other libraries on the same machine,
in the same process, on the same logits.

Measured on {date} on one machine ({processor}, {cores} cores) with {versions}.

This page and `benchmarks/speed.json` are written by `python benchmarks/speed.py`. No test asserts a
time. Other machines, and other versions, give other ratios.

## How to read the tables

The first column is `xent`'s own time for one call. Every other column is **that library's time
divided by `xent`'s**: 2.0 means it takes twice as long as `xent`, 0.5 half as long. It is the
median of {repetitions} ratios, with the smallest and the largest in parentheses. In each repetition
all libraries run once, in turns. A wide spread means that the machine had other work, or that a
library's large temporary arrays came fresh from the system in one call and reused in another.

- `xent` is measured on its NumPy path: one thread, no compiled code of its own. It computes in
  float64 whatever the dtype of the logits, and for float64 logits carries rounding errors along, so
  that every row is good to 2 ULP ([accuracy](accuracy.md)). No peer here does that work.
- torch runs eagerly: `F.cross_entropy` or `F.binary_cross_entropy_with_logits`, and
  `torch.autograd.grad` for the gradient; on one thread, and on all cores (of which a
  small batch uses one).
- SciPy: `special.log_softmax`, and for the gradient `special.softmax` as well; binary
  `special.log_expit` and `special.expit`.
- scikit-learn: the losses of its private module `sklearn._loss`, `.loss` or `.loss_gradient`, on
  one thread. Its gradient is that of the sum: it saves the division by the number of rows.
- NumPy: the usual stable formula, log-sum-exp less the label's logit, in the dtype of the logits.
- Loss means the mean over the rows; the gradient is that of the mean. Arrays and labels are
  converted beforehand to what each library takes. Of the smallest shape many calls are timed
  together.
"""


def page(report: Report) -> str:
    """The whole page."""
    versions = ", ".join(f"{name} {value}" for name, value in report["versions"].items())
    head = HEAD.format(
        date=report["date"],
        processor=report["processor"],
        cores=report["cores"],
        versions=versions,
        repetitions=report["repetitions"],
    )
    parts = [head]
    for task in dict.fromkeys(t["task"] for t in report["timings"]):
        chosen = [t for t in report["timings"] if t["task"] == task]
        parts.append(f"## {task.capitalize()}\n\n{table(chosen)}\n")
    return "\n".join(parts)


def table(timings: list[Timing]) -> str:
    """One row per shape, one column per library."""
    own, *others = max((t["seconds"] for t in timings), key=len)
    lines = [f"| logits | {own} | {' | '.join(others)} |", "|---" * (len(others) + 2) + "|"]
    for t in timings:
        base = t["seconds"][own]
        cells = [duration(median(base))]
        for name in others:
            if name not in t["seconds"]:
                cells.append("–")
                continue
            ratios = [a / b for a, b in zip(t["seconds"][name], base, strict=True)]
            cells.append(f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
        lines.append(f"| {t['case']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """Three digits, in the unit that suits."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"
