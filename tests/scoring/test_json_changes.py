"""Objects of JSON Lines whose parts change their type: the error names the row and the part."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import problem_with

import xent

GOOD = {
    "object": '{"label":"a","p":{"a":0.9,"b":0.1}}',
    "labelled": '{"label":"a","p":[{"label":"a","score":0.9},{"label":"b","score":0.1}]}',
    "number": '{"label":1,"p":0.9}',
}
CHANGES = [
    ("object", '{"label":"a","p":[0.9,0.1]}', "'p': [0.9, 0.1] is a list, but earlier rows have an "
     "object."),
    ("object", '{"label":"a","p":0.9}', "'p': 0.9 is a number, but earlier rows have an object."),
    ("object", '{"label":"a","p":{"a":"x","b":0.1}}', "'p.a': 'x' is text, but earlier rows have a "
     "number."),
    ("object", '{"label":"a","p":{"a":{"c":1},"b":0.1}}', "'p.a': {\"c\": 1} is an object, but "
     "earlier rows have a number."),
    ("object", '{"label":"a","p":{"a":0.9,"b":0.1,"c":-3}}', "'p.c': the first rows, which say "
     "what there is to read, have no 'c' there. Give each row the scores of all classes."),
    ("labelled", '{"label":"a","p":[0.9,0.1]}', "'p[]': 0.9 is a number, but earlier rows have an "
     "object."),
    ("labelled", '{"label":"a","p":{"a":1}}', "'p': {\"a\": 1} is an object, but earlier rows have "
     "a list."),
    ("labelled", '{"label":"a","p":[{"label":"a","score":"x"}]}', "'p[].score': 'x' is text, but "
     "earlier rows have a number."),
    ("number", '{"label":{"a":1},"p":0.9}', "'label': {\"a\": 1} is not a label; expected a number "
     "or a name."),
]  # fmt: skip


@pytest.mark.parametrize("form", ["lines", "array"])
@pytest.mark.parametrize(("good", "bad", "message"), CHANGES)
def test_the_row_is_named(good: str, bad: str, message: str, form: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [*[GOOD[good]] * 1100, bad]  # the first 1000 say how the file is read
    path.write_text("\n".join(rows) if form == "lines" else f"[{','.join(rows)}]")
    line = " (line 1101)" if form == "lines" else ""
    options = {"score_columns": ["p"], "kind": "probabilities"} if good == "number" else {}
    assert problem_with(path, **options) == f"a.jsonl: row 1100{line}, column {message}"


def test_other_fields_may_come_late(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    late = '{"label":"a","p":{"a":0.9,"b":0.1,"note":"x","none":null,"sure":true},"q":{"c":1}}'
    path.write_text("\n".join([*[GOOD["object"]] * 1100, late]))
    assert xent.score(path).rows == 1101
