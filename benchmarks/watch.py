"""Time of training steps that `xent.check.watch` follows, over the same steps without it.

python benchmarks/watch.py     measure; write the last section of docs/howto/watch.md
"""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

import machine
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

import xent

PAGE = Path(__file__).parent.parent / "docs" / "howto" / "watch.md"
BLOCKS, RUNS = 9, 3
"""Blocks of steps in a run, and runs."""

STRETCH = 20
"""As many steps as hold one that is sampled."""

HEADING = "## What it costs\n"
SECTION = """\
The time of a training step (forward, loss, `backward`, the optimizer's step) with the watch, over
that of the same step without it. Copies of the model take turns step by step, in blocks of
{stretch} steps of which one is sampled; a third copy without the watch shows the noise. Each figure
is the median of the ratios of {blocks} blocks, with the quartiles. The watch takes about 0.1 ms a
step, so that for models smaller than these a larger `every` is worth while.

| model, batch | step | run | with the watch | third copy |
|---|--:|--:|--:|--:|
{table}

Measured on {date} ({processor}, one thread, processor time) with
{versions}, by `python benchmarks/watch.py`, which writes this
section. Other programs ran on the machine. The first ten steps of a run are all sampled, and are
not in these figures.
"""


class Case(NamedTuple):
    """A model that many know, and one batch for it."""

    name: str
    model: nn.Module
    inputs: torch.Tensor
    labels: torch.Tensor
    axis: int = -1


def cases() -> Iterator[Case]:
    """From the smallest step to the largest."""
    torch.manual_seed(0)
    layers = [nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10)]
    perceptron, images = nn.Sequential(*layers), torch.randn(128, 784)
    yield Case("MLP 784-512-256-10, 128 rows", perceptron, images, torch.randint(10, (128,)))
    lenet = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10),
    )  # fmt: skip
    images = torch.randn(128, 1, 28, 28)
    yield Case("LeNet-5, 128 images of 28 × 28", lenet, images, torch.randint(10, (128,)))
    config = GPT2Config(n_layer=2, n_embd=128, n_head=4, vocab_size=50257, n_positions=128)
    tokens = torch.randint(50257, (2, 33))
    text = GPT2LMHeadModel(config)
    yield Case("GPT-2, 2 layers of 128, 2 × 32 tokens", text, tokens[:, :-1], tokens[:, 1:])


def step(case: Case, optimizer: torch.optim.Optimizer, watch: Any) -> None:
    output = case.model(case.inputs)
    logits = output if isinstance(output, torch.Tensor) else output.logits
    flat = logits.reshape(-1, logits.shape[-1])
    loss = nn.functional.cross_entropy(flat, case.labels.reshape(-1))
    if watch is not None:
        watch.step(loss, logits, case.labels)
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    optimizer.step()


def ratios(case: Case) -> tuple[float, dict[str, list[float]]]:
    """Seconds of a step, and ratios to the same steps without the watch, one for each block.

    The three copies of the model take turns step by step; one that nobody watches shows the noise.
    """
    copies = {
        name: case._replace(model=copy.deepcopy(case.model))
        for name in ("plain", "watched", "control")
    }
    alone, found = [], dict[str, list[float]](watched=[], control=[])
    with xent.check.watch(copies["watched"].model) as watch:
        calls = {
            name: partial(step, each, optimizer_of(each), watch if name == "watched" else None)
            for name, each in copies.items()
        }
        for block in range(-1, BLOCKS):
            times = dict.fromkeys(calls, 0.0)
            for number in range(STRETCH):
                for name in sorted(calls, reverse=bool(number % 2)):
                    times[name] += seconds(calls[name])
            if block >= 0:  # the first steps of a run are all sampled
                alone.append(times["plain"] / STRETCH)
                for name, ratio in found.items():
                    ratio.append(times[name] / times["plain"])
    return median(alone), found


def seconds(call: Callable[[], None]) -> float:
    """Processor time: other programs on the machine count less than by the clock."""
    began = time.process_time()
    call()
    return time.process_time() - began


def optimizer_of(case: Case) -> torch.optim.Optimizer:
    return torch.optim.SGD(case.model.parameters(), lr=1e-4)


def spread(found: list[float]) -> str:
    """The median, and the quartiles."""
    low, middle, high = quantiles(found, n=4)
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def main() -> int:
    torch.set_num_threads(1)
    rows = []
    for case in cases():
        for run in range(RUNS):
            alone, found = ratios(case)
            cells = [f"{alone * 1e3:.2f} ms", str(run + 1), *map(spread, found.values())]
            rows.append(f"| {case.name} | {' | '.join(cells)} |")
            print(rows[-1], file=sys.stderr)
    versions = machine.versions("xent", "torch", "transformers")
    section = SECTION.format(
        table="\n".join(rows),
        stretch=STRETCH,
        blocks=BLOCKS,
        date=machine.today(),
        processor=machine.processor(),
        versions=", ".join(f"{name} {number}" for name, number in versions.items()),
    )
    before, _, _ = PAGE.read_text("utf-8").partition(HEADING)
    PAGE.write_text(f"{before}{HEADING}\n{section}", "utf-8")
    print(f"wrote {PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
