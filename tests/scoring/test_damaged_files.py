"""Damaged and hostile files: each is scored or refused, and nothing else happens."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import os
import random
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from commands import Output
from prediction_files import FORMATS, LABELS, N, Options

from xent.scoring import FileError, MultiLabelScore, Score, columns_of, score

Run = Callable[..., Output]

SCRAPS = [b'"', b"\n", b",", b"\0", b"\xff", b"nan", b"null", b"[", b"{}", b"-"]


def damage(data: bytes, chance: random.Random) -> bytes:
    """The data with a few bytes changed, removed or added, or its end cut off."""
    for _ in range(chance.choice([1, 1, 2, 5])):
        place = chance.randrange(len(data) or 1)
        kind = chance.randrange(4)
        if kind == 0:
            data = data[:place] + bytes([chance.randrange(256)]) + data[place + 1 :]
        elif kind == 1:
            data = data[:place] + data[place + chance.randrange(1, 20) :]
        elif kind == 2:
            data = data[:place] + chance.choice(SCRAPS) + data[place:]
        else:
            data = data[: chance.randrange(len(data) + 1)]
    return data


P = np.round(np.random.default_rng(0).dirichlet([1, 1, 1], N), 6)


def objects(path: Path) -> None:
    rows = [{"label": str(y), "prob": dict(zip("012", p.tolist(), strict=True))}
            for y, p in zip(LABELS, P, strict=True)]  # fmt: skip
    path.write_text("\n".join(map(json.dumps, rows)))


def labelled(path: Path) -> None:
    rows = [
        {"gold": str(y), "output": [{"label": k, "score": q} for k, q in zip("012", p.tolist(),
                                                                            strict=True)]}
        for y, p in zip(LABELS, P, strict=True)
    ]  # fmt: skip
    path.write_text(json.dumps(rows))


def vectors(path: Path) -> None:
    values = [{"type": 1, "values": row} for row in P.tolist()]
    pyarrow.parquet.write_table(pa.table({"label": LABELS, "probability": values}), path)


def several_labels(path: Path) -> None:
    truth = pa.array((P > 0.3).astype(int).tolist())
    pyarrow.parquet.write_table(pa.table({"label": truth, "prob": pa.array(P.tolist())}), path)


MORE: dict[str, Callable[[Path], Options | None]] = {
    "objects.jsonl": objects,
    "labels.json": labelled,
    "vectors.parquet": vectors,
    "several.parquet": several_labels,
}


@pytest.mark.parametrize("name", [*FORMATS, *MORE])
def test_a_damaged_file_is_scored_or_refused(name: str, tmp_path: Path) -> None:
    options = {**FORMATS, **MORE}[name](tmp_path / name) or {}
    whole = (tmp_path / name).read_bytes()
    chance = random.Random(name)
    for i in range(40):
        path = tmp_path / f"{i} {name}"
        path.write_bytes(damage(whole, chance))
        with warnings.catch_warnings(), contextlib.suppress(FileError):
            warnings.filterwarnings("ignore", "Reading .* additional header parsing")
            result = score(path, **options)
            assert isinstance(result, (Score, MultiLabelScore))
            assert (result.cells if isinstance(result, MultiLabelScore) else result.rows) > 0


# Objects and lists with anything in them.

ODD: list[Any] = [
    None, True, -1, 0.5, "", "x", float("nan"), 10**30, [], {}, [None], [[]], [[None]], [{}],
    {"0": None}, {"0": 0.1}, [0.1, None, 0.9], [{"label": None, "score": None}],
    {"type": 0, "values": None}, {"type": 1, "values": [None]}, [{"label": "0", "score": 1.0}] * 2,
]  # fmt: skip
SOUND: list[Any] = [
    {"0": 0.1, "1": 0.2, "2": 0.7},
    {"type": 1, "values": [0.1, 0.2, 0.7]},
    [0.1, 0.2, 0.7],
    [{"label": k, "score": p} for k, p in zip("012", [0.1, 0.2, 0.7], strict=True)],
    0.4,
]


@pytest.mark.parametrize("sound", SOUND, ids=str)
@pytest.mark.parametrize("place", [1, 1001])
def test_anything_in_a_row(sound: Any, place: int, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    for odd in ODD[:: 1 if place == 1 else 3]:
        rows = [{"label": i % 2, "prob": sound} for i in range(place + 1)]
        rows[place]["prob"] = odd
        path.write_text("\n".join(map(json.dumps, rows)))
        for options in ({}, {"missing": "drop"}):
            with contextlib.suppress(FileError):
                loss = score(path, **options).loss
                assert np.isfinite(loss) or odd in (0.5, True)
        with contextlib.suppress(pa.ArrowException, OverflowError):
            column = pa.array([row["prob"] for row in rows])
            pyarrow.parquet.write_table(pa.table({"label": [0] * len(rows), "prob": column}),
                                        tmp_path / "a.parquet")  # fmt: skip
            with contextlib.suppress(FileError):
                assert score(tmp_path / "a.parquet").loss >= 0


@pytest.mark.parametrize("depth", [10, 1000, 100_000])
@pytest.mark.parametrize("mark", ["[]", '{"a":}'])
def test_nested_deeply(depth: int, mark: str, tmp_path: Path) -> None:
    opening, closing = mark[:-1], mark[-1]
    text = opening * depth + "1" + closing * depth
    for content in (text, f'[{{"label": 1, "prob": {text}}}]', f'{{"label": 1, "prob": {text}}}'):
        for name in ("a.json", "a.jsonl"):
            (tmp_path / name).write_text(content)
            with pytest.raises(FileError):
                score(tmp_path / name)


# Names.

NAMES = {
    "escapes": "\x1b[31mred\x1b[0m",
    "bell": "\x07\x08\x9b31m",
    "direction": "\u202egnp.exe",
    "line": "a\nb",
    "tab": "a\tb",
    "script": "<script>alert(1)</script>",
    "comment": "<!-- x",
    "entity": "&amp;&lt;",
    "markdown": "**b** `c` # [x](http://y)",
    "table": "a|b",
    "formula": "$x^2$ \\input{a}",
    "brackets": "[bold]x[/bold]",
    "option": "--kind=logits",
    "spreadsheet": "=1+1",
    "long": 1000 * "long",
    "quotes": "a'b\"c",
    "percent": "%s %(x)s {0} {x}",
    "zero": "\N{ZERO WIDTH JOINER}",
}
STEERS = set("\x1b\x07\x08\x9b\u202e\r")


def named(path: Path, name: str) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "label", name, "other", f"{name} 2"])
        rows.writerows([name, name if i % 3 else "other", 0.6, 0.4, 7] for i in range(6))
    return path


@pytest.mark.parametrize("kind", NAMES)
def test_names_of_columns_and_classes(kind: str, tmp_path: Path) -> None:
    name = NAMES[kind]
    path = named(tmp_path / "a.csv", name)
    result = score(path, score_columns=[name, "other"], kind="probabilities", show=["id"])
    assert abs(result.loss + (4 * np.log(0.6) + 2 * np.log(0.4)) / 6) < 1e-15
    assert isinstance(result, Score)
    forms = [result.to_text(), result.to_markdown(), result.to_latex(), result.to_page()]
    assert not any(STEERS & set(form) for form in forms)
    page = forms[-1]
    assert "<script>alert" not in page
    assert "<!-- x" not in page
    tables = [line for line in forms[1].splitlines() if line.startswith("|")]
    for at, columns in (("| worst row", 6), ("| class", 5)):
        first = next(i for i, line in enumerate(tables) if line.startswith(at))
        assert all(line.replace("\\|", "").count("|") == columns + 1
                   for line in tables[first : first + 4])  # fmt: skip
    assert json.loads(result.to_json())["worst_rows"][0]["shown"] == [name]
    assert not STEERS & set(columns_of(path, score_columns=[name, "other"]).to_text())
    for options in ({"weight_column": name[::-1]}, {"label_column": name}, {}):
        with contextlib.suppress(FileError):
            score(path, **options)
        with pytest.raises(FileError) as error:
            score(path, **options, score_columns=[name + "?"])
        assert not STEERS & set(str(error.value))


@pytest.mark.parametrize("name", ["\x1b[31m.csv", "a\nb.csv", "<b>&.csv", "*[x].csv", b"\xff.csv"])
def test_names_of_files(name: str | bytes, tmp_path: Path, run: Run) -> None:
    path = named(tmp_path / os.fsdecode(name), "cat")
    for form in ("text", "markdown", "latex", "html", "json"):
        output = run("score", path, "--format", form)
        assert output.code == 0, output.err
        assert not STEERS & set(output.out)
    output = run("score", path, "--label-column", "x")
    assert output.code != 0
    assert not STEERS & set(output.err)
    assert "Traceback" not in output.err


# Files that are small and hold much.

BLOCK = 1 << 20
MEASURED = """
import re, sys
from pathlib import Path
from xent.scoring import FileError, score
for path in sys.argv[1:]:
    try:
        print("loss", score(path).loss)
    except FileError as error:
        print(error)
    status = Path("/proc/self/status").read_text()
    print(int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) // 1024)
"""
BOMBS: dict[str, tuple[bytes, bytes, str]] = {
    "zeros.csv.gz": (b"", b"\0", "is not text in UTF-8: it holds zero bytes."),
    "blanks.csv.gz": (b"label,prob\n", b" ", "line 2: is longer than 8388608 characters."),
    "lines.csv.gz": (b"", b"\n", "more than 1048576 blank lines."),
    "lines.jsonl.gz": (b"", b"\n", "more than 1048576 blank lines."),
    "header.csv.gz": (b"label,", b"x", "line 1: is longer than 8388608 characters."),
    "quote.csv.gz": (b'label,prob\n1,"', b"1", "is longer than 8388608 characters."),
    "array.json.gz": (b"[", b"[", "row 0: expected one object per line"),
    "text.json.gz": (b'[{"label":"', b"x", "row 0: not JSON"),
    "blanks.jsonl.gz": (b'{"label":1,"prob":0.5}\n', b" ", "line 2: is longer than"),
}


def linux(test: Any) -> Any:
    return pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")(test)


def measured(*paths: Path) -> list[tuple[str, int]]:
    """What a process of its own says of the files, and its most memory in MB so far."""
    done = subprocess.run([sys.executable, "-c", MEASURED, *paths], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    return list(zip(lines[::2], map(int, lines[1::2]), strict=True))


@linux
def test_files_of_a_gigabyte_of_text_are_refused(tmp_path: Path) -> None:
    paths = []
    for name, (start, unit, _) in BOMBS.items():
        paths.append(tmp_path / name)
        paths[-1].write_bytes(gzip.compress(start) + gzip.compress(unit * BLOCK) * 1024)
    for (said, memory), (_, _, message) in zip(measured(*paths), BOMBS.values(), strict=True):
        assert message in said
        assert memory < 400


def bomb(path: Path, members: dict[str, tuple[bytes, bytes, int]]) -> None:
    """Each member begins so, and goes on with repetitions."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, (start, unit, size) in members.items():
            with archive.open(name, "w", force_zip64=True) as file:
                file.write(start)
                for _ in range(max(1, size // BLOCK)):
                    file.write(unit * min(BLOCK, size))


@linux
def test_members_of_archives_are_streamed(tmp_path: Path) -> None:
    rows = 1 << 22
    bomb(tmp_path / "a.zip", {"a.csv": (b"label,prob\n", b" ", 1 << 28)})
    bomb(tmp_path / "a.npz", {
        "label.npy": (header((rows,)), b"\0", 8 * rows),
        "logits.npy": (header((rows, 7)), b"\0", 56 * rows),
    })  # fmt: skip
    (text, little), (loss, memory) = measured(tmp_path / "a.zip", tmp_path / "a.npz")
    assert "line 2: is longer than 8388608 characters." in text
    assert abs(float(loss.removeprefix("loss ")) - np.log(7)) < 1e-15
    assert memory < little + 150


def header(shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    described = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, described)
    return file.getvalue()


def test_large_column_major_arrays_are_read_by_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from xent.scoring.sources import numpy_files, reader

    FORMATS["columns first.npz"](tmp_path / "a.npz")
    due = score(tmp_path / "a.npz").loss
    monkeypatch.setattr(numpy_files, "MOST_WHOLE", 100)
    monkeypatch.setattr(reader, "BATCH", 10)
    assert score(tmp_path / "a.npz").loss == due
    monkeypatch.setattr(numpy_files, "MOST_STREAMS", 2)
    with pytest.raises(FileError, match="is column-major and too large to be held in memory"):
        score(tmp_path / "a.npz")


def test_rows_that_are_too_wide(tmp_path: Path) -> None:
    bomb(tmp_path / "a.npz", {"label.npy": (header((1,)), b"\0", 8),
                              "logits.npy": (header((1, 1 << 25)), b"\0", 1 << 28)})  # fmt: skip
    with pytest.raises(FileError, match="rows of 268435456 bytes, more than the 16777216"):
        score(tmp_path / "a.npz")
    lists = pa.array([[None] * (1 << 22)], pa.list_(pa.float64()))
    pyarrow.parquet.write_table(pa.table({"label": [1], "prob": lists}), tmp_path / "a.parquet")
    with pytest.raises(FileError, match=r"rows of .* bytes, more than the 16777216"):
        score(tmp_path / "a.parquet")


def test_headers_that_are_too_long(tmp_path: Path) -> None:
    start = b"\x93NUMPY\x02\x00" + (1 << 30).to_bytes(4, "little")
    bomb(tmp_path / "a.npz", {"label.npy": (start, b" ", 1 << 22)})
    with pytest.raises(FileError, match="its header would be 1073741824 bytes long"):
        score(tmp_path / "a.npz")


def zipped(path: Path, name: str, content: bytes) -> bytes:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, content)
    return path.read_bytes()


def test_archives_in_archives_and_names_outside(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "a.zip", "a.csv", b"label,prob\n1,0.5\n")
    for name, content in (("b.zip", inner), ("../../a.csv", b"label,prob\n1,0.5\n")):
        zipped(tmp_path / "a.zip", name, content)
        with pytest.raises(FileError):
            score(tmp_path / "a.zip")
    assert [each.name for each in tmp_path.iterdir()] == ["a.zip"]


def test_every_beginning_of_an_archive_is_refused(tmp_path: Path) -> None:
    whole = zipped(tmp_path / "a.zip", "a.csv", b"label,prob\n1,0.5\n")
    for end in range(len(whole)):
        (tmp_path / "b.zip").write_bytes(whole[:end])
        with pytest.raises(FileError):
            score(tmp_path / "b.zip")
