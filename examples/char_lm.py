"""A character-level language model of Python's own sources, by xent's loss and by the stock one."""

from __future__ import annotations

import copy
import math
import sysconfig
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from xent.torch import huggingface

CHARACTERS = "\n" + "".join(map(chr, range(32, 127)))
CONTEXT, BATCH, STEPS, EVERY, RATE = 64, 24, 200, 25, 3e-3
JUDGED = 500
"""Rows of the held-out text that are looked at."""
NEAR = 0.01
"""Nats. Each step multiplies what rounding left between the two runs."""


class Text(NamedTuple):
    """Characters as numbers."""

    train: Tensor
    held_out: Tensor


def sources() -> Text:
    """The modules at the top of the standard library; every tenth is held out."""
    files = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    parts: tuple[list[str], list[str]] = ([], [])
    for place, file in enumerate(files):
        parts[place % 10 == 0].append(file.read_text("utf-8"))
    number = {character: index for index, character in enumerate(CHARACTERS)}
    train, held_out = (
        torch.tensor([number[character] for character in "".join(part) if character in number])
        for part in parts
    )
    return Text(train, held_out)


def start() -> Any:
    """A small transformer with random weights."""
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(CHARACTERS),
            hidden_size=64,
            intermediate_size=256,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=CONTEXT,
        )
    )


def train(model: Any, text: Tensor) -> list[float]:
    """The loss every so many steps; the same batches for every model."""
    torch.manual_seed(1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    curve = []
    for step in range(STEPS + 1):
        rows = text[torch.randint(len(text) - CONTEXT, (BATCH, 1)) + torch.arange(CONTEXT)]
        loss = model(input_ids=rows, labels=rows).loss
        if step % EVERY == 0:
            curve.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return curve


@torch.no_grad()
def bits(model: Any, text: Tensor) -> float:
    """Bits a character: the length of the held-out text, were it compressed by this model."""
    rows = text[: len(text) // CONTEXT * CONTEXT].view(-1, CONTEXT)
    rows = rows[:: len(rows) // JUDGED][:JUDGED]
    return float(model(input_ids=rows, labels=rows).loss) / math.log(2)


def main() -> None:
    """Train twice from the same start, and insist that the two runs are one."""
    torch.set_num_threads(1)  # more would wait for each other: the products are small
    text = sources()
    print(f"standard library: {len(text.train)} characters, {len(CHARACTERS)} different")
    stock = start()
    fused = huggingface.fuse(copy.deepcopy(stock))
    ours, theirs = train(fused, text.train), train(stock, text.train)
    print("  step    xent   stock   (training loss, nats a character)")
    for place, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        print(f"  {place * EVERY:4}  {a:6.2f}  {b:6.2f}")
    ours.append(bits(fused, text.held_out))
    theirs.append(bits(stock, text.held_out))
    print(f"  held out        {ours[-1]:.2f} bits a character by xent, {theirs[-1]:.2f} stock")
    worst = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
    print(f"  stock curve     {'agrees' if worst < NEAR else 'DIFFERS'}")
    if not worst < NEAR:
        message = f"losses differ by {worst:.2g} from the stock model's"
        raise SystemExit(message)


if __name__ == "__main__":
    main()
