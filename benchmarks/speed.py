"""Times of cross-entropy beside its peers and beside the memory's own speed, as ratios.

python benchmarks/speed.py            measure; write speed.json, docs/performance.md, its picture
python benchmarks/speed.py --check    measure a few; fail where xent's lead was lost since
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import linear
import machine
import ml_dtypes
import numpy as np
import speed_page
import torch
from machine import Timing
from memory import read, write
from peers import COMPILED, JAX, NUMPY, SCIPY, SKLEARN, TORCH, Array, Peer
from speed_page import Report

import xent
from xent._options import LossOptions
from xent._targets import class_targets
from xent._validation import as_floats, class_axis

HERE = Path(__file__).parent
RESULTS = HERE / "speed.json"
DOCS = HERE.parent / "docs"
REPETITIONS = 5
PAUSE = 0.05
"""Seconds before each call, in which threads of the last library may stop spinning."""
SMALL_CALLS = 300
"""Calls timed together where one is too short for the clock."""

Call = Callable[[], object]
FEW = [TORCH, COMPILED]
ALL = [TORCH, COMPILED, SKLEARN, SCIPY, JAX, NUMPY]


class Case(NamedTuple):
    """A shape of logits; one dimension means binary."""

    shape: tuple[int, ...]
    dtype: str
    peers: list[Peer]
    calls: int = 1

    @property
    def name(self) -> str:
        size = " × ".join(f"{n:,}" for n in self.shape)
        return f"{size}{' binary' if len(self.shape) == 1 else ''}, {self.dtype}"


CASES = [
    Case((8192, 32000), "float32", [*FEW, SKLEARN]),  # others take seconds
    Case((65536, 1000), "float32", ALL),
    Case((1_000_000, 10), "float32", ALL),
    Case((10_000_000, 3), "float32", ALL),
    Case((50_000_000,), "float32", ALL),
    Case((4096, 32000), "float64", FEW),
    Case((32768, 1000), "float64", FEW),
    Case((1_000_000, 10), "float64", FEW),
    Case((25_000_000,), "float64", FEW),
    Case((8192, 32000), "bfloat16", FEW),
    Case((65536, 1000), "bfloat16", FEW),
    Case((8, 10), "float32", [TORCH, SCIPY, NUMPY], SMALL_CALLS),
]
CHECKED = [CASES[1], CASES[2]]
LASTING = 0.5
"""A ratio to a peer may fall to this part of the committed one before the check fails."""


def batch(case: Case) -> tuple[Array, Array]:
    """Logits and labels: random labels, so that few rows are confident."""
    rng = np.random.default_rng(3)
    some = rng.normal(0, 2, (min(case.shape[0], 1 << 18), *case.shape[1:]))
    kind: Any = ml_dtypes.bfloat16 if case.dtype == "bfloat16" else case.dtype
    logits = np.resize(some.astype(kind), case.shape)
    high = 2 if logits.ndim == 1 else case.shape[1]
    return logits, rng.integers(0, high, case.shape[0])


def columns(case: Case, task: str) -> dict[str, Call]:
    """What is timed, by column."""
    logits, labels = batch(case)
    binary = logits.ndim == 1
    if binary:  # targets as training has them, for all
        labels = labels.astype(logits.dtype)
    loss = xent.binary_cross_entropy if binary else xent.cross_entropy
    result: dict[str, Call] = {}
    if task == "loss":
        result["xent"] = lambda: loss(logits, labels)
        if case.calls == 1:
            result["memory"] = lambda: read(logits, labels)
        else:
            result["validation"] = lambda: validation(logits, labels)
    else:
        grad, own = np.zeros_like(logits), logits.copy()
        if case.calls == 1:
            result["xent, out="] = lambda: loss(logits, labels, return_grad=True, out=grad)
            result["xent, in place"] = lambda: loss(own, labels, return_grad=True, out=own)
            result["memory"] = lambda: write(logits, grad, labels)
        result["xent"] = lambda: loss(logits, labels, return_grad=True)
    for peer in case.peers:
        problem = (peer.binary if binary else peer.classes)(logits, labels)
        result[peer.name] = problem.mean if task == "loss" else problem.mean_and_gradient
    return result


def validation(logits: Array, labels: Array) -> None:
    """The checks that a call must make of its arguments."""
    z = as_floats(logits, "logits", "targets")
    class_targets(labels, z.shape, class_axis(z, -1), LossOptions().checked())


def seconds(call: Call, count: int) -> float:
    """Time of one call, over `count` of them."""
    gc.collect()
    time.sleep(PAUSE)
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count


def take_turns(
    todo: dict[str, Call], calls: int = 1, at_least: float = 0.0
) -> dict[str, list[float]]:
    """Times of all columns, in turns, so that a slow moment of the machine hits them all.

    A timing is of so many calls, or of as many as take so many seconds.
    """
    counts = {}
    for name, call in todo.items():
        call()  # first calls allocate, compile and start threads
        call()
        counts[name] = max(calls, int(at_least / seconds(call, 1)))
    times: dict[str, list[float]] = {name: [] for name in todo}
    for _ in range(REPETITIONS):
        for name, call in todo.items():
            times[name].append(float(f"{seconds(call, counts[name]):.4g}"))
    return times


def timings(cases: list[Case]) -> Iterator[Timing]:
    for case in cases:
        for task in ("loss", "loss and gradient"):
            print(f"{case.name}, {task}", file=sys.stderr)
            todo = columns(case, task)
            yield Timing(case=case.name, task=task, seconds=take_turns(todo, case.calls))
            todo.clear()
            gc.collect()


def dump(report: Report) -> str:
    """JSON with one timing to a line."""
    head = "".join(
        f" {json.dumps(key)}: {json.dumps(value)},\n"
        for key, value in report.items()
        if key != "timings"
    )
    lines = ",\n".join("  " + json.dumps(t, ensure_ascii=False) for t in report["timings"])
    return f'{{\n{head} "timings": [\n{lines}\n ]\n}}\n'


def fallen(old: list[Timing], new: list[Timing]) -> Iterator[str]:
    """Where a ratio to a peer is far below the committed one."""
    known = {(t["case"], t["task"]): t for t in old}
    for t in new:
        before = known[t["case"], t["task"]]
        for peer in FEW:
            was, now = (ratio(x, peer.name) for x in (before, t))
            line = (
                f"{t['case']}, {t['task']}: {peer.name} took {was:.1f} times as long, now {now:.1f}"
            )
            print(line)
            if now < LASTING * was:
                yield line


def ratio(timing: Timing, name: str) -> float:
    """Median of a column's time over xent's."""
    pairs = zip(timing["seconds"][name], timing["seconds"]["xent"], strict=True)
    return median(a / b for a, b in pairs)


def main() -> int:
    # A kernel forced on OpenBLAS would slow some libraries and not others; it is read at load.
    if os.environ.pop("OPENBLAS_CORETYPE", None) is not None:
        os.execv(sys.executable, sys.orig_argv)
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true", help="compare with the committed ratios")
    checking = parser.parse_args().check
    torch.set_num_threads(machine.cores())
    if checking:
        from heat_map import fallen_cells  # which imports this module

        committed: Report = json.loads(RESULTS.read_text(encoding="utf-8"))
        lost = [*fallen(committed["timings"], list(timings(CHECKED))), *fallen_cells()]
        print(*(f"lost: {line}" for line in lost), sep="\n")
        return int(bool(lost))
    names = ("xent", "numpy", "numba", "torch", "scipy", "scikit-learn", "jax")
    report = Report(
        date=machine.today(),
        processor=machine.processor(),
        cores=machine.cores(),
        versions=machine.versions(*names),
        repetitions=REPETITIONS,
        linear=linear.measure(take_turns),
        timings=list(timings(CASES)),
    )
    RESULTS.write_text(dump(report), encoding="utf-8")
    (DOCS / "performance.md").write_text(speed_page.page(report), encoding="utf-8")
    speed_page.picture(report, DOCS / "performance.svg")
    print(f"wrote {RESULTS.name}, performance.md and performance.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
