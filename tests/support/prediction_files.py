"""One set of predictions, written in every format."""

from __future__ import annotations

import gzip
import json
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet

N, K = 57, 3
RNG = np.random.default_rng(7)
LOGITS = RNG.integers(-300, 300, (N, K)) / 64  # exact in float16 and in decimal
LABELS = RNG.integers(0, K, N)
NAMES = np.array(["cat", "dog", "größe 猫"])
Array = np.ndarray[Any, Any]
Options = dict[str, Any]


def table(columns: dict[str, Any]) -> Any:
    return pa.table({name: pa.array(values) for name, values in columns.items()})


def columns(logits: Array = LOGITS, labels: Any = LABELS) -> dict[str, Any]:
    scores = {f"logit_{j}": logits[:, j] for j in range(logits.shape[1])}
    return {"id": [f"row {i}" for i in range(len(labels))], "label": labels, **scores}


def listed(labels: Any = LABELS) -> dict[str, Any]:
    return {"label": list(labels), "logits": list(LOGITS)}


def text(path: Path, data: dict[str, Any], delimiter: str = ",", end: str = "\n") -> None:
    rows = zip(*data.values(), strict=True)
    lines = [delimiter.join(data), *(delimiter.join(map(str, row)) for row in rows)]
    path.write_text("".join(line + end for line in lines), encoding="utf-8", newline="")


def compressed_text(path: Path, data: dict[str, Any]) -> None:
    plain = path.with_suffix("")
    text(plain, data)
    with pa.output_stream(str(path), compression="detect") as stream:
        stream.write(plain.read_bytes())


def json_lines(path: Path, data: dict[str, Any]) -> None:
    rows = zip(*(np.asarray(values).tolist() for values in data.values()), strict=True)
    lines = [json.dumps(dict(zip(data, row, strict=True))) for row in rows]
    path.write_text("\n".join(lines))


def json_array(path: Path, data: dict[str, Any]) -> None:
    json_lines(path, data)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text(json.dumps(rows, indent=1))


def json_columns(path: Path, data: dict[str, Any]) -> None:
    path.write_text(
        json.dumps({name: np.asarray(values).tolist() for name, values in data.items()})
    )


def zipped(path: Path, data: dict[str, Any]) -> None:
    text(path.with_suffix(".csv"), data)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.write(path.with_suffix(".csv"), "inside.csv")


def parquet(path: Path, data: dict[str, Any], **options: Any) -> None:
    pyarrow.parquet.write_table(table(data), path, **options)


def stream(path: Path, data: dict[str, Any]) -> None:
    whole = table(data)
    with pa.ipc.new_stream(str(path), whole.schema) as file:
        file.write_table(whole, max_chunksize=20)


def structured(path: Path, data: dict[str, Any]) -> None:
    numbers = {name: np.asarray(values) for name, values in data.items() if name != "id"}
    array = np.empty(N, [(name, values.dtype) for name, values in numbers.items()])
    for name, values in numbers.items():
        array[name] = values
    with warnings.catch_warnings():  # names beyond Latin 1 need version 3 of the format
        warnings.filterwarnings("ignore", "Stored array in format 3.0")
        np.save(path, array)


def archive(path: Path, logits: Array = LOGITS, save: Any = np.savez) -> None:
    save(path, logits=logits, label=LABELS, epoch=3, notes=np.array([{"never": "loaded"}]))


def two_arrays(path: Path, logits: Array = LOGITS) -> Options:
    np.save(path, logits)
    labels = path.with_name("labels.npy")
    np.save(labels, LABELS.astype(">i4"))
    return {"labels": labels}


def compressed_json(path: Path, data: dict[str, Any]) -> None:
    json_lines(path.with_suffix(""), data)
    path.write_bytes(gzip.compress(path.with_suffix("").read_bytes()))


FORMATS: dict[str, Callable[[Path], Options | None]] = {
    "a.csv": lambda path: text(path, columns()),
    "crlf.csv": lambda path: text(path, columns(), end="\r\n"),
    "A.TSV": lambda path: text(path, columns(), "\t"),
    "a.csv.gz": lambda path: compressed_text(path, columns()),
    "a.tsv.csv.bz2": lambda path: compressed_text(path, columns()),
    "a.csv.zst": lambda path: compressed_text(path, columns()),
    "a.jsonl": lambda path: json_lines(path, columns()),
    "list.ndjson": lambda path: json_lines(path, listed()),
    "array.json": lambda path: json_array(path, columns()),
    "columns.json": lambda path: json_columns(path, columns()),
    "a.zip": lambda path: zipped(path, columns()),
    "a.jsonl.gz": lambda path: compressed_json(path, listed()),
    "a.parquet": lambda path: parquet(path, columns(), row_group_size=10),
    "list.parquet": lambda path: parquet(path, listed()),
    "a.feather": lambda path: pyarrow.feather.write_feather(table(columns()), path, "lz4"),
    "a.arrow": lambda path: stream(path, columns()),
    "list.arrow": lambda path: stream(path, listed()),
    "stored.npz": archive,
    "deflated.npz": lambda path: archive(path, save=np.savez_compressed),
    "columns first.npz": lambda path: archive(path, np.asfortranarray(LOGITS)),
    "fields.npy": lambda path: structured(path, columns()),
    "plain.npy": two_arrays,
    "columns first.npy": lambda path: two_arrays(path, np.asfortranarray(LOGITS)),
}
