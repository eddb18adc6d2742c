"""Language models in files of every format, in several files, saved and merged."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import language_files as files
import pandas as pd
import pytest
from helpers import problem_with
from language_files import LOGPROBS

from xent.scoring import FileError, columns_of, merge, score
from xent.scoring.language import ChoiceScore, TextScore
from xent.scoring.state import StateError

CHATS = [files.chat(), files.chat((-0.5, -1.0, -2.0))]
CHOICES = ("Lyon", "Paris", "Nice")
SAMPLES = [
    files.sample(0, CHOICES, (-3.0, -1.0, -4.0), 1),
    files.sample(1, CHOICES[:2], (-2.0, -1.5), 0),
]
LOSS = -(sum(LOGPROBS) - 3.5) / 6


def lines(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


WRITERS: dict[str, Callable[[Path, list[Any]], Any]] = {
    "a.jsonl": lines,
    "array.json": lambda path, rows: path.write_text(json.dumps(rows)),
    "spread.json": lambda path, rows: path.write_text(json.dumps(rows, indent=2)),
    "objects.json": lambda path, rows: path.write_text(
        "\n".join(json.dumps(row, indent=1) for row in rows)
    ),
    "a.jsonl.gz": lambda path, rows: path.write_bytes(
        gzip.compress("\n".join(map(json.dumps, rows)).encode())
    ),
}


@pytest.mark.parametrize("name", WRITERS)
def test_responses_in_every_form_of_json(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path / name, CHATS)
    result = score(tmp_path / name)
    assert isinstance(result, TextScore)
    assert result.tokens == 6
    assert result.loss == pytest.approx(LOSS, rel=1e-15)


def test_one_response_as_it_was_received(tmp_path: Path) -> None:
    (tmp_path / "response.json").write_text(json.dumps(files.chat(), indent=2))
    assert score(tmp_path / "response.json").loss == -sum(LOGPROBS) / 3


TABLE = pd.DataFrame({"text": ["a b", "c"], "loglikelihood": [-4.5, -1.5], "num_tokens": [2, 1]})


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "feather", "jsonl", ""])
def test_columns_in_every_format(ending: str, tmp_path: Path) -> None:
    source: Any = tmp_path / f"a.{ending}" if ending else TABLE
    if ending in ("csv", "tsv"):
        TABLE.to_csv(source, index=False, sep="," if ending == "csv" else "\t")
    elif ending == "jsonl":
        TABLE.to_json(source, orient="records", lines=True)
    elif ending:
        getattr(TABLE, f"to_{ending}")(source)
    result = score(source)
    assert isinstance(result, TextScore)
    assert (result.loss, result.tokens) == (2.0, 3)
    assert "num_tokens" in columns_of(source).to_text()


def test_several_files_are_one_and_a_bad_one_is_left_out(tmp_path: Path) -> None:
    lines(tmp_path / "samples_a.jsonl", SAMPLES[:1])
    lines(tmp_path / "samples_b.jsonl", SAMPLES[1:])
    whole = score(lines(tmp_path / "all.jsonl", SAMPLES))
    result = score(tmp_path / "samples_*.jsonl")
    assert isinstance(result, ChoiceScore)
    assert (result.loss, result.accuracy) == (whole.loss, 0.5)
    assert result.worst[0].place == f"{tmp_path}/samples_b.jsonl, row 0"
    (tmp_path / "samples_c.jsonl").write_text(json.dumps(SAMPLES[0])[:-9] + "\n")
    assert "row 0 (line 1): not JSON" in problem_with(tmp_path / "samples_*.jsonl")
    kept = score(tmp_path / "samples_*.jsonl", skip_bad=True)
    assert (kept.loss, len(kept.skipped)) == (whole.loss, 1)
    assert "Left out:" in kept.to_text()


def test_rows_are_named_in_errors(tmp_path: Path) -> None:
    bad = json.loads(json.dumps(SAMPLES[1]))
    bad["target"] = 7
    bad["doc"] = {}
    path = lines(tmp_path / "a.jsonl", [SAMPLES[0]] * 1500 + [bad])
    assert problem_with(path).startswith("a.jsonl: row 1500 (line 1501), column 'target': ")


@pytest.mark.parametrize("rows", [CHATS, SAMPLES], ids=["texts", "choices"])
def test_results_are_saved_and_merged(rows: list[Any], tmp_path: Path) -> None:
    parts = [score(lines(tmp_path / f"{i}.jsonl", [row])) for i, row in enumerate(rows)]
    for i, part in enumerate(parts):
        part.save_state(tmp_path / f"{i}.state")
    result = merge([tmp_path / "1.state", tmp_path / "0.state"])
    whole = score(lines(tmp_path / "all.jsonl", rows))
    assert result.loss == whole.loss
    assert result.path == f"{tmp_path}/1.jsonl, {tmp_path}/0.jsonl"
    assert merge([tmp_path / "0.state"]).state == parts[0].state
    classes = score({"label": [1, 0], "prob": [0.5, 0.5]})
    with pytest.raises(StateError, match="One is Score, the other "):
        merge([classes, result])


def test_states_of_different_forms_do_not_merge() -> None:
    other = score(TABLE.drop(columns="num_tokens"))
    with pytest.raises(StateError, match=r"The unit of one is token, of the other document."):
        merge([score(TABLE), other])
    with pytest.raises(StateError, match=r"One state keeps 5 of the worst rows, the other 2."):
        merge([score(TABLE), score(TABLE, worst=2)])


def test_which_tokens_count(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", [files.tgi()])
    assert "Say which ones count: --part prompt" in problem_with(path)
    assert score(path, part="prompt").tokens > 0
    with pytest.raises(FileError, match="holds no responses of a language model"):
        score({"label": [1, 0], "prob": [0.5, 0.5]}, part="prompt")


@pytest.mark.parametrize("options", [{"clip": 0.1}, {"normalize": True}, {"show": ["text"]}])
def test_options_that_are_for_classes(options: dict[str, Any]) -> None:
    (name,) = options
    with pytest.raises(ValueError, match=f"{name} is for predictions of classes, but pandas"):
        score(TABLE, **options)


def test_columns_that_are_asked_for_are_those_of_classes() -> None:
    table = {"label": [0, 1], "logprobs": [[-5.1, -7.4], [-9.0, -6.5]]}
    assert isinstance(score(table), ChoiceScore)
    assert score(table, kind="logits").kind == "logits"


def test_failed_requests_and_empty_responses_are_left_out(tmp_path: Path) -> None:
    failed = {"custom_id": "b", "response": {"status_code": 400, "body": {}}, "error": None}
    rows = [files.batch_line(files.chat()), failed, {"custom_id": "c", "response": None}]
    result = score(lines(tmp_path / "a.jsonl", rows))
    assert result.tokens == 3
    assert sum(n for _, n in result.left_out) == 2
    refused = json.loads(json.dumps(files.chat()))
    refused["choices"][0]["logprobs"] = None
    path = lines(tmp_path / "b.jsonl", [files.chat(), refused])
    assert "--missing drop leaves such rows out" in problem_with(path)
    kept = score(path, missing="drop")
    assert (kept.tokens, kept.left_out) == (3, (("no log-probabilities", 1),))
