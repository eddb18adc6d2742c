"""The numbers of a row by formulas: in Python and in Chromium they agree with the library's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, NamedTuple

import browser
import numpy as np
import pytest

import xent
from xent._live.javascript import LOOPS
from xent._live.program import Program
from xent.explanation.quantities import of_classes, of_one_logit
from xent.explanation.scaling import Scaling

RELATIVE, ABSOLUTE = 1e-13, 1e-300
H = 1e-5
PLAIN: dict[str, Any] = {"eps": 0.0, "h": H, "T": 1.0}
SCALINGS = (Scaling(), Scaling(softcap=30.0), Scaling(temperature=2.5), Scaling(5.0, 0.4))
COUNT = 10_000


RUN = """(text) => JSON.stringify(
    JSON.parse(text).map(([name, v]) => programs[name](v)),
    (_, x) => typeof x === 'number' && !Number.isFinite(x) ? String(x) : x,
)"""


class Case(NamedTuple):
    """A program's inputs, and what the library makes of them."""

    program: str
    inputs: dict[str, Any]
    wanted: dict[str, Any]


def programs() -> dict[str, Program]:
    """Every program that the cases need, by name."""
    found = {}
    for number, scaling in enumerate(SCALINGS):
        found[f"one {number}"] = of_one_logit(scaling)
        for hard in (True, False):
            for count in range(2, 8):
                found[f"{count} {number} {hard}"] = of_classes(count, scaling, hard=hard)
    return found


PROGRAMS = programs()


def library(scores: Any, target: Any, scaling: Scaling, **options: Any) -> dict[str, Any]:
    """Losses, gradients and difference quotients by the library."""
    loss = xent.binary_cross_entropy if scores.ndim == 0 else xent.cross_entropy

    def of(z: Any, target: Any) -> Any:
        return scaling.of_loss(
            lambda logits, **more: loss(logits, target, reduction="none", **options, **more), z
        )

    if scores.ndim == 0:
        around = np.array([scores + H, scores - H, scores])
        losses, gradients = of(around, np.full(3, target))
        above, below, here = losses.tolist()
        u = scaling(scores)
        p = np.array([xent.sigmoid(-u), xent.sigmoid(u)]).tolist()
        s = [-float(xent.log_sigmoid(-u)), -float(xent.log_sigmoid(u))]
        return {
            "L": here,
            "G": gradients[2].item(),
            "p": p,
            "s": s,
            "slope": (above - below) / (2 * H),
        }
    step = H * np.eye(len(scores))
    around = np.concatenate([scores + step, scores - step, scores[np.newaxis]])
    targets = np.stack([np.asarray(target)] * len(around))
    losses, gradients = of(around, targets)
    above, below = np.split(losses[:-1], 2)
    u = scaling(scores)
    return {
        "L": losses[-1].item(),
        "G": gradients[-1].tolist(),
        "p": xent.softmax(u).tolist(),
        "s": (-xent.log_softmax(u)).tolist(),
        "slope": ((above - below) / (2 * H)).tolist(),
    }


def random_cases(count: int) -> Iterator[Case]:
    """Logits of all sizes, hard and soft labels, and every option."""
    rng = np.random.default_rng(18)
    for _ in range(count):
        number = int(rng.integers(len(SCALINGS)))
        scaling, size = SCALINGS[number], float(rng.choice([0.1, 1, 5, 30, 200]))
        eps = float(rng.choice([0, 0, 0.1, 0.3]))
        inputs: dict[str, Any] = {
            "eps": eps,
            "h": H,
            "cap": scaling.softcap or 0,
            "T": scaling.temperature,
        }
        options: dict[str, Any] = {"label_smoothing": eps}
        kind, weighted = int(rng.integers(1, 8)), bool(rng.random() < 0.3)
        weight = rng.uniform(0.2, 3, max(kind, 2)) if weighted else np.ones(max(kind, 2))
        options["class_weight"] = weight if weighted else None
        inputs["weight"] = weight.tolist()
        if kind == 1:
            z = np.asarray(size * rng.normal())
            share = float(rng.choice([0, 1, 0, 1, rng.random()]))
            wanted = library(z, share, scaling, **options)
            yield Case(f"one {number}", {**inputs, "z": z.item(), "share": share}, wanted)
            continue
        scores = size * rng.normal(size=kind)
        hard = bool(rng.random() < 0.7)
        target = int(rng.integers(kind)) if hard else rng.dirichlet(np.ones(kind))
        wanted = library(scores, target, scaling, **options)
        inputs |= (
            {"z": scores.tolist(), "label": target}
            if hard
            else {"z": scores.tolist(), "t": target.tolist()}
        )
        yield Case(f"{kind} {number} {hard}", inputs, wanted)


def vectors() -> Iterator[Case]:
    """The test vectors in float64, whose answers are given to 50 digits."""
    groups = json.loads((files("xent.check") / "vectors.json").read_text("utf-8"))["groups"]
    for group in groups:
        for row, label, loss, gradient in zip(
            *(group[key] for key in ("logits", "labels", "losses", "gradients")), strict=True
        ):
            if group["kind"] == "binary":
                wanted = {"L": float(loss), "G": float(gradient)}
                given = {"z": float(row), "share": label, "weight": [1.0, 1.0]}
                yield Case("one 0", {**PLAIN, **given}, wanted)
            else:
                wanted = {"L": float(loss), "G": list(map(float, gradient))}
                given = {"z": list(map(float, row)), "label": label, "weight": [1.0] * 5}
                yield Case("5 0 True", {**PLAIN, **given}, wanted)


def compare(case: Case, found: dict[str, Any]) -> None:
    """Within 1e-13 of the library, of a difference within the rounding of its operands."""
    for name, wanted in case.wanted.items():
        right, got = (
            np.atleast_1d(np.array(wanted, float)),
            np.atleast_1d(np.array(found[name], float)),
        )
        size = np.abs(right)
        allowed = np.where(size < 2.3e-308, ABSOLUTE, RELATIVE * size)
        if (name == "G" and "t" in case.inputs) or 0 < case.inputs.get("share", 0) < 1:
            p = np.array(found["p"])[-1 if right.size == 1 else slice(None)]
            allowed = np.maximum(allowed, RELATIVE * found["V"] * p)
        if name == "slope":
            sizes = np.abs(np.atleast_1d(np.array(found["above"])))
            moved = np.abs(np.atleast_1d(case.inputs["z"])) * found["V"]
            allowed = 2.3e-16 * (4 * sizes + 4 * moved + 1) / H
        off = np.where(right == got, 0, np.abs(np.nan_to_num(right) - np.nan_to_num(got)))
        assert (off <= allowed).all(), (name, case, found[name], off / allowed)


def test_formulas_give_the_librarys_numbers() -> None:
    for case in (*random_cases(200), *vectors()):
        compare(case, PROGRAMS[case.program].compute(case.inputs))


@pytest.fixture(scope="module")
def computed(chromium: Any) -> Any:
    """Runs programs in Chromium on lists of inputs."""
    source = ",\n".join(
        f"{json.dumps(name)}: v => {{ {each.javascript()} return v }}"
        for name, each in PROGRAMS.items()
    )
    with browser.page(chromium) as page:
        page.goto("about:blank")
        numbers = (files("xent._live") / "numbers.js").read_text("utf-8")
        page.add_script_tag(content=f"{LOOPS}{numbers}\nconst programs = {{ {source} }};")

        def run(cases: list[Case]) -> Any:
            # As text, infinities as 1e999: for values Playwright takes a minute, for JSON a second.
            given = json.dumps([[case.program, case.inputs] for case in cases])
            return json.loads(page.evaluate(RUN, given.replace("Infinity", "1e999")))

        yield run


def test_a_page_computes_the_librarys_numbers(computed: Any) -> None:
    cases = [*random_cases(COUNT), *vectors()]
    for first in range(0, len(cases), 1000):
        some = cases[first : first + 1000]
        for case, found in zip(some, computed(some), strict=True):
            compare(case, found)
