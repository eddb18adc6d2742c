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


def check(explanation: Explanation, names: Names, sums: Names, only: str = "") -> None:
    """Are all parts of each formula equal? Or those of one step."""
    for step, chain in chains(explanation):
        if only not in ("", step):
            continue
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


OPTIONS = {
    "label_smoothing": 0.125,
    "class_weight": [1.5, 2.0, 0.5],
    "softcap": 3.0,
    "temperature": 2.0,
}
GIVEN: dict[str, Any] = {"soft": [0.5, 0.25, 0.25], "hard": 1}


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("chosen", [[], *([name] for name in OPTIONS), list(OPTIONS)])
@pytest.mark.parametrize("j", [0, 1])
def test_options_of_classes(j: int, chosen: list[str], given: str) -> None:
    z = [mpf(2), mpf(1), mpf("0.125")]
    options: dict[str, Any] = {name: OPTIONS[name] for name in chosen}
    cap, temperature = mpf(options.get("softcap", 0)), mpf(options.get("temperature", 1))
    smoothing = mpf(options.get("label_smoothing", 0))
    weight = [mpf(w) for w in options.get("class_weight", [1, 1, 1])]
    t = [mpf(y) for y in GIVEN["soft"]] if given == "soft" else [mpf(i == 1) for i in range(3)]
    y = [(1 - smoothing) * share + smoothing / 3 for share in t]
    v = [w * share for w, share in zip(weight, y, strict=True)]

    def capped(row: list[Any]) -> list[Any]:
        return [cap * mp.tanh(x / cap) if cap else x for x in row]

    def of_logits(row: list[Any]) -> Any:
        total = mp.log(sum(map(mp.exp, row)))
        return sum(mass * (total - x) for mass, x in zip(v, row, strict=True))

    def of_capped(row: list[Any]) -> Any:
        return of_logits([x / temperature for x in row])

    c = capped(z)
    u = [x / temperature for x in c]
    letter = "u" if "temperature" in chosen else "c" if "softcap" in chosen else "z"
    partition = mp.log(sum(map(mp.exp, u)))
    p = [mp.exp(x - partition) for x in u]
    k = max(range(3), key=u.__getitem__)

    def moved(row: list[Any], step: Any) -> list[Any]:
        return [x + step * (i == j) for i, x in enumerate(row)]

    def total(terms: Any) -> Any:
        return sum(a * b for a, b in terms)

    names = {"z_j": z[j], "c_j": c[j], "u_j": u[j], "cap": cap, "T": temperature, "m": u[k]}
    names |= {"t_j": t[j], "y_j": y[j], "v_j": v[j], "weight_j": weight[j], "V": sum(v)}
    names |= {"ε": smoothing, "K": mpf(3), "p_j": p[j], "A": partition, "h": H}
    names |= {"L": of_logits(u), "S": mp.exp(partition), "tanh": mp.tanh}
    names |= {"z_y": u[1], "c_y": u[1], "u_y": u[1], "p_y": p[1], "v_y": v[1]}
    names["H"] = -total((share, mp.log(share)) for share in y if share)
    names["D"] = total((a, mp.log(a / b)) for a, b in zip(y, p, strict=True) if a)
    names["D_L_z_j"] = slope(lambda s: of_capped(capped(moved(z, s))), mpf(0))
    names["D_L_c_j"] = slope(lambda s: of_capped(moved(c, s)), mpf(0))
    names["D_L_u_j"] = slope(lambda s: of_logits(moved(u, s)), mpf(0))
    names["L_up"] = of_capped(capped(moved(z, H)))
    names["L_down"] = of_capped(capped(moved(z, -H)))
    names[f"D_A_{letter}_j"] = p[j]
    logs = [mp.log(share) for share in p]
    mass = "v" if "class_weight" in chosen else "y"
    others = [mp.exp(x - u[k]) for i, x in enumerate(u) if i != k]
    sums = {
        f"Σ_j≠k e^({letter}_j - m)": sum(others),
        f"Σ_k e^{letter}_k": mp.exp(partition),
        f"Σ_j {mass}_j · log(p_j)": total(zip(v, logs, strict=True)),
        "Σ_j y_j · log(p_j)": total(zip(y, logs, strict=True)),
        "Σ_j y_j · log(y_j)": -names["H"],
        f"Σ_j {mass}_j · (m - {letter}_j)": total((a, u[k] - b) for a, b in zip(v, u, strict=True)),
        f"Σ_j y_j · {letter}_j": total(zip(y, u, strict=True)),
    }
    names["R"] = sum(others)
    explanation = xent.explain(list(map(float, z)), label=GIVEN[given], **options)
    # The derivation is of the loss without weights; the weights follow in a step of their own.
    plain = total((share, partition - x) for share, x in zip(y, u, strict=True))
    for step in explanation.steps:
        own = dict(names)
        if step.part == "why" and step.name != "With weights":
            own |= {"L": plain, f"D_L_{letter}_j": p[j] - y[j]}
        check(explanation, own, sums, step.name)


def test_the_check_can_fail() -> None:
    names = binary_names(mpf(1), 1)
    assert not alike(evaluate("dL/dz", names, {}), evaluate("1 - p", names, {}))
    assert not alike(evaluate("dp/dz", names, {}), evaluate("p", names, {}))
