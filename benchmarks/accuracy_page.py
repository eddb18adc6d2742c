"""docs/accuracy.md from the figures, and from nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from machine import MADE, measured

if TYPE_CHECKING:  # the page is made without the libraries that are measured
    from exact import Figure

LIBRARIES = ["xent", "xent, small arrays", "torch", "SciPy", "scikit-learn"]
WHAT = ("loss", "gradient")


class Record(TypedDict):
    """Figures of all libraries for one quantity of one batch."""

    kind: str
    name: str
    dtype: str
    quantity: str
    compared: int
    subnormal: int
    by: dict[str, Figure]


class Report(TypedDict):
    """What accuracy.json holds."""

    date: str
    versions: dict[str, str]
    records: list[Record]


HEAD = """\
# Accuracy

{finding}

## In short

{summary}

The largest error over all tables below. Answers of exactly 0 where the exact value is not 0 are
left out of it and counted in the last two columns. An error as large as the value itself is
between 4e15 and 9e15 ULP in float64, and between 8e6 and 1.7e7 ULP in float32.

`xent` appears twice: its compiled kernels, which compute large arrays, and NumPy, which computes
small ones and converts float32 logits to float64. Here both compute the same batches.

## What this means, and what it does not

The *absolute* error of every library here is tiny: a loss of 1e-17 returned as 0 is wrong by 1e-17.
The mean over ordinary rows does not change, and training on such means is not harmed. What suffers
is whatever depends on the relative size of small losses and gradients:

- **ranking rows**: every confident right row costs exactly 0, so they cannot be told apart;
- **confident models**, whose whole loss is made of such rows;
- **gradients** of such rows, which become exactly 0 at the label while the other entries do not;
- **tests** with a relative tolerance, and numerical checks of a gradient.

Where the model is wrong or not confident, the losses of all four libraries are good to a few ULP,
and the differences in the tables do not matter. Small gradient entries of other classes
than the label's do differ: where logits are large, rounding `z - max` or `z - logsumexp(z)` before
exp can cost about 1000 ULP in float64 and about 125 in float32, which leaves 12 and 5 correct
digits.

The main cause is one subtraction. When the model is right, log-sum-exp is almost the label's
logit, and p almost 1: `logsumexp(z) - z[y]` and `p[y] - 1` keep only the digits in which the two
differ; from a margin of about 36 (17 in float32) on, no digit is left. `xent` does not do that
subtraction. Which label suffers in the binary case depends on how a library writes the formula.

This page compares the functions named at its end, not whole libraries: a library may also offer a
more accurate way. For example, the loss of scikit-learn's binary `.loss_gradient` is more accurate
on confident rows than that of `.loss`.

## How to read the tables

An error is |answer − exact| divided by the spacing of floating-point numbers at the exact value
(one ULP, "unit in the last place"): a correctly rounded answer is off by at most 0.5. A cell shows
the **maximum, and the median in parentheses**. An answer of exactly 0 where the exact value is not
0, and one that is infinite or NaN where it is finite, is left out of these two and counted in
words. Exact values that are subnormal in the dtype are not compared, but counted in the last
column.
"""

END = """\
{made}

- The stored inputs are taken as exact, and are the same bits for every library. The exact answer
  comes from `xent.oracle`: mpmath at 256 bits, with formulas that do not cancel.
- **Binary**: {margins} logits in each stratum and for each label, uniform in the *margin*: the
  logit on its label's side, positive where the model is right. The functions are torch
  `F.binary_cross_entropy_with_logits`; SciPy `-special.log_expit(±z)` and `special.expit(z) - y`;
  scikit-learn `HalfBinomialLoss` (of the private module `sklearn._loss`), `.loss` and `.gradient`.
- **Classes**: {rows}.
  Logits are normal with standard deviation 1, 30 or 150 (*scale*). In *random* rows the label is
  drawn at random. In *confident* rows the label's logit is moved above the largest of the others,
  by a margin uniform between 5 and 40. The functions are torch `F.cross_entropy`; SciPy
  `-special.log_softmax(z)` at the label, and `special.softmax(z)` less 1 at the label; scikit-learn
  `HalfMultinomialLoss`, `.loss` and `.gradient`.
- Gradients are those of the sum of the losses; torch's by autograd.

{measured}

`python benchmarks/accuracy.py` writes this page and `benchmarks/accuracy.json`; every input has a
fixed seed. `python benchmarks/accuracy.py --check` measures `xent` again and fails if a loss is off
by more than 2 ULP or a gradient entry by more than 3, or if this page does not match the JSON
file.
"""

TITLES = {
    "loss": "loss",
    "gradient": "gradient",
    "gradient at the label": "gradient, entry of the label",
    "gradient elsewhere": "gradient, the other entries",
}


def page(report: Report) -> str:
    """The whole page."""
    records = report["records"]
    parts = [HEAD.format(finding=finding(records), summary=summary(records))]
    for kind, title in (("binary", "Binary"), ("classes", "Classes")):
        for dtype in ("float64", "float32"):
            for quantity, name in TITLES.items():
                chosen = [
                    r
                    for r in records
                    if (r["kind"], r["dtype"], r["quantity"]) == (kind, dtype, quantity)
                ]
                if chosen:
                    parts.append(f"## {title}, {dtype}: {name}\n\n{table(chosen)}\n")
    parts.append(
        END.format(
            made=MADE,
            measured=measured(report),
            margins=_count(records, "binary"),
            rows=_class_rows(records),
        )
    )
    return "\n".join(parts)


def finding(records: list[Record]) -> str:
    """What the tables say, in two sentences."""
    peers = LIBRARIES[2:]
    losses, gradients = ([r for r in records if r["quantity"].startswith(w)] for w in WHAT)
    own = [max(worst(rows, library) for library in LIBRARIES[:2]) for rows in (losses, gradients)]
    wrongly = [sum(zeros(losses, library) for library in LIBRARIES[:2])]
    wrongly += [zeros(losses, library) for library in peers]
    compared = sum(r["compared"] for r in losses)
    others = max(worst(losses, library) for library in peers)
    return (
        f"xent's losses are within {number(own[0])} units in the last place (ULP) of the exact "
        f"value, its gradient entries within {number(own[1])}; of {compared:,} losses it returns "
        f"{wrongly[0] or 'none'} as exactly 0.\n"
        f"The others, {', '.join(peers[:-1])} and {peers[-1]}, return 0 for "
        f"{min(wrongly[1:]):,} to {max(wrongly[1:]):,} of them, and elsewhere "
        f"are off by up to {number(others)} ULP."
    )


def worst(records: list[Record], library: str) -> float:
    """The largest error."""
    return max(r["by"][library]["max"] or 0.0 for r in records)


def zeros(records: list[Record], library: str) -> int:
    """How many answers are wrongly 0."""
    return sum(r["by"][library]["zeros"] for r in records)


def summary(records: list[Record]) -> str:
    """The worst of each library."""
    lines = [
        "| library | loss, float64 | loss, float32 | gradient, float64 | gradient, float32 "
        "| losses returned as 0 | gradient entries returned as 0 |",
        "|---|---|---|---|---|---|---|",
    ]
    for library in LIBRARIES:
        cells = []
        kinds = [[r for r in records if r["quantity"].startswith(what)] for what in WHAT]
        for some in kinds:
            for dtype in ("float64", "float32"):
                error = worst([r for r in some if r["dtype"] == dtype], library)
                cells.append(f"{number(error)} ULP")
        cells += [
            f"{zeros(some, library):,} of {sum(r['compared'] for r in some):,}" for some in kinds
        ]
        lines.append(f"| {library} | {' | '.join(cells)} |")
    return "\n".join(lines)


def table(records: list[Record]) -> str:
    """One row per batch, one column per library."""
    stratum = "margin" if records[0]["kind"] == "binary" else "rows"
    lines = [
        f"| {stratum} | {' | '.join(LIBRARIES)} | compared | subnormal |",
        "|---" * (len(LIBRARIES) + 1) + "|---:|---:|",
    ]
    for r in records:
        cells = [cell(r["by"][library], r["compared"]) for library in LIBRARIES]
        lines.append(
            f"| {r['name']} | {' | '.join(cells)} | {r['compared']:,} | {r['subnormal']:,} |"
        )
    return "\n".join(lines)


def cell(figure: Figure, compared: int) -> str:
    """Maximum (median), and in words what these cannot say."""
    said = []
    if figure["max"] is not None and figure["median"] is not None:
        said.append(f"{number(figure['max'])} ({number(figure['median'])})")
    for count, what in ((figure["zeros"], "0 returned"), (figure["not_finite"], "inf or NaN")):
        if count:
            said.append(what if count == compared else f"{what}: {share(count, compared)}")
    return "; ".join(said) or "–"


def share(count: int, total: int) -> str:
    """A percentage that is neither 0 nor 100 unless all or none are meant."""
    percent = 100 * count / total
    return "<1 %" if percent < 1 else ">99 %" if percent > 99 else f"{percent:.0f} %"


def number(value: float) -> str:
    """Two digits, and powers of ten from 1000 on."""
    if value < 10:
        return f"{value:.1f}"
    if value < 1000:
        return f"{value:.0f}"
    mantissa, exponent = f"{value:.0e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def _count(records: list[Record], kind: str) -> str:
    return f"{next(r['compared'] + r['subnormal'] for r in records if r['kind'] == kind):,}"


def _class_rows(records: list[Record]) -> str:
    """How many rows of each width."""
    counts = {
        r["name"].partition(" ")[0]: r["compared"] + r["subnormal"]
        for r in records
        if r["kind"] == "classes" and r["quantity"] == "loss"
    }
    return ", ".join(f"{count:,} rows of {width}" for width, count in counts.items()) + " logits"
