"""Every `=` of every formula is an equality: the printed chains, with numbers for the symbols.

The symbols get their values from their definitions, in 60 digits; derivatives are numerical.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import mpmath
import pytest
import reading
from mpmath import mp, mpf

import xent
from xent.explanation import Explanation

Names = dict[str, Any]
H = mpf(10) ** -20
DERIVATIVE = re.compile(r"[d∂](\w+)/[d∂](\w+)")


@pytest.fixture(autouse=True)
def many_digits() -> Any:
    with mpmath.workdps(60):
        yield


def chains(explanation: Explanation) -> list[tuple[str, list[str]]]:
    """The formulas of all steps as printed."""
    steps = explanation.to_dict()["steps"]
    return [(step["name"], step["formula"].split(" = ")) for step in steps if step["formula"]]


def evaluate(expression: str, names: Names, sums: Names) -> Any:
    code = expression.replace("lim h→0 ", "").replace("L_+", "L_up").replace("L_-", "L_down")
    for number, written in enumerate(sums):
        code = code.replace(written, f"SUM_{number}")
    names = names | {f"SUM_{number}": total for number, total in enumerate(sums.values())}
    functions = {"E": mp.e, "log": mp.log, "log1p": mp.log1p}
    return reading.value(DERIVATIVE.sub(r"D_\1_\2", code), **functions, **names)


def check(explanation: Explanation, names: Names, sums: Names) -> None:
    for step, chain in chains(explanation):
        first, *others = [evaluate(part, names, sums) for part in chain]
        for part, value in zip(chain[1:], others, strict=True):
            assert alike(first, value), (step, chain[0], part)


def alike(a: Any, b: Any) -> bool:
    return bool(mpmath.almosteq(a, b, 1e-17, 1e-36))


def sigmoid(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def slope(f: Callable[[Any], Any], x: Any) -> Any:
    return (f(x + H) - f(x - H)) / (2 * H)


class Called(mpf):
    """L, which is written as a number and as a function of z."""

    def __call__(self, z: Any) -> Any:
        return self.function(z)


def binary_names(z: Any, label: int) -> Names:
    def loss(x: Any) -> Any:
        return -mp.log(sigmoid(x) if label else 1 - sigmoid(x))

    called = Called(loss(z))
    called.function = loss
    return {
        "z": z,
        "y": label,
        "h": H,
        "L": called,
        "σ": sigmoid,
        "p": sigmoid(z),
        "q": 1 - sigmoid(z),
        "D_L_z": slope(loss, z),
        "D_p_z": slope(sigmoid, z),
    }


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("z", [-2.5, 0.0, 0.375, 40.0])
def test_binary(z: float, label: int) -> None:
    explanation = xent.explain(z, label=label)
    assert len(chains(explanation)) >= 9
    check(explanation, binary_names(mpf(z), label), {})


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("p", [0.1, 0.75, 1e-20])
def test_probability(p: float, label: int) -> None:
    z = mp.log(mpf(p) / (1 - mpf(p)))
    check(xent.explain(probabilities=p, label=label), binary_names(z, label), {})


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("count", [2, 6])
def test_features(count: int, label: int) -> None:
    x, w, b = [mpf(i + 1) / 2 for i in range(count)], [mpf(2 - i) / 4 for i in range(count)], 0.5
    dot = mpmath.fdot(w, x)
    names = binary_names(dot + b, label)
    for i in range(count):
        names |= {f"x_{i}": x[i], f"w_{i}": w[i]}
    names |= {"b": b, "x_i": x[1], "w_i": w[1]}
    names["D_L_w_i"] = slope(lambda v: names["L"](dot + b + (v - w[1]) * x[1]), w[1])
    features, weights = list(map(float, x)), list(map(float, w))
    explanation = xent.explain(features=features, weights=weights, bias=b, label=label)
    check(explanation, names, {"Σ_i w_i · x_i": dot})


def class_names(z: list[Any], label: int, j: int) -> tuple[Names, Names]:
    def partition(row: list[Any]) -> Any:
        return mp.log(sum(mp.exp(v) for v in row))

    def moved(step: Any) -> list[Any]:
        return [v + step * (i == j) for i, v in enumerate(z)]

    def loss(row: list[Any]) -> Any:
        return partition(row) - row[label]

    k = max(range(len(z)), key=z.__getitem__)
    m, p = z[k], [mp.exp(v - partition(z)) for v in z]
    shifted = [mp.exp(v - m) for v in z]
    big = max(map(abs, z)) > 20
    names = {
        "L": loss(z),
        "A": partition(z),
        "m": m,
        "h": H,
        "z_j": z[j],
        "z_y": z[label],
        "p_j": p[j],
        "p_y": p[label],
        "y_j": int(j == label),
        "S": sum(shifted) if big else mp.exp(partition(z)),
        "R": sum(shifted) - 1,
        "L_up": loss(moved(H)),
        "L_down": loss(moved(-H)),
        "D_L_z_j": slope(lambda s: loss(moved(s)), mpf(0)),
        "D_A_z_j": slope(lambda s: partition(moved(s)), mpf(0)),
    }
    sums = {
        "Σ_j≠k e^(z_j - m)": sum(shifted[:k] + shifted[k + 1 :]),
        "Σ_k e^(z_k - m)": sum(shifted),
        "Σ_k e^z_k": sum(map(mp.exp, z)),
        "Σ_j y_j · log(p_j)": mp.log(p[label]),
    }
    return names, sums


@pytest.mark.parametrize("j", [0, 1, 2])
@pytest.mark.parametrize("label", [0, 1, 2])
@pytest.mark.parametrize("z", [[2.0, 1.0, 0.125], [-30.0, 31.0, 30.5]])
def test_classes(z: list[float], label: int, j: int) -> None:
    explanation = xent.explain(z, label=label)
    assert len(chains(explanation)) >= 9
    check(explanation, *class_names([mpf(v) for v in z], label, j))


@pytest.mark.parametrize("j", [0, 1])
def test_class_probabilities(j: int) -> None:
    z = [mp.log(mpf("0.25")), mp.log(mpf("0.75"))]
    check(xent.explain(probabilities=[0.25, 0.75], label=1), *class_names(z, 1, j))


def test_the_check_can_fail() -> None:
    names = binary_names(mpf(1), 1)
    assert not alike(evaluate("dL/dz", names, {}), evaluate("1 - p", names, {}))
    assert not alike(evaluate("dp/dz", names, {}), evaluate("p", names, {}))
