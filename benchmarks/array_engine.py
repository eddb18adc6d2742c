"""The array engine, compiled, beside ``torch.compile(F.cross_entropy)``: time and memory.

    PYTHONPATH=src python benchmarks/array_engine.py

It is the engine of devices other than the CPU, taken on the CPU on purpose, because no such device
was at hand: what is compared is the loops that the compiler makes of either loss. Each runs in turn
with the other; the ratios are those of neighbours. Memory is the growth of the largest resident
size of a process that does nothing else.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - everyone's name for it

import xent.torch
from xent.torch._array.choice import array_engine

SHAPES = [(4096, 32000), (65536, 1000)]
ROUNDS = 9
LOSSES: dict[str, Callable[..., Any]] = {
    "xent": xent.torch.cross_entropy,
    "torch": F.cross_entropy,
}


def batch(rows: int, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits that require a gradient, and labels."""
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(rows, classes, generator=rng).requires_grad_()
    return logits, torch.randint(0, classes, (rows,), generator=rng)


def step(name: str, *, compiled: bool) -> Callable[[torch.Tensor, torch.Tensor], Any]:
    """Loss and gradient, in one call."""
    loss = LOSSES[name]

    def forward(logits: torch.Tensor, labels: torch.Tensor) -> Any:
        return loss(logits, labels)

    call = torch.compile(forward, fullgraph=True, dynamic=False) if compiled else forward
    return lambda logits, labels: torch.autograd.grad(call(logits, labels), logits)


def ratios(rows: int, classes: int, *, compiled: bool) -> list[float]:
    """Time of xent's step over that of PyTorch's, each next to the other."""
    logits, labels = batch(rows, classes)
    steps = {name: step(name, compiled=compiled) for name in LOSSES}
    for each in steps.values():
        each(logits, labels)
    found = []
    for i in range(ROUNDS):
        seconds = {}
        for name in sorted(steps, reverse=bool(i % 2)):
            start = time.perf_counter()
            steps[name](logits, labels)
            seconds[name] = time.perf_counter() - start
        found.append(seconds["xent"] / seconds["torch"])
    return sorted(found)


def memory(name: str, rows: int, classes: int) -> int:
    """Bytes by which a compiled step grows the process, in one that does nothing else."""
    code = f"import array_engine; print(array_engine.growth({name!r}, {rows}, {classes}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=sys.path[0]
    )
    return int(done.stdout)


def growth(name: str, rows: int, classes: int) -> int:
    """The growth in this process, whose compiler has run before."""
    logits, labels = batch(rows, classes)
    with array_engine():
        call = step(name, compiled=True)
        call(logits, labels)  # compiles; the result is freed
        before = _status("VmRSS")
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # the largest size begins anew
        call(logits, labels)
        return _status("VmHWM") - before


def _status(name: str) -> int:
    with open("/proc/self/status") as file:
        lines = dict(line.split(":", 1) for line in file)
    return 1024 * int(lines[name].split()[0])


def main() -> None:
    """Print a line for each shape."""
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads")
    for shape in SHAPES:
        with array_engine():
            for compiled in (True, False):
                found = ratios(*shape, compiled=compiled)
                low, middle, high = found[0], statistics.median(found), found[-1]
                kind = "compiled" if compiled else "as it is"
                print(f"{shape} {kind}: time x {middle:.2f} ({low:.2f} to {high:.2f})")
        sizes = {name: memory(name, *shape) for name in LOSSES}
        text = ", ".join(f"{name} {size / 2**20:.0f} MiB" for name, size in sizes.items())
        print(f"{shape} compiled: {text}, ratio {sizes['xent'] / sizes['torch']:.2f}")


if __name__ == "__main__":
    main()
