"""The same predictions in any file give the same score, whatever the format and the batches."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
import sklearn.metrics
from helpers import close
from prediction_files import (
    FORMATS,
    LABELS,
    LOGITS,
    NAMES,
    K,
    N,
    columns,
    json_lines,
    parquet,
    stream,
    structured,
    text,
    two_arrays,
)

import xent
from xent.scoring import Score, read_row, score
from xent.scoring.sources import reader
from xent.scoring.sources.arrow_reader import TextReader


def scored(path: Path, **options: Any) -> Score:
    """The score without the name of the file."""
    result = score(path, **options)
    worst = result.state.worst_rows
    worst.rows = [dataclasses.replace(row, source="") for row in worst.rows]
    return dataclasses.replace(result, path="", files=())


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Score:
    path = tmp_path_factory.mktemp("expected") / "a.csv"
    text(path, columns())
    return scored(path)


@pytest.fixture(params=["one batch", "many batches"])
def batches(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "many batches":
        monkeypatch.setattr(reader, "BATCH", 7)
        monkeypatch.setattr(TextReader, "block", 200)


@pytest.mark.usefixtures("batches")
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_and_batching_gives_the_same_score(
    name: str, tmp_path: Path, expected: Score
) -> None:
    options = FORMATS[name](tmp_path / name) or {}
    assert scored(tmp_path / name, **options) == expected


@pytest.mark.parametrize("name", FORMATS)
def test_a_row_is_read_from_every_format(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = FORMATS[name](tmp_path / name) or {}
    monkeypatch.setattr(reader, "BATCH", 7)
    row = read_row(tmp_path / name, 31, **options)
    assert row == {
        "logits": LOGITS[31].tolist(),
        "kind": "logits",
        "label": LABELS[31],
        "names": None,
        "tolerance": 1e-3,
    }


def test_the_score_agrees_with_the_library_and_with_scikit_learn(expected: Score) -> None:
    p = xent.softmax(LOGITS)
    close(expected.loss, sklearn.metrics.log_loss(LABELS, p), rtol=1e-14)
    close(expected.loss, xent.log_loss(LABELS, p), rtol=1e-14)
    close(expected.accuracy, (p.argmax(axis=1) == LABELS).mean())
    losses = xent.cross_entropy(LOGITS, LABELS, reduction="none")
    assert [row.row for row in expected.worst] == np.argsort(-losses)[:5].tolist()
    close([row.probability for row in expected.worst], np.exp(np.sort(-losses)[:5]))
    for each in expected.by_class:
        close(each.loss, losses[int(each.name) == LABELS].mean())


@pytest.mark.parametrize(
    "type_",
    [pa.float16(), pa.float32(), pa.decimal128(12, 6), pa.dictionary(pa.int8(), pa.float64())],
)
def test_numbers_of_any_type(type_: Any, tmp_path: Path, expected: Score) -> None:
    data = {name: pa.array(values) for name, values in columns().items()}
    for j in range(K):
        values = data[f"logit_{j}"]
        is_dictionary = pa.types.is_dictionary(type_)
        data[f"logit_{j}"] = values.dictionary_encode() if is_dictionary else values.cast(type_)
    stream(tmp_path / "a.arrow", data)
    assert scored(tmp_path / "a.arrow") == expected


@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", ">f8", "<f8"])
def test_arrays_of_any_float(dtype: str, tmp_path: Path, expected: Score) -> None:
    assert (
        scored(tmp_path / "a.npy", **two_arrays(tmp_path / "a.npy", LOGITS.astype(dtype)))
        == expected
    )


@pytest.mark.parametrize("dtype", [np.int8, np.uint64, np.int32])
def test_whole_numbers_are_scores(dtype: Any, tmp_path: Path) -> None:
    whole = np.abs(np.trunc(LOGITS))
    parquet(tmp_path / "whole.parquet", columns(whole.astype(dtype)))
    text(tmp_path / "floats.csv", columns(whole))
    assert scored(tmp_path / "whole.parquet") == scored(tmp_path / "floats.csv")


@pytest.mark.parametrize("kind", [pa.list_, pa.large_list, lambda t: pa.list_(t, K)])
def test_lists_of_any_kind(kind: Any, tmp_path: Path, expected: Score) -> None:
    scores = pa.array(LOGITS.tolist(), kind(pa.float32()))
    parquet(tmp_path / "a.parquet", {"label": LABELS, "logits": scores})
    assert scored(tmp_path / "a.parquet") == expected


@pytest.mark.usefixtures("batches")
@pytest.mark.parametrize(
    "labels",
    [
        pa.array(LABELS, pa.float32()),
        pa.array(LABELS.astype(str)).dictionary_encode(),
        pa.array(LABELS.astype(str), pa.large_string()),
        pa.array(LABELS.astype(str), pa.string_view()),
    ],
    ids=lambda labels: str(labels.type),
)
def test_labels_of_any_type(labels: Any, tmp_path: Path, expected: Score) -> None:
    stream(tmp_path / "a.arrow", columns(labels=labels))
    assert scored(tmp_path / "a.arrow") == expected


@pytest.mark.parametrize("kind", ["U", "S"])
def test_names_from_numpy(kind: str, tmp_path: Path) -> None:
    names = np.char.encode(NAMES[LABELS], "utf-8") if kind == "S" else NAMES[LABELS]
    np.savez(tmp_path / "a.npz", label=names, logits=LOGITS)
    result = score(tmp_path / "a.npz", classes=NAMES.tolist())
    assert {each.name: each.rows for each in result.by_class} == {
        name: int((NAMES[LABELS] == name).sum()) for name in NAMES
    }


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet", "a.npy"])
def test_classes_are_named_by_the_columns(name: str, tmp_path: Path, expected: Score) -> None:
    write = {".csv": text, ".jsonl": json_lines, ".parquet": parquet, ".npy": structured}
    order = [2, 0, 1]  # labels are matched by name, not by place
    data = {f"logit_{NAMES[j]}": LOGITS[:, j] for j in order}
    write[Path(name).suffix](tmp_path / name, {**data, "label": NAMES[LABELS]})
    result = score(tmp_path / name)
    assert result.classes == tuple(NAMES[order])
    assert result.loss == expected.loss
    assert read_row(tmp_path / name, 3)["names"] == NAMES[order].tolist()


def test_labels_from_1_are_known_by_the_columns_names(tmp_path: Path, expected: Score) -> None:
    text(
        tmp_path / "a.csv", {**{f"logit_{j + 1}": LOGITS[:, j] for j in range(K)}, "y": LABELS + 1}
    )
    result = score(tmp_path / "a.csv")
    assert (result.loss, result.classes) == (expected.loss, ("1", "2", "3"))


@pytest.mark.usefixtures("batches")
@pytest.mark.parametrize("write", [text, json_lines])
def test_types_may_change_along_a_text_file(write: Any, tmp_path: Path) -> None:
    path = tmp_path / ("a.csv" if write is text else "a.jsonl")
    labels = [1] * 30 + [0.0, 1.0]
    scores = [2] * 30 + [0.25, -1e-3]
    rows = list(zip(labels, scores, strict=True))
    if write is text:
        path.write_text("label,logit\n" + "".join(f"{y},{z}\n" for y, z in rows))
    else:
        path.write_text("".join(f'{{"label": {y}, "logit": {z}}}\n' for y, z in rows))
    losses = xent.binary_cross_entropy(np.array(scores), np.array(labels), reduction="none")
    close(score(path).loss, losses.mean())


@pytest.mark.parametrize(
    "label", [("true", "false"), ("True", "False"), ("1", "0"), ("1.0", "0.0")]
)
def test_binary_labels_as_text(label: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"prob,label\n0.9,{label[0]}\n0.2,{label[1]}\n0.4,{label[0]}\n")
    close(score(tmp_path / "a.csv").loss, xent.log_loss([1, 0, 1], [0.9, 0.2, 0.4]))


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl", "a.npz"])
def test_binary_labels_as_booleans(name: str, tmp_path: Path) -> None:
    write = {"a.parquet": parquet, "a.jsonl": json_lines, "a.npz": lambda p, d: np.savez(p, **d)}
    labels = np.array([True, False, True])
    write[name](tmp_path / name, {"prob": np.array([0.9, 0.2, 0.4]), "label": labels})
    close(score(tmp_path / name).loss, xent.log_loss(labels, [0.9, 0.2, 0.4]))


@pytest.mark.parametrize("clip", [None, 0.05])
@pytest.mark.parametrize("binary", [False, True])
def test_what_the_scores_are_makes_no_difference(
    clip: float | None, binary: bool, tmp_path: Path
) -> None:
    z = LOGITS[:, 0]
    p, log_p = (
        (xent.sigmoid(z), xent.log_sigmoid(z))
        if binary
        else (xent.softmax(LOGITS), xent.log_softmax(LOGITS))
    )
    labels = LABELS % 2 if binary else LABELS
    expected = xent.log_loss(labels, p, clip=clip)
    kinds = {"logits": z if binary else LOGITS, "probs": p, "logprobs": log_p}
    for name, scores in kinds.items():
        np.savez(tmp_path / f"{name}.npz", **{name: scores, "label": labels})
        result = score(tmp_path / f"{name}.npz", clip=clip)
        close(result.loss, expected, rtol=1e-12)
        close(
            xent.explain(**read_row(tmp_path / f"{name}.npz", 5)).loss,
            xent.log_loss(labels[5:6], p[5:6]),
        )
        assert result.kind == {"logprobs": "log-probabilities", "probs": "probabilities"}.get(
            name, name
        )


def test_weights_count_and_rows_of_weight_0_do_not(tmp_path: Path) -> None:
    weights = np.arange(N) % 3 / 2
    text(tmp_path / "a.csv", {**columns(), "w": weights})
    result = score(tmp_path / "a.csv", weight_column="w")
    close(result.loss, xent.cross_entropy(LOGITS, LABELS, sample_weight=weights))
    assert result.rows == (weights > 0).sum()


def test_a_zero_for_the_true_class_is_infinite_and_counted_unless_clipped(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("prob,label\n0,1\n0.5,0\n")
    result = score(tmp_path / "a.csv")
    assert (result.loss, result.infinite) == (np.inf, 1)
    close(result.finite_loss, np.log(2) / 2)
    clipped = score(tmp_path / "a.csv", clip=0.01)
    close(clipped.loss, xent.log_loss([1, 0], [0.0, 0.5], clip=0.01))
    assert clipped.infinite == 0


def test_named_columns_come_before_those_found(tmp_path: Path) -> None:
    data = {"logit": LOGITS[:, 0], "a": LOGITS[:, 1], "b": LOGITS[:, 2], "truth": LABELS % 2}
    text(tmp_path / "a.csv", data)
    result = score(tmp_path / "a.csv", label_column="truth", score_columns=["b", "a"])
    close(result.loss, xent.cross_entropy(LOGITS[:, [2, 1]], LABELS % 2))
    assert result.classes == ("b", "a")
    one = score(tmp_path / "a.csv", label_column="truth", score_columns=["a"])
    close(one.loss, xent.binary_cross_entropy(LOGITS[:, 1], LABELS % 2))


def test_asked_columns_are_what_their_names_say(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("label,log_prob_a,log_prob_b\nb,-0.5,-0.9327521295671886\n")
    result = score(tmp_path / "a.csv", score_columns=["log_prob_b", "log_prob_a"])
    assert (result.kind, result.classes) == ("log-probabilities", ("b", "a"))
    close(result.loss, 0.9327521295671886)


def test_columns_that_are_not_needed_may_hold_anything(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'note,label,logit,note\n"a\nb, c",1,2.5,\xff\n')
    (tmp_path / "a.jsonl").write_text(
        '{"label": 1, "logit": 2.5, "x": 1}\n{"x": "a", "logit": 2.5, "label": 1, "y": {}}\n'
    )
    for name in ("a.csv", "a.jsonl"):
        close(score(tmp_path / name).loss, xent.binary_cross_entropy([2.5], [1.0]))


def test_a_quoted_field_may_span_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TextReader, "block", 64)
    (tmp_path / "a.csv").write_text("note,label,logit\n" + '"a\n0,1\n\nb",1,2.5\n' * 50)
    assert score(tmp_path / "a.csv").rows == 50


GROWTH = """
import resource, sys, xent
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
xent.score(sys.argv[1])
before = peak()
rows = xent.score(sys.argv[2]).rows
print(rows, 1024 * (peak() - before))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has other units elsewhere")
@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.parquet", "a.csv"])
def test_memory_stays_far_below_the_size_of_the_file(name: str, tmp_path: Path) -> None:
    rows = {"a.csv": 1_000_000}.get(name, 3_000_000)
    small, large = tmp_path / f"small{name}", tmp_path / name
    for path, n in ((small, 200_000), (large, rows)):
        data = {"label": np.zeros(n, np.int8), **{f"logit_{j}": np.arange(n) / 7 for j in "01"}}
        if path.suffix == ".parquet":
            pyarrow.parquet.write_table(
                pa.table(data), path, row_group_size=1 << 16, use_dictionary=False
            )
        elif path.suffix == ".csv":
            pyarrow.csv.write_csv(pa.table(data), path)
        elif path.suffix == ".npz":
            np.savez(path, **data)
        else:
            np.save(path, np.rec.fromarrays(list(data.values()), names=list(data)))
    command = [sys.executable, "-c", GROWTH, str(small), str(large)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    scored_rows, growth = map(int, output.split())
    assert scored_rows == rows
    assert growth < large.stat().st_size / 3


def test_log_probabilities_are_not_renormalised(tmp_path: Path) -> None:
    p = np.array([[0.45, 0.5491], [0.2, 0.8]])
    results = []
    for stem, values in (("prob", p), ("logprob", np.log(p))):
        path = tmp_path / f"{stem}.csv"
        lines = [f"{a!r},{b!r},{y}" for (a, b), y in zip(values.tolist(), "ab", strict=True)]
        path.write_text("\n".join([f"{stem}_a,{stem}_b,label", *lines]))
        results.append((score(path).loss, xent.explain(**read_row(path, 0)).loss))
    close(results[0], [np.mean([-np.log(0.45), -np.log(0.8)]), -np.log(0.45)], rtol=1e-15)
    close(results[1], results[0], rtol=1e-15)


def test_log_probabilities_far_below_any_probability_keep_their_digits(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("logprob_a,logprob_b,label\n-800,0,a\n")
    assert score(path).loss == 800
    assert xent.explain(**read_row(path, 0)).loss == 800
    path.write_text("logprob,label\n-800,1\n-800,0\n")
    assert score(path).loss == 400
