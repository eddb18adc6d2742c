"""A bad row in a text file: the exact words, with the row, line and column."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import problem_with

from xent.scoring.sources.arrow_reader import TextReader

DROP = " xent score --missing drop leaves such rows out."
CORRECT = "correct this one, or leave it blank and pass --missing drop."
FROM_ONE = " If your labels start at 1, name them: --classes 1,2"
NAME_THEM = " Name the classes in the order of the scores: --classes A,B,..."
RAISE = (
    " If they were rounded when written, pass a larger --tolerance. To divide each row by its sum, "
    "pass --normalize."
)


@pytest.fixture(params=["one block", "later block"])
def before(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Number of good rows before those of a test: with 40, the problem is in a later block."""
    if request.param == "one block":
        return 0
    monkeypatch.setattr(TextReader, "block", 100)
    return 40


# The header, then lines; {0} is the row of the first of these lines, {1} its line, {2} the next
# row and {3} the next line.
CSV: dict[str, tuple[str, str, str]] = {
    "short line": (
        "label,prob",
        "1,0.5\n0\n",
        "row {2} (line {3}): 1 field, but the header names 2 columns.",
    ),
    "long line": (
        "label,prob",
        "1,0.5,7\n",
        "row {0} (line {1}): 3 fields, but the header names 2 columns.",
    ),
    "quote not closed": (
        "label,prob",
        '"1,0.5\n0,0.5\n',
        "row {0} (line {1}): 1 field, but the header names 2 columns. Is a quote not closed?",
    ),
    "text for a number": (
        "label,prob",
        "1,0.5\n0,high\n",
        "row {2} (line {3}), column 'prob': 'high' is not a number.",
    ),
    "text for a weight": (
        "label,prob,w",
        "1,0.5,1_0\n",
        "row {0} (line {1}), column 'w': '1_0' is not a number.",
    ),
    "blank number": (
        "label,prob",
        "1,0.5\n0,\n",
        "row {2} (line {3}), column 'prob': the value is missing." + DROP,
    ),
    "blank label": (
        "label,prob",
        "1,0.5\n,0.5\n",
        "row {2} (line {3}), column 'label': the label is missing." + DROP,
    ),
    "NaN": (
        "label,logit",
        "1,nan\n",
        "row {0} (line {1}), column 'logit': the value is missing." + DROP,
    ),
    "two certain classes": (
        "label,logit_0,logit_1",
        "1,inf,inf\n",
        "row {0} (line {1}), column 'logit_0': inf: a score must be a number, and only one of a "
        "row may be inf.",
    ),
    "probability above 1": (
        "label,prob",
        "1,1.00001\n",
        "row {0} (line {1}), column 'prob': 1.00001: a probability lies between 0 and 1; "
        + CORRECT,
    ),
    "probability below 0": (
        "label,prob_0,prob_1",
        "1,-0.1,1\n",
        "row {0} (line {1}), column 'prob_0': -0.1: a probability lies between 0 and 1; " + CORRECT,
    ),
    "sum of probabilities": (
        "label,prob_0,prob_1",
        "1,0.5,0.51\n",
        f"row {{0}} (line {{1}}): the probabilities sum to 1.01, not 1 (within 0.001).{RAISE}",
    ),
    "sum of log-probabilities": (
        "label,logprob_0,logprob_1",
        "1,-1,-1\n",
        "row {0} (line {1}): the probabilities sum to 0.735759, not 1 (within 0.001). For "
        "log-likelihoods of choices pass --kind logits: it normalises them.",
    ),
    "positive log-probability": (
        "label,logprob",
        "1,0.5\n",
        "row {0} (line {1}), column 'logprob': 0.5: a log-probability is not above 0; " + CORRECT,
    ),
    "negative weight": (
        "label,prob,w",
        "1,0.5,-2\n",
        "row {0} (line {1}), column 'w': -2.0: a weight is 0, or lies between 1e-75 and 1e+75.",
    ),
    "infinite weight": (
        "label,prob,w",
        "1,0.5,inf\n",
        "row {0} (line {1}), column 'w': inf: a weight is 0, or lies between 1e-75 and 1e+75.",
    ),
    "label past the last": (
        "label,logit_0,logit_1",
        "1,2,3\n7,2,3\n",
        "row {2} (line {3}), column 'label': '7' is not a class; the classes are 0, 1.",
    ),
    "labels from 1": (
        "label,logit_0,logit_1",
        "2,2,3\n",
        "row {0} (line {1}), column 'label': '2' is not a class; the classes are 0, 1." + FROM_ONE,
    ),
    "labels -1 and 1": (
        "label,logit",
        "-1,2\n",
        "row {0} (line {1}), column 'label': '-1' is not a class; the classes are 0, 1. If your "
        "labels are -1 and 1, name them: --classes=-1,1",
    ),
    "unknown name": (
        "label,logit_0,logit_1",
        "cat,2,3\n",
        "row {0} (line {1}), column 'label': 'cat' is not a class; the classes are 0, 1."
        + NAME_THEM,
    ),
    "label of half": (
        "label,logit_0,logit_1",
        "0.5,2,3\n",
        "row {0} (line {1}), column 'label': '0.5' is not a class; the classes are 0, 1. Soft "
        "labels are not read from files; in Python xent.log_loss takes them.",
    ),
}


@pytest.mark.parametrize("case", CSV)
def test_a_row_of_a_csv(case: str, before: int, tmp_path: Path) -> None:
    header, lines, expected = CSV[case]
    names = header.split(",")
    good = "1," + ",".join({3: ["-0.6931472"] * 2}.get(len(names), ["-1"]))
    if names[1].startswith("prob"):
        good = "1" + ",0.5" * (len(names) - 1)
    options = {"weight_column": "w"} if names[-1] == "w" else {}
    # A blank line, and a quoted field over two lines: rows and lines do not run in step.
    odd = f'\n"1\n",{good.split(",", 1)[1]}\n'
    path = tmp_path / "a.csv"
    path.write_text(f"{header}\n{odd}" + f"{good}\n" * before + lines)
    places = (before + 1, before + 5, before + 2, before + 6)
    assert problem_with(path, **options) == "a.csv: " + expected.format(*places)


JSON: dict[str, tuple[str, str]] = {
    "malformed": (
        '{"label": 1, "prob": 0.5',
        "not JSON: Expecting ',' delimiter at character 25. Each line is one object.",
    ),
    "no object": (
        "[1, 0.5]",
        'expected one object per line, as in {"label": 1, "prob": 0.9}, but found [1, 0.5]',
    ),
    "missing field": ('{"label": 1}', "column 'prob': the value is missing." + DROP),
    "missing label": ('{"prob": 0.5}', "column 'label': the label is missing." + DROP),
    "null": ('{"label": 1, "prob": null}', "column 'prob': the value is missing." + DROP),
    "text for a number": (
        '{"label": 1, "prob": "0.5"}',
        "column 'prob': '0.5' is not a number.",
    ),
    "an object for a number": (
        '{"label": 1, "prob": {"yes": 0.5}}',
        "column 'prob': an object is not a number.",
    ),
    "too large a number": (
        '{"label": 1, "prob": 1e999}',
        "column 'prob': the number is larger than any float64.",
    ),
    "a list for a number": (
        '{"label": 1, "prob": [0.5]}',
        "column 'prob': [0.5] is a list, but earlier rows have a number.",
    ),
    "a list for a label": (
        '{"label": [1], "prob": 0.5}',
        "column 'label': [1] is not a label; expected a number or a name.",
    ),
    "a name among numbers": (
        '{"label": "yes", "prob": 0.5}',
        "column 'label': 'yes' is text, but earlier rows have a number.",
    ),
    "true among numbers": (
        '{"label": true, "prob": 0.5}',
        "column 'label': True is true or false, but earlier rows have a number.",
    ),
    "field twice": (
        '{"label": 1, "prob": 0.5, "prob": 0.5}',
        "column 'prob': occurs more than once in the object.",
    ),
    "label past the last": (
        '{"label": 3, "prob": 0.5}',
        "column 'label': 3 is not a class; the classes are 0, 1.",
    ),
}


@pytest.mark.parametrize("case", JSON)
def test_a_line_of_json(case: str, before: int, tmp_path: Path) -> None:
    line, expected = JSON[case]
    path = tmp_path / "a.jsonl"
    path.write_text('\n{"label": 1, "prob": 0.5}\n' * (before + 1) + f"\n{line}\n")
    between = ", " if expected.startswith("column") else ": "
    where = f"row {before + 1} (line {2 * before + 4})"
    assert problem_with(path) == f"a.jsonl: {where}{between}{expected}"
