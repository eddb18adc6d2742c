"""Loss and gradient at every size: xent beside PyTorch, eager and compiled, as a map of ratios.

python benchmarks/heat_map.py     measure; write heat_map.json, docs/sizes.md and its pictures
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import heat_map_page
import machine
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - everyone's name for it
from heat_map_page import (
    COMPILED,
    GRADIENT,
    LOSS,
    NUMPY,
    TENSORS,
    TORCH,
    Cell,
    Report,
    ratios,
)
from speed import DOCS, LASTING, REPETITIONS, Call, take_turns

import xent
import xent.torch

RESULTS = Path(__file__).with_name("heat_map.json")
ROWS = [8, 32, 128, 512, 2048, 8192]
CLASSES = [2, 8, 32, 128, 512, 2048, 8192, 32768, 131072]
MOST = 1 << 28
"""Elements of the largest cell."""
AT_LEAST = 2e-2
"""Seconds of one timing: of as many calls as that takes. Shorter ones would find caches cold."""


class Problem(NamedTuple):
    """A batch, as tensors and as arrays over the same memory."""

    logits: torch.Tensor
    labels: torch.Tensor

    def forward(self, loss: Callable[..., Any]) -> Call:
        """The loss of tensors, without a gradient."""

        def call() -> None:
            with torch.no_grad():
                loss(self.logits, self.labels)

        return call

    def step(self, loss: Callable[..., Any]) -> Call:
        """Loss and gradient of tensors, which is let go before the next."""

        def call() -> None:
            self.logits.grad = None
            loss(self.logits, self.labels).backward()

        return call

    def arrays(self, *, return_grad: bool) -> Call:
        """The same of NumPy arrays."""
        z, y = self.logits.detach().numpy(), self.labels.numpy()
        return lambda: xent.cross_entropy(z, y, return_grad=return_grad)

    def columns(self, task: str) -> dict[str, Call]:
        """What is timed, by column."""
        torch.compiler.reset()  # each shape gets code of its own, not one for any shape
        compiled = torch.compile(F.cross_entropy, dynamic=False)
        on_tensors = self.step if task == GRADIENT else self.forward
        return {
            TENSORS: on_tensors(xent.torch.cross_entropy),
            NUMPY: self.arrays(return_grad=task == GRADIENT),
            TORCH: on_tensors(F.cross_entropy),
            COMPILED: on_tensors(compiled),
        }


SHAPES = [(rows, classes) for rows in ROWS for classes in CLASSES if rows * classes <= MOST]
REGIONS = [(8, 8), (2048, 8), (128, 512), (512, 2048), (32, 32768), (2048, 32768)]
"""Shapes that `speed.py --check` measures: one of each region of the map."""


def cells(shapes: list[tuple[int, int]]) -> Iterator[Cell]:
    rng = np.random.default_rng(3)
    for rows, classes in shapes:
        some = rng.normal(0, 2, (min(rows, max(1, (1 << 22) // classes)), classes))
        logits = torch.from_numpy(np.resize(some.astype(np.float32), (rows, classes)))
        labels = torch.from_numpy(rng.integers(classes, size=rows))
        problem = Problem(logits.requires_grad_(), labels)
        for task in (LOSS, GRADIENT):
            print(f"{rows} × {classes}, {task}", file=sys.stderr)
            times = take_turns(problem.columns(task), at_least=AT_LEAST)
            yield Cell(rows=rows, classes=classes, task=task, seconds=times)
        gc.collect()


def fallen_cells() -> Iterator[str]:
    """Where the ratio to torch is far below the committed one."""
    report: Report = json.loads(RESULTS.read_text(encoding="utf-8"))
    known = {(cell["rows"], cell["classes"], cell["task"]): cell for cell in report["cells"]}
    for cell in cells(REGIONS):
        before = known[cell["rows"], cell["classes"], cell["task"]]
        was, now = (median(ratios(each, TORCH, TENSORS)) for each in (before, cell))
        line = f"{cell['rows']} × {cell['classes']}, {cell['task']}: torch took {was:.2f} times as "
        line += f"long, now {now:.2f}"
        print(line)
        if now < LASTING * was:
            yield line


def main() -> None:
    # A kernel forced on OpenBLAS would slow some libraries and not others; it is read at load.
    if os.environ.pop("OPENBLAS_CORETYPE", None) is not None:
        os.execv(sys.executable, sys.orig_argv)
    torch.set_num_threads(machine.cores())
    report = Report(
        date=machine.today(),
        processor=machine.processor(),
        cores=machine.cores(),
        versions=machine.versions("xent", "torch", "numba", "numpy"),
        repetitions=REPETITIONS,
        note="",
        cells=list(cells(SHAPES)),
    )
    lines = ",\n".join("  " + json.dumps(cell) for cell in report["cells"])
    head = "".join(
        f" {json.dumps(key)}: {json.dumps(value)},\n"
        for key, value in report.items()
        if key != "cells"
    )
    RESULTS.write_text(f'{{\n{head} "cells": [\n{lines}\n ]\n}}\n', encoding="utf-8")
    heat_map_page.write(report, DOCS)


if __name__ == "__main__":
    main()
