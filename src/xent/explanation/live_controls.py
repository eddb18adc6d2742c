"""The controls of an explanation's page: the numbers that were given."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator

from xent._live.controls import RESET, choice, presets, slider
from xent._live.page import Live
from xent.explanation.row import Row

LOGITS = 10.0
"""Logits move from -10 to 10, or further where one is given beyond."""


def reach(row: Row) -> float:
    """How far logits can be moved."""
    return _reach([*row.given.tolist(), row.inputs.get("b", 0.0)], LOGITS)


def _reach(values: list[float], least: float) -> float:
    largest = max(abs(value) for value in values if math.isfinite(value))
    return least if largest <= least else round_up(1.5 * largest)


def round_up(value: float) -> float:
    """To 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    sizes = (float(f"{size * power:.3g}") for size in (1, 2, 5, 10))
    return next(size for size in sizes if size >= value * (1 - 1e-9))


def controls(live: Live, row: Row) -> Iterator[str]:
    """Sliders for scores and for options that were given, the label, and a way back."""
    form, state = row.form, row.inputs
    yield from _scores(live, row)
    if form.hard and len(form.labels) > 1:
        name = "share" if form.binary else "label"
        yield choice(
            live,
            name,
            "true label",
            {j: html.escape(_called(form.names[j], j)) for j in form.labels},
        )
    if form.smoothed:
        most = 0.5 if state["eps"] <= 0.5 else 1
        yield slider(live, "eps", "label smoothing ε", 0.01, most, 0.01)
    if form.weighted:
        for j, weight in enumerate(state["weight"]):
            if weight:  # a class without weight stays so: what is shown would be something else
                yield slider(live, f"weight.{j}", f"weight of {j}", 0.1, max(5, round_up(weight)))
    for key, _ in form.stages:
        if key == "softcap":
            most = max(50, round_up(2 * state["cap"]))
            yield slider(live, "cap", "softcap", 0.5, most, 0.5)
        else:
            most = max(5, round_up(2 * state["T"]))
            yield slider(live, "T", "temperature T", 0.1, most, 0.05)
    yield presets([RESET])


def _scores(live: Live, row: Row) -> Iterator[str]:
    form, state = row.form, row.inputs
    if form.given_p:
        yield slider(live, "given", "probability p", 0, 1, 0.01)
        return
    limit = reach(row)
    step = float(f"{limit / 100:.3g}")
    if form.features:
        most = _reach(state["w"], 3.0)
        fine = float(f"{most / 60:.3g}") if most > 3 else 0.05
        for i in range(form.features):
            yield slider(live, f"w.{i}", f"weight w<sub>{i}</sub>", -most, most, fine)
        yield slider(live, "b", "bias b", -limit, limit, step)
    elif form.binary:
        yield slider(live, "z", "logit z", -limit, limit, step)
    else:
        for j, name in enumerate(form.names):
            called = "" if name == f"class {j}" else f" {html.escape(name)}"
            yield slider(live, f"z.{j}", f"logit z<sub>{j}</sub>{called}", -limit, limit, step)


def _called(name: str, j: int) -> str:
    return str(j) if name in (f"class {j}", f"label {j}") else f"{j} {name}"
