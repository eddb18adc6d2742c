"""What a file holds by what it begins with, whatever its name says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

START = 256
"""Bytes that show what a file is."""

PACKED = ((b"\x1f\x8b", ".gz"), (b"BZh", ".bz2"), (b"\x28\xb5\x2f\xfd", ".zst"))
MAGIC = (
    (b"PAR1", ".parquet"),
    (b"ARROW1", ".arrow"),
    (b"\xff\xff\xff\xff", ".arrow"),
    (b"FEA1", ".arrow"),
    (b"\x93NUMPY", ".npy"),
    (b"PK\x03\x04", ".zip"),
)
"""What files of a format begin with."""
CALLED = {
    ".gz": "compressed by gzip", ".bz2": "compressed by bzip2", ".zst": "compressed by zstd",
    ".parquet": "Parquet", ".arrow": "Arrow/Feather", ".npy": "a NumPy array",
    ".npz": "NumPy arrays", ".zip": "a zip archive", ".json": "JSON", ".jsonl": "JSON",
    ".txt": "plain text",
}  # fmt: skip
SAME = {".pq": ".parquet", ".feather": ".arrow", ".ipc": ".arrow"}
BINARY = frozenset({".parquet", ".arrow", ".npy", ".npz", ".zip", ".gz", ".bz2", ".zst"})
JSON = frozenset({".json", ".jsonl", ".ndjson"})
TEXT = JSON | {".csv", ".tsv"}
SHORT = 16
"""Bytes that are too few to tell a format from text."""


class Called(NamedTuple):
    """The name of a file, and the extensions of its format and compression."""

    name: str
    ending: str
    compression: str


class Foreign(NamedTuple):
    """A kind of file that is not read here."""

    start: bytes | tuple[bytes, ...]
    called: str
    how: str
    """How its content can be scored."""


IN_PANDAS = "score the table in Python, xent.score(pandas.{}), or save it as CSV."
IN_R = "write it in R as CSV: write.csv(x, 'FILE.csv', row.names = FALSE)."
EXCEL = Foreign(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook",
                IN_PANDAS.format("read_excel(FILE)"))  # fmt: skip
HDF5 = Foreign(b"\x89HDF\r\n\x1a\n", "an HDF5 file", IN_PANDAS.format("read_hdf(FILE)"))
PICKLE = Foreign(
    tuple(b"\x80" + bytes([n]) for n in range(2, 6)),
    "a pickle",
    IN_PANDAS.format("read_pickle(FILE)"),
)
SQLITE = Foreign(b"SQLite format 3\0", "an SQLite database",
                 IN_PANDAS.format("read_sql(QUERY, DATABASE)"))  # fmt: skip
ORC = Foreign(b"ORC", "an ORC file", IN_PANDAS.format("read_orc(FILE)"))
AVRO = Foreign(b"Obj\x01", "an Avro file", "save its rows as CSV or Parquet.")
XZ = Foreign(b"\xfd7zXZ\0", "compressed by xz", "decompress it first, unxz FILE.")
SAVED_PAGE = "was an error page saved instead of the file?"
R = Foreign(b"", "a file of R", IN_R)
TENSORS = Foreign(b"", "a file of PyTorch", "score its tensors in Python by name, "
                  "xent.score({'label': y, 'logit': z}).")  # fmt: skip
FOREIGN = (
    EXCEL, HDF5, PICKLE, SQLITE, ORC, AVRO, XZ,
    Foreign(b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it first."),
)  # fmt: skip
FOREIGN_TEXT = (
    Foreign(b"%pdf-", "a PDF document", "save its table as CSV."),
    Foreign(b"<!doctype html", "a web page", SAVED_PAGE),
    Foreign(b"<html", "a web page", SAVED_PAGE),
    Foreign(b"version https://git-lfs", "a pointer of Git LFS", "fetch the file, git lfs pull."),
)
BY_ENDING = {
    ".xlsx": EXCEL, ".xls": EXCEL, ".h5": HDF5, ".hdf5": HDF5, ".pkl": PICKLE, ".pickle": PICKLE,
    ".joblib": PICKLE, ".db": SQLITE, ".sqlite": SQLITE, ".orc": ORC, ".avro": AVRO, ".xz": XZ,
    ".rds": R, ".rdata": R, ".rda": R, ".pt": TENSORS, ".pth": TENSORS,
}  # fmt: skip
"""Kinds that are not read here, by the file name extension."""


def packed(start: bytes) -> str:
    """The file name extension of a compression; nothing if it is none."""
    return next((ending for magic, ending in PACKED if start.startswith(magic)), "")


def format_of(start: bytes) -> str:
    """The file name extension of a binary format, or of JSON; nothing if it is neither."""
    found = next((ending for magic, ending in MAGIC if start.startswith(magic)), "")
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    return found or (".json" if text.startswith((b"{", b"[")) else "")


def problem(start: bytes, called: Called, names: Sequence[str], *, known: bool) -> str:
    """Says that a file holds something else than its name says; nothing if it may be right.

    `names` are those in a zip archive; `known` says whether files of this name can be read.
    """
    foreign = EXCEL if "[Content_Types].xml" in names else _foreign(start)
    if foreign is None and not known:
        foreign = BY_ENDING.get(called.ending)
    if foreign is not None:
        return f"is {foreign.called}: {foreign.how}"
    declared = called.compression or SAME.get(called.ending, called.ending)
    actual = _ending_of(start, declared, names)
    if known and actual:
        return f"its content is {CALLED[actual]}, unlike its name: {_renamed(called, actual)}"
    return ""


def _foreign(start: bytes) -> Foreign | None:
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    found = [each for each in FOREIGN_TEXT if text.startswith(each.start)]
    if not _is_text(start):
        found += [each for each in FOREIGN if start.startswith(each.start)]
    return found[0] if found else None


def _ending_of(start: bytes, declared: str, names: Sequence[str]) -> str:
    """The file name extension of the content; nothing if it may be the one that is declared."""
    text = _is_text(start)
    if text and len(start) > SHORT:  # "PAR1" may be the name of a column
        begins = start.removeprefix(b"\xef\xbb\xbf").lstrip()
        if begins.startswith((b'{"', b"[{", b"[\n")) and declared not in JSON:
            return ".json" if begins.startswith(b"[") else ".jsonl"
        return ".txt" if declared in BINARY else ""
    actual = packed(start) or format_of(start)
    if actual == ".zip" and all(name.endswith(".npy") for name in names):
        actual = ".npz" if names else declared  # a damaged archive, of which there are no names
    return actual if actual in BINARY and actual != declared else ""


def _is_text(start: bytes) -> bool:
    try:
        text = start.decode()
    except UnicodeDecodeError as error:  # of the last character there may be only a part
        if error.start < len(start) - 3:
            return False
        text = start[: error.start].decode()
    return bool(text) and all(c.isprintable() or c in "\ufeff\t\r\n" for c in text)


def _renamed(called: Called, actual: str) -> str:
    """How the file is to be called, for its content to be read."""
    base = called.name.rpartition("/")[2]
    inner = base.removesuffix(called.compression)
    stem = inner.removesuffix(called.ending)
    if actual in (".gz", ".bz2", ".zst"):
        if called.ending in TEXT:
            return f"rename it to {inner}{actual}."
        return "decompress it first."
    if actual == ".txt":
        return f"rename it to {inner if called.compression else stem + '.csv'}."
    return f"rename it to {stem}{actual}."
