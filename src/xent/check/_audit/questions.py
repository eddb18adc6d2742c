"""The questions of an audit besides accuracy: edges, options, reductions, bad input, long means."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from xent._validation import Array
from xent.check._audit.implementation import Implementation
from xent.check._audit.vectors import Group, vectors
from xent.check.dtypes import rounded
from xent.check.ulps import matches

RIGHT, WRONG, NOTED = "right", "wrong", "noted"
"""A noted answer is neither: an error where others give a number, or a different choice."""

LONG = 1 << 20
# Small batches with margins of different signs, so that every option changes the loss.
Z = np.array([[2.0, 1.0, 0.25, -1.0], [0.5, 1.5, -1.0, 0.0], [0.0, 3.0, -2.0, 1.0]])
Y = np.array([0, 2, 1])
W = np.array([1.0, 2.0, 0.5, 3.0])
BATCHES = {"classes": (Z, Y), "binary": (np.array([1.5, -0.5, 3.0]), np.array([1, 0, 0]))}

INF = np.inf
INFINITE: dict[str, list[tuple[str, Any, int, float]]] = {
    "classes": [
        ("logit +inf at the label", [[INF, 1.0, 0.0, 2.0]], 0, 0.0),
        ("logit +inf at another class", [[INF, 1.0, 0.0, 2.0]], 1, INF),
    ],
    "binary": [
        ("logit +inf, label 1", [INF], 1, 0.0),
        ("logit -inf, label 0", [-INF], 0, 0.0),
        ("logit +inf, label 0", [INF], 0, INF),
    ],
}
"""Questions about one row with an infinite logit: its logits, its label, and the right loss."""

OPTIONS: dict[str, dict[str, dict[str, Any]]] = {
    "classes": {
        "class weights": {"class_weight": W},
        "smoothing": {"label_smoothing": 0.1},
        "ignored rows": {"ignore_index": -100},
    },
    "binary": {
        "pos_weight": {"pos_weight": np.array(3.0)},
        "class weights": {"class_weight": W[:2]},
        "smoothing": {"label_smoothing": 0.1},
    },
}

CERTAIN: dict[str, list[tuple[str, Any, int, float]]] = {
    "classes": [
        ("probability 1 at the label", [[1000.0, 1.0, 0.0, 2.0]], 0, 0.0),
        ("probability 0 at the label", [[1000.0, 1.0, 0.0, 2.0]], 1, INF),
    ],
    "binary": [
        ("probability 1, label 1", [1000.0], 1, 0.0),
        ("probability 0, label 0", [-1000.0], 0, 0.0),
        ("probability 1, label 0", [1000.0], 0, INF),
    ],
}
"""The same for a loss of probabilities, by logits whose softmax or sigmoid is exactly 0 and 1."""

Verdict = tuple[str, str]
"""What an implementation did, and whether that is right."""

Question = tuple[str, Callable[..., Verdict], *tuple[Any, ...]]
"""A question, the function that asks it of an implementation, and its further arguments."""


@dataclass(frozen=True)
class Answer:
    """One question, what the implementation did, and whether that is right."""

    question: str
    answer: str
    verdict: str


def answers(one: Implementation) -> Iterator[Answer]:
    """Answers to all questions that apply to the implementation."""
    for question, ask, *arguments in _questions(one):
        try:
            answer, verdict = ask(one, *arguments)
        except Exception as error:
            answer, verdict = f"raises {_error_text(error)}", NOTED
        yield Answer(question, answer, verdict)


def _questions(one: Implementation) -> Iterator[Question]:
    binary, (z, t) = one.task == "binary", BATCHES[one.task]
    # Edges: test vectors beyond ordinary margins, and infinite logits.
    for group in vectors():
        if group.name == "huge logits" and one.convention.takes != "logits":
            continue  # their probabilities underflow before the function sees them
        if group.task != one.task or group.has_margin or group.dtype not in ("float64", "float32"):
            continue
        question = f"{group.name}, {group.dtype}"
        yield question, _matching, group, "losses", "1e-5"
        # The gradient of an infinite loss is a matter of convention.
        if one.has_gradient and group.name != "label on a masked class":
            yield f"{question}: gradient", _matching, group, "gradients", "1e-4"
    certain = CERTAIN if one.convention.takes == "probabilities" else INFINITE
    for question, *given in certain[one.task]:
        yield question, _infinite_logit, *given

    # Other rows: does one row affect another, and does a call leave its arguments unchanged?
    yield "NaN in one row", _nan_in_one_row, z, t
    if one.convention.takes == "logits":
        yield "its arguments", _arguments_kept, z, t
    yield "no rows", _no_rows, z, t

    # Options: reductions, weights, smoothing, ignored rows; alone and together.
    if "reduction" in one.options:
        for reduction in ("mean", "sum"):
            yield f"reduction {reduction!r}", _as_xent, z, t, {"reduction": reduction}
    else:
        yield "it returns", _what_it_returns, z, t
    second = np.arange(3) == 1
    parts = OPTIONS[one.task]
    together = [] if binary else [tuple(parts)[:2], tuple(parts)]
    for names in [*((name,) for name in parts), *together]:
        options = {key: value for name in names for key, value in parts[name].items()}
        if set(options) <= set(one.options):
            labels = np.where(second, -100, t) if "ignored rows" in names else t
            yield f"mean: {', '.join(names)}", _as_xent, z, labels, options
    if "ignore_index" in one.options:
        yield "all rows ignored", _all_ignored, z

    # Bad input: an error is the right answer.
    classes = 2 if binary else z.shape[1]
    if binary or not one.convention.one_hot:  # else it takes no labels that could be wrong
        yield f"targets of shape ({len(t)}, 1) for {len(t)} rows", _refused, z, t[:, None]
        yield f"{len(t) - 1} targets for {len(t)} rows", _refused, z, t[1:]
        yield "one target for all rows", _refused, z, t[:1]
        for label, of in ((classes, f" of {classes} classes"), (-1, "")):
            yield f"label {label}{of}", _refused, z, np.where(second, label, t)

    # Long means: how many digits are lost over a million rows?
    rng = np.random.default_rng(5)
    shape, classes = ((256,), 2) if binary else ((256, 3), 3)
    for dtype in ("float16", "bfloat16", "float32"):
        z, t = rounded(rng.normal(size=shape) * 2, dtype), rng.integers(classes, size=256)
        yield f"mean of {LONG:,} rows, {dtype}", _long_mean, z, t, dtype


def _right_if(is_right: bool) -> str:
    return RIGHT if is_right else WRONG


def _error_text(error: Exception) -> str:
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text[:90]}{'…' if len(text) > 90 else ''}"


def _matching(one: Implementation, group: Group, what: str, tolerance: str) -> Verdict:
    """Are all numbers right within the relative tolerance? Names the first two that are not."""
    wrong = [
        f"{got:.6g} for {float(value):.6g}"
        for got, value in zip(*one.compared(group, what), strict=True)
        if not matches(got, value, float(tolerance))
    ]
    return ", ".join(wrong[:2]) or f"to {tolerance}", _right_if(not wrong)


def _infinite_logit(one: Implementation, logits: Any, label: int, loss: float) -> Verdict:
    got = float(one.losses(np.array(logits), np.array([label]), "float64")[0])
    return f"loss {got:g}", _right_if(got == loss)


def _nan_in_one_row(one: Implementation, z: Array, t: Array) -> Verdict:
    bad = z.copy()
    bad[1] = np.nan  # in the middle, so that both neighbours show it
    got, expected = one.losses(bad, t, "float64"), one.losses(z, t, "float64")
    kept = bool(np.isnan(got[1]) and np.array_equal(got[::2], expected[::2]))
    return "stays there" if kept else "spreads", _right_if(kept)


def _arguments_kept(one: Implementation, z: Array, t: Array) -> Verdict:
    with one.library.keep_float64():
        given, targets = one.arguments(z, t, "float64")
        before = np.array(one.library.to_numpy(given))
        one.call(given, targets, "float64", {})
        same = bool(np.array_equal(before, one.library.to_numpy(given)))
    return "unchanged" if same else "changed", _right_if(same)


def _no_rows(one: Implementation, z: Array, t: Array) -> Verdict:
    got = one.value(z[:0], t[:0], "float64")
    if got.ndim:
        return f"shape {got.shape}", NOTED
    # NaN is not wrong in itself, only different from xent: a mean over nothing has no value.
    return f"{float(got):g}", RIGHT if float(got) == 0 else NOTED


def _what_it_returns(one: Implementation, z: Array, t: Array) -> Verdict:
    got = one.value(z, t, "float64").astype(np.float64)
    rows = one.reference(z, t, reduction="none")
    expected = {"losses of the rows": rows, "the mean": rows.mean(), "the sum": rows.sum()}
    for what, value in expected.items():
        if got.shape == np.shape(value) and np.allclose(got, value):
            return what, RIGHT
    return f"shape {got.shape}, none of rows, mean and sum", WRONG


def _as_xent(one: Implementation, z: Array, t: Array, options: dict[str, Any]) -> Verdict:
    """Is the loss with these options that of xent?"""
    own = {k: v.item() if k == "pos_weight" else v for k, v in options.items()}
    expected = float(one.reference(z, t, **own))
    got = float(one.value(z, t, "float64", **options))
    if np.isclose(got, expected, rtol=1e-6):
        return f"{got:.6g}", RIGHT
    text = f"{got:.6g}, expected {expected:.6g}"
    weights = options.get("class_weight")
    if weights is not None:  # the usual wrong denominator
        counted = t != options.get("ignore_index", -1)
        total = float(np.sum(weights[np.where(counted, t, 0)] * counted))
        for rows, what in ((len(t), "all rows"), (int(counted.sum()), "rows")):
            if np.isclose(got * rows, expected * total, rtol=1e-9):
                text += f": it divides by the number of {what}, not by their weight"
                break
    return text, WRONG


def _all_ignored(one: Implementation, z: Array) -> Verdict:
    got = float(one.value(z, np.full(3, -100), "float64", ignore_index=-100))
    breaks = ", which breaks training" if np.isnan(got) else ""
    return f"{got:g}{breaks}", _right_if(got == 0)


def _refused(one: Implementation, z: Array, targets: Array) -> Verdict:
    try:
        got = one.value(z, targets, "float64")
    except Exception as error:
        return f"refused: {_error_text(error)}", RIGHT
    what = f"{float(got):.6g}" if got.ndim == 0 else f"shape {got.shape}"
    if got.size and not np.isfinite(got.astype(np.float64)).all():
        what += ", not all finite"
    return f"accepted silently: {what}", WRONG


def _long_mean(one: Implementation, z: Array, t: Array, dtype: str) -> Verdict:
    times = LONG // len(t)
    few = one.value(z, t, "float64")
    got = one.value(np.concatenate([z] * times), np.tile(t, times), dtype)
    if got.ndim:
        return "left to the caller", NOTED
    # A mean stays the same when the batch is doubled, and a sum doubles.
    twice = one.value(np.concatenate([z, z]), np.concatenate([t, t]), "float64")
    growth = float(twice) / float(few)
    if not np.isclose(growth, 1, rtol=0.01) and not np.isclose(growth, 2, rtol=0.01):
        return "not judged: it is neither a mean nor a sum", NOTED
    # Compared with its own loss of a few rows, since only the summation is tested here.
    exact = float(few) * (times if growth > 1.5 else 1)
    if dtype == "float16" and exact > float(np.finfo(np.float16).max):
        return f"not judged: the sum of {exact:.3g} exceeds the dtype", NOTED
    if not np.isfinite(got):
        return f"{float(got):g}, expected {exact:.6g}", WRONG
    error = abs(float(got) / exact - 1)
    # Rounding of the result to its own dtype is not an error of the sum.
    limit = {"float16": 1e-3, "bfloat16": 8e-3, "float32": 1e-6}[dtype]
    return f"relative error {error:.1e}", _right_if(error < limit)
