"""A character-level language model of Python's own sources, by xent's loss and by torch's."""

from __future__ import annotations

import math
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

import xent

CONTEXT, WIDTH, HEADS, LAYERS = 64, 64, 4, 2
BATCH, STEPS, EVERY, RATE = 24, 400, 50, 3e-3
JUDGED = 1000
"""Rows of the held-out text that are looked at."""
CHARACTERS = "\n" + "".join(map(chr, range(32, 127)))
NEAR = 0.02
"""Nats. Each step multiplies what rounding left between the two runs."""

Loss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


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


class Block(nn.Module):
    """Attention to what came before, and a layer for each place."""

    def __init__(self) -> None:
        super().__init__()
        self.before = nn.LayerNorm(WIDTH)
        self.mix = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.places = nn.Sequential(
            nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH)
        )

    def forward(self, x: Tensor) -> Tensor:
        rows, length, _ = x.shape
        shape = (rows, length, HEADS, WIDTH // HEADS)
        q, k, v = (
            part.view(shape).transpose(1, 2) for part in self.mix(self.before(x)).chunk(3, -1)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(rows, length, WIDTH))
        return x + self.places(x)  # type: ignore[no-any-return]


class Model(nn.Module):
    """A small transformer, up to its output layer: the loss has that."""

    def __init__(self) -> None:
        super().__init__()
        self.character = nn.Embedding(len(CHARACTERS), WIDTH)
        self.place = nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)), nn.LayerNorm(WIDTH))
        self.head = nn.Linear(WIDTH, len(CHARACTERS))
        for embedding in (self.character, self.place):
            nn.init.normal_(embedding.weight, std=0.1)

    def forward(self, characters: Tensor) -> Tensor:
        places = self.place.weight[: characters.shape[1]]
        return self.blocks(self.character(characters) + places)  # type: ignore[no-any-return]

    def loss(self, loss: Loss, inputs: Tensor, targets: Tensor) -> Tensor:
        """Mean nats a character."""
        return loss(self(inputs), self.head.weight, targets, self.head.bias)


def by_torch(x: Tensor, weight: Tensor, targets: Tensor, bias: Tensor) -> Tensor:
    """All logits are made, and kept for the backward pass."""
    return F.cross_entropy(F.linear(x, weight, bias).flatten(0, 1), targets.flatten())


def train(text: Text, loss: Loss) -> tuple[Model, list[float]]:
    """The model and its loss every so many steps; the same start and batches for every loss."""
    torch.manual_seed(0)
    model = Model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    window = torch.arange(CONTEXT + 1)
    curve = []
    for step in range(STEPS + 1):
        starts = torch.randint(len(text.train) - CONTEXT, (BATCH, 1))
        rows = text.train[starts + window]
        value = model.loss(loss, rows[:, :-1], rows[:, 1:])
        if step % EVERY == 0:
            curve.append(value.item())
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return model, curve


@torch.no_grad()
def bits(model: Model, text: Tensor, loss: Loss) -> float:
    """Bits a character: the length of the held-out text, were it compressed by this model."""
    rows = text[: len(text) // (CONTEXT + 1) * (CONTEXT + 1)].view(-1, CONTEXT + 1)
    rows = rows[:: len(rows) // JUDGED][:JUDGED]
    return model.loss(loss, rows[:, :-1], rows[:, 1:]).item() / math.log(2)


def main() -> None:
    """Train twice from the same start, and insist that the two runs are one."""
    text = sources()
    print(f"standard library: {len(text.train)} characters, {len(CHARACTERS)} different")
    ours, our_curve = train(text, xent.linear_cross_entropy)
    theirs, their_curve = train(text, by_torch)
    print("  step    xent   torch   (training loss, nats a character)")
    for place, (a, b) in enumerate(zip(our_curve, their_curve, strict=True)):
        print(f"  {place * EVERY:4}  {a:6.2f}  {b:6.2f}")
    our_bits = bits(ours, text.held_out, xent.linear_cross_entropy)
    their_bits = bits(theirs, text.held_out, by_torch)
    print(f"  held out        {our_bits:.2f} bits a character by xent, {their_bits:.2f} by torch")
    worst = max(abs(a - b) for a, b in zip(our_curve, their_curve, strict=True))
    near = worst < NEAR and abs(our_bits - their_bits) < NEAR
    print(f"  torch's curve   {'agrees' if near else 'DIFFERS'}")
    if not near:
        message = f"losses differ by {worst:.2g} nats from torch's"
        raise SystemExit(message)


if __name__ == "__main__":
    main()
