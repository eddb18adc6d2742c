"""docs/score-speed.md from the timings, and from nothing else."""

from __future__ import annotations

from typing import TypedDict

from machine import MADE, Circumstances, measured


class Taken(TypedDict):
    """What a process took: seconds of CPU and of wall time, and its peak memory."""

    cpu: float
    wall: float
    mb: float


class Case(TypedDict):
    """A file, and what each library took for it."""

    format: str
    classes: int
    rows: int
    taken: dict[str, Taken]


class Report(Circumstances):
    """What score_speed.json holds."""

    cases: list[Case]


HEAD = """\
# Speed of `score`

{finding}

Each cell is a process of its own: **CPU seconds** (wall seconds of the call; peak memory). The CPU
seconds include Python's start and all imports, about 0.4 for xent, NumPy and PyArrow. xent reads
the file in batches, checks every row, and computes all figures of `xent score`: losses, exact sums
by class, moments, a histogram and the worst rows. DuckDB and Polars compute the mean loss alone and
check nothing; pandas and scikit-learn load the file, and compute log loss and accuracy.

"""

END = """
{made}

{measured}

Row groups of Parquet have 131,072 rows. The smallest CPU and wall time of three runs and the
largest memory are shown; a first run, which compiles xent's kernels if they are not on disk, is not
counted.

`python benchmarks/score_speed.py` writes this page and `benchmarks/score_speed.json`; with
`--peers` and another Python, the other libraries are those that it has.
"""


def page(report: Report) -> str:
    """The whole page."""
    end = END.format(made=MADE, measured=measured(report))
    return HEAD.format(finding=finding(report)) + table(report["cases"]) + end


def table(cases: list[Case]) -> str:
    """A row for each file."""
    names = list(dict.fromkeys(name for case in cases for name in case["taken"]))
    lines = ["| file | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    for case in cases:
        cells = (cell(case["taken"].get(name)) for name in names)
        lines.append(f"| {described(case)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def cell(taken: Taken | None) -> str:
    """CPU and wall seconds, and memory."""
    if taken is None:
        return ""
    return f"**{taken['cpu']:.2f}** ({taken['wall']:.2f}; {taken['mb']:.0f} MB)"


def described(case: Case) -> str:
    """Rows, scores and format."""
    scores = "binary" if case["classes"] == 1 else f"{case['classes']} classes"
    kind = "CSV" if case["format"] == "csv" else "Parquet"
    return f"{case['rows']:,} rows, {scores}, {kind}"


def finding(report: Report) -> str:
    """What a row costs, start apart, beside the fastest query."""
    found = {(c["format"], c["classes"], c["rows"]): c["taken"] for c in report["cases"]}
    less, more = found["parquet", 1, 5_000_000], found["parquet", 1, 20_000_000]
    per_row = {
        name: (more[name]["cpu"] - less[name]["cpu"]) / 15e6 * 1e9 for name in less if name in more
    }
    own = per_row["xent"]
    queries = {name: per_row[name] for name in ("DuckDB", "Polars") if name in per_row}
    told = f"A row of a binary Parquet file takes `xent score` {own:.0f} ns of CPU time"
    if queries:
        name = min(queries, key=lambda each: queries[each])
        told += f", and the mean loss alone in {name} {queries[name]:.0f} ns"
    wide = found["parquet", 100, 1_000_000]
    peer = "pandas + scikit-learn"
    if peer in wide:
        times = wide[peer]["cpu"] / wide["xent"]["cpu"]
        told += f". With 100 classes {peer} take {times:.1f} times as long as xent"
    return told + "."
