"""The four printers: as kept in tests/golden, well formed, and safe with any class name."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from make_golden import CASES, FOLDER, FORMS, printed

import xent
from xent._report.notation import typeset
from xent._report.page import focusable
from xent.explanation import Explanation

NAMES = ["a_b", "<b>", "50%", "[red]", "$x$", "né", "a&b", "{c}~^#", "`d`*|\\"]
EVERY = [
    *CASES.values(),
    {"logits": np.linspace(-2, 2, 9), "label": 4, "names": NAMES},
    {"logits": 3.0, "label": 0, "names": NAMES[:2]},
    {"probabilities": [0.25, 0.75], "label": 1, "names": NAMES[4:6]},
    {"logits": [1.0, 2.0, -np.inf], "label": 2},
    {"logits": np.linspace(-30, 30, 1000), "label": 7},
    {"logits": -800, "label": 1},
    {"features": np.arange(9.0), "weights": np.ones(9) / 8, "label": 1},
]
every_explanation = pytest.mark.parametrize(
    "explanation", [xent.explain(**arguments) for arguments in EVERY], ids=lambda e: e.title
)
NAMED = xent.explain(np.linspace(-2, 2, 9), label=4, names=NAMES)

# Golden files. In the numerical check, digits beyond 1e-9, and so signs of errors, depend on the
# machine's exp and log.

NUMBER = re.compile(r"[-−]?\d+(?:\.\d+)?(?:e[-−+]?\d+)?")
CHECK = re.compile(r"(?s)Numerical check.*?Where the gradient comes from")


@pytest.mark.parametrize("suffix", FORMS)
@pytest.mark.parametrize("case", CASES)
def test_golden(case: str, suffix: str) -> None:
    """After a wanted change: python scripts/make_golden.py, and read the difference."""
    got, kept = printed(case, suffix), (FOLDER / f"{case}.{suffix}").read_text("utf-8")
    assert CHECK.sub("", got) == CHECK.sub("", kept)
    (got_check,), (kept_check,) = CHECK.findall(got), CHECK.findall(kept)
    assert words(got_check) == words(kept_check)
    np.testing.assert_allclose(numbers(got_check), numbers(kept_check), rtol=1e-8, atol=1e-9)


def computer(text: str) -> str:
    """LaTeX's powers of ten as a computer writes them."""
    text = re.sub(r" \\times 10\^\{(-?\d+)\}", r"e\g<1>", text)
    return re.sub(r"10\^\{(-?\d+)\}", r"1e\g<1>", text)


def words(text: str) -> list[str]:
    return NUMBER.sub("#", computer(text)).split()


def numbers(text: str) -> list[float]:
    return [float(each.replace("−", "-")) for each in NUMBER.findall(computer(text))]


def test_every_golden_file_is_tested() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{c}.{s}" for c in CASES for s in FORMS}


# LaTeX.


@every_explanation
def test_latex_is_balanced(explanation: Explanation) -> None:
    text = re.sub(r"\\[{}]", "", explanation.to_latex().replace("\\\\", ""))
    depth = 0
    for character in text:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    assert text.count("\\left") == text.count("\\right")
    assert re.findall(r"^\\[\[\]]$", text, re.M) == ["\\[", "\\]"] * text.count("\n\\[\n")
    ends = re.findall(r"\\(begin|end)\{aligned\}", text)
    assert ends == ["begin", "end"] * (len(ends) // 2)


@every_explanation
def test_latex_aligns_every_line_once(explanation: Explanation) -> None:
    for block in re.findall(r"\\begin\{aligned\}\n(.*?)\n\\end", explanation.to_latex(), re.S):
        for line in block.split(" \\\\\n"):
            assert len(re.findall(r"(?<!\\)&", line)) == 1, line
            assert "\n" not in line


@every_explanation
def test_latex_knows_its_characters(explanation: Explanation) -> None:
    foreign = set(re.findall(r"[^\x00-\x7f]", explanation.to_latex())) - set("é")
    assert not foreign


def test_latex_escapes() -> None:
    text = NAMED.to_latex()
    escaped = (
        r"0 is a\_b, 1 is \textless{}b\textgreater{}, 2 is 50\%, 3 is [red], 4 is \$x\$, 5 is né, "
        r"6 is a\&b, 7 is \{c\}\textasciitilde{}\^{}\#, 8 is `d`*\textbar{}\textbackslash{}."
    )
    assert escaped in text
    assert r"\section*{Softmax cross-entropy of 9 logits, label 4 (\$x\$)}" in text


# Markdown.


@every_explanation
def test_markdown_formulas_are_fenced(explanation: Explanation) -> None:
    fenced = r"(?m)^```math\n\\begin\{aligned\}\n[^$`]*?\n\\end\{aligned\}\n```$"
    text = explanation.to_markdown()
    formulas = re.findall(fenced, text)
    assert len(formulas) == sum(bool(mathematics(s)) for s in explanation.steps)
    outside = re.sub(fenced, "", text)
    assert "$" not in outside.replace("\\$", "")
    assert "`" not in outside.replace("\\`", "")
    assert "operatorname" not in text, "GitHub does not allow it"


def mathematics(step: Any) -> bool:
    return len(step.formula) > 1 or bool(step.lines)


def test_markdown_escapes() -> None:
    escaped = (
        r"0 is a_b, 1 is \<b\>, 2 is 50%, 3 is \[red\], 4 is \$x\$, 5 is né, 6 is a\&b, "
        r"7 is {c}\~^\#, 8 is \`d\`\*\|\\."
    )
    assert escaped in NAMED.to_markdown()


# HTML.


class Reader(HTMLParser):
    """Checks that tags are balanced, and collects tags, attributes and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: dict[str, set[str]] = {}
        self.text = ""
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@every_explanation
def test_html_is_plain(explanation: Explanation) -> None:
    page = Reader(explanation.to_html(pictures=False))
    plain = {"div", "h3", "h4", "p", "b", "i", "sub", "sup", "span", "table", "tr", "th", "td"}
    plain |= {"a", "dl", "dt", "dd", "strong", "details", "summary"}
    assert page.tags <= plain
    assert set(page.attributes) <= {"class", "style", "colspan", "href", "id"}
    assert page.attributes["class"] == {"xent-explanation"}
    assert not any("url" in style for style in page.attributes["style"])
    assert "://" not in explanation.to_html(pictures=False)


@every_explanation
def test_html_reads_without_tags(explanation: Explanation) -> None:
    text = Reader(explanation.to_html(pictures=False)).text.replace("−", "-")
    for step in explanation.to_dict()["steps"]:
        assert step["name"] in text
        assert re.sub(r"\b([Lpuvwxyz])_([ijky+-]|\d+)(?!\w)", r"\1\2", step["why"]) in text
        for line in step["lines"]:
            if line["substituted"]:
                assert f" = {line['substituted']} {line['relation']} {line['shown']}\n" in text


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ("The loss is -log p_y, p - y = -0.5e-7", "The loss is −log p[y], p − y = −0.5e−7"),
        ("e^-|z| and e^z_j and L_-", "e{−|z|} and e{z[j]} and L[−]"),
        ("e^(loss in nats) = 2^(loss in bits)", "e{loss in nats} = 2{loss in bits}"),
        ("log-sum-exp of a_b, x_1, y_true, a^b", "log-sum-exp of a_b, x_1, y_true, a^b"),
        ("xent explain 2 --label 1", "xent explain 2 --label 1"),
    ],
)
def test_signs_in_a_sentence_are_set_as_in_formulas(told: str, read: str) -> None:
    made = re.sub(r"<span.*?</span>|</?i>", "", typeset(told))
    for tag, (left, right) in {"sup": "{}", "sub": "[]"}.items():
        made = made.replace(f"<{tag}>", left).replace(f"</{tag}>", right)
    assert made == read


def test_html_escapes() -> None:
    page = NAMED.to_html(pictures=False)
    assert "<td" in page
    assert "<i>p</i><sub>1</sub> &lt;b&gt;</td>" in page
    assert "<i>p</i><sub>4</sub> $x$ (true)</td>" in page
    assert "6 is a&amp;b" in page


def test_html_bars_are_as_long_as_the_probabilities() -> None:
    page = xent.explain(probabilities=[0.25, 0.75], label=1).to_html(pictures=False)
    assert re.findall(r"background:[^\"]*width:(\d+)px", page) == ["25", "12", "75", "12"]
    left, right = re.findall(r"text-align:right\">(.*?)</span><span [^>]*border-left.*?>", page)
    assert (bool(left), bool(right)) == (False, True), "a negative gradient's bar is on the left"


def test_html_bars_of_a_binary_row() -> None:
    right, wrong = (
        Reader(xent.explain(40, label=label).to_html(pictures=False)).text for label in (1, 0)
    )
    assert "1 − p  4.2484e−18 \np (true)  1  −4.2484e−18\n" in right
    assert "1 − p (true)  4.2484e−18 \np  1  +1\n" in wrong


def test_html_of_many_classes_has_no_bars() -> None:
    assert "width:" in xent.explain(np.zeros(12), label=0).to_html(pictures=False)
    assert "width:" not in xent.explain(np.zeros(13), label=0).to_html(pictures=False)


# Plain text, notebooks.


@every_explanation
def test_text_is_not_wide(explanation: Explanation) -> None:
    for line in str(explanation).splitlines():
        assert len(line) <= 100
        assert line == line.rstrip()


def test_text_keeps_names() -> None:
    text = " ".join(NAMED.to_text().split())
    assert text.startswith("Softmax cross-entropy of 9 logits, label 4 ($x$) ===")
    for j, name in enumerate(NAMES):
        assert f" {j} is {name}" in text


def test_notebooks_show_the_printers() -> None:
    explanation: Any = xent.explain(1.5, label=1)
    assert explanation._repr_html_() == explanation.to_html(pictures=False)
    dollars = explanation.to_markdown().replace("```math", "$$").replace("```", "$$")
    assert explanation._repr_markdown_() == dollars
    assert explanation._repr_latex_() == explanation.to_latex()
    assert str(explanation) == explanation.to_text()
    assert repr(explanation) == (
        "<Explanation: Binary cross-entropy of logit 1.5, label 1; loss 0.2014>"
    )


def test_a_page_of_its_own_says_its_encoding() -> None:
    many = xent.explain(np.linspace(-1, 1, 11), label=4)
    for text in (NAMED.to_page(), many.to_page()):
        assert text.startswith('<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>')
    assert focusable(many.to_html()).replace("<details>", "<details open>") in text
