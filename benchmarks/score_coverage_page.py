"""docs/score-coverage.md from the tallies, and from nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypedDict

from machine import MADE, Circumstances, measured


class Found(TypedDict):
    """Of so many data sets: intervals shown, that held the truth, and that lay above it."""

    sets: int
    shown: int
    held: int
    above: int


class Cell(TypedDict):
    """A population and a size, and the tally of each figure."""

    table: str
    population: str
    model: str
    rows: int
    figures: dict[str, Found]


class Report(Circumstances):
    """What score_coverage.json holds."""

    cells: list[Cell]


LOWEST, HIGHEST = 93.0, 98.0
"""Coverage in percent that is accepted of a nominal 95."""

OFTEN = 50.0
"""Percentage of refusals above which the coverage of what is left says little."""

PLAIN = ("normal", "as if independent")
"""Columns of intervals that others show, for comparison; xent does not."""

CALLED = "a slice called worse"
"""The column of a test: of how many data sets it is wrong."""

HEAD = """\
# Coverage of the intervals

{finding}

An interval with a level of 95 % should contain the true figure for 95 of 100 data sets. Here data
sets are drawn from populations whose true figures are known, and counted. Accepted is a coverage
from 93 to 98 %; where that does not hold, `xent.scoring.intervals` refuses the interval and says
why. A cell shows the **coverage** of the intervals that are shown, in percent, and in brackets how
many were refused. Where more than half are refused, those left are a selection (of samples that
happen to have many rows of the rare class, for example), so that their coverage says little; such
a cell shows instead how many of *all* data sets got an interval without the true figure in it,
which should be at most 7 %.

"""

TABLES = {
    "rows": """\
## Independent rows

Two classes. The true logits are normal, with standard deviation 1.5, or 5 for accurate predictions;
with "1 % positive" their mean is -5.52, so that 100 rows have one of the rare class, and 1,000 have
eleven. The logits of an over-confident model are twice the true ones. The column *normal* is the
mean loss plus or minus 1.96 standard errors: what most tools show, and xent does not.

""",
    "weights": """\
## Weighted rows

The same; the weights are 0.25, 0.5, 1, 2 or 4, and those of label 1 five times as large.

""",
    "few": """\
## Few rows of a class

1,000 rows, of which so many are expected to have label 1.

""",
    "classes": """\
## Ten classes

Each class is 0.7 times as frequent as the one before. The macro loss is refused where a class has
fewer than 5 rows.

""",
    "clusters": """\
## Clusters of rows

Clusters have ten rows on average and geometric sizes. Half of the variance of the logits is that
between clusters, and the true log odds of all rows of a cluster differ from the logits by a normal
number with standard deviation 0.7. The column *as if independent* is what ignoring the clusters
would give for the mean loss.

""",
    "slices": """\
## Slices of clustered rows

The same clusters. Each row has one of four values: all rows of a cluster the same one, or 70 % of
them and the others any, or each of them any. The loss has an interval for each value, and each
value is tested for a loss above that of the other rows (`score --by --cluster`). No value is worse
than the others, so a data set in which one is called worse, at 5 % after Holm's correction, is
wrong; the last column has the percentage of these, which should be at most 5.

""",
}

REFUSALS = {
    "mean loss, Brier score": "an infinite loss; fewer than 10 (effective) rows; fewer than 5 rows "
    "of the rarer of two classes, or one class alone; no variance; a skewness as if fewer than 3 "
    "rows decided the mean",
    "accuracy": "fewer than 10 (effective) rows; with weights, fewer than 8 effective rows that "
    "are right, or that are wrong",
    "skill": "fewer than 10 (effective) rows of the rarer of two classes, or one class alone; "
    "losses that are constant in each class; the same skewness",
    "macro loss": "fewer than 5 (effective) rows of any class; the same skewness",
    "AUC": "fewer than 10 (effective) rows of a class; no row out of order; the same skewness, or "
    "with weights one as if fewer than 5 rows decided",
    "average precision": "fewer than 10 rows of a class; weights",
    "clusters": "fewer than 10 clusters, or 5 effective ones; for skill and AUC fewer than 10 with "
    "a row of the rarer class; the same skewness, of clusters; a slice, as all rows",
}

REFUSED = """\
## When an interval is refused

| figure | refused with |
|---|---|
{rows}

"Effective" rows are (Σw)²/Σw². If k of very many rows have the same large loss and the others none,
the skewness of the mean is 1/√k; so a skewness above 1/√3 says that few rows decide.

"""

END = """\
{made}

{measured}

Each cell has {sets:,} data sets, so that a coverage of 95 % has a standard error of
{error:.1f} percentage points. Scores are on a grid of 300 values, on which the true figures are
sums; those of clusters are integrals by quadrature. Random numbers have fixed seeds.

`python benchmarks/score_coverage.py` writes this page and `benchmarks/score_coverage.json`. The
table of slices was measured after the others, by `--only slices`, which leaves these as they are.
"""


def page(report: Report) -> str:
    """The whole page."""
    sections = [
        about + table([cell for cell in report["cells"] if cell["table"] == name]) + "\n"
        for name, about in TABLES.items()
    ]
    sets = max(c["figures"]["log loss"]["sets"] for c in report["cells"] if c["table"] == "rows")
    end = END.format(
        made=MADE, measured=measured(report), sets=sets, error=100 * (0.95 * 0.05 / sets) ** 0.5
    )
    rows = "\n".join(f"| {figure} | {why} |" for figure, why in REFUSALS.items())
    head = HEAD.format(finding=finding(report))
    return head + "".join(sections) + REFUSED.format(rows=rows) + end


def table(cells: list[Cell]) -> str:
    """A row for each population, model and size."""
    names = list(dict.fromkeys(name for cell in cells for name in cell["figures"]))
    names = [*(name for name in names if name not in PLAIN), *(n for n in names if n in PLAIN)]
    titles = [f"*{name}*" if name in PLAIN else name for name in names]
    lines = ["| rows | " + " | ".join(titles) + " |", "|---|" + "---:|" * len(names)]
    for cell in cells:
        about = f"{cell['rows']:,}, {cell['population']}, {cell['model']}"
        found = [
            (told_of_test if name == CALLED else told)(cell["figures"].get(name)) for name in names
        ]
        lines.append(f"| {about} | " + " | ".join(found) + " |")
    return "\n".join(lines) + "\n"


def coverage(found: Found) -> float:
    """Percentage of the intervals shown that hold the truth."""
    return 100 * found["held"] / found["shown"]


def refusals(found: Found) -> float:
    """Percentage of the data sets without an interval."""
    return 100 - 100 * found["shown"] / found["sets"]


def wrong(found: Found) -> float:
    """Percentage of the data sets with an interval that does not hold the truth."""
    return 100 * (found["shown"] - found["held"]) / found["sets"]


def told(found: Found | None) -> str:
    """A cell of a table."""
    if found is None:
        return ""
    left_out = refusals(found)
    if not found["shown"]:
        return "refused"
    if left_out > OFTEN:
        return f"refused {left_out:.0f} %, {wrong(found):.1f} wrong"
    refused = f" ({left_out:.0f} % refused)" if left_out >= 0.5 else ""
    return f"**{coverage(found):.1f}**{refused}"


def told_of_test(found: Found | None) -> str:
    """How often a test is wrong, of the data sets in which it was made."""
    return f"{100 - coverage(found):.1f}" if found and found["shown"] else "refused"


def tallies(cells: list[Cell]) -> Iterator[tuple[Cell, str, Found]]:
    """Cell, figure and tally of every interval that xent shows."""
    for cell in cells:
        for name, found in cell["figures"].items():
            if name not in (*PLAIN, CALLED):
                yield cell, name, found


def finding(report: Report) -> str:
    """How many intervals cover as they should, and between which bounds."""
    every = [(name, found) for _, name, found in tallies(report["cells"])]
    shown = [(name, found) for name, found in every if refusals(found) <= OFTEN]
    rates = [coverage(found) for _, found in shown]
    within = sum(LOWEST <= round(rate, 1) <= HIGHEST for rate in rates)
    worst = max(wrong(found) for _, found in every if refusals(found) > OFTEN)
    plain = [
        coverage(cell["figures"]["normal"])
        for cell in report["cells"]
        if cell["table"] == "rows" and refusals(cell["figures"]["log loss"]) <= OFTEN
    ]
    return (
        f"In {len(shown)} simulated cases xent shows an interval for at least half of the data "
        f"sets. It contains the true figure for {min(rates):.1f} to {max(rates):.1f} % of them, "
        f"where 95 % are promised; in {within} cases for {LOWEST:.0f} to {HIGHEST:.0f} %.\n"
        f"In {len(every) - len(shown)} other cases it mostly refuses one, and at most "
        f"{worst:.1f} % of the data sets get a wrong one. The usual normal interval of the mean "
        f"loss goes down to {min(plain):.1f} %."
    )
