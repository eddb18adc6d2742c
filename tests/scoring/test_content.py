"""Files whose names do not say what they hold: each error says what it is, and what to do."""

from __future__ import annotations

import bz2
import gzip
import io
import pickle
import re
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from helpers import problem_with

from xent.scoring import score

CSV = b"label,prob\n1,0.9\n0,0.2\n1,0.4\n"
JSON = b'{"label": 1, "prob": 0.9}\n{"label": 0, "prob": 0.2}\n{"label": 1, "prob": 0.4}\n'
LOSS = -np.log([0.9, 0.8, 0.4]).mean()
TABLE = pa.table({"label": [1, 0, 1], "prob": [0.9, 0.2, 0.4]})


def zipped(**members: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return held.getvalue()


def parquet() -> bytes:
    held = io.BytesIO()
    pyarrow.parquet.write_table(TABLE, held)
    return held.getvalue()


def feather() -> bytes:
    held = io.BytesIO()
    pyarrow.feather.write_feather(TABLE, held)
    return held.getvalue()


def arrays() -> bytes:
    held = io.BytesIO()
    np.savez(held, label=[1, 0, 1], prob=[0.9, 0.2, 0.4])
    return held.getvalue()


WRONG: dict[str, tuple[str, bytes, str]] = {
    "gzip": ("a.csv", gzip.compress(CSV), "compressed by gzip"),
    "bzip2": ("a.tsv", bz2.compress(CSV.replace(b",", b"\t")), "compressed by bzip2"),
    "zstd": ("a.csv", pa.Codec("zstd").compress(CSV, asbytes=True), "compressed by zstd"),
    "another compression": ("a.csv.bz2", gzip.compress(CSV), "compressed by gzip"),
    "none": ("a.csv.gz", CSV, "plain text"),
    "zip": ("a.csv", zipped(a__csv=CSV), "a zip archive"),
    "no zip": ("a.zip", CSV, "plain text"),
    "Parquet as CSV": ("a.csv", parquet(), "Parquet"),
    "Parquet as Feather": ("a.feather", parquet(), "Parquet"),
    "Feather as Parquet": ("a.parquet", feather(), "Arrow/Feather"),
    "CSV as Parquet": ("a.parquet", CSV, "plain text"),
    "CSV as NPY": ("a.npy", CSV, "plain text"),
    "NPZ as CSV": ("a.csv", arrays(), "NumPy arrays"),
    "NPZ as ZIP": ("a.zip", arrays(), "NumPy arrays"),
    "JSON Lines as CSV": ("a.csv", JSON, "JSON"),
    "JSON as Parquet": ("a.parquet", b"[\n" + JSON.replace(b"}\n{", b"},\n{") + b"]", "JSON"),
}


@pytest.mark.parametrize("case", WRONG)
def test_the_name_that_fits_is_told(case: str, tmp_path: Path) -> None:
    name, content, called = WRONG[case]
    path = tmp_path / name
    path.write_bytes(content)
    message = problem_with(path)
    assert message.startswith(f"{name}: its content is {called}, unlike its name: rename it to ")
    found = re.search(r"rename it to (\S+)\.$", message)
    assert found
    path.rename(tmp_path / found[1])
    assert abs(score(tmp_path / found[1]).loss - LOSS) < 1e-15


FOREIGN: dict[str, tuple[str, bytes, str]] = {
    "xlsx as CSV": ("a.csv", zipped(**{"[Content_Types]__xml": b"x"}), "is an Excel workbook:"),
    "xlsx": ("a.xlsx", zipped(**{"[Content_Types]__xml": b"x"}), "is an Excel workbook:"),
    "xls": ("a.csv", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(99), "is an Excel workbook:"),
    "pickle": ("a.csv", pickle.dumps({"label": [1]}), "xent.score(pandas.read_pickle(FILE))"),
    "HDF5": ("a.h5", b"\x89HDF\r\n\x1a\n" + bytes(99), "is an HDF5 file: "),
    "R": ("a.rds", gzip.compress(b"X\n"), "is a file of R: write it in R as CSV"),
    "web page": ("a.csv", b"<!DOCTYPE html><title>404</title>", "is a web page: was an error"),
    "Git LFS": ("a.parquet", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull."),
    "PDF": ("a.csv", b"%PDF-1.4\n%\xe2\xe3", "is a PDF document: save its table as CSV."),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_what_is_not_read_is_named(case: str, tmp_path: Path) -> None:
    name, content, message = FOREIGN[case]
    (tmp_path / name).write_bytes(content)
    assert message in problem_with(tmp_path / name)


@pytest.mark.parametrize("header", ["PAR1", "ORC", "BZh", "PK"])
def test_columns_may_be_called_as_formats_begin(header: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{header},label,prob\nx,1,0.9\ny,0,0.2\nz,1,0.4\n")
    assert abs(score(path).loss - LOSS) < 1e-15


def test_a_character_that_the_first_bytes_cut_is_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for blanks in range(4):
        path.write_text(f"{'x' * (251 + blanks)}€€,label,prob\nx,1,0.9\ny,0,0.2\nz,1,0.4\n")
        assert abs(score(path).loss - LOSS) < 1e-15
