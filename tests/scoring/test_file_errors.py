"""Whole files that cannot be scored: the exact words, and what is never done."""

from __future__ import annotations

import gzip
import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from helpers import problem_with

from xent.scoring import score
from xent.scoring.sources import csv_lines, json_lines, lines
from xent.scoring.sources.arrow_reader import TextReader

SOME = "..."  # in an expected message: words of another library

COLUMNS = (
    "Scores are found by name: one column logit or prob (or a list per row under logits or "
    "probs), or one column per class, logit_CLASS or prob_CLASS. Name others with "
    "--score-columns A,B,C and --kind."
)
ENDINGS = (
    ".csv, .tsv, .jsonl, .ndjson, .json, .parquet, .pq, .feather, .arrow, .ipc, .npy, .npz, .zip"
)
PICKLE = (
    "holds Python objects (a pickle), which are never loaded: that could run code. "
    "Save numbers with array.astype(float), or names with array.astype(str)."
)
NOT_TEXT = (
    "is not text in UTF-8: it holds zero bytes. Is the file extension right? A table saved by a "
    "spreadsheet as Unicode text must be saved as CSV in UTF-8."
)
DROP = " xent score --missing drop leaves such rows out."
FROM_ONE = " If your labels start at 1, name them: --classes 1,2"


def says(message: str, expected: str) -> bool:
    return re.fullmatch(".+".join(map(re.escape, expected.split(SOME))), message) is not None


def text(content: str, encoding: str = "utf-8") -> Callable[[Path], None]:
    return lambda path: path.write_text(content, encoding=encoding) and None


def raw(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


def arrays(**members: Any) -> Callable[[Path], None]:
    return lambda path: np.savez(path, **members)


def array(value: Any) -> Callable[[Path], None]:
    return lambda path: np.save(path, value)


def parquet(**columns: Any) -> Callable[[Path], None]:
    return lambda path: pyarrow.parquet.write_table(pa.table(columns), path)


def arrow_with_bad_offsets(path: Path) -> None:
    """A list that ends at 1000, where there are 4 numbers."""
    offsets = pa.py_buffer(np.array([0, 1000, 4], np.int32))
    kind = pa.list_(pa.float64())
    lists = pa.Array.from_buffers(kind, 2, [None, offsets], children=[pa.array([1.0] * 4)])
    batch = pa.record_batch({"label": pa.array([0, 1]), "logits": lists})
    with pa.ipc.new_file(str(path), batch.schema) as file:
        file.write_batch(batch)


def arrow(path: Path) -> None:
    table = pa.table({"label": [1] * 1000, "prob": [0.5] * 1000})
    with pa.ipc.new_file(str(path), table.schema) as file:
        file.write_table(table)


def truncated(write: Callable[[Path], None], keep: float = 0.5) -> Callable[[Path], None]:
    def cut(path: Path) -> None:
        write(path)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * keep)])

    return cut


def damaged(path: Path) -> None:
    arrays(label=np.ones(10_000), prob=np.full(10_000, 0.5))(path)
    data = bytearray(path.read_bytes())
    data[50_000] ^= 255
    path.write_bytes(data)


fields = np.array([(1, 0.5)] * 50, [("label", int), ("prob", float)])
ones = np.ones(3, int)

# The name of the file, how it is written, options, and the message.
FILES: list[tuple[str, Callable[[Path], Any], dict[str, Any], str]] = [
    ("a.csv", lambda _: None, {}, "no such file."),
    ("folder.csv", Path.mkdir, {}, "a folder without files of predictions: nothing."),
    ("a.csv", raw(b""), {}, "is empty (0 bytes)."),
    ("a.csv", text("label,prob\n"), {}, "holds no rows."),
    ("a.csv", text("label,prob"), {}, "holds no rows."),
    ("a.csv", text("\n\n"), {}, "has no header line."),
    ("a.jsonl", text("\n\n"), {}, "holds no rows."),
    ("a.csv", text("label,prob,w\n1,0.5,0\n"), {"weight_column": "w"},
     "holds no row of weight above 0."),
    ("a.xyz", text("x"), {}, f"unknown kind of file; expected a name ending in {ENDINGS}."),
    ("a", text("x"), {}, "holds no rows."),
    ("a.parquet.gz", text("x"), {},
     "a .parquet file cannot be read inside .gz; decompress it first."),
    ("a.csv", text("what,prob\n1,0.5\n"), {},
     "no label column among what, prob. It must be called one of label, target, y_true, truth, "
     "gold, actual, y or class, or be named with --label-column; labels of another table need "
     "--truth FILE --key COLUMN."),
    ("a.csv", text("label,model\n1,0.5\n"), {},
     "no single set of score columns among label, model: found none. Pass the option that is "
     "right; losses: 0.6931 for probabilities in 'model' (--score-columns model --kind "
     "probabilities)."),
    ("a.csv", text("label,model\n1,x\n"), {},
     f"no single set of score columns among label, model: found none. {COLUMNS}"),
    ("a.csv", text("label,logit,prob\n1,0,0.5\n"), {},
     "no single set of score columns among label, logit, prob: found logit and prob. Pass the "
     "option that is right; losses: 0.6931 for logits in 'logit' (--score-columns logit); 0.6931 "
     "for probabilities in 'prob' (--score-columns prob)."),
    ("a.csv", text("label,prob\n1,0.5\n"), {"label_column": "truth"},
     "no column 'truth'; the columns are label, prob."),
    ("a.csv", text("label,prob\n1,0.5\n"), {"score_columns": ["prob", "p2"]},
     "no column 'p2'; the columns are label, prob."),
    ("a.csv", text("label,prob\n1,0.5\n"), {"weight_column": "w"},
     "no column 'w'; the columns are label, prob."),
    ("a.csv", text("label,prob,label\n1,0.5,0\n"), {}, "2 columns are called 'label'."),
    ("a.csv", text("label,prob\ngröße,0.5\n", "latin1"), {},
     "row 0 (line 2), column 'label': the text is not UTF-8: byte 0xf6. Save the file as UTF-8."),
    ("a.csv", text("größe,prob\n1,0.5\n", "latin1"), {},
     "line 1: the header is not UTF-8: byte 0xf6. Save the file as UTF-8."),
    ("a.jsonl", text('{"label": "größe", "prob": 0.5}\n', "latin1"), {},
     "row 0 (line 1): the text is not UTF-8: byte 0xf6. Save the file as UTF-8."),
    ("a.csv", text("label,prob\n1,0.5\n", "utf-16"), {}, NOT_TEXT),
    ("junk.csv", raw(bytes(range(256))), {}, NOT_TEXT),
    ("junk.jsonl", raw(bytes(range(256))), {}, NOT_TEXT),
    ("junk.csv", raw(bytes(range(128, 256))), {},
     "line 1: the header is not UTF-8: byte 0x80. Save the file as UTF-8."),
    ("a.jsonl", text('{"label": 1, "prob": 0.5, "x": "' + 400_000 * "x" + '"}\n'), {},
     "line 1: is longer than 150000 characters."),
    ("a.csv", text('label,prob\n1,0.5\n0,"' + "1,2\n" * 50_000), {},
     "field larger than field limit (150000). Is a quote opened after row 0 and not closed?"),
    ("a.csv.gz", text("label,prob\n1,0.5\n"), {},
     "its content is plain text, unlike its name: rename it to a.csv."),
    ("a.csv.gz", truncated(raw(gzip.compress(b"label,prob\n" + b"1,0.5\n" * 9))), {},
     "cannot be read: ..."),
    ("a.parquet", text("label,prob\n1,0.5\n"), {},
     "its content is plain text, unlike its name: rename it to a.csv."),
    ("a.parquet", text("label"), {},
     "is not a complete Parquet file (truncated, or of another kind): ..."),
    ("a.parquet", truncated(parquet(label=[1], prob=[0.5])), {},
     "is not a complete Parquet file (truncated, or of another kind): ..."),
    ("a.feather", truncated(arrow), {},
     "is not a complete Arrow file (truncated, or of another kind): ..."),
    ("a.arrow", arrow_with_bad_offsets, {},
     "is not a complete Arrow file (truncated, or of another kind): ..."),
    ("a.arrow", text("label,prob\n1,0.5\n"), {},
     "its content is plain text, unlike its name: rename it to a.csv."),
    ("a.parquet", parquet(label=[0, None], prob=[0.5, 0.5]), {},
     f"row 1, column 'label': the label is missing.{DROP}"),
    ("a.parquet", parquet(label=[0, 1], prob=["a", "b"]), {},
     "column 'prob': holds string; expected numbers."),
    ("a.parquet", parquet(label=[[0, 1]], prob=[0.5]), {},
     "column 'label': holds a list of labels in each row. Save a score for each label, and a "
     "column of 0 and 1: label_X beside prob_X."),
    ("a.parquet", parquet(label=[0.5], logits=[[1.0, 2.0]]), {},
     "row 0, column 'label': 0.5 is not a class; the classes are 0, 1. Soft labels are not read "
     "from files; in Python xent.log_loss takes them."),
    ("a.parquet", parquet(label=[0, 2], logits=[[1.0, 2.0]] * 2), {},
     "row 1, column 'label': 2 is not a class; the classes are 0, 1. Labels start at 0, so there "
     "are more classes than scores: save one for each."),
    ("a.parquet", parquet(label=[0, 1], logits=[[1.0, 2.0], [1.0]]), {},
     "row 1, column 'logits': 1 scores; expected 2, one per class."),
    ("a.parquet", parquet(label=[0, 1], logits=[[1.0, 2.0], [1.0, None]]), {},
     f"row 1, column 'logits': a score is missing.{DROP}"),
    ("a.parquet", parquet(label=[0, 1], logits=[[1.0, 2.0], None]), {},
     f"row 1, column 'logits': the value is missing.{DROP}"),
    ("a.parquet", parquet(label=[0, 1], logits=[[1.0], [2.0]]), {},
     "column 'logits': 1 scores per row; expected 2 or more, one per class. "
     "A binary score is a plain number: save scores[:, 0]."),
    ("a.npz", arrays(label=ones, logits=np.ones((3, 2, 2))), {},
     "column 'logits': has 3 axes; expected two, rows and classes."),
    ("a.npz", arrays(label=ones, logits=np.ones(2)), {},
     "the arrays differ in their number of rows: 'label' has 3, 'logits' has 2."),
    ("a.npz", arrays(label=ones, logits=np.array([1, "x", None])), {},
     f"column 'logits': {PICKLE}"),
    ("a.npz", arrays(label=1, logits=np.ones(3)), {},
     "column 'label': holds a single number; expected one row per example."),
    ("a.npz", arrays(label=ones, logits=fields[:3]), {},
     "column 'logits': has fields (label, prob); expected an array without fields."),
    ("a.npz", arrays(label=np.ones((3, 2)), logits=ones), {},
     "row 0, column 'label': the labels of a row are 1, 1; expected one label, or a row with a "
     "single 1. Several labels that may be true at once need a score each, in a list per row."),
    ("a.npz", arrays(label=np.full((3, 2), "a"), logits=ones), {},
     "column 'label': holds <U1 of shape (2,) per row; expected one label."),
    ("a.npz", arrays(label=ones, prob=np.ones(3, complex)), {},
     "column 'prob': holds complex128 of shape (3,); expected one number per row."),
    ("a.npz", truncated(arrays(label=ones, prob=ones)), {},
     "is not a complete NPZ file (truncated, or of another kind): File is not a zip file"),
    ("a.npz", damaged, {}, "row 0: is damaged: ..."),
    ("a.npy", array(np.ones((3, 2))), {},
     "holds only scores, no labels. Give the file of labels with --labels FILE.npy."),
    ("a.npy", truncated(array(fields)), {},
     "column 'label': is truncated: its header says 50 rows, but it holds 21."),
    ("a.npy", truncated(array(fields), 0.05), {},
     "is not a complete NPY file (truncated, or of another kind): ..."),
    ("a.npy", array(np.array([{"a": 1}])), {"label_column": "scores", "score_columns": ["scores"]},
     f"column 'scores': {PICKLE}"),
    ("a.npy", array(2.5), {"label_column": "scores", "score_columns": ["scores"]},
     "column 'scores': holds a single number; expected one row per example."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "write", "options", "expected"), FILES, ids=[f"{f[0]}-{f[-1]:.40}" for f in FILES]
)
def test_a_whole_file(
    name: str,
    write: Callable[[Path], Any],
    options: dict[str, Any],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(TextReader, "block", 150_000)
    monkeypatch.setattr(csv_lines, "LONGEST", 150_000)
    monkeypatch.setattr(json_lines, "LONGEST", 150_000)
    monkeypatch.setattr(lines, "LONGEST", 150_000)
    write(tmp_path / name)
    message = problem_with(tmp_path / name, **options)
    assert says(message, f"{name}: {expected}"), message


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.csv").write_text("label,prob\n1,0.5\n")
    monkeypatch.setattr(Path, "open", denied)
    assert problem_with(tmp_path / "a.csv") == "a.csv: cannot be opened: Permission denied."


class Trap:
    """Its pickle creates a file when it is loaded."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return Path.touch, (self.marker,)


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    marker = tmp_path / "was run"
    trap = np.array([Trap(marker)], dtype=object)
    pickle.loads(pickle.dumps(trap))
    assert marker.exists(), "the trap works"
    marker.unlink()
    np.savez(tmp_path / "a.npz", label=trap, prob=trap)
    np.save(tmp_path / "a.npy", trap)
    (tmp_path / "b.npy").write_bytes(pickle.dumps(trap))
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("label.npy", pickle.dumps(trap))
    for name in ("a.npz", "b.npz"):
        problem_with(tmp_path / name)
    for name in ("a.npy", "b.npy"):
        problem_with(tmp_path / name, labels=tmp_path / name)
    assert not marker.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbflabel,prob\n1,0.5\n",
        b"label,prob\r\n1,0.5\r\n",
        b"\n\nlabel,prob\n\n1,0.5\n\n",
        b'label,prob\n"1","0.5"\n',
        b" label , prob\n 1 , 0.5 \n",
        b'"label","prob"\n1,+5e-1',
        b'\xef\xbb\xbf{"label": 1, "prob": 0.5}\r\n',
    ],
)
def test_what_other_programs_write_is_read(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / ("a.jsonl" if b"{" in content else "a.csv")
    path.write_bytes(content)
    result = score(path)
    assert (result.rows, round(result.bits, 12)) == (1, 1.0)
