"""docs/score-1e8.md from the figures, and from nothing else."""

from __future__ import annotations

from typing import TypedDict

from machine import MADE, Circumstances, measured


class Taken(TypedDict):
    """What a process took: seconds until the cluster was there, of wall and of CPU time; memory."""

    start: float
    wall: float
    cpu: float
    mb: float
    loss: float
    state: str


class Run(TypedDict):
    """Who scored the files, and what that took."""

    engine: str
    threads: int
    taken: Taken


class Report(Circumstances):
    """What score_1e8.json holds."""

    load: float
    rows: int
    files: int
    row_group: int
    bytes: int
    made: float
    loss: float
    state: str
    runs: list[Run]


PAGE = """\
# Score of 100 million rows

{finding}

Binary probabilities and labels, {rows:,} rows in {files} Parquet files of {size:.2f} GB together,
were scored as `xent score FOLDER` does: every row checked, all figures computed. Each line is a
process of its own. The result with every exact sum has the same SHA-256 in all of them,
`{state}`.

| | wall seconds | CPU seconds | peak memory |
|---|---:|---:|---:|
{lines}

CPU seconds are those of the whole process, with about 0.4 for Python's start and imports; those of
Ray's workers were not measured. Wall seconds are those of the call: Ray's cluster was there
before{start}. The memory is that of the calling process.

{made}

{measured} The machine did other work at the same time (load average {load:.1f} on {cores} cores):
on an idle one wall seconds are fewer.

`python benchmarks/score_1e8.py` makes the files in a temporary folder ({seconds:.0f} s), scores
them, and deletes them; row groups have {row_group:,} rows. The smallest times of three runs and the
largest memory are shown; a first run, which compiles xent's kernels if they are not on disk, is not
counted.
"""


def page(report: Report) -> str:
    """The whole page."""
    starts = [run["taken"]["start"] for run in report["runs"] if run["engine"] == "ray"]
    return PAGE.format(
        finding=finding(report),
        rows=report["rows"],
        files=report["files"],
        size=report["bytes"] / 1e9,
        state=report["state"][:16],
        lines="\n".join(map(line, report["runs"])),
        start=f", after {starts[0]:.0f} s" if starts else "",
        made=MADE,
        measured=measured(report),
        load=report["load"],
        cores=report["cores"],
        seconds=report["made"],
        row_group=report["row_group"],
    )


def finding(report: Report) -> str:
    """What is remembered."""
    one = next(run["taken"] for run in report["runs"] if run["engine"] == "local")
    per_row = 1e9 * one["cpu"] / report["rows"]
    return (
        f"One thread scores {report['rows']:,} binary predictions in {one['cpu']:.1f} s of CPU "
        f"time ({per_row:.0f} ns a row) and {one['mb']:.0f} MB of memory; more threads and Ray "
        "give the same bits."
    )


def line(run: Run) -> str:
    """A line of the table."""
    n, taken = run["threads"], run["taken"]
    cpu = "" if run["engine"] == "ray" else f"{taken['cpu']:.1f}"
    who = f"Ray, {n} workers" if run["engine"] == "ray" else f"{n} thread{'s' * (n > 1)}"
    return f"| {who} | {taken['wall']:.1f} | {cpu} | {taken['mb']:.0f} MB |"
