"""The printed operands of an explanation give its printed results: a reader with a calculator
finds what is written, in every printer, and what is written is what the library computes.
"""

from __future__ import annotations

import json
import math
import re
from html.parser import HTMLParser
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import reading
from helpers import arrays, close, numbers
from hypothesis import given, settings
from reading import flat

import xent
from xent.explanation import Explanation

Arguments = dict[str, Any]
WIDE = 1000
"""Columns that break no line."""
logits = st.floats(-800, 800) | numbers(-800, 800) | st.floats(-3, 3)


@st.composite
def binary_logits(draw: Any) -> Arguments:
    return {"logits": draw(logits), "label": draw(st.integers(0, 1))}


@st.composite
def features(draw: Any) -> Arguments:
    count = draw(st.integers(1, 8))
    x, w = draw(arrays(count, -9, 9)), draw(arrays(count, -3, 3))
    label, bias = draw(st.integers(0, 1)), draw(numbers(-2, 2))
    return {"features": x, "weights": w, "bias": bias, "label": label}


@st.composite
def probabilities(draw: Any) -> Arguments:
    p = draw(st.floats(0, 1) | st.floats(0, 1e-9) | st.sampled_from([0.1, 0.5, 1 - 1e-9]))
    return {"probabilities": p, "label": draw(st.integers(0, 1))}


@st.composite
def class_probabilities(draw: Any) -> Arguments:
    count = draw(st.integers(2, 15))
    row = draw(arrays(count, 0, 1))
    row[draw(st.integers(0, count - 1))] += 0.5
    return {"probabilities": row / row.sum(), "label": draw(st.integers(0, count - 1))}


@st.composite
def class_logits(draw: Any, most: int = 15, high: float = 800) -> Arguments:
    count = draw(st.integers(2, most))
    z = draw(arrays(count, -high, high) | arrays(count, -4, 4))
    masked = draw(st.sets(st.integers(0, count - 1), max_size=count - 1))
    z[list(masked)] = -np.inf
    return {"logits": z, "label": draw(st.integers(0, count - 1))}


@st.composite
def many_logits(draw: Any) -> Arguments:
    seed = draw(st.integers(0, 2**32 - 1))
    z = np.random.default_rng(seed).normal(0, draw(numbers(0.1, 50)), 1000)
    return {"logits": z, "label": draw(st.integers(0, 999))}


OPTIONS = {
    "label_smoothing": numbers(0, 1),
    "temperature": numbers(0.25, 4),
    "softcap": numbers(1, 50),
}


@st.composite
def options(draw: Any, classes: int, *, scaled: bool = True) -> Arguments:
    """Any of the options, at least one of them or a soft label."""
    names = list(OPTIONS) if scaled else ["label_smoothing"]
    chosen: Arguments = {name: draw(OPTIONS[name]) for name in names if draw(st.booleans())}
    if draw(st.booleans()):
        chosen["class_weight"] = draw(arrays(max(classes, 2), 0.25, 4)).tolist()
    if classes == 1 and draw(st.booleans()):
        chosen["pos_weight"] = draw(numbers(0.25, 4))
    if classes == 1:
        chosen["label"] = draw(st.sampled_from([0, 1, 0.25, 0.7]))
    else:
        shares = draw(arrays(classes, 0, 1))
        shares[draw(st.integers(0, classes - 1))] += 0.5
        soft = (shares / shares.sum()).tolist()
        chosen["label"] = draw(st.sampled_from([0, classes - 1, soft]))
    return chosen


@st.composite
def logit_and_options(draw: Any) -> Arguments:
    return {"logits": draw(numbers(-30, 30)), **draw(options(1))}


@st.composite
def probability_and_options(draw: Any) -> Arguments:
    return {"probabilities": draw(st.floats(0, 1)), **draw(options(1, scaled=False))}


@st.composite
def classes_and_options(draw: Any) -> Arguments:
    arguments = draw(class_logits(high=30))
    return {**arguments, **draw(options(len(arguments["logits"])))}


@st.composite
def class_probabilities_and_options(draw: Any) -> Arguments:
    arguments = draw(class_probabilities())
    return {**arguments, **draw(options(len(arguments["probabilities"]), scaled=False))}


EVERY = [
    logit_and_options,
    probability_and_options,
    classes_and_options,
    class_probabilities_and_options,
    binary_logits,
    features,
    probabilities,
    class_probabilities,
    class_logits,
    many_logits,
]
every_kind = pytest.mark.parametrize("kind", EVERY, ids=[kind.__name__ for kind in EVERY])
LIMIT = {"binary_logits": 150, "many_logits": 15}


def check_all(kind: Any, check: Any, examples: int = 60) -> None:
    """Run a check over random explanations of a kind."""

    @settings(max_examples=min(examples, LIMIT.get(kind.__name__, examples)))
    @given(kind())
    def run(arguments: Arguments) -> None:
        check(xent.explain(**arguments))

    run()


def digits(line: reading.Printed) -> int:
    """How many decimals are shown; the numerical check has its own."""
    if line.left.startswith("h / 2"):
        return 2
    return 9 if "/ (2 · 1e-05)" in line.middle or line.middle.endswith("/ 1e-05") else 4


@every_kind
def test_operands_give_the_results(kind: Any) -> None:
    def check(explanation: Explanation) -> None:
        printed = reading.lines(explanation.to_text(width=WIDE))
        assert len(printed) == sum(len(step.lines) for step in explanation.steps)
        for line in printed:
            if line.middle:
                result = reading.value(line.middle)
                assert reading.rounds_to(result, line.value, digits(line)), line

    check_all(kind, check, 100)


def test_operands_that_cannot_give_the_result_are_not_shown() -> None:
    """So near 1, the quotient of two doubles is not the probability to the digits shown."""
    text = str(xent.explain([0.0, 31.1484375, -0.20605469], label=0))
    (share,) = re.findall(r"^   p_1( .*)$", text, re.MULTILINE)
    assert share.split() == ["≈", "0.9999999999999463"]


@every_kind
def test_equal_only_where_nothing_is_rounded(kind: Any) -> None:
    def check(explanation: Explanation) -> None:
        for line, data in zip(
            reading.lines(explanation.to_text(width=WIDE)), all_lines(explanation), strict=True
        ):
            if line.relation == "=":
                assert float(line.value) == data["value"] or line.value == data["value"]
                if line.middle:
                    written = math.inf if line.value == "inf" else reading.Fraction(line.value)
                    assert reading.exact(line.middle) == written, line

    check_all(kind, check)


def test_equal_where_it_is() -> None:
    explanation = xent.explain(features=[1.0, -2.5], weights=[0.4, 0.3], bias=-0.2, label=0)
    assert "z = 0.4 · 1 + 0.3 · (-2.5) + (-0.2) = -0.55\n" in str(explanation)
    assert "dL/dz = 0.5 - 1 = -0.5\n" in str(xent.explain(0, label=1))
    assert "dL/dz = 0.1 - 1 = -0.9\n" in str(xent.explain(probabilities=0.1, label=1))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"logits": 0, "label": 1},
         ["e^-z = e^-0 = 1", "p = 1 / (1 + 1) = 0.5", "analytic = -0.5"]),
        ({"probabilities": 0.12345, "label": 0}, ["analytic = 0.12345"]),
        ({"logits": 0, "label": 0}, ["q = 1 - 0.5 = 0.5", "dL/dz = 0.5 - 0 = 0.5"]),
        ({"logits": [0, 0], "label": 0}, ["e^z_0 = e^0 = 1", "S = 1 + 1 = 2", "p_0 = 1 / 2 = 0.5"]),
        ({"logits": [30, 0], "label": 0}, ["e^(z_0 - m) = e^(30 - 30) = 1"]),
        ({"logits": [5, -math.inf], "label": 0},
         ["e^z_1 = e^-inf = 0", "L = -log(1) = 0", "L = 5 - 5 + log1p(0) = 0",
          "in bits = 0 / log(2) = 0", "perplexity = e^0 = 1"]),
        ({"logits": [5, -math.inf], "label": 1},
         ["L = -log(0) = inf", "L = 5 - (-inf) + log1p(0) = inf", "in bits = inf / log(2) = inf"]),
        ({"probabilities": 1, "label": 1}, ["L = -log(1) = 0", "dL/dz = 1 - 1 = 0"]),
    ],
)  # fmt: skip
def test_equal_where_functions_are_exact(arguments: Arguments, told: list[str]) -> None:
    text = flat(str(xent.explain(**arguments)))
    for line in told:
        assert f"{line}\n" in text


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"logits": 1e-17, "label": 0}, ["e^-z = e^-1e-17 ≈ 1", "p = 1 / (1 + 1) ≈ 0.5",
                                         "q = 1 - 0.5 ≈ 0.5", "dL/dz = 0.5 - 0 ≈ 0.5"]),
        ({"logits": [1e-17, 0], "label": 0}, ["S = 1 + 1 ≈ 2", "∂L/∂z_0 = 0.5 - 1 ≈ -0.5"]),
        ({"logits": 750, "label": 1}, ["e^-z = e^-750 ≈ 0", "p = 1 / (1 + 0) ≈ 1",
                                       "L = -log(1) ≈ 0", "in bits = 0 / log(2) ≈ 0"]),
        ({"logits": [1e308, -1e308], "label": 1}, ["L = -log(0) ≈ inf"]),
    ],
)  # fmt: skip
def test_not_equal_where_a_double_gave_up(arguments: Arguments, told: list[str]) -> None:
    text = flat(str(xent.explain(**arguments)))
    for line in told:
        assert f"{line}\n" in text


def test_a_probability_that_came_out_as_1_is_not_called_equal() -> None:
    assert "dL/dz = 1 - 0 ≈ 1\n" in flat(str(xent.explain(40, label=0)))
    assert "S = 1.9287e-22 + 1 ≈ 1\n" in flat(str(xent.explain([0, 50], label=0)))
    assert "∂L/∂z_1 = 1 - 0 ≈ 1\n" in flat(str(xent.explain([0, 50], label=0)))
    assert "∂L/∂w_0 = 1 · 2 ≈ 2\n" in flat(
        str(xent.explain(features=[2.0], weights=[20.0], label=0))
    )
    assert "dL/dz = 1 - 0 = 1\n" in flat(str(xent.explain(probabilities=1, label=0)))


def test_rounded_operands_that_happen_to_add_up_are_not_called_equal() -> None:
    explanation = xent.explain(features=[1, 1], weights=[0.50004, 0.49996], label=0)
    assert "z = 0.5000 · 1 + 0.5000 · 1 + 0 ≈ 1\n" in str(explanation)


def all_lines(explanation: Explanation) -> list[dict[str, Any]]:
    return [line for step in explanation.to_dict()["steps"] for line in step["lines"]]


# The printers.


class Bold(HTMLParser):
    """Collects the numbers of the steps: they are bold, and the steps' names are too."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.inside, self.found = False, list[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self.inside = tag == "b"

    def handle_data(self, data: str) -> None:
        if self.inside and not re.match(r"\d+\. |Note: ", data):
            self.found.append(data)
        self.inside = False


LATEX_NUMBER = r"-?(?:[\d.]+(?: \\times 10\^\{-?\d+\})?|10\^\{-?\d+\}|\\infty)"
LATEX_END = re.compile(rf"(?:\\approx|=) ({LATEX_NUMBER})(?: \\\\)?$", re.MULTILINE)


def latex_values(block: str) -> list[str]:
    """The numbers at the ends of the aligned lines, as a computer writes them."""
    return [plain(end) for end in LATEX_END.findall(block)]


def plain(end: str) -> str:
    end = re.sub(r"^(-?)10\^", r"\g<1>1 \\times 10^", end.replace("\\infty", "inf"))
    mantissa, _, power = end.partition(r" \times 10^")
    return f"{mantissa}e{int(power.strip('{}')):+03d}" if power else mantissa


@every_kind
def test_the_same_numbers_in_every_printer(kind: Any) -> None:
    def check(explanation: Explanation) -> None:
        shown = [line.value for line in reading.lines(explanation.to_text(width=WIDE))]
        assert shown == [line["shown"] for line in all_lines(explanation)]
        assert shown == Bold(explanation.to_html(pictures=False).replace("−", "-")).found
        for text in (explanation.to_latex(), explanation.to_markdown()):
            blocks = re.findall(r"\\begin\{aligned\}\n(.*?)\n\\end", text, re.S)
            assert [v for block in blocks for v in latex_values(block)] == shown

    check_all(kind, check, 30)


@every_kind
def test_what_is_shown_is_what_is_computed(kind: Any) -> None:
    def check(explanation: Explanation) -> None:
        for line in all_lines(explanation):
            value = float(line["value"])
            places = 2 if "analytic" in line["symbol"][1:] or "h / 2" in line["symbol"] else 4
            places = 2 if line["symbol"] == "largest difference" else places
            assert reading.rounds_to(value, line["shown"], places), line

    check_all(kind, check)


@every_kind
def test_json_has_no_infinity(kind: Any) -> None:
    def check(explanation: Explanation) -> None:
        data = json.loads(json.dumps(explanation.to_dict(), allow_nan=False))
        assert float(data["loss"]) == explanation.loss
        close(np.array(data["gradient"], float), explanation.gradient, rtol=0, atol=0)
        close(np.array(data["probabilities"], float), explanation.probabilities, rtol=0, atol=0)

    check_all(kind, check, 30)


# The results are the library's.


@given(logits, st.integers(0, 1))
def test_binary_results(z: float, label: int) -> None:
    explanation = xent.explain(z, label=label)
    loss, gradient = xent.binary_cross_entropy(z, label, return_grad=True)
    assert (explanation.loss, explanation.gradient) == (loss, gradient)
    assert explanation.probabilities == xent.sigmoid(z)
    assert value_of(explanation, "Loss", "The same loss without overflow or cancellation") == loss
    assert value_of(explanation, "Gradient", "Gradient for the logit") == gradient


def value_of(explanation: Explanation, section: str, name: str) -> float:
    step = explanation.step(name)
    assert step.section == section
    return step.lines[-1].value


@given(class_logits())
def test_class_results(arguments: Arguments) -> None:
    z, label = arguments.values()
    explanation = xent.explain(z, label=label)
    loss, gradient = xent.cross_entropy(z, label, return_grad=True)
    assert explanation.loss == loss
    close(explanation.gradient, gradient, rtol=0, atol=0)
    close(explanation.probabilities, xent.softmax(z), rtol=0, atol=0)
    final = value_of(explanation, "Loss", "The same loss without overflow or cancellation")
    assert final == loss or (math.isinf(final) and math.isinf(loss))


@given(class_probabilities())
def test_probability_results(arguments: Arguments) -> None:
    p, label = arguments.values()
    explanation = xent.explain(probabilities=p, label=label)
    assert explanation.loss == xent.log_loss([label], [p])
    close(explanation.gradient, p - np.eye(len(p))[label], rtol=0, atol=0)


@given(st.floats(0, 1), st.integers(0, 1))
def test_one_probability_results(p: float, label: int) -> None:
    explanation = xent.explain(probabilities=p, label=label)
    assert explanation.loss == xent.log_loss([label], [p])
    assert explanation.gradient == p - label
