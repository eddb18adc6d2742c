"""Times and memory of a training step's loss in PyTorch, beside PyTorch's own, as ratios.

python benchmarks/training_speed.py     measure; write training_speed.json, docs/training-speed.md
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import machine
import torch
import torch.nn.functional as F  # noqa: N812 - everyone's name for it
import training_speed_page
from machine import Timing
from speed import Call, take_turns
from torch.nn.modules.linear_cross_entropy_options import LinearCrossEntropyOptions
from training_speed_page import CHUNK, FEATURES, ROWS, VOCABULARY, Report

import xent
import xent.torch

Tensor = torch.Tensor
HERE = Path(__file__).parent
RESULTS = HERE / "training_speed.json"
PAGE = HERE.parent / "docs" / "training-speed.md"

CLASSES = [
    ((8192, 32000), "float32"),
    ((8192, 32000), "bfloat16"),
    ((65536, 1000), "float32"),
    ((65536, 1000), "bfloat16"),
    ((1_000_000, 10), "float32"),
    ((1_000_000, 10), "bfloat16"),
]
BINARY = 50_000_000


def step(loss: Callable[..., Any], leaves: list[Tensor], *others: Any) -> Call:
    """Loss and gradients of the leaves, which are then let go, as an optimizer's step does.

    What else a function gives is computed with it.
    """

    def call() -> None:
        found = loss(*leaves, *others)
        torch.autograd.grad(found[0] if isinstance(found, tuple) else found, leaves)

    return call


def columns(
    ours: Callable[..., Any], theirs: Callable[..., Any], *arguments: Any
) -> dict[str, Call]:
    """A loss of xent beside that of torch, eager and compiled."""
    torch.compiler.reset()  # each shape gets code of its own, not one for any shape
    compiled = torch.compile(theirs, dynamic=False)
    losses = {"xent": ours, "torch": theirs, "torch.compile": compiled}
    leaf, targets = arguments
    return {name: step(loss, [leaf], targets) for name, loss in losses.items()}


def measure_losses() -> list[Timing]:
    found = []
    for (rows, classes), dtype in CLASSES:
        leaf = torch.randn(rows, classes).mul_(2).to(getattr(torch, dtype)).requires_grad_()
        labels = torch.randint(0, classes, (rows,))
        todo = columns(xent.torch.cross_entropy, F.cross_entropy, leaf, labels)
        found.append(timing(f"{rows:,} × {classes:,}, {dtype}", todo))
    leaf, targets = torch.randn(BINARY).mul_(2).requires_grad_(), torch.randint(0, 2, (BINARY,))
    ours, theirs = xent.torch.binary_cross_entropy_with_logits, F.binary_cross_entropy_with_logits
    todo = columns(ours, theirs, leaf, targets.float())
    found.append(timing(f"{BINARY:,} binary, float32", todo))
    return found


def measure_extras() -> list[Timing]:
    """The same with log-sum-exp, entropy and accuracy of the rows, as a training loop logs them."""

    ours = partial(
        xent.torch.cross_entropy, return_lse=True, return_entropy=True, return_accuracy=True
    )

    def theirs(z: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        with torch.no_grad():
            lse, accuracy = torch.logsumexp(z, 1), (z.argmax(1) == labels).float().mean()
            logs = z.log_softmax(1)
            entropy = (logs.exp() * logs).sum(1).neg()
        return F.cross_entropy(z, labels), lse, entropy, accuracy

    found = []
    for (rows, classes), dtype in CLASSES:
        if dtype == "float32":
            leaf = torch.randn(rows, classes).mul_(2).requires_grad_()
            labels = torch.randint(0, classes, (rows,))
            todo = columns(ours, theirs, leaf, labels)
            todo["xent, loss alone"] = step(xent.torch.cross_entropy, [leaf], labels)
            found.append(timing(f"{rows:,} × {classes:,}, {dtype}", todo))
    return found


def measure_small() -> list[Timing]:
    """Many small steps together, with backward() as a loop calls it."""
    z, labels = torch.randn(8, 10, requires_grad=True), torch.randint(0, 10, (8,))
    targets = torch.rand(8, 10)

    def backward(loss: Callable[..., Any], given: Tensor) -> Call:
        def call() -> None:
            z.grad = None
            loss(z, given).backward()

        return call

    cases: dict[str, tuple[Callable[..., Any], Callable[..., Any], Tensor]] = {
        "8 × 10": (xent.torch.cross_entropy, F.cross_entropy, labels),
        "8 × 10 binary": (
            xent.torch.binary_cross_entropy_with_logits,
            F.binary_cross_entropy_with_logits,
            targets,
        ),
    }
    return [
        timing(name, {"xent": backward(ours, y), "torch": backward(theirs, y)}, 2000)
        for name, (ours, theirs, y) in cases.items()
    ]


def timing(case: str, todo: dict[str, Call], calls: int = 1) -> Timing:
    print(case, file=sys.stderr)
    seconds = take_turns(todo, calls)
    todo.clear()
    gc.collect()
    xent.torch.empty_cache()
    return Timing(case=case, seconds=seconds)


def measure_linear() -> tuple[Timing, dict[str, int], int]:
    """The fused linear layer, beside the products that it must do and torch's three ways."""
    x = torch.randn(ROWS, FEATURES, requires_grad=True)
    w = torch.randn(VOCABULARY, FEATURES).div_(32).requires_grad_()
    labels = torch.randint(0, VOCABULARY, (ROWS,))

    def two_steps(x: Tensor, w: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(F.linear(x, w), labels)

    torch.compiler.reset()
    chunked = partial(F.linear_cross_entropy, options=LinearCrossEntropyOptions())
    losses: dict[str, Callable[..., Tensor]] = {
        "xent": xent.torch.linear_cross_entropy,
        "torch": F.linear_cross_entropy,
        "torch, chunked": chunked,
        "torch.compile": torch.compile(two_steps, dynamic=False),
    }
    todo = {name: step(loss, [x, w], labels) for name, loss in losses.items()}
    todo["products"] = partial(products, x.detach(), w.detach())
    todo["products, whole"] = partial(whole_products, x.detach(), w.detach())
    result = timing("linear", dict(todo))
    extra = {name: peak(todo[name]) for name in losses}
    return result, extra, x.nbytes + w.nbytes


def products(x: Tensor, w: Tensor) -> None:
    """The three products, a chunk of logits at a time: what computes without holding the logits."""
    d_weight, d_inputs = torch.zeros_like(w), torch.empty_like(x)
    logits = torch.empty(CHUNK, VOCABULARY)
    for start in range(0, ROWS, CHUNK):
        part = x[start : start + CHUNK]
        torch.mm(part, w.T, out=logits)
        torch.mm(logits, w, out=d_inputs[start : start + CHUNK])
        d_weight.addmm_(logits.T, part)


def whole_products(x: Tensor, w: Tensor) -> None:
    """The same with all the logits at once."""
    logits = x @ w.T
    torch.mm(logits, w), torch.mm(logits.T, x)


def peak(call: Call) -> int:
    """Bytes that the process held at the most during a call, beyond what it held before."""
    gc.collect()
    xent.torch.empty_cache()
    status = Path("/proc/self/status")

    def held(name: str) -> int:
        line = next(row for row in status.read_text().splitlines() if row.startswith(name))
        return int(line.split()[1]) * 1024

    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    before = held("VmRSS")
    call()
    return held("VmHWM") - before


def dump(report: Report) -> str:
    """JSON, a timing to a line."""
    text = json.dumps(report, ensure_ascii=False, indent=1)
    return text + "\n"


def main() -> int:
    # A kernel forced on OpenBLAS would slow some libraries and not others; it is read at load.
    if os.environ.pop("OPENBLAS_CORETYPE", None) is not None:
        os.execv(sys.executable, sys.orig_argv)
    torch.set_num_threads(machine.cores())
    torch.manual_seed(3)
    losses, extras, small = measure_losses(), measure_extras(), measure_small()
    linear, extra, gradients = measure_linear()
    report = Report(
        date=machine.today(),
        processor=machine.processor(),
        cores=machine.cores(),
        versions=machine.versions("xent", "torch", "numba"),
        losses=losses,
        extras=extras,
        small=small,
        linear=linear,
        extra_bytes=extra,
        gradient_bytes=gradients,
    )
    RESULTS.write_text(dump(report), encoding="utf-8")
    PAGE.write_text(training_speed_page.page(report), encoding="utf-8")
    print(f"wrote {RESULTS.name} and {PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
