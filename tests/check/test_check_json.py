"""The data of checks: real outputs, held against the JSON schemas that ship with xent."""

from __future__ import annotations

import json
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import planted
import pytest
from commands import command
from jsonschema import Draft202012Validator

import xent

LOSSES = """\
import numpy as np

def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

def right(logits, labels):
    import xent
    return xent.cross_entropy(logits, labels, reduction="none")

def in_bits(logits, labels):
    return -np.log2(softmax(logits)[np.arange(len(labels)), labels])

def of_probabilities(y_true, y_pred):
    return -(y_true * np.log(y_pred)).sum() / len(y_true)

def raises(logits, labels):
    raise RuntimeError("no data")
"""


def schema(name: str) -> Any:
    text = (files("xent.check") / "schemas" / f"{name}.json").read_text(encoding="utf-8")
    found = json.loads(text)
    Draft202012Validator.check_schema(found)
    return Draft202012Validator(found)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "losses_here.py").write_text(LOSSES)
    (tmp_path / "broken_losses.py").write_text("def loss(z, y:\n")
    (tmp_path / "fine.csv").write_text("prob_cat,prob_dog,label\n0.9,0.1,cat\n0.2,0.8,dog\n")
    (tmp_path / "odd.csv").write_text("logit_0,logit_1,label\nnan,1,0\n1,2,1\n")
    (tmp_path / "zero.csv").write_text("prob_0,prob_1,label\n1,0,1\n0,1,1\n")


AUDITS = [
    ("right", 0, []), ("in_bits", 1, ["bits for nats"]), ("of_probabilities", 1, []),
]  # fmt: skip


@pytest.mark.parametrize(("name", "code", "mistakes"), AUDITS)
def test_an_audit_by_the_command(name: str, code: int, mistakes: list[str]) -> None:
    done = command("audit", f"losses_here:{name}", "--format", "json")
    assert (done.code, done.err) == (code, "")
    data = json.loads(done.out)
    schema("audit").validate(data)
    assert data["mistakes"] == mistakes
    assert data["passed"] == (code == 0)
    wrong = [answer for answer in data["answers"] if answer["verdict"] == "wrong"]
    assert bool(mistakes or wrong) == (code == 1)


ERRORS = [
    ("nowhere_to_be_found:loss", "No module named 'nowhere_to_be_found'"),
    ("losses_here:left", "losses_here has no 'left'."),
    ("losses_here", "'losses_here' names no function; expected package.module:name."),
    ("broken_losses:loss", "Importing broken_losses raised SyntaxError: '(' was never closed"),
    ("losses_here:raises", "losses_here:raises: no way was found to call it on logits and labels. "
     "The first call raised RuntimeError: no data."),
]  # fmt: skip


@pytest.mark.parametrize(("function", "message"), ERRORS)
def test_what_cannot_be_audited_ends_with_2(function: str, message: str) -> None:
    done = command("audit", function, "--format", "json")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"xent: {message}")
    assert "Traceback" not in done.err


@pytest.mark.parametrize(("file", "code"), [("fine.csv", 0), ("odd.csv", 1), ("zero.csv", 1)])
def test_a_diagnosis_by_the_command(file: str, code: int) -> None:
    done = command("diagnose", file, "--format", "json")
    assert (done.code, done.err) == (code, "")
    data = json.loads(done.out)
    schema("diagnose").validate(data)
    assert bool(data["mistakes"]) == (code == 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.csv",), "nowhere.csv"),
        (("fine.csv", "--label-column", "truth"), "truth"),
        (("fine.csv", "-o", "nowhere/a.json"), "there is no folder nowhere"),
        (("fine.csv", "--kind", "ranks"), "ranks"),
    ],
)
def test_what_cannot_be_diagnosed_ends_with_2(arguments: tuple[str, ...], message: str) -> None:
    done = command("diagnose", *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert "Traceback" not in done.err


Z, Y = planted.Z, planted.Y
GRADIENTS: list[tuple[Any, Any, Any, Any]] = [
    (planted.rows, planted.right, Z, Y),
    (planted.rows, lambda z, y: np.full_like(z, np.nan), Z, Y),
    (lambda z: (z**2).sum(), lambda z: 2 * z, np.array(1.5), None),
    (planted.mean, lambda z, y: planted.right(z, y) / len(z),
     np.random.default_rng(0).normal(size=(400, 5)), np.arange(400) % 5),
    (lambda z, y: planted.rows(np.where(np.isinf(z), -1e9, z), y), planted.right,
     np.where(Z.min() == Z, -np.inf, Z), Y),
]  # fmt: skip


@pytest.mark.parametrize("case", GRADIENTS)
@pytest.mark.parametrize("method", ["central", "forward"])
def test_a_gradient_report(case: tuple[Any, ...], method: Any) -> None:
    report = xent.check.gradient(*case, method=method)
    data = json.loads(report.to_json(), parse_constant=partial(pytest.fail, "no JSON number"))
    schema("gradient").validate(data)
    assert data["mistakes"] == report.mistakes


def test_a_schema_refuses_what_is_not_in_it() -> None:
    report = xent.check.diagnose(Z, Y)
    data = report.to_dict()
    assert schema("diagnose").is_valid(data)
    assert not schema("diagnose").is_valid(data | {"more": 1})
    assert not schema("diagnose").is_valid({k: v for k, v in data.items() if k != "loss"})
    assert not schema("diagnose").is_valid(data | {"loss": "high"})
