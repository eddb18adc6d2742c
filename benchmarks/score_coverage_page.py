"""docs/score-coverage.md from the tallies, and from nothing else."""

from __future__ import annotations

import math
from collections import Counter
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

PLAIN = ("normal", "as if independent", "Wald")
"""Columns of intervals that others show, for comparison; xent does not."""

CALLED = "a slice called worse"
"""The column of a test: of how many data sets it is wrong."""

HEAD = """\
# Coverage of the intervals

{finding}

An interval with a level of 95 % should contain the true figure for 95 of 100 data sets. Here data
sets are drawn from populations whose true figures are known, and counted. Accepted is a coverage
from 93 to 98 %; where that does not hold, `xent.scoring.intervals` should refuse the interval and
say why. A cell shows the **coverage** of the intervals that are shown, in percent, and in brackets
how many were refused. Where more than half are refused, those left are a selection (of samples that
happen to have many rows of the rare class, for example), so that their coverage says little; such
a cell shows instead how many of *all* data sets got an interval without the true figure in it,
which should be at most 7 %.

"""

OUTSIDE = """\
## Outside the range

These intervals are shown for at least half of the data sets, but their coverage is not from 93 to
98 %.

| what | figure | coverage |
|---|---|---:|
{rows}

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
    "models": """\
## Two models on the same rows

Differences between the log losses and between the accuracies of two models (`compare`). The models'
logits are the true ones of the independent rows above, with normal noise of standard deviation 0.5
each (equally good), of 0.7 in one of them (one noisy) or of 0.1 (nearly alike), or one has 2 times
or 0.5 times the true logits (one over- or under-confident), which changes no prediction. Weights
are those of the weighted rows, but independent of the labels; clusters are those of the next table.
*Wald* is the usual interval of a difference of accuracies.

Where hardly any row is right by one model alone, the interval of the accuracies is wider than it
needs to be: if fewer than about five such rows are expected, most data sets have none, or one, and
all of these hold the true difference.

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
    "labels": """\
## Several labels per row

Each row has 5 labels, or 20, any of which may be true: about 30 % of all cells (a row and a label)
are, or 1 %; the labels' mean logits are up to 1 above and below that of all. Where labels are
correlated, half of the variance of the logits, 1.5² in all, is that between rows, and the true log
odds of all labels of a row differ from the logits by the same normal number with standard deviation
0.7; where they are independent, each cell has its own numbers. Where cells are missing, a row has
each of its labels with a probability between 0.2 and 1 that is its own. Weights are those of the
weighted rows above, but independent of the labels. The units of the intervals are rows. The macro
loss has none where some rows lack some labels. The column *as if independent* takes every cell of
the mean loss for independent.

With 1 % true, 100 rows have about one true cell of each label. The shares of the labels, and so the
base rate, are then hardly known: with 20 labels enough rows have some true label for the skill to
be shown, but its interval is wrong. With weights, the interval of the accuracy is too short there,
since few cells are predicted wrongly.

""",
    "texts": """\
## Texts

Texts of a language model. The logarithms of their lengths are normal, the median is 60 tokens, and
the standard deviation is 0 (equal lengths), 0.7 (uneven) or 1.3 (very uneven). The mean loss per
token differs between texts: the standard deviation of its logarithm is 0.3, and its correlation
with the logarithm of the length 0, 0.5 (long ones harder) or -0.5 (long ones easier). The losses of
a text's tokens are gamma variables with shape 0.7. The units of the intervals are texts. Figures
per word and per character have the same kind of interval as those per byte, and perplexities the
same interval on another scale. The loss per text is what is shown where the numbers of tokens are
not known. The column *as if independent* takes every token of the loss per token for independent,
with the variance that tokens have in the population.

With very uneven lengths the longest texts decide a figure, and a data set that happens to have
none of them does not show it. There the interval of the loss per text is too short, and so is that
of the loss per token if long texts are the harder ones. It takes more texts to know either.

""",
    "questions": """\
## Questions with choices

Questions of 4 choices, or of 2, 3, 4 and 5, each as frequent. The true logits of the choices are
normal with standard deviation 1 (hard questions), or 4 (easy ones). The skill compares with
choosing at random.

""",
}

FIRST = {"texts": "texts", "questions": "questions"}
"""What the first column counts, if not rows."""
SUBJECTS = {
    "rows": "independent rows",
    "weights": "weighted rows",
    "few": "few rows of a class",
    "classes": "ten classes",
    "models": "two models",
    "clusters": "clusters",
    "slices": "slices",
    "labels": "several labels",
    "texts": "texts",
    "questions": "questions",
}
"""What a table is about, in a list of such."""

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
    "difference of two models": "as the mean loss; of accuracies, fewer than 10 rows, and with "
    "weights as the mean loss",
    "clusters": "fewer than 10 clusters, or 5 effective ones; for skill and AUC fewer than 10 with "
    "a row of the rarer class; the same skewness, of clusters; a slice, as all rows",
    "several labels": "an infinite loss; fewer than 10 rows, or effective ones by weight and "
    "number of labels; an error as if fewer than 5 of them made it; fewer than 5 rows with a true "
    "label, or with a false one (skill: 10); for skill more than 4,096 sets of labels that are "
    "true together; for the macro loss rows that lack some labels; the same skewness, of rows",
    "texts": "a token of probability 0; fewer than 10 texts, or effective ones by length; an error "
    "as if fewer than 5 of them made it; rows that are single tokens; the same skewness, of texts",
    "questions": "a right choice of probability 0; fewer than 10 questions; the same skewness",
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
{error:.1f} percentage points; with several labels, texts and questions it has {fewer:,}, and the
standard error is {larger:.1f}. Scores are on a grid of 300 values, on which the true figures are
sums; those of clusters, several labels and texts are integrals by quadrature; questions are drawn
from 2,000 kinds, so that their true figures are sums. Random numbers have fixed seeds.

`python benchmarks/score_coverage.py` writes this page and `benchmarks/score_coverage.json`. The
tables of slices, of two models, of several labels, of texts and of questions were measured after
the others, by `--only slices` and so on, which leaves these as they are.
"""


def page(report: Report) -> str:
    """The whole page."""
    sections = [
        about + table([cell for cell in report["cells"] if cell["table"] == name]) + "\n"
        for name, about in TABLES.items()
    ]
    sets, fewer = (
        max(c["figures"]["log loss"]["sets"] for c in report["cells"] if c["table"] == name)
        for name in ("rows", "labels")
    )
    end = END.format(
        made=MADE, measured=measured(report), sets=sets, error=error(sets),
        fewer=fewer, larger=error(fewer),
    )  # fmt: skip
    rows = "\n".join(f"| {figure} | {why} |" for figure, why in REFUSALS.items())
    head = HEAD.format(finding=finding(report)) + outside_table(report)
    return head + "".join(sections) + REFUSED.format(rows=rows) + end


def error(sets: int) -> float:
    """Standard error of a coverage of 95 %, in percentage points."""
    return 100 * math.sqrt(0.95 * 0.05 / sets)


def table(cells: list[Cell]) -> str:
    """A row for each population, model and size."""
    names = list(dict.fromkeys(name for cell in cells for name in cell["figures"]))
    names = [*(name for name in names if name not in PLAIN), *(n for n in names if n in PLAIN)]
    titles = [f"*{name}*" if name in PLAIN else name for name in names]
    first = FIRST.get(cells[0]["table"], "rows")
    lines = [f"| {first} | " + " | ".join(titles) + " |", "|---|" + "---:|" * len(names)]
    for cell in cells:
        about = described(cell)
        found = [
            (told_of_test if name == CALLED else told)(cell["figures"].get(name)) for name in names
        ]
        lines.append(f"| {about} | " + " | ".join(found) + " |")
    return "\n".join(lines) + "\n"


def described(cell: Cell) -> str:
    """Size, population and model of a cell."""
    parts = f"{cell['rows']:,}", cell["population"], cell["model"]
    return ", ".join(part for part in parts if part)


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
    refused = f" ({left_out:.0f} % refused)" if left_out > 0.5 else ""
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


def mostly_shown(report: Report) -> list[tuple[Cell, str, Found]]:
    """Cell, figure and tally of intervals of at least half of the data sets."""
    return [each for each in tallies(report["cells"]) if refusals(each[2]) <= OFTEN]


def outside(report: Report) -> list[tuple[Cell, str, Found]]:
    """Those of them whose coverage is too low or too high, in the order of the tables."""
    found = [
        each
        for each in mostly_shown(report)
        if not LOWEST <= round(coverage(each[2]), 1) <= HIGHEST
    ]
    return sorted(found, key=lambda each: [*TABLES].index(each[0]["table"]))


def outside_table(report: Report) -> str:
    """The section of these, if there are any."""
    rows = [
        f"| {SUBJECTS[cell['table']]}: {described(cell)} | {name} | {told(found)} |"
        for cell, name, found in outside(report)
    ]
    return OUTSIDE.format(rows="\n".join(rows)) if rows else ""


def finding(report: Report) -> str:
    """How many intervals cover as they should, and between which bounds."""
    shown = mostly_shown(report)
    rates = [coverage(found) for _, _, found in shown]
    bad = outside(report)
    held = f"In {len(shown) - len(bad)} of them it" if bad else "It"
    others = ""
    if bad:
        where = Counter(SUBJECTS[cell["table"]] for cell, _, _ in bad)
        told_where = "; ".join(f"{subject}: {n}" for subject, n in where.items())
        of_bad = [coverage(found) for _, _, found in bad]
        others = (
            f" In the other {len(bad)} ({told_where}) it does so for {min(of_bad):.1f} to "
            f"{max(of_bad):.1f} %."
        )
        rates = [rate for rate in rates if rate not in of_bad]
    refusing = [found for _, _, found in tallies(report["cells"]) if refusals(found) > OFTEN]
    worst = max(wrong(found) for found in refusing)
    plain = [
        coverage(cell["figures"]["normal"])
        for cell in report["cells"]
        if cell["table"] == "rows" and refusals(cell["figures"]["log loss"]) <= OFTEN
    ]
    return (
        f"In {len(shown)} simulated cases xent shows an interval for at least half of the data "
        f"sets. {held} contains the true figure for {min(rates):.1f} to {max(rates):.1f} % of "
        f"these data sets, where 95 % are promised and 93 to 98 % accepted.{others}\n"
        f"In {len(refusing)} further cases it mostly refuses one, and at most "
        f"{worst:.1f} % of the data sets get a wrong one. The usual normal interval of the mean "
        f"loss goes down to {min(plain):.1f} %."
    )
