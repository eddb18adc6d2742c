"""The questions of an audit beyond accuracy: edges, options, reductions, bad input, long means."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from xent._validation import Array
from xent.check.frameworks import rounded
from xent.check.implementation import Implementation
from xent.check.ulps import matches
from xent.check.vectors import vectors
from xent.functions import log_softmax
from xent.losses import binary_cross_entropy, cross_entropy

RIGHT, WRONG, NOTED = "right", "wrong", "noted"
"""A noted answer is neither: an error where another gives a number, a choice that differs."""

LONG = 1 << 20
Z = np.array([[2.0, 1.0, 0.25, -1.0], [0.5, 1.5, -1.0, 0.0], [0.0, 3.0, -2.0, 1.0]])
Y = np.array([0, 2, 1])
W = np.array([1.0, 2.0, 0.5, 3.0])
B, T = np.array([1.5, -0.5, 3.0]), np.array([1, 0, 0])


@dataclass(frozen=True)
class Answer:
    """One question, what the implementation did, and whether that is right."""

    question: str
    answer: str
    verdict: str

    def to_dict(self) -> dict[str, str]:
        """Plain data, for JSON."""
        return {"question": self.question, "answer": self.answer, "verdict": self.verdict}


def answers(one: Implementation) -> Iterator[Answer]:
    """All questions that can be put to the implementation."""
    yield from _edges(one)
    yield from _other_rows(one)
    yield from _options(one)
    yield from _bad_input(one)
    yield from _long_means(one)


def _asked(question: str, ask: Callable[[], Answer]) -> Answer:
    """An answer; an error is one too."""
    try:
        return ask()
    except Exception as error:
        return Answer(question, f"raises {_said(error)}", NOTED)


def _told(is_right: bool) -> str:
    return RIGHT if is_right else WRONG


def _said(error: Exception) -> str:
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text[:90]}{'…' if len(text) > 90 else ''}"


def _edges(one: Implementation) -> Iterator[Answer]:
    """Test vectors beyond ordinary margins."""
    for group in vectors():
        if group.name == "huge logits" and one.how.takes != "logits":
            continue  # whose probabilities underflow before it sees them
        if group.kind != one.kind or group.has_margin or group.dtype not in ("float64", "float32"):
            continue
        question = f"{group.name}, {group.dtype}"

        def loss(group: Any = group, question: str = question) -> Answer:
            got = one.losses(group.logits, group.labels, group.dtype)
            bad = [
                f"{g:.6g} for {float(e):.6g}"
                for g, e in zip(got, group.losses, strict=True)
                if not matches(float(g), e, 1e-5)
            ]
            if bad:
                return Answer(question, ", ".join(bad[:2]), WRONG)
            return Answer(question, "to 1e-5", RIGHT)

        yield _asked(question, loss)
        if not one.has_gradient or group.name == "label on a masked class":
            continue

        def gradient(group: Any = group, question: str = question) -> Answer:
            got = np.ravel(one.gradients(group.logits, group.labels, group.dtype))
            due = np.array(group.gradients).ravel()
            off = [
                f"{g:.6g} for {float(e):.6g}"
                for g, e in zip(got, due, strict=True)
                if not matches(float(g), str(e), 1e-4)
            ]
            if off:
                return Answer(f"{question}: gradient", f"{', '.join(off[:2])}", WRONG)
            return Answer(f"{question}: gradient", "to 1e-4", RIGHT)

        yield _asked(f"{question}: gradient", gradient)
    inf = np.inf
    cases: list[tuple[str, Any, int, float]]
    if one.kind == "classes":
        cases = [
            ("logit +inf at the label", [[inf, 1.0, 0.0, 2.0]], 0, 0.0),
            ("logit +inf at another class", [[inf, 1.0, 0.0, 2.0]], 1, inf),
        ]
    else:
        cases = [
            ("logit +inf, label 1", [inf], 1, 0.0),
            ("logit -inf, label 0", [-inf], 0, 0.0),
            ("logit +inf, label 0", [inf], 0, inf),
        ]
    for question, logits, label, due in cases:

        def ask(case: Any = (question, logits, label, due)) -> Answer:
            question, logits, label, due = case
            got = float(one.losses(np.array(logits), np.array([label]), "float64")[0])
            return Answer(question, f"loss {got:g}", _told(got == due))

        yield _asked(question, ask)


def _simple(one: Implementation) -> tuple[Array, Array, Callable[..., Any]]:
    if one.kind == "binary":
        return B, T, binary_cross_entropy
    return Z, Y, cross_entropy


def _other_rows(one: Implementation) -> Iterator[Answer]:
    """Does one row spoil another? Does a call leave its arguments as they were?"""
    z, t, _ = _simple(one)

    def spoilt() -> Answer:
        bad = z.copy()
        bad[1] = np.nan
        got, due = one.losses(bad, t, "float64"), one.losses(z, t, "float64")
        kept = bool(np.isnan(got[1]) and np.array_equal(got[::2], due[::2]))
        return Answer("NaN in one row", "stays there" if kept else "spreads", _told(kept))

    yield _asked("NaN in one row", spoilt)

    def unchanged() -> Answer:
        with one.library.wide():
            given = one.library.put(z, "float64")
            before = np.array(one.library.get(given))
            one.call(given, one.targets(t, z, "float64"), "float64", {})
            same = bool(np.array_equal(before, one.library.get(given)))
        return Answer("its arguments", "left alone" if same else "changed", _told(same))

    if one.how.takes == "logits":
        yield _asked("its arguments", unchanged)

    def empty() -> Answer:
        got = one.value(z[:0], t[:0], "float64")
        if got.ndim:
            return Answer("no rows", f"shape {got.shape}", NOTED)
        zero = float(got) == 0
        return Answer("no rows", f"{float(got):g}", RIGHT if zero else NOTED)

    yield _asked("no rows", empty)


def _options(one: Implementation) -> Iterator[Answer]:
    """Reductions, weights, smoothing, ignored rows: alone and together."""
    z, t, loss = _simple(one)
    for reduction in ("mean", "sum"):
        if "reduction" in one.options:
            yield _compared(one, f"reduction {reduction!r}", z, t, loss, reduction=reduction)
    if "reduction" not in one.options:

        def plain() -> Answer:
            got = one.value(z, t, "float64").astype(np.float64)
            rows = loss(z, t, reduction="none")
            for due, what in ((rows, "losses of the rows"), (rows.mean(), "the mean"),
                              (rows.sum(), "the sum")):  # fmt: skip
                if got.shape == np.shape(due) and np.allclose(got, due):
                    return Answer("it returns", what, RIGHT)
            return Answer("it returns", f"shape {got.shape}, none of rows, mean and sum", WRONG)

        yield _asked("it returns", plain)
    pairs: list[dict[str, Any]] = []
    ignored = {"ignore_index": -100}
    if one.kind == "classes":
        pairs = [{"class_weight": W}, {"label_smoothing": 0.1}, ignored]
        pairs += [{"class_weight": W, "label_smoothing": 0.1},
                  {"class_weight": W, "label_smoothing": 0.1, **ignored}]  # fmt: skip
    else:
        pairs = [{"pos_weight": np.array(3.0)}, {"class_weight": W[:2]}, {"label_smoothing": 0.1}]
    for options in pairs:
        if set(options) <= set(one.options):
            labels = np.where(np.arange(3) == 1, -100, t) if "ignore_index" in options else t
            names = {"ignore_index": "ignored rows", "class_weight": "class weights",
                     "label_smoothing": "smoothing", "pos_weight": "pos_weight"}  # fmt: skip
            what = " and ".join(names[name] for name in options)
            yield _compared(one, f"mean with {what}", z, labels, loss, **options)
    if "ignore_index" in one.options:

        def ignoring() -> Answer:
            got = float(one.value(z, np.full(3, -100), "float64", ignore_index=-100))
            words = f"{got:g}" + (", which spoils a training run" if np.isnan(got) else "")
            return Answer("all rows ignored", words, RIGHT if got == 0 else WRONG)

        yield _asked("all rows ignored", ignoring)


def _compared(
    one: Implementation, question: str, z: Array, t: Array, loss: Any, **options: Any
) -> Answer:
    def ask() -> Answer:
        mine = {k: v.item() if np.ndim(v) == 0 and k == "pos_weight" else v
                for k, v in options.items()}  # fmt: skip
        due = float(loss(z, t, **mine))
        got = float(one.value(z, t, "float64", **options))
        if np.isclose(got, due, rtol=1e-6):
            return Answer(question, f"{got:.6g}", RIGHT)
        words = f"{got:.6g}, where {due:.6g} is due"
        weights = options.get("class_weight")
        if weights is not None:  # the usual other denominator
            counted = t != options.get("ignore_index", -1)
            total = float(np.sum(weights[np.where(counted, t, 0)] * counted))
            for rows, what in ((len(t), "all rows"), (int(counted.sum()), "rows")):
                if np.isclose(got * rows, due * total, rtol=1e-9):
                    words += f": it divides by the number of {what}, not by their weight"
                    break
        return Answer(question, words, WRONG)

    return _asked(question, ask)


def _bad_input(one: Implementation) -> Iterator[Answer]:
    """Input that cannot be meant: an error is the right answer."""
    z, t, _ = _simple(one)
    classes = 2 if one.kind == "binary" else z.shape[1]
    column = f"targets of shape ({len(t)}, 1) for {len(t)} rows"
    cases: list[tuple[str, Array, Array]] = [
        (column, z, t[:, None]),
        (f"{len(t) - 1} targets for {len(t)} rows", z, t[1:]),
        ("one target for all rows", z, t[:1]),
        (f"label {classes} of {classes} classes", z, np.where(np.arange(3) == 1, classes, t)),
        ("label -1", z, np.where(np.arange(3) == 1, -1, t)),
    ]
    for question, logits, targets in cases:
        if one.kind == "classes" and one.how.one_hot:
            continue  # there are no labels to be wrong
        try:
            got = one.value(logits, targets, "float64")
        except Exception as error:
            yield Answer(question, f"refused: {_said(error)}", RIGHT)
        else:
            what = f"{float(got):.6g}" if got.ndim == 0 else f"shape {got.shape}"
            if got.size and not np.isfinite(got.astype(np.float64)).all():
                what += ", not all finite"
            yield Answer(question, f"accepted without a word: {what}", WRONG)


def _long_means(one: Implementation) -> Iterator[Answer]:
    """The mean over a million rows: how many digits are lost on the way?"""
    rng = np.random.default_rng(5)
    for dtype in ("float16", "bfloat16", "float32"):
        question = f"mean of {LONG:,} rows, {dtype}"
        if one.kind == "binary":
            z, t = rounded(rng.normal(size=256) * 2, dtype), rng.integers(2, size=256)
        else:
            z, t = rounded(rng.normal(size=(256, 3)) * 2, dtype), rng.integers(3, size=256)
        many = np.tile(z, (LONG // 256,) + (1,) * (z.ndim - 1))

        def ask(few: Array = z, many: Array = many, t: Array = t, q: str = question,
                dtype: str = dtype) -> Answer:  # fmt: skip
            short = one.value(few, t, "float64")
            got = one.value(many, np.tile(t, LONG // 256), dtype)
            if got.ndim:
                return Answer(q, "left to the caller", NOTED)
            twice = one.value(np.concatenate([few, few]), np.concatenate([t, t]), "float64")
            growth = float(twice) / float(short)
            if not np.isclose(growth, 1, rtol=0.01) and not np.isclose(growth, 2, rtol=0.01):
                return Answer(q, "not told: it is neither a mean nor a sum", NOTED)
            # Held against its own loss of a few rows, since only the sum is asked for here.
            exact = float(short) * (LONG // 256 if growth > 1.5 else 1)
            if dtype == "float16" and exact > np.finfo(np.float16).max:
                return Answer(q, f"not told: the sum of {exact:.3g} is beyond the dtype", NOTED)
            if not np.isfinite(got):
                return Answer(q, f"{float(got):g}, where {exact:.6g} is due", WRONG)
            error = abs(float(got) / exact - 1)
            # Rounding the result to its own dtype is no fault of the sum.
            limit = {"float16": 1e-3, "bfloat16": 8e-3, "float32": 1e-6}[dtype]
            return Answer(q, f"relative error {error:.1e}", RIGHT if error < limit else WRONG)

        yield _asked(question, ask)


def scores_of_rows(one: Implementation) -> tuple[Array, Array]:
    """A batch of ordinary rows, for a look at the loss by the gradient check."""
    rng = np.random.default_rng(3)
    if one.kind == "binary":
        return rng.normal(size=16) * 2, np.arange(16) % 3 % 2
    z = rng.normal(size=(16, 4)) * 2
    assert np.isfinite(log_softmax(z)).all()
    return z, np.concatenate([np.arange(4), rng.integers(4, size=12)])
