"""The quiz: what it asks, what it accepts, which slips it names, and how it ends."""

from __future__ import annotations

import io
import math
import re
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xent
from xent._report import Line
from xent._report.notation import TEXT
from xent.cli.quiz import GREETING, ask
from xent.explanation import Explanation
from xent.explanation.quiz import Question, agrees, enough, near, questions, read, slip

INF = math.inf
CASES: list[dict[str, Any]] = [
    {"logits": 2.0, "label": 1},
    {"logits": -1.3, "label": 0},
    {"logits": 40.0, "label": 1},
    {"logits": 40.0, "label": 0},
    {"logits": 800.0, "label": 1},
    {"logits": [2.0, 1.0, 0.1], "label": 0},
    {"logits": [30.0, 1.0, -0.1], "label": 2},
    {"logits": [1.0, 2.0, -INF], "label": 2},
    {"logits": np.linspace(-2, 3, 10), "label": 3},
    {"logits": np.linspace(-2, 3, 1000), "label": 3},
    {"features": [1.0, -2.5], "weights": [0.4, 0.3], "bias": -0.2, "label": 0},
    {"probabilities": 0.1, "label": 1},
    {"probabilities": [0.2, 0.5, 0.3], "label": 2},
]
SOFTMAX = xent.explain([2.0, 1.0, 0.1], label=0)


def asked(explanation: Explanation) -> list[Question]:
    return [question for _, several in questions(explanation) for question in several]


def transcript(
    explanation: Explanation,
    answers: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> str:
    monkeypatch.setattr(sys, "stdin", io.StringIO(answers))
    capsys.readouterr()
    ask(explanation)
    return capsys.readouterr().out


# What is asked.


def test_each_number_once_up_to_the_gradient() -> None:
    names = [TEXT.write(question.line.symbol) for question in asked(SOFTMAX)]
    assert names == [
        *("e^z_0", "e^z_1", "e^z_2", "S", "p_0", "p_1", "p_2"),
        *("L", "∂L/∂z_0", "∂L/∂z_1", "∂L/∂z_2"),
    ]


def test_of_many_classes_the_true_one_and_its_rival() -> None:
    names = [
        TEXT.write(question.line.symbol) for question in asked(xent.explain(np.arange(10.0), 3))
    ]
    assert names == ["e^z_3", "e^z_9", "S", "p_3", "p_9", "L", "∂L/∂z_3", "∂L/∂z_9"]


@pytest.mark.parametrize("arguments", CASES)
def test_everything_asked_has_numbers_to_put_in(arguments: dict[str, Any]) -> None:
    found = asked(xent.explain(**arguments))
    assert found
    assert all(question.line.substituted is not None for question in found)
    assert sum(question.line.role == "loss" for question in found) == 1


# How an answer is read.


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.66", 0.66), ("-1e-5", -1e-5), ("−.5", -0.5), ("0,66", 0.66), ("66 %", 0.66), ("+3.", 3.0),
     ("2/3", 2 / 3), ("-1/4", -0.25), ("inf", INF), ("-∞", -INF), ("1e400", INF), ("1 000", 1000.0),
     ("1E3", 1000.0), ("9e999", INF), ("-1e999", -INF), ("1e-999", 0.0)],
)  # fmt: skip
def test_numbers(text: str, value: float) -> None:
    answer = read(text)
    assert answer is not None
    assert float(answer.value) == value


@pytest.mark.parametrize(
    "text", ["", "x", "1.2.3", "1/0", "1/2/3", "/", "e5", "--1", "nan", ".", "ln 2", "inf/2", "1e"]
)
def test_no_numbers(text: str) -> None:
    assert read(text) is None


@given(st.text(alphabet="0123456789.,-+e/%∞ inf", max_size=12))
def test_whatever_is_typed_is_judged_or_refused(text: str) -> None:
    answer = read(text)
    if answer is not None:
        for question in asked(SOFTMAX)[::4]:
            enough(answer, question.line)
            agrees(answer, question.line.value, question.line)
            slip(answer, question, SOFTMAX)


# What is right.


def judged(text: str, value: float, digits: int = 4) -> bool:
    answer, line = read(text), Line(asked(SOFTMAX)[0].line.symbol, None, value, digits)
    assert answer is not None
    return enough(answer, line) and agrees(answer, value, line)


@pytest.mark.parametrize(
    ("text", "value", "right"),
    [("0.42", 0.41703, True), ("0.417", 0.41703, True), ("0.4170", 0.41703, True),
     ("0.41703", 0.41703, True), ("0.41", 0.417, False), ("0.4", 0.41703, False),
     ("0.098", 0.098566, False), ("0.099", 0.098566, True), ("5/12", 0.41703, False),
     ("1/2", 0.5, True), (".5", 0.5, True), ("0.46", 0.5, False), ("1", 1.0, True),
     ("0", 0.0, True), ("0", 4e-18, False), ("4.2e-18", 4.2484e-18, True),
     ("4.3e-18", 4.2484e-18, False), ("inf", INF, True), ("9", INF, False), ("1e400", INF, True),
     ("inf", 3.0, False), ("800", 800.0, True), ("11.2", 11.2125, True), ("11.3", 11.2125, False),
     ("-3/25", -0.11920, True), ("3/25", -0.11920, False), ("1/8", 0.12504, True),
     ("1/8", 0.126, False), ("-0.341", -0.34100, True),
     ("0.341", -0.34100, False), ("0.659006", 0.6590011, True)],
)  # fmt: skip
def test_right_is_rounded_to_the_digits_given(text: str, value: float, right: bool) -> None:
    assert judged(text, value) == right


@pytest.mark.parametrize("arguments", CASES)
def test_what_is_shown_is_right(arguments: dict[str, Any]) -> None:
    for question in asked(xent.explain(**arguments)):
        for text in (question.line.text, repr(question.line.value)):
            answer = read(text)
            assert answer is not None
            assert enough(answer, question.line)
            assert agrees(answer, question.line.value, question.line)


@pytest.mark.parametrize(
    ("text", "value", "right"),
    [("11.2126", 11.21249, True), ("11.2124", 11.21249, False), ("11.2129", 11.21249, False),
     ("0.100", 0.0986, False), ("0.6592", 0.65900, True), ("inf", 1.0, False),
     ("0.6592", INF, False), ("2/3", 0.6667, False)],
)  # fmt: skip
def test_a_last_digit_may_be_off_where_rounded_numbers_were_added(
    text: str, value: float, right: bool
) -> None:
    answer = read(text)
    assert answer is not None
    assert near(answer, value) == right


def test_the_examples_are_answers() -> None:
    examples = re.findall(
        r"-?[\d.]+(?:e-?\d+|/\d+| %)?|\binf\b", GREETING.partition(", rounded")[0]
    )
    assert examples == ["0.66", "-1.2e-5", "2/3", "66 %", "inf"]
    for text in examples:
        answer = read(text)
        assert answer is not None
        assert enough(answer, Line(asked(SOFTMAX)[0].line.symbol, None, 0.3))


@pytest.mark.parametrize("arguments", CASES)
def test_an_answer_beyond_all_doubles_is_judged(arguments: dict[str, Any]) -> None:
    explanation = xent.explain(**arguments)
    for text, value in (("1e400", INF), ("-1e400", -INF)):
        answer = read(text)
        assert answer is not None
        for question in asked(explanation):
            line = question.line
            assert enough(answer, line)
            assert agrees(answer, line.value, line) == (line.value == value)
            assert not near(answer, line.value)
            slip(answer, question, explanation)


# Slips.

SIGN = "a sign is missing, or one too many"
LABEL_1 = xent.explain(2.0, label=1)
LABEL_0 = xent.explain(-2.0, label=0)
EVEN = xent.explain(0.0, label=1)
FEATURES = xent.explain(features=[1.0, -2.5], weights=[0.2, 0.0], label=0)


@pytest.mark.parametrize(
    ("explanation", "symbol", "text", "named"),
    [
        (SOFTMAX, "L", "-0.417", SIGN),
        (SOFTMAX, "L", "0.181", "that is the logarithm to base 10; take the natural one"),
        (SOFTMAX, "L", "-0.181",
         "that is the logarithm to base 10, and without the minus"),
        (SOFTMAX, "L", "0.602",
         "that is in bits, by the logarithm to base 2; take the natural one"),
        (SOFTMAX, "L", "0.659", "that is the probability; take -log of it"),
        (SOFTMAX, "p_0", "0.341", "that is 1 - p: the probability of the opposite"),
        (SOFTMAX, "p_0", "0.242", "that is another class's"),
        (SOFTMAX, "p_2", "0.098", "the digits were cut off; round them"),
        (SOFTMAX, "p_2", "0.100", "near, but the last digit is off"),
        (SOFTMAX, "e^z_1", "0.368", "the exponent has the other sign"),
        (SOFTMAX, "∂L/∂z_0", "0.659", "that is p, not p - 1: the true class has y = 1"),
        (SOFTMAX, "∂L/∂z_0", "0.341", SIGN),
        (LABEL_1, "dL/dz", "0.8808", "that is p, not p - 1: the true class has y = 1"),
        (LABEL_1, "dL/dz", "-0.01252", "p (1 - p) is one factor too many: it cancels"),
        (LABEL_1, "e^-z", "7.389", "the exponent has the other sign"),
        (LABEL_1, "p", "0.119", "that is 1 - p: the probability of the opposite"),
        (LABEL_1, "e^-z", "0.8647", ""),  # 1 - e^-z is nobody's probability
        (LABEL_0, "q", "0.1192", "that is p: the probability of the opposite"),
        (FEATURES, "z", "0.8", ""),
        (FEATURES, "∂L/∂w_0", "-1.375", "that is another weight's"),
        (SOFTMAX, "∂L/∂z_2", "0.2424", "that is another class's"),
        (EVEN, "dL/dz", "0.5", SIGN),
        (LABEL_1, "p", "0.5", ""),
        (LABEL_1, "p", "inf", ""),
        (LABEL_1, "p", "2/3", ""),
        (LABEL_1, "p", "0.8808", ""),
    ],
)  # fmt: skip
def test_slips(explanation: Explanation, symbol: str, text: str, named: str) -> None:
    question = next(q for q in asked(explanation) if TEXT.write(q.line.symbol) == symbol)
    answer = read(text)
    assert answer is not None
    assert slip(answer, question, explanation) == named


# The course of it.

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize("arguments", CASES)
def test_no_answer_is_shown_before_it_is_asked(
    arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    explanation = xent.explain(**arguments)
    several = asked(explanation)
    answers = "".join(f"{question.line.value!r}\n" for question in several)
    out = transcript(explanation, answers, monkeypatch, capsys)
    before = out.split(" = ? ")
    known: set[str] = set()
    for question, text in zip(several, before, strict=False):
        shown = question.line.text
        if shown not in known and len(shown) > 3:
            assert shown not in text.replace(explanation.title, "")
        known |= {shown, shown.removeprefix("-")}
    count = len(several)
    assert f"Score: {count} of {count} right ({count} right at once)." in out
    assert out.rstrip().endswith(explanation.summary.split()[-1])


def test_twice_wrong_shows_the_way(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    out = transcript(LABEL_1, "7.389\n7.4\n", monkeypatch, capsys)
    assert (
        "   e^-z = ? 7.389\n"
        "   Not yet: the exponent has the other sign.\n"
        "   Hint: e^-z = e^-2\n"
        "   e^-z = ? 7.4\n"
        "   Wrong: the exponent has the other sign.\n"
        "   It is e^-z = e^-2 ≈ 0.1353\n"
    ) in out
    assert out.endswith("\nStopped early.\n\nScore: 0 of 1 right (1 wrong).\n")


def test_a_hint_and_a_skip(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    out = transcript(LABEL_1, "?\n0.135\n\n", monkeypatch, capsys)
    assert "   e^-z = ? ?\n   Hint: e^-z = e^-2\n   e^-z = ? 0.135\n   Right: 0.1353.\n" in out
    assert "   p = ?\n   Skipped: p = 1 / (1 + 0.1353) ≈ 0.8808\n" in out.replace("? \n", "?\n")
    assert "Score: 1 of 2 right (1 right with a hint, 1 skipped).\n" in out


def test_what_is_no_answer_costs_nothing(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    out = transcript(LABEL_1, "two\n0.1\n0.14\n", monkeypatch, capsys)
    assert "   'two' is not a number; expected one like 0.66, 2/3 or 1.2e-5.\n" in out
    assert "   Too few digits to tell; give two or more.\n" in out
    assert "Score: 1 of 1 right (1 right at once).\n" in out


def test_one_digit_is_enough_where_only_the_sign_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    out = transcript(EVEN, "1\n0.5\n\n0.5\n", monkeypatch, capsys)
    assert f"   dL/dz = ? 0.5\n   Not yet: {SIGN}.\n" in out


def test_the_last_digit(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    out = transcript(SOFTMAX, "7.3891\n2.7183\n1.1052\n11.2126\n", monkeypatch, capsys)
    assert "   S = ? 11.2126\n   Right, except for the last digit: 11.2125.\n" in out
    assert "Score: 4 of 4 right (4 right at once).\n" in out


def test_what_m_is_is_told_first(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    out = transcript(xent.explain([0.0, 21.0], label=0), "", monkeypatch, capsys)
    assert "   e^(z_j - m)" not in out
    assert "   Here m is the largest logit.\n   e^(z_0 - m) = ? " in out


def test_nobody_there(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    out = transcript(LABEL_1, "", monkeypatch, capsys)
    assert out.endswith("   e^-z = ? \nStopped early.\n")


def test_an_interrupt_ends_it_politely(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    def interrupted(_prompt: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", interrupted)
    ask(LABEL_1)
    assert capsys.readouterr().out.endswith("\nStopped early.\n")
