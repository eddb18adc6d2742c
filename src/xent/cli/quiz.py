"""`xent explain --quiz` asks for the numbers of an explanation one by one."""

from __future__ import annotations

import sys
from collections import Counter

from xent._report import Equations, Text
from xent._report.expression import Symbol
from xent._report.notation import TEXT
from xent._report.text import INDENT
from xent.cli.app import print_blocks, print_lines, terminal
from xent.explanation import Explanation
from xent.explanation.quiz import Question, agrees, enough, near, questions, read, slip, symbols
from xent.explanation.steps import Step

GREETING = (
    "Answer with a number: 0.66, -1.2e-5, 2/3, 66 % or inf, rounded to two digits or more. "
    "? gives a hint, an empty line skips, Ctrl-D stops."
)
M = Symbol("m")
OUTCOMES = ("right at once", "right with a hint", "wrong", "skipped")


def ask(explanation: Explanation) -> None:
    """Go through the steps, asking; end with a score."""
    print_blocks(Text(explanation.title, "title"))
    _prose(GREETING, "why", "")
    score: Counter[str] = Counter()
    try:
        section = ""
        for number, (step, asked) in enumerate(questions(explanation), start=1):
            print_lines([[]])
            name = Text(f"{number}. {step.name}", "name")
            print_blocks(*([Text(step.section, "section")] * (step.section != section)), name)
            section = step.section
            print_lines(terminal().formula(Equations(step.formula, step.lines)))
            if any(M in symbols(node) for node in step.formula):
                _prose("Here m is the largest logit.", "why")
            for question in asked:
                score[_question(question, explanation)] += 1
            _told(step, len(asked))
    except (EOFError, KeyboardInterrupt):
        print_lines([[], [("", "Stopped early.")]])
        _score(score)
    else:
        _score(score)
        print_blocks(Text(f"In short: {explanation.summary}", "summary"))


def _told(step: Step, asked: int) -> None:
    """Show the numbers that were not asked for, and the reason."""
    if len(step.lines) > asked:
        print_lines(terminal().numbers(Equations(step.formula, step.lines)))
    _prose(step.why, "why")


def _question(question: Question, explanation: Explanation) -> str:
    """Ask until it is right, skipped, or wrong twice; the outcome."""
    line = question.line
    helped = wrong = False
    while True:
        text = _input(f"{INDENT}{TEXT.write(line.symbol)} = ? ")
        if not text:
            _prose(f"Skipped: {_solution(question)}", "plain")
            return "skipped"
        if text == "?":
            helped = True
            _prose(f"Hint: {_hint(question)}", "plain")
            continue
        answer = read(text)
        if answer is None:
            _prose(f"{text!r} is not a number; expected one like 0.66, 2/3 or 1.2e-5.", "plain")
            continue
        if not enough(answer, line):
            _prose("Too few digits to tell; give two or more.", "plain")
            continue
        right = agrees(answer, line.value, line)
        if right or near(answer, line.value):
            how = "" if right else ", except for the last digit"
            print_lines([[("good", f"{INDENT}Right"), ("", f"{how}: {line.text}.")]])
            return "right with a hint" if helped else "right at once"
        known = slip(answer, question, explanation)
        verdict = "Wrong" if wrong else "Not yet"
        print_lines([[("bad", f"{INDENT}{verdict}"), ("", f"{': ' + known if known else ''}.")]])
        if wrong:
            _prose(f"It is {_solution(question)}", "plain")
            return "wrong"
        helped = wrong = True
        _prose(f"Hint: {_hint(question)}", "plain")


def _hint(question: Question) -> str:
    """The formula with the numbers put in."""
    line = question.line
    assert line.substituted is not None
    return f"{TEXT.write(line.symbol)} = {TEXT.write(line.substituted)}"


def _solution(question: Question) -> str:
    return f"{_hint(question)} {question.line.relation} {question.line.text}"


def _input(prompt: str) -> str:
    """One answer. If it is not typed in a terminal, it is printed as if it were."""
    text = input(prompt).strip()
    if not sys.stdin.isatty():
        print(text)
    return text


def _score(score: Counter[str]) -> None:
    if total := score.total():
        told = ", ".join(f"{score[name]} {name}" for name in OUTCOMES if score[name])
        right = score["right at once"] + score["right with a hint"]
        print_lines([[], [("head", f"Score: {right} of {total} right ({told}).")]])


def _prose(text: str, role: str, indent: str = INDENT) -> None:
    print_lines(terminal().prose(text, role, indent))
