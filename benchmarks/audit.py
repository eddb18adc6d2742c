"""Audit xent and its peers, side by side.

python benchmarks/audit.py            audit all; write docs/audit.md
python benchmarks/audit.py --check    audit all; fail if docs/audit.md says otherwise
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

import machine
import numpy as np
from scipy import special

from xent._report import Block, Table, Text, to_markdown
from xent.check import ScoreCard, audit
from xent.check._audit import LEGEND
from xent.check.ulps import Errors

PAGE = Path(__file__).parents[1] / "docs" / "audit.md"
NUMBER = re.compile(r"-?\d[\d,]*\.?\d*(e[-+]?\d+)?")


def scipy_classes(z: Any, y: Any) -> Any:
    return -special.log_softmax(z, axis=-1)[np.arange(len(y)), y]


def scipy_classes_grad(z: Any, y: Any) -> Any:
    return special.softmax(z, axis=-1) - np.eye(z.shape[-1])[y]


def scipy_binary(z: Any, t: Any) -> Any:
    return -special.log_expit(np.where(t == 1, z, -z))


def scipy_binary_grad(z: Any, t: Any) -> Any:
    return special.expit(z) - t


PEERS: list[dict[str, Any]] = [
    {"function": "xent:cross_entropy"},
    {"function": "xent.torch:cross_entropy"},
    {"function": "torch.nn.functional:cross_entropy"},
    {"function": "optax:softmax_cross_entropy_with_integer_labels"},
    {"function": "keras.losses:sparse_categorical_crossentropy"},
    {
        "function": scipy_classes,
        "grad": scipy_classes_grad,
        "name": "-scipy.special.log_softmax(z)[y]",
    },
    {"function": "sklearn.metrics:log_loss"},
    {"function": "xent:binary_cross_entropy"},
    {"function": "xent.torch:binary_cross_entropy_with_logits"},
    {"function": "torch.nn.functional:binary_cross_entropy_with_logits"},
    {"function": "torch.nn.functional:binary_cross_entropy"},
    {"function": "optax:sigmoid_binary_cross_entropy"},
    {"function": "keras.losses:binary_crossentropy"},
    {
        "function": scipy_binary,
        "task": "binary",
        "grad": scipy_binary_grad,
        "name": "-scipy.special.log_expit(±z)",
    },
]

HEAD = """\
# Audit

{finding}

This is what `xent audit` says of each: how far losses and gradients are from 50-digit answers, and
what each does at the edges, with options, and with input that must be a mistake.

What counts as right is xent's contract: a mean over no rows is 0, a label on a masked class costs
infinity, a logit of +inf is certainty, nothing is broadcast, a mean divides by the weight of its
rows. Other libraries may promise something else: scikit-learn's `log_loss` clips probabilities on
purpose, and a JAX function cannot raise on a wrong label. Read *wrong* as "not what a user would
hope for".

In the tables of accuracy a cell shows the largest error and, in parentheses, the median, in units
in the last place (ULP) of the dtype; a rounded exact value is off by at most 0.5. Answers of 0,
infinity or NaN are counted separately if the exact value is another number. The margin is that of
the true class. A loss of probabilities is held against the exact loss of the rounded ones that it
gets.

## In short

"""

END = """\
{made}

{measured} Keras computes with PyTorch here.

`python benchmarks/audit.py` writes this page, and `make test` fails if an audit says otherwise by
now (other machines may differ in a figure, not in a verdict).
"""


def cards() -> Iterator[ScoreCard]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sklearn warns of rows that do not sum to 1 in float16
        for peer in PEERS:
            yield audit(**peer)


def losses(card: ScoreCard) -> list[Errors]:
    """Errors of its float64 losses."""
    found = [a.loss for a in card.accuracy if a.dtype == "float64"]
    return [errors for errors in found if isinstance(errors, Errors)]


def finding(found: list[ScoreCard]) -> str:
    """What the cards say, in two sentences."""
    own = [card for card in found if card.name.startswith("xent")]
    peers = [card for card in found if card not in own]
    error = max(errors.largest for card in own for errors in losses(card))
    wrong = [len(card.wrong) for card in peers]
    zero = sum(any(errors.zeros for errors in losses(card)) for card in peers)
    right = sum(len(card.right) for card in own)
    own_wrong = sum(len(card.wrong) for card in own)
    return (
        f"xent answers {right} questions correctly and {own_wrong or 'none'} incorrectly, and its "
        f"float64 losses are within {error:.2g} units in the last place.\n"
        f"Each of {len(peers)} other implementations gets {min(wrong)} to {max(wrong)} wrong, "
        f"and {zero} return 0 for losses that are not."
    )


def short(found: list[ScoreCard]) -> str:
    """One line per implementation."""
    rows = []
    for card in found:
        figures = losses(card)
        worst = max(e.largest for e in figures)
        rows.append(
            (
                f"`{card.name}`",
                f"{worst:.0e}".replace("e+", "e") if worst > 1000 else f"{worst:.2g}",
                str(sum(e.zeros for e in figures)),
                str(len(card.right)),
                str(len(card.wrong)),
            )
        )
    heads = ("implementation", "largest error, float64 loss (ULP)", "0 in error", "right", "wrong")
    lines = [heads, (":--", *["--:"] * (len(heads) - 1)), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def page() -> str:
    found = list(cards())
    heads = ("question", "verdict", "answer")  # a terminal has no room for the second
    versions = machine.versions(
        "xent", "numpy", "torch", "jax", "optax", "keras", "scipy", "scikit-learn", "mpmath"
    )
    head = HEAD.format(finding=finding(found))
    measured = machine.measured({"date": machine.today(), "versions": versions})
    parts = []
    for card in found:
        title, *rest = card.blocks()
        assert isinstance(title, Text)
        lower: list[Block] = []
        for block in rest:
            match block:
                case Text(text, "section"):
                    lower.append(Text(text, "good"))
                case Table(("question", *_)):
                    lower.append(replace(block, heads=heads))
                case Text(text) if text == LEGEND:
                    pass
                case _:
                    lower.append(block)
        parts.append(f"## `{card.name}`\n\n{to_markdown(lower)}")
    parts.append(END.format(made=machine.MADE, measured=measured))
    return head + short(found) + "\n" + "\n".join(parts)


def bones(text: str) -> list[str]:
    """The page without its numbers, and without blanks that line them up."""
    return [NUMBER.sub("#", line) for line in text.splitlines() if "Measured on" not in line]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="compare; write nothing")
    check = parser.parse_args().check
    made = page()
    if not check:
        PAGE.write_text(made, encoding="utf-8")
        print(f"wrote {PAGE.name}")
        return 0
    old, new = bones(PAGE.read_text(encoding="utf-8")), bones(made)
    if old == new:
        print("docs/audit.md is as the audits are now")
        return 0
    pairs = [(a, b) for a, b in zip(old, new, strict=False) if a != b][:5]
    print("docs/audit.md is not as the audits are now: run benchmarks/audit.py")
    print("\n".join(f"- {a}\n+ {b}" for a, b in pairs))
    return 1


if __name__ == "__main__":
    sys.exit(main())
