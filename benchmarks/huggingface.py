"""Time and memory of a training step of a Hugging Face model, fused beside stock.

python benchmarks/huggingface.py     measure; write the last section of docs/howto/huggingface.md
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import machine
import torch
from speed import Call, take_turns
from speed_page import duration, spread
from training_speed import peak
from training_speed_page import MIB
from transformers import LlamaConfig, LlamaForCausalLM

from xent.torch import huggingface

PAGE = Path(__file__).parent.parent / "docs" / "howto" / "huggingface.md"
ROWS, LENGTH, LAYERS = 4, 512, 2
SHAPES = [(512, 32000), (256, 128256)]
"""Width and vocabulary."""

HEADING = "## Measured\n"
SECTION = """\
A training step (loss, `backward`, AdamW) of a Llama of {layers} layers with random weights, on
{rows} rows of {length} tokens in float32: both models in one process, in turns, the median of five
with the smallest and the largest ratio. *Memory* is what the process held at the most during loss
and `backward` beyond what it held before, the gradients included.

| width, vocabulary | logits | model | step | step ÷ stock | memory |
|---|--:|---|--:|---|--:|
{table}

Measured on {date} ({processor}, {cores} cores, {cores} threads) with {versions},
by `python benchmarks/huggingface.py`, which writes this section. Both compute the same matrix
products, which take most of a step's time on this machine; what xent saves is mainly memory.
"""


def step(model: Any, optimizer: torch.optim.Optimizer, rows: torch.Tensor) -> None:
    """As the Trainer's, with the gradients let go."""
    model(input_ids=rows, labels=rows).loss.backward()
    optimizer.step()
    optimizer.zero_grad()


def loss_and_gradients(model: Any, rows: torch.Tensor) -> None:
    model(input_ids=rows, labels=rows).loss.backward()


def lines(width: int, vocabulary: int) -> str:
    """The rows of the table for one shape, measured."""
    rows = torch.randint(vocabulary, (ROWS, LENGTH))
    models, steps = {}, dict[str, Call]()
    for name in ("stock", "xent"):
        torch.manual_seed(0)
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=vocabulary, hidden_size=width, intermediate_size=4 * width,
                num_hidden_layers=LAYERS, num_attention_heads=8,
            )
        )  # fmt: skip
        models[name] = huggingface.fuse(model) if name == "xent" else model
        optimizer = torch.optim.AdamW(model.parameters())
        steps[name] = partial(step, model, optimizer, rows)
    seconds = take_turns(steps)
    logits = f"{ROWS * LENGTH * vocabulary * 4 / MIB:,.0f} MiB"
    found = []
    for name, model in models.items():
        held = peak(partial(loss_and_gradients, model, rows))
        model.zero_grad()
        ratio = "1" if name == "stock" else spread(seconds[name], seconds["stock"])
        cells = [duration(median(seconds[name])), ratio, f"{held / MIB:,.0f} MiB"]
        found.append(f"| {width}, {vocabulary:,} | {logits} | {name} | {' | '.join(cells)} |")
        print(found[-1], file=sys.stderr)
    return "\n".join(found)


def main() -> int:
    # A kernel forced on OpenBLAS would slow some libraries and not others; it is read at load.
    if os.environ.pop("OPENBLAS_CORETYPE", None) is not None:
        os.execv(sys.executable, sys.orig_argv)
    torch.set_num_threads(machine.cores())
    versions = machine.versions("xent", "torch", "transformers", "numba")
    section = SECTION.format(
        table="\n".join(lines(*shape) for shape in SHAPES),
        layers=LAYERS,
        rows=ROWS,
        length=LENGTH,
        date=machine.today(),
        processor=machine.processor(),
        cores=machine.cores(),
        versions=", ".join(f"{name} {value}" for name, value in versions.items()),
    )
    before, heading, _ = PAGE.read_text("utf-8").partition(HEADING)
    PAGE.write_text(f"{before}{heading}\n{section}", "utf-8")
    print(f"wrote {PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
