"""How often the intervals of `score` contain the truth, by simulation.

python benchmarks/score_coverage.py            simulate; write score_coverage.json and its page
python benchmarks/score_coverage.py --only T   only the table T; the others stay as they are
python benchmarks/score_coverage.py --sets N   with N data sets in each cell; write nothing
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import machine
import score_coverage_clusters
import score_coverage_labels
import score_coverage_language
import score_coverage_models
import score_coverage_page
import score_coverage_rows
from score_coverage_page import Cell, Report
from score_coverage_tally import Case

HERE = Path(__file__).parent
RESULTS = HERE / "score_coverage.json"
PAGE = HERE.parent / "docs" / "score-coverage.md"


def cells() -> Iterator[Case]:
    """The cells of all tables."""
    parts = (
        score_coverage_rows,
        score_coverage_clusters,
        score_coverage_labels,
        score_coverage_language,
        score_coverage_models,
    )
    return chain.from_iterable(part.cells() for part in parts)


def main() -> None:
    """Simulate, print, and write the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sets", type=int, default=0)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    found: list[Cell] = []
    start = time.perf_counter()
    for table, population, model, rows, simulated, sets in cells():
        if asked.only and table != asked.only:
            continue
        figures = simulated(asked.sets or sets)
        cell: Cell = {
            "table": table,
            "population": population,
            "model": model,
            "rows": rows,
            "figures": figures,
        }
        found.append(cell)
        shown = {name: score_coverage_page.told(each) for name, each in figures.items()}
        print(
            f"{time.perf_counter() - start:.0f} s",
            table,
            population,
            model,
            rows,
            shown,
            flush=True,
        )
    if asked.sets:
        return
    if asked.only:
        kept = json.loads(RESULTS.read_text(encoding="utf-8"))["cells"]
        found = [cell for cell in kept if cell["table"] != asked.only] + found
    report: Report = {
        "date": machine.today(),
        "processor": machine.processor(),
        "cores": machine.cores(),
        "versions": machine.versions("numpy", "xent"),
        "cells": found,
    }
    RESULTS.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(score_coverage_page.page(report), encoding="utf-8")


if __name__ == "__main__":
    main()
