"""Parquet files of so many columns that only some of them are read at a time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from xent.scoring import FileError, columns_of, read_row, score
from xent.scoring.sources import column_blocks, parquet_files

ROWS, CLASSES = 50, 7
RNG = np.random.default_rng(3)
LOGITS = RNG.normal(0, 3, (CLASSES, ROWS))
LABELS = RNG.integers(0, CLASSES, ROWS)


def table(**more: Any) -> pa.Table:
    scores = {f"logit_{j}": LOGITS[j] for j in range(CLASSES)}
    return pa.table({"id": np.arange(ROWS), **scores, "label": LABELS, **more})


def replaced(name: str, values: Any) -> pa.Table:
    """The table with other values in a column."""
    return table().set_column(table().schema.get_field_index(name), name, [pa.array(values)])


def mixed() -> pa.Table:
    """Scores in float32, float64 and int64."""
    found = replaced("logit_3", LOGITS[3].astype(np.float32))
    return found.set_column(5, "logit_4", [pa.array(np.arange(ROWS) % 3)])


def gaps() -> pa.Table:
    """Some scores and labels are missing."""
    found = replaced("logit_3", [None, *LOGITS[3, 1:]])
    return found.set_column(8, "label", [pa.array([0, *LABELS[1:-1], None])])


def indicators(*, several: bool) -> pa.Table:
    """A column of 0 and 1 for each label; several of a row may be true."""
    true = LOGITS > 0 if several else np.arange(CLASSES)[:, None] == LABELS
    return pa.table({
        **{f"prob_{j}": 1 / (1 + np.exp(-LOGITS[j])) for j in range(CLASSES)},
        **{f"label_{j}": true[j].astype(int) for j in range(CLASSES)},
    })  # fmt: skip


CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "classes": (table, {}),
    "names of labels": (lambda: replaced("label", LABELS.astype(str)), {}),
    "dtypes": (mixed, {}),
    "gaps": (gaps, {"missing": "drop"}),
    "weights and groups": (
        lambda: table(weight=np.arange(ROWS) / 3, user=LABELS // 2),
        {"weight_column": "weight", "by": ["user"], "show": ["id"]},
    ),
    "one-hot": (
        lambda: indicators(several=False),
        {"multi_label": False, "kind": "probabilities", "normalize": True},
    ),
    "several labels": (lambda: indicators(several=True), {"multi_label": True}),
    "a label of another table": (
        lambda: table().drop_columns("label"),
        {"truth": {"id": np.arange(ROWS)[::-1], "label": LABELS[::-1]}, "key": "id"},
    ),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.parquet"


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What makes every file too wide: three columns at a time, and some rows."""

    def set_limits() -> None:
        monkeypatch.setattr(parquet_files, "MOST_HELD", 0)
        monkeypatch.setattr(parquet_files, "WIDE", 8 * 9 * 11)
        monkeypatch.setattr(column_blocks, "BLOCK", 3)

    yield set_limits
    monkeypatch.undo()


@pytest.mark.parametrize("name", CASES)
def test_blocks_of_columns_give_the_bits_of_whole_rows(name: str, path: Path, narrow: Any) -> None:
    make, options = CASES[name]
    pyarrow.parquet.write_table(make(), path, row_group_size=ROWS - 17)
    due, read = score(path, **options).to_state(), columns_of(path, **options)
    narrow()
    assert score(path, **options).to_state() == due
    assert columns_of(path, **options) == read


def test_columns_are_read_in_blocks(path: Path, narrow: Any, monkeypatch: Any) -> None:
    pyarrow.parquet.write_table(table(), path)
    narrow()
    asked: list[int] = []
    whole = parquet_files._batches

    def batches(opened: Any, rows: int, group: int, columns: Any) -> Any:
        asked.append(len(columns))
        return whole(opened, rows, group, columns)

    monkeypatch.setattr(parquet_files, "_batches", batches)
    assert score(path).rows == ROWS
    assert max(asked) == 3
    assert read_row(path, ROWS - 1)["logits"] == LOGITS[:, -1].tolist()


@pytest.mark.parametrize("row", [0, 20, ROWS - 1])
@pytest.mark.parametrize("bad", [None, float("nan")])
def test_errors_name_the_row_and_the_column(row: int, bad: Any, path: Path, narrow: Any) -> None:
    values: list[Any] = LOGITS[4].tolist()
    values[row] = bad
    pyarrow.parquet.write_table(replaced("logit_4", values), path, row_group_size=33)
    with pytest.raises(FileError) as due:
        score(path)
    narrow()
    with pytest.raises(FileError) as found:
        score(path)
    assert str(found.value) == str(due.value)
    assert (found.value.row, found.value.column) == (row, "logit_4")


def test_a_wide_file_without_rows(path: Path, narrow: Any) -> None:
    pyarrow.parquet.write_table(table()[:0], path)
    with pytest.raises(FileError) as due:
        score(path)
    narrow()
    with pytest.raises(FileError) as found:
        score(path)
    assert str(found.value) == str(due.value)


def test_damage_in_a_column(path: Path, narrow: Any) -> None:
    pyarrow.parquet.write_table(table(), path, compression="none", use_dictionary=False)
    chunk = pyarrow.parquet.read_metadata(path).row_group(0).column(5)
    data = bytearray(path.read_bytes())
    data[chunk.data_page_offset : chunk.data_page_offset + 8] = b"\xff" * 8
    path.write_bytes(data)
    narrow()
    with pytest.raises(FileError, match="is not a complete Parquet file"):
        score(path)


def test_names_with_points_count(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {f"logit_{j}": f"logit.{j}" for j in range(CLASSES)}
    pyarrow.parquet.write_table(table().rename_columns(names), path)
    monkeypatch.setattr(parquet_files, "MOST_ROW", 64)
    with pytest.raises(FileError, match="has rows of"):
        score(path, score_columns=list(names.values()), kind="logits")


WIDE = """
import sys, xent
rows = xent.score(sys.argv[1]).rows  # ru_maxrss may be that of the process it was forked from
(line,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(rows, int(line.split()[1]) >> 10)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_of_a_wide_file(path: Path) -> None:
    rows, classes = 300, 20_000  # 64 KiB for each column would be 1.3 GB
    columns = {f"logit_{j}": RNG.normal(size=rows) for j in range(classes)}
    pyarrow.parquet.write_table(
        pa.table({"label": RNG.integers(0, classes, rows), **columns}), path
    )
    command = [sys.executable, "-c", WIDE, str(path)]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    counted, megabytes = map(int, found.split())
    assert counted == rows
    assert megabytes < 600
