"""Records with anything in the place of anything: a score or an error about the file, no crash."""

from __future__ import annotations

import copy
import json
from typing import Any

import hypothesis.strategies as st
import language_files as files
import pyarrow as pa
from hypothesis import given, settings
from language_files import ENTRIES, Record, cut, sample

from xent.scoring.errors import FileError
from xent.scoring.language import recognise

SOUND: list[Record] = [
    files.chat(),
    files.completion(),
    files.batch_line(files.chat()),
    files.vllm(ENTRIES, prompt_token_ids=[2, 7, 9, 3]),
    files.vllm(ENTRIES),
    files.tgi(prefill=False),
    {"meta_info": {"input_token_logprobs": [[None, 1, "The"], [-2.5, 5, " cat"]]}},
    sample(0, ["a", "bb", "ccc"], [-1.0, -2.0, -3.0], 1, acc=0.0, acc_norm=1.0),
    sample(0, ["a", "bb", "ccc"], [-1.0, -2.0, -3.0], "bb", new=False),
    files.lambada(0, "door", -1.5, True),
    files.rolling(0, "a b", -3.0, word_perplexity=[-3.0, 2]),
    {"doc_id": 1, "loglikelihood": -2.0, "num_tokens": 3, "num_bytes": 9},
    {"tokens": ["a", "b"], "token_logprobs": [None, -2.0], "bytes": [1, 1]},
    {"label": 1, "logprobs": [-1.0, -2.0, -3.0], "choices": ["a", "b", "c"]},
    {"token": "a", "logprob": -1.0},
]
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 5),
    st.floats(-5, 1),
    st.sampled_from([float("nan"), float("-inf"), 10**30, -9999.0, "", " ", "-1.5", "1", "x"]),
    st.sampled_from([[], {}, [None], [[]], [[-1.0]], [-1.0, -2.0], ["a"], {"logprob": None}]),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to everything in a record."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(
        value, list) else ()  # fmt: skip
    return [path, *(place for key, each in inner for place in places(each, (*path, key)))]


def replaced(row: Record, path: tuple[Any, ...], value: Any) -> Record:
    found: Any = copy.deepcopy(row)
    at = found
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return found


@st.composite
def damaged(draw: Any) -> list[Record]:
    row = draw(st.sampled_from(SOUND))
    changed = row
    for _ in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from(places(changed)[1:]))
        changed = replaced(changed, path, draw(ODD))
    return draw(st.permutations([row, changed])) if draw(st.booleans()) else [changed]


@settings(max_examples=500)
@given(damaged(), st.sampled_from([None, "prompt", "generated"]), st.booleans(), st.integers(1, 2))
def test_damaged_records(rows: list[Record], part: Any, in_columns: bool, size: int):
    names = list(dict.fromkeys(name for row in rows for name in row))
    data: Any = rows
    if in_columns:
        try:
            data = {name: pa.array([row.get(name) for row in rows]) for name in names}
        except (pa.ArrowException, OverflowError):  # no table can hold this
            return
    try:
        form = recognise(names, data, "file", part)
        if form is None:
            return
        result = files.score_language(form, cut(data, size), "file", missing="drop")
    except FileError as error:
        if not str(error).startswith("file: "):
            raise
        return
    assert result.to_text()
    json.dumps(result.to_dict(), allow_nan=False)
    saved = json.loads(json.dumps(result.state.to_json(), allow_nan=False))
    assert type(result.state).from_json(saved) == result.state


def test_sound_records_are_scored():
    for row in SOUND:
        form = recognise(list(row), [row], "file")
        assert form is not None
        assert files.score_language(form, [(0, [row])], "file").loss > 0
