"""Engines: the same bits and the same errors, however the rows are divided among threads."""

from __future__ import annotations

import pickle
import sys
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import problem_with
from messages import each_case, error_of

from xent.scoring import FileError, score
from xent.scoring.sources import parquet_files

N = 4000
RNG = np.random.default_rng(3)
FRAME = pd.DataFrame(
    {
        "id": [f"r{i}" for i in range(N)],
        "label": RNG.integers(0, 2, N).astype(str),
        "prob": RNG.random(N).round(3),
        "w": RNG.random(N).round(2),
        "place": RNG.choice(["DE", "FR", "größe 猫"], N),
        "user": RNG.integers(0, 90, N),
    }
)
FRAME.loc[::97, "label"] = "9"
OPTIONS: dict[str, Any] = {
    "weight_column": "w", "show": ["id"], "by": ["place"], "cluster": "user", "ignored": ["9"],
    "worst": 20,
}  # fmt: skip


@pytest.fixture(autouse=True)
def small_splits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parquet files are split however small they are."""
    monkeypatch.setattr(parquet_files, "LEAST", 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of three formats; row groups are of 300 rows."""
    ends = [0, 1500, 1600, 2500, 2600, N]
    parts = [FRAME[start:end] for start, end in pairwise(ends)]
    parts[0].to_parquet(tmp_path / "a.parquet", row_group_size=300)
    parts[1].to_csv(tmp_path / "b.csv", index=False)
    parts[2].to_parquet(tmp_path / "c.parquet", row_group_size=300)
    parts[3].to_json(tmp_path / "d.jsonl", orient="records", lines=True)
    (tmp_path / "k=1").mkdir()
    parts[4].to_parquet(tmp_path / "k=1" / "e.parquet", row_group_size=300)
    return tmp_path


def test_threads_give_the_same_bits(folder: Path) -> None:
    whole = score(folder, **OPTIONS, threads=1).to_state()
    for threads in (2, 3, 16):
        assert score(folder, **OPTIONS, threads=threads).to_state() == whole
    assert score(folder, **OPTIONS).to_state() == whole


def test_rows_keep_their_numbers(folder: Path) -> None:
    result = score(folder / "a.parquet", **OPTIONS, threads=2)
    assert [row.key for row in result.worst] == [(f"r{row.row}",) for row in result.worst]
    assert max(row.row for row in result.worst) >= 300


def splits(path: Path, most: int, columns: list[str] | None = None) -> list[tuple[int, int]]:
    reader = parquet_files.ParquetReader(_file(path))
    found = reader.splits(columns or ["prob"], most)
    return [(each.first, each.rows) for each in found]


def _file(path: Path) -> Any:
    from xent.scoring.sources.readers import find_files

    (file,) = find_files(path)
    return file


def test_splits_are_of_whole_row_groups_and_of_all_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    FRAME.to_parquet(path, row_group_size=1000)
    assert splits(path, 1) == []
    assert splits(path, 2) == [(0, 2000), (2000, 2000)]
    assert splits(path, 3) == [(0, 2000), (2000, 1000), (3000, 1000)]
    assert splits(path, 9) == [(0, 1000), (1000, 1000), (2000, 1000), (3000, 1000)]
    FRAME.to_parquet(path, row_group_size=N)
    assert splits(path, 9) == []
    FRAME[:0].to_parquet(path)
    assert splits(path, 9) == []


def test_files_are_split_only_if_they_are_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.parquet"
    FRAME.to_parquet(path, row_group_size=100)
    monkeypatch.setattr(parquet_files, "LEAST", 8 * N // 2)
    assert len(splits(path, 40)) == 2
    assert len(splits(path, 40, ["prob", "w"])) == 4
    monkeypatch.setattr(parquet_files, "LEAST", 1 << 26)
    assert splits(path, 40) == []


def spoiled(frame: pd.DataFrame, *rows: int) -> pd.DataFrame:
    frame = frame.copy()
    frame.loc[frame.index[list(rows)], ["label", "prob"]] = "1", 1.5
    return frame


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_error_is_that_of_the_first_row_at_fault(tmp_path: Path, threads: int) -> None:
    FRAME[:1500].to_parquet(tmp_path / "a.parquet", row_group_size=100)
    spoiled(FRAME[1500:3000], 1234, 777).to_parquet(tmp_path / "b.parquet", row_group_size=100)
    spoiled(FRAME[3000:], 0).to_parquet(tmp_path / "c.parquet", row_group_size=100)
    (tmp_path / "d.parquet").write_bytes(b"PAR1")
    told = problem_with(tmp_path, **OPTIONS, threads=threads)
    assert told == (
        f"{tmp_path.name}/b.parquet: row 777, column 'prob': 1.5: a probability lies between 0 and "
        "1; correct this one, or leave it blank and pass --missing drop."
    )
    left = score(tmp_path, **OPTIONS, skip_bad=True, threads=threads)
    assert left.files == (f"{tmp_path}/a.parquet",)
    assert [each.split(":")[0][-9:] for each in left.skipped] == [
        "b.parquet", "c.parquet", "d.parquet",
    ]  # fmt: skip
    assert left.skipped[0] == f"{tmp_path.parent}/{told}"
    one = score(tmp_path / "a.parquet", **OPTIONS)
    assert left.state == one.state


@pytest.mark.parametrize("threads", [1, 3])
def test_other_columns_in_a_later_file(tmp_path: Path, threads: int) -> None:
    for name in "ab":
        FRAME[["label", "prob"]].to_parquet(tmp_path / f"{name}.parquet", row_group_size=500)
    FRAME[["label", "w"]].to_parquet(tmp_path / "c.parquet", row_group_size=500)
    told = problem_with(tmp_path, threads=threads, ignored=["9"])
    what = "no column 'prob', unlike in the first file; the columns are label, w."
    assert told == f"{tmp_path.name}/c.parquet: {what}"


def test_threads_end_with_an_error(tmp_path: Path) -> None:
    for name in "abcdef":
        FRAME.to_parquet(tmp_path / f"{name}.parquet", row_group_size=100)
    spoiled(FRAME, 1).to_parquet(tmp_path / "a.parquet", row_group_size=100)
    before = threading.active_count()
    problem_with(tmp_path, **OPTIONS, threads=3)
    assert threading.active_count() == before


def test_what_progress_raises_ends_the_threads(folder: Path) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        score(folder, **OPTIONS, threads=3, progress=stop)
    assert threading.active_count() == before


def test_progress_of_threads_only_grows(tmp_path: Path) -> None:
    for name in "abc":
        FRAME.to_parquet(tmp_path / f"{name}.parquet", row_group_size=500)
    told: list[tuple[int, float | None]] = []
    result = score(tmp_path, threads=3, progress=lambda *each: told.append(each), ignored=["9"])
    rows, fractions = zip(*told, strict=True)
    assert sorted(rows) == list(rows)
    assert sorted(fractions) == list(fractions)
    assert (rows[-1], fractions[-1]) == (result.rows, 1)


def test_losses_are_in_the_order_of_the_rows(folder: Path, tmp_path: Path) -> None:
    written = []
    for threads in (1, 4):
        path = tmp_path / f"{threads}.csv"
        score(folder / "a.parquet", **OPTIONS, threads=threads, losses=path)
        written.append(path.read_text())
    assert written[0] == written[1]


def test_joined_tables_do_not_mind_threads(tmp_path: Path) -> None:
    for name, part in (("a", FRAME[:2000]), ("b", FRAME[2000:])):
        part[["id", "prob"]].to_parquet(tmp_path / f"{name}.parquet", row_group_size=300)
    truth = FRAME[["id", "label"]][::-1]
    options: dict[str, Any] = {"truth": truth, "key": "id", "ignored": ["9"]}
    states = [score(tmp_path, **options, threads=n).to_state() for n in (1, 4)]
    assert states[0] == states[1]


def test_an_error_is_the_same_in_another_process() -> None:
    error = FileError("a.csv", "is odd", row=3, line=5, column="x")
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, FileError)
    assert str(again) == str(error) == "a.csv: row 3 (line 5), column 'x': is odd"
    assert str(again.at(7, None)) == str(error.at(7, None))


TABLE = {"label": [1, 0], "prob": [0.9, 0.2]}
TOKENS = {"text": ["a", "b"], "logprob": [-1.0, -2.0]}


@each_case("""
score(TABLE, engine="spark")
    ValueError: engine is 'spark'; expected 'local' or 'ray'.
score(TABLE, threads=0)
    ValueError: threads is 0; expected a number of threads, 1 or more.
score(TABLE, threads=True)
    ValueError: threads is True; expected a number of threads, 1 or more.
score(TABLE, threads=1.5)
    ValueError: threads is 1.5; expected a number of threads, 1 or more.
score(TABLE, engine="ray")
    ValueError: engine is 'ray', which scores files; a table in memory needs engine 'local'.
score(TOKENS, engine="ray")
    ValueError: engine is for predictions of classes, but dict holds log-probabilities of a
    language model.
""")
def test_errors(call: str, words: str) -> None:
    assert error_of(call, {"score": score, "TABLE": TABLE, "TOKENS": TOKENS}) == words


def test_what_only_this_process_does(folder: Path, tmp_path: Path) -> None:
    def fails(what: str, **options: Any) -> None:
        def call() -> Any:
            return score(folder / "a.parquet", engine="ray", **options)

        told = f"ValueError: engine is 'ray', which scores files; {what} needs engine 'local'."
        assert error_of(call) == told

    fails("losses", **OPTIONS, losses=tmp_path / "losses.csv")
    truth = FRAME[["id", "label"]]
    fails("a join", truth=truth, key="id", missing="drop", ignored=["9"], score_columns=["prob"])


def test_ray_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ModuleNotFoundError, match="engine 'ray' needs ray: pip install ray, or xe"):
        score(folder / "a.parquet", **OPTIONS, engine="ray")
