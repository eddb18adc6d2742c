"""Debugging clinic: cases of code with one mistake, its training, and what the check says.

    curve_{n,step}                 mean losses, before each step and after the last
    buggy, told, fixed             at the chosen step: by this code, as it reports it, by the fix
    top                            where the axis of losses ends
    p_j, y_j, right_j              one row's probabilities, its target, and (p - y) / rows
    gradient_{c,j}, numeric_{c,j}  what the code of case c gives, and the derivative of its own loss

All but the probabilities comes from clinic.json, which scripts/make_clinic.py writes.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from xent._live.conditions import differ
from xent._live.controls import choice, slider
from xent._live.lines import LiveLine
from xent._live.page import Live
from xent._live.picture import Picture
from xent._live.program import Program, define
from xent._live.widgets import code, fact, guess, stage
from xent._report.expression import Expression, Symbol, call, case, same
from xent._report.notation import typeset
from xent.explanation.quantities import of_classes
from xent.learn import buggy_examples
from xent.learn.buggy_examples import PATIENTS, BuggyExample, source
from xent.learn.training import STEPS

CASE, STEP, TOP = Symbol("case"), Symbol("step"), Symbol("top")
BUGGY, TOLD, FIXED = (Symbol(name) for name in ("buggy", "told", "fixed"))
CURVES = ((FIXED, "f"), (TOLD, "t"), (BUGGY, "b"))
"""Each loss, and the number of its curve. The last is drawn on top."""
CLASSES = 4
LENGTHS = (0.05, 0.1, 1.0)
"""Where the axis of gradients may end."""
APART = 0.08
"""How far labels of two curves keep apart, in heights of the picture."""
STATE = {"case": 0, "rate": 1, "step": STEPS}


@cache
def found() -> dict[str, Any]:
    """What the script found."""
    text = (files("xent.learn.lessons") / "clinic.json").read_text("utf-8")
    return dict(json.loads(text))


@cache
def data() -> dict[str, Any]:
    """What the program and the pictures need of it, a list over all cases for each name."""
    cases, row = found()["cases"], found()["row"]
    each = {
        name: [one[name] for one in cases]
        for name in ("rates", "curves", "tops", "accuracy", "gradient", "numeric")
    }
    right = (np.exp(row["logits"]) / np.exp(row["logits"]).sum()).max() / row["rows"]
    lengths = [max(right, np.abs(gradient).max()) for gradient in each["gradient"]]
    return {
        **each,
        "curve": found()["curves"],
        "lengths": [min(end for end in LENGTHS if end >= length) for length in lengths],
        # The row for `of_classes`.
        "z": row["logits"],
        "label": row["label"],
        "weight": [1] * CLASSES,
        "eps": 0,
        "h": 1e-5,
    }


def program() -> Program:
    """The losses at the chosen step, and the right gradient of the row."""
    numbers = (("b", 0), ("t", 1), ("f", 2))
    return of_classes(CLASSES) + Program(
        [
            define("right_j", Symbol("g", "j") / found()["row"]["rows"], CLASSES),
            define("length", Symbol("lengths", "case")),
            define("top", Symbol("tops", "case,rate")),
            *(define(name, Symbol("curves", f"case,rate,{n}")) for name, n in numbers),
            *(define(loss.name, Symbol("curve", f"{name},step")) for loss, name in CURVES),
        ]
    )


def build(state: Mapping[str, Any] = STATE) -> tuple[Live, dict[str, str]]:
    """The lesson's numbers and pictures."""
    live = Live(state, program(), data=data())
    complaints: dict[float, str] = {
        number: f"{number + 1}: {each.complaint}" for number, each in enumerate(PATIENTS)
    }
    rates: dict[float, str] = {
        number: f"{told} ({live.number(Symbol('rates', f'case,{number}'))})"
        for number, told in enumerate(("a quarter", "as reported", "twice"))
    }
    controls = [
        slider(live, "step", "step", 0, STEPS, 1),
        choice(live, "rate", "learning rate", rates),
    ]
    parts = {
        "cases": choice(live, "case", "Choose a case", complaints, style="many"),
        "report": _chosen(
            live, lambda one: f"<p><b>Bug report.</b> {typeset(html.escape(one.symptom()))}.</p>"
        ),
        "code": code(live, "{functions}", {"functions": _functions(live)}),
        "stage": stage(
            [_training(live), _gradient(live)],
            controls,
            _summary(live),
            [live.formula(f"g{j}", *_lines(j)) for j in range(CLASSES)],
        ),
        "guess": _chosen(live, lambda one: _guess(one, PATIENTS.index(one))),
        "python": _python(live),
        "chance": fact(np.log(3)),
        "rows": str(found()["row"]["rows"]),
    }
    return live, parts


def _chosen(live: Live, made: Any, tag: str = "div") -> str:
    """What is made of the chosen case."""
    return "".join(
        live.when(same(CASE, number), made(one), tag) for number, one in enumerate(PATIENTS)
    )


def _functions(live: Live) -> str:
    """The code of the chosen case."""

    def written(one: type[BuggyExample]) -> str:
        return html.escape(f"{source(one.loss)}\n\n{source(one.grad)}")

    return _chosen(live, written, "span")


def _training(live: Live) -> str:
    picture = Picture(live, "training", (0, 51), (0, 1), "step", "mean loss, nats", height=230)
    for tick in range(0, STEPS + 1, 10):
        picture.text(tick, 0, str(tick), dy=15, style="small tick")
    for share in (0, 0.5, 1):
        picture.segment((0, share), (51, share), "plain", "grid")
        picture.text(0, share, share * TOP, anchor="end", dx=-6, dy=4, style="small tick")
    chance = call("min", 1.2, float(np.log(3)) / TOP)
    picture.segment((0, chance), (STEPS, chance), "plain", "rule dashed thin")
    picture.trail(*_until("f"), "i", STEPS + 1, "good")
    picture.trail(*_until("t"), "i", STEPS + 1, "bad", "dotted")
    picture.trail(*_until("b"), "i", STEPS + 1, "bad")
    heights = [call("min", 1, loss / TOP) for loss in (BUGGY, FIXED)]
    gap = heights[0] - heights[1]
    aside = call("max", 0, APART - call("abs", gap)) / 2 * case(gap < 0, -1, 1)
    picture.point(STEP, heights[1], "good", radius=8)
    picture.point(STEP, heights[0], "bad", radius=5)
    picture.text(STEP, 1, "▲", role="bad", dy=-7, seen=BUGGY > TOP)
    picture.text(STEP, heights[1] - aside, "fix", role="good", anchor="start", dx=9, dy=4)
    picture.text(STEP, heights[0] + aside, "this code", role="bad", anchor="start", dx=9, dy=4)
    return picture.svg(
        "Loss: true (solid), reported (dotted), chance (dashed)",
        "Curves of the mean loss over the steps of training, with this code and with the fix. What "
        "the code reports is dotted where it differs.",
    )


def _until(number: str) -> tuple[Expression, Expression]:
    """The points of a curve up to the chosen step; those after it are at the step."""
    i = Symbol("i")
    here, last = Symbol("curve", f"{number},i"), Symbol("curve", f"{number},step")
    return call("min", i, STEP), case(i <= STEP, here, last) / TOP


def _gradient(live: Live) -> str:
    picture = Picture(live, "gradient", (-0.6, 3.6), (-1, 1), "", "gradient", height=230)
    length = Symbol("length")
    for share in (-1, -0.5, 0, 0.5, 1):
        picture.segment((-0.6, share), (3.6, share), "plain", "grid")
        picture.text(
            -0.6, share, share * length, anchor="end", dx=-6, dy=4, style="small tick", digits=3
        )
    for j in range(CLASSES):
        given = Symbol("gradient", f"case,{j}") / length
        right = Symbol("right", str(j)) / length
        label = f"The gradient of class {j}"
        picture.bar(j, given, "bad", width=44, tell=f"g{j}", label=label)
        picture.segment((j - 0.4, right), (j + 0.4, right), "good", "rule thick")
        name = f"true class {j}" if j == found()["row"]["label"] else f"class {j}"
        picture.text(j, -1, name, dy=18, style="small tick")
    return picture.svg(
        "Gradient of one row. Bars: this code. Lines: the fix",
        "Four bars, the gradient that this code gives for each logit of a row, and at each a line "
        "where the right one is.",
    )


def _lines(j: int) -> list[LiveLine]:
    """What the code gives, what is right, and the derivative of the code's own loss."""
    p, y = Symbol("p", str(j)), Symbol("y", str(j))
    rows = found()["row"]["rows"]
    given, numeric = Symbol("gradient", f"case,{j}"), Symbol("numeric", f"case,{j}")
    return [
        LiveLine(Symbol("this code"), given, digits=5, rounded=differ(given, 0)),
        LiveLine(
            Symbol("right"), Symbol("right", str(j)), (p - y) / rows, {p: p, y: y}, 5, rounded=None
        ),
        LiveLine(
            Symbol("derivative of its own loss"), numeric, digits=5, rounded=differ(numeric, 0)
        ),
    ]


def _summary(live: Live) -> str:
    buggy, fixed = (live.number(each, 3, "fixed") for each in (BUGGY, FIXED))
    order = live.choose(
        (same(call("placed", BUGGY, 3), call("placed", FIXED, 3)), "no difference"),
        (BUGGY - FIXED > 0, "this code is behind"),
        otherwise="this code is ahead",
    )
    reports = live.when(
        call("abs", TOLD - BUGGY) > 5e-4, f" It reports {live.number(TOLD, 3, 'fixed')} instead."
    )
    correct = [live.number(100 * Symbol("accuracy", f"case,rate,{which}"), 0) for which in (0, 1)]
    return (
        f"At step {live.number(STEP)} the mean loss is {buggy} with this code and {fixed} with "
        f"the fix: {order}.{reports} After {STEPS} steps, {correct[0]} % and {correct[1]} % of the "
        "points are classified correctly."
    )


def _guess(one: type[BuggyExample], number: int) -> str:
    """The suspects, and behind them the verdict and the fix."""
    options = [(suspect, False) for suspect in one.suspects]
    options.insert(number * 3 % (len(options) + 1), (one.cause, True))
    return guess("What is the mistake?", options, _answer(one, found()["cases"][number]))


def _answer(one: type[BuggyExample], case: Mapping[str, Any]) -> str:
    passed, failed, _ = case["entries"]
    counts = f"{passed} of {passed + failed} entries pass"
    if case["findings"]:
        finding = case["findings"][0]
        told = typeset(html.escape(" ".join(finding[part] for part in ("seen", "matters", "fix"))))
        said = f"names it, <b>{finding['name']}</b>: {told}"
        own = "" if failed else ": the gradient is that of the code's own loss, which is wrong"
        counts += own
    else:
        said = "finds no mistake."
    fixes = zip(one.fix(), (one.loss, one.grad), strict=True)
    changed = "\n\n".join(source(new) for new, old in fixes if new is not old)
    fix = (
        f'<p>The fix:</p><div class="code"><pre tabindex="0">{html.escape(changed)}</pre></div>'
        if changed
        else ""
    )
    return (
        f"<p><b>{one.cause}.</b> {typeset(html.escape(one.seen))}</p>"
        f"<p><code>xent.check.gradient</code> {said} ({counts}.)</p>{fix}"
    )


def _python(live: Live) -> str:
    helpers = f"{source(buggy_examples.softmax)}\n\n{source(buggy_examples.one_hot)}"
    return code(
        live,
        """
import numpy as np
import xent

{helpers}

{functions}

z = 2 * np.random.default_rng(20).normal(size=(24, 4))
y = np.arange(24) % 4
report = xent.check.gradient(loss, grad, z, y)
print(report)
assert {outcome}  # in a test of your own: assert report
""",
        {
            "helpers": html.escape(helpers),
            "functions": _functions(live),
            "outcome": _chosen(live, lambda one: "not report" if one.mistake else "report", "span"),
        },
    )
