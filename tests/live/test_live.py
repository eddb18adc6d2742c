"""What a page writes is what Python writes: numbers, and formulas with their numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any

import browser
import numpy as np
import pytest

from xent._format import shown
from xent._live.javascript import LOOPS, printed
from xent._live.lines import LiveLine
from xent._live.program import Definition, Loop, Program, define
from xent._report.evaluation import evaluate
from xent._report.expression import (
    Binary,
    Call,
    Case,
    Comparison,
    Expression,
    Extreme,
    Number,
    Power,
    Symbol,
    Total,
    call,
    case,
    exp,
    log,
    log1p,
    same,
    sigmoid,
)
from xent._report.notation import HTML

A, B, C = (Symbol(name) for name in "abc")


@pytest.fixture(scope="module")
def script(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Evaluates JavaScript beside the page's own files."""
    sources = [
        LOOPS,
        *((files("xent._live") / name).read_text("utf-8") for name in ("numbers.js",)),
    ]
    with browser.page(chromium) as page:
        page.goto("about:blank")
        page.add_script_tag(content="\n".join(sources))
        yield page.evaluate


def some_numbers() -> list[float]:
    rng = np.random.default_rng(3)
    found = [0.0, -0.0, 1.0, -2.5, 0.5, 1e-3, 9.99949e-4, 999999.5, 1e6, 1e16, 1e22, 5e-324]
    found += [0.03125, 0.09375, 2.03125, 1.5e-5, 0.99995, 0.999949999, 0.9999999999999999, 1e300]
    found += (rng.normal(size=1000) * 10.0 ** rng.integers(-12, 12, 1000)).tolist()
    found += (1 - 10.0 ** -rng.uniform(1, 16, 500)).tolist()
    found += (rng.integers(-4000, 4000, 1000) / 2.0 ** rng.integers(0, 12, 1000)).tolist()
    return found


@pytest.mark.parametrize("trim", [True, False])
@pytest.mark.parametrize("digits", [2, 4, 9, 16, 20])
def test_numbers_are_shown_alike(script: Callable[..., Any], digits: int, trim: bool) -> None:
    numbers = some_numbers()
    found = script("([all, ...more]) => all.map((x) => shown(x, ...more))", [numbers, digits, trim])
    wanted = [shown(number, digits, trim=trim) for number in numbers]
    differ = [case for case in zip(numbers, wanted, found, strict=True) if case[1] != case[2]]
    assert not differ, differ[:5]


def test_infinities_are_shown_alike(script: Callable[..., Any]) -> None:
    found = script("() => [Infinity, -Infinity, NaN].map((x) => shown(x))")
    assert found == [shown(x) for x in (math.inf, -math.inf, math.nan)]


LINES = [
    LiveLine(C, A * B, A * B, {A: A, B: B}),
    LiveLine(C, A - B, A - B, {A: A, B: B}),
    LiveLine(C, A - B, A - B, {A: A, B: B}, rounded=None),
    LiveLine(C, -A / B, -A / B, {A: A, B: B}, digits=9),
    LiveLine(C, exp(-A), exp(-A), {A: A}),
    LiveLine(C, log(A * A), log(A * A), {A: A}),
    LiveLine(C, -(A * log(B * B)), -(A * log(B**2)), {A: A, B: B}, digits=2),
    LiveLine(C, log1p(exp(-call("abs", A))), log1p(exp(-Call("abs", (A,)))), {A: A}),
    LiveLine(C, A, digits=6),
    LiveLine(C, A, rounded=A < 0),
    LiveLine(C, A / log(Number("2")), A / log(2), {A: A}, rounded=same(A, B)),
    LiveLine(C, call("max", -A, 0) + B, Call("max", (-A, Number("0"))) + B, {A: A, B: B}),
]


@pytest.mark.parametrize("number", range(len(LINES)))
def test_lines_are_written_alike(script: Callable[..., Any], number: int) -> None:
    """Digits, sign of equality, value, and parentheses around negative numbers."""
    rng = np.random.default_rng(number)
    simple = [0.0, 1.0, -1.0, 0.5, -0.25, 2.0, 3.0, 1e-7, 40.0, -745.0]
    values = [{"a": a, "b": b} for a in simple for b in simple if b]
    size = 10.0 ** rng.integers(-6, 3, 300)
    values += [
        {"a": a, "b": b} for a, b in (rng.normal(size=(300, 2)) * size[:, np.newaxis]).tolist()
    ]
    line = LINES[number]
    code = (
        f"(all) => {{ const line = {line.javascript()}; return all.map((v) => written(line, v)) }}"
    )
    for v, found in zip(values, script(code, values), strict=True):
        wanted = line.at(v)
        numbers = "" if wanted.substituted is None else HTML.write(wanted.substituted)
        assert (found["formula"], found["relation"], found["text"]) == (
            numbers,
            wanted.relation,
            wanted.text,
        ), v


def random_tree(rng: np.random.Generator, depth: int) -> Expression:
    """A tree of every kind of node over a, b and the elements of c."""
    if depth == 0:
        leaves = [A, B, Symbol("c", "0"), Symbol("c", "k"), Number("2"), Number("-0.5")]
        return leaves[int(rng.integers(len(leaves)))]

    def inner() -> Expression:
        return random_tree(rng, depth - 1)

    kinds: list[Callable[[], Expression]] = [
        lambda: Binary(str(rng.choice(list("+-*/"))), inner(), inner()),
        lambda: -inner(),
        lambda: exp(call("min", inner(), 5)),
        lambda: Power(call("abs", inner()), Number("2")),
        lambda: log1p(call("abs", inner())),
        lambda: log(call("abs", inner())),
        lambda: call("tanh", inner()),
        lambda: call("floor", inner()),
        lambda: call("sqrt", call("abs", inner())),
        lambda: sigmoid(inner()),
        lambda: Case(
            Comparison(str(rng.choice(["<", "<=", "==", "!="])), inner(), inner()), inner(), inner()
        ),
        lambda: case(call("and", inner() < 1, call("not", inner() <= 0)), inner(), 3),
        lambda: case(call("or", inner() > 1, inner() >= 2), inner(), inner()),
        lambda: Total("j", Symbol("c", "j") * inner(), 3),
        lambda: Total("j≠k", Symbol("c", "j") + inner(), 3),
        lambda: Extreme(str(rng.choice(["max", "argmax"])), "j", Symbol("c", "j") * inner(), 3),
    ]
    return kinds[int(rng.integers(len(kinds)))]()


def test_trees_have_one_value(script: Callable[..., Any]) -> None:
    """Python and JavaScript agree but for the last bits of their functions."""
    rng = np.random.default_rng(7)
    trees = [random_tree(rng, 3) for _ in range(600)]
    v = {"a": 0.7, "b": -1.3, "c": [0.2, 2.5, -0.4], "k": 1}
    code = "const as = (x) => typeof x === 'boolean' ? Number(x) : x;\n"
    code += f"return [{', '.join(f'as({printed(tree)})' for tree in trees)}]"
    found = script(f"(v) => {{ {code} }}", v)
    for tree, got in zip(trees, found, strict=True):
        wanted = float(evaluate(tree, v))
        if math.isnan(wanted):
            assert math.isnan(got), tree
        else:
            assert got == pytest.approx(wanted, rel=1e-9, abs=1e-9), tree


def test_programs_compute_alike(script: Callable[..., Any]) -> None:
    """Elements, tables, and loops whose rounds build on the one before."""
    program = Program(
        [
            define("s_i", Total("j", Symbol("x", "i,j"), 2), 3),
            define("t_i,j", Symbol("x", "i,j") / Symbol("s", "i"), 3, 2),
            Definition(Symbol("w", "0"), Symbol("a")),
            Loop(
                "n",
                4,
                (
                    Definition(Symbol("g", "n,i"), Symbol("w", "n") * Symbol("s", "i"), (3,)),
                    Definition(
                        Symbol("w", "n+1"),
                        Symbol("w", "n") - Number("0.1") * Total("i", Symbol("g", "n,i"), 3),
                    ),
                ),
            ),
            define("last", Symbol("w", "4")),
        ]
    )
    given = {"a": 2.0, "x": [[1.0, 2.0], [3.0, -1.0], [0.5, 0.5]]}
    wanted = program.compute(given)
    found = script(f"(v) => {{ {program.javascript()} return v }}", given)
    assert found == json.loads(json.dumps(wanted))
    assert wanted["w"][1] == pytest.approx(2 * (1 - 0.1 * 6))
    assert wanted["t"][0] == [1 / 3, 2 / 3]


def test_a_formula_without_a_value_is_an_error() -> None:
    for node in (Call("σ", (A,)), Total("j", A)):
        with pytest.raises(ValueError, match="no value: "):
            evaluate(node, {"a": 1.0})
    with pytest.raises(ValueError, match="no value: Total"):
        printed(Total("j", A))
