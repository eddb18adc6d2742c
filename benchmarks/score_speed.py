"""CPU time and memory of `xent.score` beside the mean loss in DuckDB, Polars and scikit-learn.

python benchmarks/score_speed.py                  measure; write score_speed.json and its page
python benchmarks/score_speed.py --peers PYTHON   with peers that another interpreter has
python benchmarks/score_speed.py --most ROWS      leave out files of more rows; write nothing
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import machine
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import score_speed_page
from score_once import LIBRARIES
from score_speed_page import Case, Report, Taken

HERE = Path(__file__).parent
RESULTS = HERE / "score_speed.json"
PAGE = HERE.parent / "docs" / "score-speed.md"

REPETITIONS = 3
ROW_GROUP = 1 << 17
WHOLE, LARGEST = "pandas + scikit-learn", 1 << 30
"""What needs several times the file's size as memory, and the largest file that it gets."""
PART = 1 << 17
"""Rows that are made at a time."""

FILES = [
    ("parquet", 1, 100_000),
    ("parquet", 1, 1_000_000),
    ("parquet", 1, 5_000_000),
    ("parquet", 1, 20_000_000),
    ("parquet", 1, 100_000_000),
    ("csv", 1, 5_000_000),
    ("parquet", 100, 100_000),
    ("parquet", 100, 1_000_000),
    ("csv", 100, 200_000),
]
"""Format, scores in a row, rows."""


def table(classes: int, rows: int, seed: int) -> Any:
    """Labels and probabilities of a calibrated model."""
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 2, (rows, max(2, classes)))
    p = np.exp(z)
    p /= p.sum(axis=1, keepdims=True)
    label = (rng.random((rows, 1)) > p.cumsum(axis=1)).sum(axis=1).clip(max=p.shape[1] - 1)
    names = ["prob"] if classes == 1 else [f"prob_{j}" for j in range(classes)]
    return pa.table({"label": label, **dict(zip(names, p.T[-len(names) :], strict=True))})


def write(path: Path, classes: int, rows: int, first: int = 0) -> None:
    """Write a file part by part; `first` is a number by which files differ."""
    schema = table(classes, 1, 0).schema
    parts = (table(classes, min(PART, rows - at), first + at) for at in range(0, rows, PART))
    if path.suffix == ".csv":
        with pyarrow.csv.CSVWriter(str(path), schema) as csv:
            for part in parts:
                csv.write_table(part)
    else:
        with pyarrow.parquet.ParquetWriter(str(path), schema) as parquet:
            for part in parts:
                parquet.write_table(part, row_group_size=ROW_GROUP)


def once(name: str, path: Path, python: str) -> dict[str, Any] | None:
    """What a library took, in a process of its own; None if it cannot be imported there."""
    environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}
    command = [python, str(HERE / "score_once.py"), name, str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if "ModuleNotFoundError" in done.stderr:
        return None
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measured(path: Path, peers: str, versions: dict[str, str]) -> dict[str, Taken]:
    """The least of some runs in turns, of which a first one loads and compiles."""
    pythons = dict.fromkeys(LIBRARIES, peers) | {"xent": sys.executable}
    if path.stat().st_size > LARGEST:
        del pythons[WHOLE]
    first = {name: once(name, path, python) for name, python in pythons.items()}
    there = {name: run for name, run in first.items() if run is not None}
    for name, run in there.items():
        versions[name] = run["version"]
        if not math.isclose(run["loss"], there["xent"]["loss"], rel_tol=1e-9):
            msg = f"{name} gives {run['loss']}, xent {there['xent']['loss']}"
            raise ValueError(msg)
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in there}
    for _ in range(REPETITIONS):
        for name, done in runs.items():
            done.append(once(name, path, pythons[name]) or {})
    return {
        name: {
            "cpu": min(run["cpu"] for run in done),
            "wall": min(run["wall"] for run in done),
            "mb": max(run["mb"] for run in done),
        }
        for name, done in runs.items()
    }


def main() -> None:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", default=sys.executable)
    parser.add_argument("--most", type=int)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    versions = machine.versions("numpy", "pyarrow")
    cases: list[Case] = []
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        for kind, classes, rows in FILES:
            if asked.most is not None and rows > asked.most:
                continue
            path = Path(folder) / f"predictions.{kind}"
            write(path, classes, rows)
            taken = measured(path, asked.peers, versions)
            cases.append({"format": kind, "classes": classes, "rows": rows, "taken": taken})
            print(kind, classes, rows, json.dumps(taken), flush=True)
            path.unlink()
    if asked.most is not None:
        return
    report: Report = {
        "date": machine.today(),
        "processor": machine.processor(),
        "cores": machine.cores(),
        "versions": versions,
        "cases": cases,
    }
    RESULTS.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(score_speed_page.page(report), encoding="utf-8")


if __name__ == "__main__":
    main()
