"""docs/performance.md and its picture from the timings, and from nothing else."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from machine import MADE, Circumstances, Timing, measured

if TYPE_CHECKING:  # the page is made without the libraries that are measured
    from linear import Linear


class Report(Circumstances):
    """What speed.json holds."""

    repetitions: int
    linear: Linear
    timings: list[Timing]


SHORT = """\
## Where the limit is not reached

Wide rows of float32 come closest to the limit set by memory. The rest is limited by arithmetic,
most of which is needed for exactness:

- **Wide rows of float32** are summed entirely in float64, which keeps their gradient accurate:
  summed in float32 it is off by up to 3.8 ULP where a label is far below the largest logit. The sum
  has a loop of its own. In one loop with the terms, a vector would hold only as many elements as
  in float64, and an element took 0.27 ns instead of 0.23 (in bfloat16 0.35 instead of 0.24).
- **Few classes**: a row of three logits takes 4.7 ns on one core: 1.9 for the logarithm, division
  and exponential of its label in float64, 1.0 for the terms and their sums, 0.3 for transposing.
  Reading it from memory takes 1.2 ns. A row of ten takes 8.1 ns, with 2.0, 2.6 and 0.4 for the same
  parts. Changes that helped: fetching the next block early and storing large gradients past the
  caches (a million rows of ten with gradient, two threads: 9.4 to 6.9 ms); blocks of 256 rows
  instead of 128 (5 to 8 %); columns up to 127 classes instead of 32 (loss of 100 classes: 0.76 to
  0.57 ns an element in float32, 2.6 to 1.3 in float64). Changes that were dropped: a logarithm
  accurate only to float32 (it saved 0.7 ns a row, but the mean of equal rows was off by 5e-9), and
  fetching labels early (no gain). Other ways to compute the exponential (a shorter polynomial and a
  table of 16 powers) were not timed: they save one instruction of thirteen.
- **Binary logits** take an exponential, a logarithm and a division: 0.6 ns an element on one core,
  beside about 0.45 ns for memory. Finding wrong targets by comparing floats would cost half as much
  again; comparing their bits costs nothing.
- **float64** needs polynomials of twice the degree, and sums in twice the precision.
- **bfloat16** has half the bytes but the same arithmetic.
- **Gradients**: reading logits and writing gradients alternate, row by row. Cache lines that two
  rows share are held back and written whole, which saved a fifth of the time at 1,000 classes.
  Writing the last row in parts while the next is read, and writing past the caches in place, were
  both slower.
- **Gradients in new arrays** reuse the memory of earlier gradients that nothing refers to any more.
  Only the first one is really new, or one that is made while the last is still in use.
- **Subtracting the label's logit from each logit** and carrying the rounding error along is just as
  exact, but takes 0.34 ns an element instead of 0.22. So rows are scaled by powers of two instead.
"""

LOSS, GRADIENT = "loss", "loss and gradient"
SMALL = "validation"
PEERS = ["torch", "torch.compile", "scikit-learn", "SciPy", "JAX", "NumPy"]

HEAD = """\
# Performance

{finding}

![Time of xent over the time that memory needs](performance.svg#wide)

## How to read the tables

The first column is `xent`'s own time for one call. All others are ratios: the median of
{repetitions} repetitions, with the smallest and the largest in parentheses. In each repetition
every library runs once, in turn. A wide spread means that the machine had other work, or that a
library's large temporary arrays were new memory from the system in one call and reused in another.

- **÷ memory** is `xent`'s time over the time that its threads take to do nothing but read the
  arrays (for a loss), or to copy the logits to the gradient and read the targets (for a
  gradient). 1.0 is the limit; no library can be faster from memory.
- Every other column is **that library's time over `xent`'s**: 2.0 means it takes twice as long.

What runs:

- `xent` through its public functions, on {cores} threads, by its compiled kernels. Losses of
  rows are within 2 ULP ([accuracy](accuracy.md)); no other library here is that accurate.
- torch runs eagerly, or compiled by `torch.compile(dynamic=False)`: `F.cross_entropy` or
  `F.binary_cross_entropy_with_logits`, and `torch.autograd.grad`; on {cores} threads.
- scikit-learn: its private `sklearn._loss`, `.loss` or `.loss_gradient`, on {cores} threads. Its
  gradient is that of the sum, so it does not divide by the number of rows.
- SciPy: `special.log_softmax` and `softmax`; binary `log_expit` and `expit`. JAX: `jax.nn`, jitted.
  NumPy: log-sum-exp less the label's logit. All in the dtype of the logits.
- Logits are normal with standard deviation 2, labels random. Loss means the mean over the rows,
  with its gradient. Labels are int64; binary targets have the logits' dtype. Arrays and labels are
  converted beforehand to what each library takes.
- xent writes a gradient to a given array (`out=`), over the logits (in place), or to a new array.
  All other libraries write to a new array, and are compared with all three. The system provides a
  new array of this size page by page, which takes longer than filling it.
"""

END = """\
{made}

{measured}

`make bench` writes this page, its picture and `benchmarks/speed.json`. No test asserts a time.
Other machines, and other versions, give other ratios. `python benchmarks/speed.py --check` measures
a few shapes again and fails if the speed-up halves.
"""


def page(report: Report) -> str:
    """The whole page."""
    large = [t for t in report["timings"] if "memory" in t["seconds"]]
    small = [t for t in report["timings"] if "memory" not in t["seconds"]]
    losses = [t for t in large if t["task"] == LOSS]
    gradients = [t for t in large if t["task"] == GRADIENT]
    head = HEAD.format(
        finding=finding(losses, gradients, small),
        cores=report["cores"],
        repetitions=report["repetitions"],
    )
    parts = [head, f"## Loss\n\n{table(losses, 'xent')}\n"]
    for title, own in (
        ("into a given array", "xent, out="),
        ("in place", "xent, in place"),
        ("into a new array", "xent"),
    ):
        parts.append(f"## Loss and gradient, {title}\n\n{table(gradients, own)}\n")
    parts.append(linear_part(report["linear"]))
    parts += [small_part(small), SHORT, END.format(made=MADE, measured=measured(report))]
    return "\n".join(parts)


def finding(losses: list[Timing], gradients: list[Timing], small: list[Timing]) -> str:
    """What the tables say, in two sentences."""

    def ratios(timings: list[Timing], column: str, base: str) -> list[float]:
        pairs = ((t["seconds"][column], t["seconds"][base]) for t in timings)
        return [middle(*pair) for pair in pairs]

    def beside(peer: str) -> str:
        return extent(ratios(losses, peer, "xent") + ratios(gradients, peer, "xent, out="))

    memory = ratios(losses, "xent", "memory") + ratios(gradients, "xent, out=", "memory")
    calls = zip(small, ratios(small, "torch", "xent"), strict=True)
    call = " and ".join(f"{ratio:.2g} times as long for the {t['task']}" for t, ratio in calls)
    return (
        f"On large arrays PyTorch takes {beside('torch')} times as long as xent, and "
        f"{beside('torch.compile')} times as long if compiled; xent takes {extent(memory)} times "
        "what the machine needs to read or copy the arrays.\n"
        f"Compared with xent on 8 rows of 10 classes, PyTorch takes {call}."
    )


def table(timings: list[Timing], own: str) -> str:
    """One row per shape, one column per library."""
    peers = [p for p in PEERS if any(p in t["seconds"] for t in timings)]
    lines = [f"| logits | xent | ÷ memory | {' | '.join(peers)} |"]
    lines.append("|---" * (len(peers) + 3) + "|")
    for t in timings:
        times = t["seconds"]
        cells = [duration(median(times[own])), spread(times[own], times["memory"])]
        cells += [spread(times[p], times[own]) if p in times else "–" for p in peers]
        lines.append(f"| {t['case']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def linear_part(measured: Linear) -> str:
    """The fused linear layer."""
    rows, features, classes = measured["shape"]
    times = measured["seconds"]
    return f"""\
## Linear layer and loss

Loss and gradients of inputs and weight: {rows:,} rows of {features:,} features, {classes:,}
classes, float32. *Products* are the three matrix products that any such function must compute, by
NumPy alone.

| xent | ÷ products | torch | torch.compile |
|---|---|---|---|
| {duration(median(times["xent"]))} | {spread(times["xent"], times["products"])} | \
{spread(times["torch"], times["xent"])} | {spread(times["torch.compile"], times["xent"])} |

Besides the gradients ({measured["gradient_bytes"] / 1e6:.0f} MB) xent holds at most \
{measured["extra_bytes"] / 1e6:.0f} MB; all logits would take {4 * rows * classes / 1e6:.0f} MB.
"""


def small_part(timings: list[Timing]) -> str:
    """Small calls, which run in NumPy."""
    lines = [
        "## A small call\n",
        "8 rows of 10 classes, float32: arrays this small never wait for a",
    ]
    lines += ["kernel, but are computed in NumPy. Many calls are timed together.\n"]
    lines += ["| task | xent | of which checks of the arguments | torch | SciPy | NumPy |"]
    lines += ["|---|---|---|---|---|---|"]
    checks = next(t["seconds"][SMALL] for t in timings if SMALL in t["seconds"])
    for t in timings:
        times = t["seconds"]
        ratios = [spread(times[p], times["xent"]) for p in ("torch", "SciPy", "NumPy")]
        cells = [duration(median(times["xent"])), duration(median(checks)), *ratios]
        lines.append(f"| {t['task']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def middle(times: list[float], base: list[float]) -> float:
    """Median of the ratios."""
    return median(a / b for a, b in zip(times, base, strict=True))


def extent(ratios: list[float]) -> str:
    """The smallest and the largest, to two digits."""
    return f"{min(ratios):.2g} to {max(ratios):.2g}"


def spread(times: list[float], base: list[float]) -> str:
    """Median of the ratios, and their range."""
    ratios = [a / b for a, b in zip(times, base, strict=True)]
    shown = [f"{r:.2f}" if r < 10 else f"{r:.1f}" for r in (median(ratios), *sorted(ratios))]
    return f"{shown[0]} ({shown[1]}–{shown[-1]})"


def duration(seconds: float) -> str:
    """Three digits, in the unit that suits."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def picture(report: Report, path: Path) -> None:
    """Bars of time over the time that memory needs, for xent and for torch."""
    from xent.plots.colours import shade
    from xent.plots.saving import new_figure, page_ink, themed

    shown = [t for t in report["timings"] if "memory" in t["seconds"]]
    shown = [t for t in shown if "float32" in t["case"]]
    with page_ink():
        figure, axes = new_figure((7.5, 7.5), rows=2)
        figure.get_layout_engine().set(h_pad=0.12)
        for ax, task in zip(axes, (LOSS, GRADIENT), strict=True):
            chosen = [t for t in shown if t["task"] == task]
            names = {"torch": "torch", "torch.compile": "torch.compile"}
            names["xent" if task == LOSS else "xent, out="] = "xent"
            for number, (column, name) in enumerate(names.items()):
                values = [middle(t["seconds"][column], t["seconds"]["memory"]) for t in chosen]
                places = [i + 0.27 * (1 - number) for i in range(len(chosen))]
                colour = shade(("other", "push", "true")[number])
                bars = ax.barh(places, values, height=0.25, label=name, color=colour)
                ax.bar_label(bars, fmt="%.1f", padding=2, fontsize=8)
            ax.axvline(1, color=shade("other"), lw=1, zorder=0)
            ax.set_xscale("log")
            ax.set_xticks(ticks := [1, 2, 5, 10, 20, 50], map(str, ticks))
            ax.minorticks_off()
            ax.set_yticks(range(len(chosen)), [t["case"].replace(", float32", "") for t in chosen])
            ax.tick_params(labelsize=9)
            title = f"{task}, float32{'' if task == LOSS else ', out= given'}"
            ax.set_title(title, fontsize=11, loc="left")
            ax.set_xlabel("time ÷ time that memory needs (log scale)", fontsize=9)
            ax.margins(x=0.12)
            ax.invert_yaxis()
        lines = axes[0].get_legend_handles_labels()
        figure.legend(*lines, fontsize=9, loc="outside upper left", ncols=3)
        title = "Time over the time that memory needs"
        told = "Bars for PyTorch, PyTorch compiled and xent, by shape; the tables have the numbers."
        path.write_text(themed(figure, title, told), encoding="utf-8")
