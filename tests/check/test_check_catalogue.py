"""The examples of the catalogue: each is named for its mistake alone, and passes once corrected."""

from __future__ import annotations

import ast
import re
from typing import Any

import numpy as np
import pytest

from xent.check.mistakes import KINDS, anchor, catalogue, setup, symptoms


def run(code: str) -> Any:
    """The value of the last expression of an example."""
    tree = ast.parse(setup() + code)
    last = tree.body.pop()
    assert isinstance(last, ast.Expr), "an example ends with the check"
    names: dict[str, Any] = {}
    with np.errstate(all="ignore"):
        exec(compile(tree, "example", "exec"), names)
        return eval(compile(ast.Expression(last.value), "example", "eval"), names)


@pytest.mark.parametrize("name", catalogue())
def test_an_example_is_named_and_its_correction_passes(name: str) -> None:
    entry = catalogue()[name]
    wrong, right = run(entry.version("-")), run(entry.version("+"))
    notes = [finding.name for finding in wrong.findings if finding.level == "note"]
    if entry.note:
        assert not wrong.mistakes
        assert name in notes
        assert name not in [finding.name for finding in right.findings]
    else:
        assert set(wrong.mistakes) == {name}
        assert not wrong
    assert not right.mistakes, right
    assert right, right


@pytest.mark.parametrize("name", catalogue())
def test_an_example_is_small(name: str) -> None:
    lines = catalogue()[name].code.splitlines()
    limit = 15 if catalogue()[name].kind == "runs" else 13
    assert 1 < len(lines) <= limit
    assert any(line.startswith("- ") for line in lines)
    for line in lines:
        assert re.match(r"[-+ ] \S|[-+ ]  ", line), line
        assert len(line) <= 100
    ast.parse(catalogue()[name].version("-"))


def test_every_mistake_has_an_anchor_of_its_own() -> None:
    assert len({anchor(name) for name in catalogue()}) == len(catalogue())
    assert anchor("(1 - y) term forgotten") == "1-y-term-forgotten"
    assert anchor("worse than the labels' shares") == "worse-than-the-labels-shares"


def test_every_kind_is_told() -> None:
    assert {entry.kind for entry in catalogue().values()} == set(KINDS)
    for entry in catalogue().values():
        assert entry.note == (entry.kind == "notes")


def test_symptoms_lead_to_mistakes() -> None:
    for seen, names in symptoms().items():
        assert not seen.endswith(".")
        assert len(set(names)) == len(names) > 1
        assert set(names) <= set(catalogue())


def test_what_is_common_to_all_is_right() -> None:
    """Else an example might be named for what another line does."""
    for code in ("diagnose(z, y)", "diagnose(b, t)", "gradient(F.cross_entropy, None, Z, Y)"):
        assert not run(code).findings
