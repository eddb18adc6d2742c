"""The trees of every line, computed from the numbers given alone, give what the library gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import xent
from xent._live.conditions import holds
from xent._live.lines import LiveLine
from xent._report.evaluation import evaluate
from xent.explanation import Explanation
from xent.explanation.live_page import program

RELATIVE = 1e-12


def explanations(count: int) -> Iterator[Explanation]:
    """Of all kinds, with all options."""
    rng = np.random.default_rng(18)
    for _ in range(count):
        one, size = bool(rng.random() < 0.4), float(rng.choice([0.5, 2, 5, 30]))
        classes = 2 if one else int(rng.integers(2, 7))
        options: dict[str, Any] = {}
        if rng.random() < 0.3:
            options["class_weight"] = rng.uniform(0.2, 3, classes)
        if rng.random() < 0.3:
            options["label_smoothing"] = float(rng.choice([0.1, 0.3]))
        label: Any = int(rng.integers(classes))
        if rng.random() < 0.3:
            label = float(rng.random()) if one else rng.dirichlet(np.ones(classes))
        kind = rng.random()
        if one and kind < 0.25:
            yield xent.explain(probabilities=float(rng.random()), label=label, **options)
            continue
        if rng.random() < 0.25:
            options["softcap"] = float(rng.choice([5, 30]))
        if rng.random() < 0.25:
            options["temperature"] = float(rng.choice([0.5, 2.5]))
        if one and kind < 0.5:
            x, w = rng.normal(size=(2, int(rng.integers(1, 6))))
            yield xent.explain(features=x, weights=w, bias=0.5, label=label, **options)
        else:
            logits = size * rng.normal(size=classes)
            yield xent.explain(float(logits[0]) if one else logits, label=label, **options)


def lines(explanation: Explanation) -> Iterator[tuple[str, LiveLine]]:
    """The lines that are there, but for those that measure rounding."""
    values = explanation.row.values
    for step in explanation.plan.steps:
        if step.part != "check" and holds(step.when, values):
            yield from ((step.key, line) for line in step.lines if holds(line.when, values))


def test_every_line_gives_the_librarys_number() -> None:
    keys = set()
    for explanation in explanations(120):
        row = explanation.row
        alone = program(row).compute(row.inputs)
        total, p = row.target.total, row.p.max()
        for key, line in lines(explanation):
            keys.add(key)
            wanted, found = (evaluate(line.value, each) for each in (row.values, alone))
            # A difference of p and y, or of the loss and the entropy, has the rounding of both.
            size = {"gradient": total * p, "divergence": row.loss}.get(line.role or key, 0.0)
            if key.endswith("backward") or key == "gradient for weights":
                size *= max(1.0, 1 / row.scaling.temperature)
            allowed = RELATIVE * max(abs(wanted), size)
            assert found == pytest.approx(wanted, rel=0, abs=allowed), (
                key,
                line.symbol,
                row.inputs,
            )
            for tree in line.operands.values():
                one, other = (evaluate(tree, each) for each in (row.values, alone))
                assert other == pytest.approx(one, rel=RELATIVE, abs=RELATIVE * total * p)
    assert len(keys) > 20


def test_conditions_hold_alike() -> None:
    for explanation in explanations(60):
        row = explanation.row
        alone = program(row).compute(row.inputs)
        assert [holds(step.when, alone) for step in explanation.plan.steps] == [
            holds(step.when, row.values) for step in explanation.plan.steps
        ]
        for step in explanation.plan.steps:
            assert step.at(alone).why == step.at(row.values).why or step.part == "check"
