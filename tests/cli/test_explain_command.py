"""`xent explain` for learners: columns, colours, the quiz, the glossary, on the command line."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from commands import XENT, Output, command

import xent
import xent.__main__
from xent.explanation.glossary import TERMS

EXPLAIN = ("explain", "2", "1", "0.1", "--label", "0")


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Output]:
    """The command in this process: as far, but faster."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments: str) -> Output:
        monkeypatch.setattr(sys, "argv", ["xent", *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            xent.__main__.main()
        return Output(int(ended.value.code or 0), *capfd.readouterr())

    return call


# Columns.


def test_relations_and_points_stand_in_columns(run: Callable[..., Output]) -> None:
    text = run("explain", "2", "1", "0.1", "-3", "--label", "0").out
    for step in ("Exponentials", "Probabilities", "Gradient for the logits"):
        lines = text.split(f". {step}\n")[1].split("\n\n")[0].splitlines()
        numbers = [line for line in lines if re.search(r" [=≈] +-?[\d.]+$", line)]
        assert len(numbers) >= 4
        assert len({line.rindex("≈") for line in numbers if "≈" in line}) == 1
        assert len({line.index("=") for line in numbers if "≈" in line}) == 1
        assert len({line.rindex(".") for line in numbers if "." in line[-8:]}) == 1


SOFT = {"label": [0.5, 0.25, 0.25], "softcap": 5.0, "temperature": 2.0, "class_weight": [1, 2, 3]}
REPORTS = {
    "classes": xent.explain([2.0, 1.0, 0.1], label=0),
    "logit": xent.explain(2.0, label=1),
    "layer": xent.explain(features=[1.0, -2.5, 3.25], weights=[0.4, 0.3, 7.0], label=0),
    "options": xent.explain([2.0, 1.0, 0.1], **SOFT),
    "note": xent.explain([0.7, 0.2, 0.1], label=0),
    "batch": xent.check.diagnose(np.array([[2.0, 1.0], [0.0, 3.0]]), np.array([1, 1])),
}


@pytest.mark.parametrize("width", [40, 60, 80, 100])
@pytest.mark.parametrize("name", REPORTS)
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    report = REPORTS[name]
    text = report.to_text(width=width)
    assert max(map(len, text.splitlines())) <= width
    whole = [word for word in report.to_text(width=1000).split() if set(word) - set("=-")]
    words = [word for word in text.split() if set(word) - set("=-")]
    if name == "batch":  # a table that is too wide has its heads in every row
        assert set(whole) == set(words)
    else:
        assert whole == words, "nothing is lost, and no word is broken"


@pytest.mark.parametrize("columns", [40, 80])
def test_the_width_is_that_of_the_environment(columns: int) -> None:
    for arguments in (EXPLAIN, ("glossary",)):
        text = command(*arguments, COLUMNS=str(columns)).out
        assert columns - 12 < max(map(len, text.splitlines())) <= columns


# Colours.

SHADES = {"true": "1;38;5;130", "loss": "1;38;5;133", "pull": "38;5;28", "push": "38;5;31"}


def coloured(**environment: str) -> str:
    return command(*EXPLAIN, **{"FORCE_COLOR": "1", "TERM": "xterm-256color", **environment}).out


def test_colours_have_a_meaning() -> None:
    text = coloured()
    assert f"\x1b[{SHADES['true']}mp_0" in text.replace("   p_0", "p_0")
    assert f"\x1b[{SHADES['loss']}m0.4170" in text
    assert f"\x1b[{SHADES['pull']}m-0.3410" in text
    assert re.search(rf"\x1b\[{SHADES['push']}m *0\.2424", text)


def test_no_colour_where_none_is_wanted() -> None:
    shades = re.compile(r"\x1b\[[\d;]*3\dm")
    assert shades.search(coloured())
    assert not shades.search(coloured(NO_COLOR="1"))
    assert "\x1b" not in command(*EXPLAIN).out


def test_html_has_the_same_meaning() -> None:
    text = xent.explain([2.0, 1.0, 0.1], label=0).to_html(pictures=False)
    for role, value in (("loss", "0.4170"), ("pull", "−0.3410"), ("push", "0.2424")):
        assert re.search(rf"--xent-{role},#\w+\)\">{value}</b>", text)
    assert re.search(r'--xent-true,#\w+\)"><i>p</i><sub>0</sub></span>', text)


# The glossary.


def test_all_terms_and_one(run: Callable[..., Output]) -> None:
    everything = run("glossary")
    assert (everything.code, everything.err) == (0, "")
    for term in TERMS:
        assert f"\n{term.name}\n" in f"\n{everything.out}"
    assert run("glossary", "log", "loss").out == (
        "cross-entropy\n"
        "   The loss -log p of the probability p that was given to the true label,\n"
        "   averaged over rows; also log loss, logistic loss or negative log-likelihood.\n"
        '   "Cross", because labels follow one distribution and log p comes from another.\n'
        "   L = -Σ_j y_j · log(p_j) = -log(p_y)\n"
        "   See surprise, entropy, log-likelihood, nat.\n"
    )


def test_an_unknown_word_is_answered_with_the_nearest(run: Callable[..., Output]) -> None:
    output = run("glossary", "surprize")
    assert (output.code, output.out) == (2, "")
    start = "xent: 'surprize' is not in the glossary. Did you mean surprise? It has: "
    assert output.err.startswith(start)


def test_definitions_where_asked(run: Callable[..., Output]) -> None:
    expected = xent.explain([2.0, 1.0, 0.1], label=0)
    wanted = {
        "text": expected.to_text(glossary=True),
        "markdown": expected.to_markdown(glossary=True),
        "latex": expected.to_latex(glossary=True),
    }
    for form, text in wanted.items():
        assert run(*EXPLAIN, "--glossary", "--format", form).out == text
    data = json.loads(run(*EXPLAIN, "--glossary", "--format", "json").out)
    assert data["glossary"] == {term.name: term.definition for term in expected.terms}
    assert "glossary" not in json.loads(run(*EXPLAIN, "--format", "json").out)


# Pictures.


def test_pictures_may_be_left_out(run: Callable[..., Output]) -> None:
    assert "<svg" in run(*EXPLAIN, "--format", "html").out
    assert "<svg" not in run(*EXPLAIN, "--format", "html", "--no-pictures").out


# The quiz.


def test_the_quiz_of_the_real_command() -> None:
    done = subprocess.run(
        [*XENT, "explain", "2.0", "--label", "1", "--quiz"],
        input="0.135\n0.88\n-0.127\n0.127\n-0.12\n",
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "   L = ? -0.127\n   Not yet: a sign is missing, or one too many.\n" in done.stdout
    assert "Score: 4 of 4 right (3 right at once, 1 right with a hint).\n" in done.stdout
    assert done.stdout.endswith(
        "0.1269 nats; a step against the gradient -0.1192 raises it further.\n"
    )


def test_the_quiz_is_for_the_terminal(run: Callable[..., Output]) -> None:
    output = run(*EXPLAIN, "--quiz", "--format", "html")
    message = "--quiz asks in the terminal; it cannot be combined with --format html."
    assert output == (2, "", f"xent: {message}\n")
