"""Predictions that come from somewhere else than one file on disk."""

from __future__ import annotations

import http.server
import io
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import fsspec
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
import pytest
from helpers import problem_with

from xent.scoring import FileError, columns_of, score
from xent.scoring.sources import csv_files

N = 211
RNG = np.random.default_rng(3)
LABELS = RNG.integers(0, 2, N)
PROBS = np.round(np.clip(0.5 * RNG.random(N) + 0.4 * LABELS, 0.01, 0.99), 6)
FRAME = pd.DataFrame({"label": LABELS, "prob": PROBS})
LOSS = score(FRAME).loss


def test_the_loss_is_that_of_the_formula() -> None:
    p = np.where(LABELS == 1, PROBS, 1 - PROBS)
    assert abs(LOSS + np.log(p).mean()) < 1e-15


def _reader() -> Any:
    return pa.RecordBatchReader.from_stream(FRAME)


TABLES: dict[str, Callable[[], Any]] = {
    "pandas": lambda: FRAME,
    "pandas with an index": lambda: FRAME.set_index(pd.Index([f"id {i}" for i in range(N)])),
    "pandas, categories": lambda: FRAME.assign(label=FRAME.label.astype("category")),
    "Polars": lambda: pl.from_pandas(FRAME),
    "Polars, lazy": lambda: pl.from_pandas(FRAME).lazy(),
    "PyArrow": lambda: pa.Table.from_pandas(FRAME),
    "PyArrow's batches": _reader,
    "DuckDB": lambda: duckdb.connect().from_arrow(pa.Table.from_pandas(FRAME)),
    "arrays": lambda: {"label": LABELS, "prob": PROBS},
    "lists": lambda: {"label": LABELS.tolist(), "prob": PROBS.tolist()},
    "series": lambda: {"label": pl.Series(LABELS), "prob": FRAME.prob},
    "an array of objects": lambda: {"label": LABELS.astype(object), "prob": PROBS},
    "an iterator": lambda: (FRAME[i : i + 10] for i in range(0, N, 10)),
    "a list of tables": lambda: [FRAME[:0], FRAME[:100], pl.from_pandas(FRAME[100:])],
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_in_memory(name: str) -> None:
    result = score(TABLES[name]())
    assert (result.rows, result.loss) == (N, LOSS)


def test_tensors() -> None:
    torch = pytest.importorskip("torch")
    logits = torch.tensor(PROBS, requires_grad=True)
    result = score({"label": torch.tensor(LABELS), "logit": logits})
    assert result.loss == score({"label": LABELS, "logit": PROBS}).loss
    half = {"label": torch.tensor(LABELS), "logit": logits.bfloat16()}
    assert abs(score(half).loss - result.loss) < 1e-2


def test_arrays_of_scores_and_labels() -> None:
    assert score(PROBS, labels=LABELS, kind="probabilities").loss == LOSS
    rows = np.stack([1 - PROBS, PROBS], axis=1)
    result = score(rows, labels=LABELS)
    assert (result.kind, abs(result.loss - LOSS) < 1e-15) == ("probabilities", True)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (PROBS, "numpy ndarray: an array without names. Give scores and labels by name, {'label': "
         "y, 'prob': p}, or an array of scores with labels=y."),
        (5, "int: is no file name, table or batches of one. Give a path, a data frame (pandas, "
         "Polars, PyArrow, DuckDB), arrays by name, or an iterator of such tables."),
        (iter([]), "list_iterator: holds no rows."),
        ({"label": [1, 0], "prob": [0.5]},
         "dict: the arrays differ in their number of rows: 'label' has 2, 'prob' has 1."),
        ([FRAME, FRAME[["label"]]],
         "list: batch 1 has no column 'prob'; it has label."),
        ({"label": 1, "prob": 0.5}, "dict: column 'label': is not a table that Arrow can hold: "),
    ],
)  # fmt: skip
def test_what_is_no_table(source: Any, message: str) -> None:
    assert problem_with(source).startswith(message)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three files with the rows, and others beside them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs/late").mkdir(parents=True)
    FRAME[:70].to_csv("runs/a.csv", index=False)
    FRAME[70:140].to_parquet("runs/b.parquet")
    FRAME[140:].to_csv("runs/late/c.csv.gz")
    for name in ("runs/_SUCCESS", "runs/.a.csv.crc", "runs/notes.txt"):
        (tmp_path / name).write_text("x")
    return tmp_path


@pytest.mark.parametrize(
    "named", ["runs", "runs/", "runs/**/*.[cp]*", ["runs/a.csv", "runs/b.parquet", "runs/late"]]
)
@pytest.mark.usefixtures("folder")
def test_several_files_are_scored_as_one(named: Any) -> None:
    result = score(named)
    assert (result.rows, result.loss, len(result.files)) == (N, LOSS, 3)
    assert "Read from 3 files." in result.to_text()


@pytest.mark.usefixtures("folder")
def test_a_pattern_stays_in_its_folder_and_names_are_not_patterns() -> None:
    assert score("runs/*").rows == 140
    Path("runs/[a].csv").write_text("label,prob\n1,0.5\n")
    assert score("runs/[a].csv").rows == 1
    assert problem_with("runs/*.json") == "runs/*.json: no file has a name of this pattern."


@pytest.mark.usefixtures("folder")
def test_a_bad_file_is_named_and_the_rest_counts() -> None:
    Path("runs/0.parquet").write_bytes(b"PAR1 rubbish")
    Path("runs/d.csv").write_text("label,prob\n1,0.5\n0,x\n")
    Path("runs/e.csv").write_text("label,score\n1,0.5\n")
    assert problem_with("runs").startswith("runs/0.parquet: is not a complete Parquet file")
    result = score("runs", skip_bad=True)
    assert (result.rows, result.loss, len(result.files)) == (N, LOSS, 3)
    bad, wrong, other = result.skipped
    assert bad.startswith("runs/0.parquet: is not a complete Parquet file")
    assert wrong == "runs/d.csv: row 1 (line 3), column 'prob': 'x' is not a number."
    assert other == (
        "runs/e.csv: no column 'prob', unlike in the first file; the columns are label, score."
    )
    assert f"Left out: {wrong}" in result.to_text().replace("\n", " ")
    for path in Path("runs").rglob("*.[cp]*"):
        if path.name not in ("0.parquet", "d.csv", "e.csv"):
            path.unlink()
    assert "0.parquet: is not a complete Parquet file" in problem_with("runs", skip_bad=True)


def test_the_names_of_folders_are_columns(tmp_path: Path) -> None:
    table = pa.table({"label": LABELS, "prob": PROBS, "set": (["x y", "b"] * N)[:N]})
    pa.dataset.write_dataset(
        table, tmp_path / "d", format="parquet", partitioning=["label", "set"],
        partitioning_flavor="hive",
    )  # fmt: skip
    assert score(tmp_path / "d").loss == LOSS
    assert score(f"{tmp_path}/d/*/set=b/*.parquet").rows == N // 2
    shown = columns_of(tmp_path / "d").to_text()
    assert "'label'" in shown
    assert "text: x y" in shown or "text: b" in shown


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def test_archives_are_read_as_they_are(tmp_path: Path) -> None:
    rows = [FRAME[i : i + 100].to_csv(index=False).encode() for i in range(0, N, 100)]
    members = {f"part-{i}.csv": content for i, content in enumerate(rows)}
    path = archive(tmp_path / "a.csv.zip", {**members, "__MACOSX/._part-0.csv": b"x"})
    assert score(path).loss == LOSS
    assert problem_with(archive(tmp_path / "b.zip", {})).endswith("b.zip: holds no files.")
    inside = archive(tmp_path / "c.zip", {"a.parquet": b"PAR1"})
    assert problem_with(inside).endswith(
        "c.zip/a.parquet: a .parquet file cannot be read inside .zip; decompress it first."
    )
    path.write_bytes(path.read_bytes()[:-30])
    assert "is not a complete zip archive" in problem_with(path)


@pytest.mark.parametrize(
    "options",
    [{}, *({"orient": orient} for orient in ("records", "split", "table", "index", "columns"))],
    ids=str,
)
@pytest.mark.parametrize("indent", [0, 2])
def test_json_as_pandas_writes_it(options: dict[str, Any], indent: int, tmp_path: Path) -> None:
    FRAME.to_json(tmp_path / "a.json", double_precision=15, indent=indent, **options)
    result = score(tmp_path / "a.json")
    assert (result.rows, result.loss) == (N, LOSS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"label": 1, "prob": 0.5},\n {"label": 0, "prob": "x"}]',
         "row 1, column 'prob': 'x' is not a number."),
        ('[{"label": 1, "prob": 0.5}, {"label": 0',
         "row 1: not JSON: Expecting ',' delimiter at character 12. Each line is one object."),
        ('[{"label": 1, "prob": 0.5}',
         "row 1: the array is not closed by ]: is the file truncated?"),
        ('[{"label": 1, "prob": 0.5}] x', "row 1: text follows the array."),
        ("[]", "holds no rows."),
        ('{"label": {"0": 1, "1": 0}, "prob": {"0": 0.5}}',
         "column 'prob': its rows differ from those of other columns."),
    ],
)  # fmt: skip
def test_json_that_is_wrong(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(content)
    assert problem_with(tmp_path / "a.json").endswith(f"a.json: {message}")


def test_an_array_in_json_is_read_in_chunks(tmp_path: Path, monkeypatch: Any) -> None:
    from xent.scoring.sources import json_lines

    monkeypatch.setattr(json_lines, "CHUNK", 7)
    FRAME.to_json(tmp_path / "a.json", double_precision=15, orient="records")
    assert score(tmp_path / "a.json").loss == LOSS


@pytest.mark.parametrize("written", ["csv", "csv.gz", "json", "parquet", "npz"])
def test_standard_input_is_read_whatever_its_format(
    written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"a.{written}"
    if written == "npz":
        np.savez(path, prob=PROBS, label=LABELS)
    elif written == "json":
        FRAME.to_json(path, orient="records", lines=True, double_precision=15)
    else:
        getattr(FRAME, "to_parquet" if written == "parquet" else "to_csv")(path)

    class Piped:
        buffer = io.BytesIO(path.read_bytes())

    monkeypatch.setattr(sys, "stdin", Piped)
    result = score("-")
    assert (result.loss, result.path) == (LOSS, "standard input")
    assert problem_with("-") == "standard input: is empty (0 bytes)."


@pytest.fixture
def memory(folder: Path) -> Iterator[str]:
    """The folder in fsspec's file system in memory."""
    system = fsspec.filesystem("memory")
    system.put(str(folder / "runs"), "/bucket/runs", recursive=True)
    yield "memory://bucket"
    system.rm("/bucket", recursive=True)


@pytest.mark.parametrize("named", ["runs", "runs/**/*.[cp]*"])
def test_files_by_address(named: str, memory: str) -> None:
    result = score(f"{memory}/{named}")
    assert (result.rows, result.loss, len(result.files)) == (N, LOSS, 3)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("memory://bucket/none.csv", "memory://bucket/none.csv: no such file."),
        ("nothing://a/b.csv",
         "nothing://a/b.csv: cannot be opened: Protocol not known: nothing"),
        ("file:///none/a.csv", "file:///none/a.csv: no such file."),
    ],
)  # fmt: skip
def test_addresses_where_nothing_is(address: str, message: str) -> None:
    assert problem_with(address) == message


def test_what_opens_addresses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    assert problem_with("memory://a/b.csv") == (
        "memory://a/b.csv: addresses of this kind are opened by fsspec: pip install "
        "'fsspec[http]', or xent with its extra remote."
    )


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture
def server(folder: Path) -> Iterator[str]:
    """The folder on a server that sends whole files only."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as it:
        threading.Thread(target=it.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{it.server_port}"
        it.shutdown()


def test_files_of_a_server(server: str) -> None:
    names = ("a.csv", "b.parquet", "late/c.csv.gz?version=1")
    result = score([f"{server}/runs/{name}" for name in names])
    assert (result.rows, result.loss) == (N, LOSS)
    assert problem_with(f"{server}/none.csv").endswith("none.csv: no such file.")


@pytest.mark.parametrize(
    ("late", "options"),
    [
        ("1,0.5,\n", {}),
        ("1.0,0.5,\n", {}),
        (" 1,0.5,\n", {}),
        (f"1,0.5,{'long' * 200}\n", {}),
        (f"yes,0.5,{'long' * 200}\n", {"ignored": ["yes"]}),
        ("NA,0.5,\n", {"missing": "drop"}),
    ],
    ids=["as before", "float", "blank", "long row", "long row and name", "missing"],
)
def test_what_comes_late_in_a_csv_file_changes_nothing(
    late: str, options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_files, "BLOCK", 300)
    monkeypatch.setattr(csv_files, "WIDE", 1)
    rows = FRAME.assign(note="").to_csv(index=False)
    (tmp_path / "a.csv").write_text(rows + late + rows.partition("\n")[2])
    result = score(tmp_path / "a.csv", **options)
    kept = 2 * N + (not options)
    expected = (2 * N * LOSS + (kept - 2 * N) * np.log(2)) / kept
    assert result.rows == kept
    assert abs(result.loss - expected) < 1e-14


def test_what_is_wrong_late_in_a_csv_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_files, "BLOCK", 300)
    monkeypatch.setattr(csv_files, "WIDE", 1)
    rows = FRAME.to_csv(index=False)
    for late, message in (
        ("x,0.5\n", f"row {N} (line {N + 2}), column 'label': 'x' is not a class"),
        ("1,x\n", f"row {N} (line {N + 2}), column 'prob': 'x' is not a number."),
        ("1,0.5,7\n", f"row {N} (line {N + 2}): 3 fields, but the header names 2 columns."),
    ):
        (tmp_path / "a.csv").write_text(rows + late + rows.partition("\n")[2])
        assert problem_with(tmp_path / "a.csv").startswith(f"a.csv: {message}")


@pytest.mark.parametrize(
    ("folder", "here"),
    [
        ("month=01", 1), ("month=1", 1.0), ("country=DE", "DE"), ("flag=true", True),
        ("day=2026-11-01", pd.Timestamp("2026-11-01")),
        ("country=__HIVE_DEFAULT_PARTITION__", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_folder_may_repeat_a_column(folder: str, here: Any, ending: str, tmp_path: Path) -> None:
    name, _, value = folder.partition("=")
    path = tmp_path / folder / f"a{ending}"
    path.parent.mkdir()
    frame = pd.DataFrame({"label": [1, 0], "prob": [0.9, 0.2], name: [here, here]})
    getattr(frame, "to_" + ending[1:])(path, index=False)
    assert score(tmp_path).rows == 2
    assert score(tmp_path, by=[name]).rows == 2
    frame[name] = [here, "XY"] if isinstance(here, str) else ["XY", "XY"]
    getattr(frame, "to_" + ending[1:])(path, index=False)
    shown = "None" if value.startswith("__") else value
    row = 1 if isinstance(here, str) else 0
    for options in ({}, {"by": [name]}):
        with pytest.raises(FileError) as error:
            score(tmp_path, **options)
        assert f"holds 'XY', but the folder is called {name}={shown}." in str(error.value)
        assert (error.value.row, error.value.column) == (row, name)
