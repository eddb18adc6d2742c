"""Times of cross-entropy beside its peers, in one process and in turns, as ratios.

python benchmarks/speed.py     measure; write speed.json and docs/performance.md
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import machine
import numpy as np
import speed_page
import torch
from peers import NUMPY, SCIPY, SKLEARN, TORCH, XENT, Problem
from speed_page import Report, Timing

HERE = Path(__file__).parent
RESULTS = HERE / "speed.json"
PAGE = HERE.parent / "docs" / "performance.md"
REPETITIONS = 7
SMALL_CALLS = 300
"""Calls timed together where one is too short for the clock."""

Call = Callable[[], object]


class Column(NamedTuple):
    """What to call, and on how many of torch's threads."""

    call: Call
    threads: int


class Case(NamedTuple):
    """A shape of logits; one dimension means binary."""

    shape: tuple[int, ...]
    dtype: str
    calls: int = 1

    @property
    def name(self) -> str:
        size = " × ".join(f"{n:,}" for n in self.shape)
        return f"{size}{' binary' if len(self.shape) == 1 else ''}, {self.dtype}"


CASES = [
    Case((8, 10), "float32", SMALL_CALLS),
    Case((8192, 1000), "float32"),
    Case((8192, 1000), "float64"),
    Case((65536, 100), "float32"),
    Case((1_000_000, 10), "float32"),
    Case((10_000_000,), "float32"),
]


def problems(case: Case) -> dict[str, Problem]:
    """The same batch, for every library."""
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 3, case.shape).astype(case.dtype)
    labels = rng.integers(0, 2 if logits.ndim == 1 else case.shape[1], case.shape[0])
    peers = [XENT, TORCH, SCIPY, SKLEARN, NUMPY]
    if logits.ndim == 1:
        return {peer.name: peer.binary(logits, labels) for peer in peers}
    return {peer.name: peer.classes(logits, labels) for peer in peers}


def columns(case: Case, task: str) -> dict[str, Column]:
    """What is timed, by column of the table."""
    result = {}
    for name, problem in problems(case).items():
        call: Call = problem.mean if task == "loss" else problem.mean_and_gradient
        if name == TORCH.name:
            result["torch, 1 thread"] = Column(call, 1)
            if case.calls == 1:  # torch splits no small batch
                result["torch, all cores"] = Column(call, machine.cores())
        else:
            result[name] = Column(call, 1)
    return result


def seconds(column: Column, count: int) -> float:
    """Time of one call, over `count` of them."""
    torch.set_num_threads(column.threads)
    gc.collect()
    start = time.perf_counter()
    for _ in range(count):
        column.call()
    return (time.perf_counter() - start) / count


def time_case(case: Case, task: str) -> Timing:
    """Times of all columns, taken in turns so that a slow moment of the machine hits them all."""
    todo = columns(case, task)
    for column in todo.values():
        seconds(column, 1)  # first calls allocate, import and start threads
    times: dict[str, list[float]] = {name: [] for name in todo}
    for _ in range(REPETITIONS):
        for name, column in todo.items():
            times[name].append(seconds(column, case.calls))
    return Timing(
        case=case.name,
        task=task,
        seconds={name: [float(f"{t:.4g}") for t in values] for name, values in times.items()},
    )


def timings() -> Iterator[Timing]:
    for case in CASES:
        for task in ("loss", "loss and gradient"):
            yield time_case(case, task)


def dump(report: Report) -> str:
    """JSON with one timing to a line."""
    head = "".join(
        f" {json.dumps(key)}: {json.dumps(value)},\n"
        for key, value in report.items()
        if key != "timings"
    )
    lines = ",\n".join("  " + json.dumps(t, ensure_ascii=False) for t in report["timings"])
    return f'{{\n{head} "timings": [\n{lines}\n ]\n}}\n'


def main() -> None:
    # A kernel forced on OpenBLAS would slow some libraries and not others; it is read at load.
    if os.environ.pop("OPENBLAS_CORETYPE", None) is not None:
        os.execv(sys.executable, sys.orig_argv)
    report = Report(
        date=machine.today(),
        processor=machine.processor(),
        cores=machine.cores(),
        versions=machine.versions("xent", "numpy", "torch", "scipy", "scikit-learn"),
        repetitions=REPETITIONS,
        timings=list(timings()),
    )
    RESULTS.write_text(dump(report), encoding="utf-8")
    PAGE.write_text(speed_page.page(report), encoding="utf-8")
    print(f"wrote {RESULTS.name} and {PAGE.name}")


if __name__ == "__main__":
    main()
