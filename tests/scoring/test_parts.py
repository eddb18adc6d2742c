"""Rows in parts: saved results that merge, rows that are shown, and the loss of each row."""

from __future__ import annotations

import json
import math
import re
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sklearn.metrics
from helpers import problem_with
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from prediction_files import LABELS, LOGITS, N, columns

import xent
from xent.scoring import FileError, Score, merge, score
from xent.scoring.sources import reader
from xent.scoring.state import StateError

FRAME = pd.DataFrame(columns()).assign(
    weight=np.linspace(0, 2, N),
    place=[("DE", "FR", "größe 猫")[i % 3] for i in range(N)],
    user=np.arange(N) // 4,
)
OPTIONS: dict[str, Any] = {
    "weight_column": "weight", "show": ["id"], "by": ["place", "user"], "cluster": "user",
}  # fmt: skip


def content(result: Score) -> dict[str, Any]:
    """What depends on the rows alone, and not on the files that they were in."""
    told = result.to_dict()
    for row in told["worst_rows"]:
        del row["file"], row["row"]
    del told["files"], told["file"], told["read"]
    by_row = ("worst", "sample")  # these hold numbers of rows, and what is made of them
    parts = {n: part.to_data() for n, part in result.state.parts.items() if n not in by_row}
    sample = result.state.sample.rows
    assert sample is not None
    return {**told, "parts": parts, "sample": [values.tolist() for values in sample[1:]]}


WHOLE = content(score(FRAME, **OPTIONS))

WRITERS = {
    ".csv": lambda frame, path: frame.to_csv(path, index=False),
    ".tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    ".csv.gz": lambda frame, path: frame.to_csv(path, index=False),
    ".jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True),
    ".json": lambda frame, path: frame.to_json(path, orient="records"),
    ".parquet": lambda frame, path: frame.to_parquet(path, row_group_size=5),
    ".feather": lambda frame, path: frame.to_feather(path),
}


@settings(max_examples=60, deadline=None)
@given(
    cuts=st.lists(st.integers(0, N), max_size=4),
    endings=st.lists(st.sampled_from(sorted(WRITERS)), min_size=5, max_size=5),
    batch=st.integers(1, N),
    random=st.randoms(),
)
def test_any_split_into_files_batches_and_threads_has_the_same_bits(
    cuts: list[int], endings: list[str], batch: int, random: Any, tmp_path_factory: Any
) -> None:
    folder = tmp_path_factory.mktemp("split")
    order = list(range(N))
    random.shuffle(order)
    frame = FRAME.iloc[order].reset_index(drop=True)
    frame["weight"] = frame["weight"].round(9)
    options = {**OPTIONS, "classes": ["0", "1", "2"]}
    ends = sorted({0, *cuts, N})
    assume(all((frame[a:b].weight > 0).any() for a, b in pairwise(ends)))
    files = []
    for (a, b), ending in zip(pairwise(ends), endings, strict=False):
        files.append(folder / f"{a}{ending}")
        WRITERS[ending](frame[a:b].reset_index(drop=True), files[-1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "BATCH", batch)
        together = score(files, **options)
        with ThreadPoolExecutor(3) as threads:
            apart = list(threads.map(lambda file: score(file, **options), files))
    expected = content(score(frame, **options))
    assert content(together) == expected
    random.shuffle(apart)
    assert content(merge(apart)) == expected


def test_a_saved_result_is_the_result(tmp_path: Path) -> None:
    result = score(FRAME, **OPTIONS, missing="drop", ignored=["2"])
    result.save_state(tmp_path / "a.state")
    assert merge([tmp_path / "a.state"]) == result
    assert merge([result]) is result
    assert json.loads((tmp_path / "a.state").read_text())["version"] == 3


def test_what_was_left_out_is_added_up(tmp_path: Path) -> None:
    FRAME[:20].to_csv(tmp_path / "a.csv")
    FRAME[20:].to_csv(tmp_path / "b.csv")
    a, b = (score(tmp_path / f"{name}.csv", ignored=["1"]) for name in "ab")
    both = merge([a, b])
    assert both.left_out == (("label left out", int((LABELS == 1).sum())),)
    assert both.files == (str(tmp_path / "a.csv"), str(tmp_path / "b.csv"))
    shown = both.to_text()
    assert "Read from 2 files." in shown
    assert "b.csv" in shown.split("worst row")[1]
    assert content(both) == content(score([tmp_path / "a.csv", tmp_path / "b.csv"], ignored=["1"]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clip": 0.01}, "The probabilities were clipped at nothing and at 0.01."),
        ({"worst": 3}, "One state keeps 5 of the worst rows, the other 3."),
        ({"weight_column": "weight"}, "One state has weights and the other has none."),
        ({"by": ["place"]}, "One state has slices by , the other by place."),
        ({"cluster": "user"}, "One state has clusters by nothing, the other by user."),
        ({"show": ["id"]}, "One shows no column, the other id."),
    ],
)
def test_states_that_do_not_go_together(options: dict[str, Any], message: str) -> None:
    with pytest.raises(StateError, match="These states cannot be merged. " + message):
        merge([score(FRAME), score(FRAME, **options)])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label,prob\n1,0.5\n", "is no saved state, or not a complete one"),
        ("[]", "is no saved state, or not a complete one"),
        ('{"format": "xent score"', "is no saved state, or not a complete one"),
        ('{"format": "xent score", "version": 9}',
         "is a state of version 9, but this xent reads 3. Score the predictions again, or use the "
         "xent that saved it."),
        ('{"format": "xent score", "version": 3}', "is damaged: KeyError('states')."),
    ],
)  # fmt: skip
def test_files_that_are_no_states(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.state").write_text(text)
    with pytest.raises(FileError, match=r"a\.state: ") as caught:
        merge([tmp_path / "a.state"])
    assert message in str(caught.value)


def test_a_state_that_is_not_there_and_none_at_all(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such file"):
        merge([tmp_path / "none.state"])
    with pytest.raises(ValueError, match="there is no state to merge; expected at least one"):
        merge([])


# The loss of each row.

READERS = {
    ".parquet": pd.read_parquet,
    ".csv": lambda path: pd.read_csv(path),
    ".arrow": lambda path: pa.ipc.open_file(path).read_pandas(),
    ".feather": pd.read_feather,
}


@pytest.mark.parametrize("ending", READERS)
def test_the_loss_of_each_row_is_written(ending: str, tmp_path: Path) -> None:
    FRAME[:20].to_csv(tmp_path / "a.csv")
    FRAME[20:].to_csv(tmp_path / "b.csv")
    path = tmp_path / f"out{ending}"
    files = [tmp_path / "a.csv", tmp_path / "b.csv"]
    result = score(files, losses=path, **OPTIONS)
    rows = READERS[ending](path)
    assert list(rows) == [
        "file", "row", "id", "label", "predicted", "probability", "loss", "weight",
    ]  # fmt: skip
    expected = xent.cross_entropy(LOGITS, LABELS, reduction="none")
    assert np.abs(rows.loss - expected).max() < 1e-14
    assert np.abs(np.exp(-rows.loss) - rows.probability).max() < 1e-15
    assert rows.row.tolist() == [*range(20), *range(N - 20)]
    assert rows.label.astype(str).tolist() == LABELS.astype(str).tolist()
    assert rows.predicted.astype(str).tolist() == LOGITS.argmax(axis=1).astype(str).tolist()
    assert rows.id.tolist() == FRAME.id.tolist()
    mean = math.fsum(rows.loss * rows.weight) / math.fsum(rows.weight)
    assert abs(mean - result.loss) < 1e-15 * 8


def test_rows_of_a_bad_file_are_not_written(tmp_path: Path) -> None:
    FRAME[:20].to_csv(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text((tmp_path / "a.csv").read_text() + "x\n")
    out = tmp_path / "out.parquet"
    assert score(tmp_path, losses=out, skip_bad=True).rows == 20
    assert len(pd.read_parquet(out)) == 20
    before = out.read_bytes()
    assert "2 columns" not in problem_with([tmp_path / "a.csv", tmp_path / "b.csv"], losses=out)
    assert out.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "b.csv", "out.parquet"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.csv", "losses is '.*a.csv', which is a file of the predictions; name another."),
        ("out.txt", "losses is '.*out.txt'; expected a name that ends in .parquet, .csv, .arrow, "),
        ("none/out.csv", "there is no folder .*none"),
    ],
)
def test_names_that_losses_cannot_have(name: str, message: str, tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "a.csv")
    before = (tmp_path / "a.csv").read_bytes()
    with pytest.raises((ValueError, OSError), match=message):
        score(tmp_path / "a.csv", losses=tmp_path / name)
    assert (tmp_path / "a.csv").read_bytes() == before


def test_columns_beside_the_worst_rows() -> None:
    result = score(FRAME, show=["id", "weight"])
    worst = result.to_dict()["worst_rows"][0]
    assert worst["shown"] == [f"row {worst['row']}", str(FRAME.weight[worst["row"]])]
    assert f"row {worst['row']}" in result.to_text()
    assert "no column 'x'" in problem_with(FRAME, show=["x"])
    with pytest.raises(TypeError, match=r"show is 'id'; expected a list of columns: \['id'\]"):
        score(FRAME, show="id")


def test_figures_agree_with_scikit_learn() -> None:
    p = xent.softmax(LOGITS)
    weight = np.linspace(0.1, 2, N)
    table = {"label": LABELS, "weight": weight, **{f"prob_{j}": p[:, j] for j in range(3)}}
    result = score(table, weight_column="weight")
    loss = sklearn.metrics.log_loss(LABELS, p, sample_weight=weight)
    accuracy = sklearn.metrics.accuracy_score(LABELS, p.argmax(axis=1), sample_weight=weight)
    assert abs(result.loss - loss) < 1e-12
    assert abs(result.accuracy - accuracy) < 1e-12
    skill = sklearn.metrics.d2_log_loss_score(LABELS, p, sample_weight=weight)
    assert abs(result.skill - skill) < 1e-12


# What a long run shows.


@pytest.mark.parametrize("ending", WRITERS)
def test_progress_is_told_after_each_batch(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "BATCH", 10)
    for name, part in (("a", FRAME[:30]), ("b", FRAME[30:])):
        WRITERS[ending](part.reset_index(drop=True), tmp_path / f"{name}{ending}")
    told: list[tuple[int, float | None]] = []
    result = score(tmp_path, progress=lambda *how_far: told.append(how_far))
    rows, fractions = zip(*told, strict=True)
    assert rows[-1] == result.rows == N
    assert list(rows) == sorted(rows)
    known = [each for each in fractions if each is not None]
    assert known == sorted(known)
    assert known[-1] == 1


def test_of_many_classes_the_highest_and_lowest_losses_are_shown() -> None:
    k = 1000
    table = {"label": np.arange(2 * k) % k, "logits": pa.array([[0.0] * k] * (2 * k))}
    table["logits"] = pa.array(
        [[float(j == i % k) * (i % k) / 100 for j in range(k)] for i in range(2 * k)]
    )
    result = score(table)
    shown = result.to_text()
    lines = [line.split() for line in shown.split("class  rows")[1].splitlines()[1:22]]
    assert [line[0] for line in lines] == [
        *map(str, range(15)), "...", *map(str, range(k - 5, k)),
    ]  # fmt: skip
    assert "The 15 classes with the highest loss and 5 with the lowest, of 1,000" in shown
    told = result.to_dict()
    assert len(told["classes"]) == k
    assert told["schema_version"] == 1


# Slices and clusters.


def test_slices_are_scores_of_their_own_rows() -> None:
    result = score(FRAME, **OPTIONS)
    for column in ("place", "user"):
        found = {each.name: each for each in result.by_value(column)}
        assert sorted(found) == sorted(FRAME[column].astype(str).unique())
        for value, rows in FRAME.groupby(column):
            each, own = found[str(value)], score(rows, weight_column="weight")
            assert (each.rows, each.loss, each.accuracy) == (own.rows, own.loss, own.accuracy)
            share = rows.weight.sum() / FRAME.weight.sum()
            assert abs(each.share - share) < 1e-15
    told = result.to_dict()["slices"]["place"]
    assert [each["value"] for each in told] == ["DE", "FR", "größe 猫"]
    assert told[0]["log_loss_nats"] == result.by_value("place")[0].loss
    shown = result.to_text()
    for column in ("place", "user"):
        assert re.search(rf"^{column} +rows +share", shown, re.MULTILINE)


def test_missing_and_infinite_values_in_slices(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("label,prob,c\n1,0,x\n1,0.5,\n0,0.5,NA\n")
    result = score(tmp_path / "a.csv", by=["c"])
    assert [(e.name, e.rows, e.loss) for e in result.by_value("c")] == [
        ("(missing)", 1, math.log(2)),
        ("NA", 1, math.log(2)),
        ("x", 1, math.inf),
    ]
    table = {"label": [1, 0], "prob": [0.5, 0.5], "c": [None, 1]}
    assert [e.name for e in score(table, by=["c"]).by_value("c")] == ["(missing)", "1"]


def test_too_many_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    from xent.scoring.state import slices

    monkeypatch.setattr(slices, "MOST", 10)
    with pytest.raises(ValueError, match="column 'user' has more than 10 values: too many to sco"):
        score(FRAME, by=["user"])


def test_the_standard_error_takes_clusters_into_account() -> None:
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(40), 25)
    frame = pd.DataFrame(
        {"label": rng.integers(0, 2, 1000), "logit": rng.normal(size=40)[users], "user": users}
    )
    frame["weight"] = rng.random(1000)
    for weight in (None, "weight"):
        result = score(frame, cluster="user", weight_column=weight)
        w = frame.weight if weight else np.ones(1000)
        losses = xent.binary_cross_entropy(frame.logit, frame.label * 1.0, reduction="none")
        sums, sizes = np.bincount(users, w * losses), np.bincount(users, w)
        off = (sums - result.loss * sizes) / (1 - sizes / sizes.sum())
        expected = math.sqrt(39 / 40 * (off**2).sum()) / sizes.sum()
        assert abs(result.standard_error / expected - 1) < 1e-12
        assert result.loss_interval.method == "clusters, Hall"
        assert result.to_dict()["standard_error_nats"] == result.standard_error
        told = " ".join(result.to_text().split())
        assert "that rows of one cluster go together: 40 clusters in 'user'." in told
    few = score(frame[:100], cluster="user")
    assert math.isnan(few.standard_error)
    assert "only 4 clusters: an interval needs 10." in " ".join(few.to_text().split())
    naive = losses.std(ddof=1) / math.sqrt(1000)
    assert abs(score(frame).standard_error / naive - 1) < 1e-12


def test_many_clusters_share_groups() -> None:
    n = 5000
    rng = np.random.default_rng(1)
    table = {"label": rng.integers(0, 2, n), "prob": rng.random(n), "id": np.arange(n)}
    result = score(table, cluster="id")
    p = np.where(table["label"] == 1, table["prob"], 1 - table["prob"])
    naive = np.log(p).std() / math.sqrt(n)
    assert abs(result.standard_error / naive - 1) < 0.05
    assert "groups of clusters in 'id'" in " ".join(result.to_text().split())


def test_slices_beside_one_hot_labels() -> None:
    table = {"label_a": [1, 0, 1], "label_b": [0, 1, 0], "prob_a": [0.4] * 3, "prob_b": [0.6] * 3}
    result = score({**table, "c": [1, 2, 2]}, by=["c"], cluster="c")
    assert [each.rows for each in result.by_value("c")] == [1, 2]


def test_slices_are_of_one_label_per_row() -> None:
    table = {"a": [1, 0, 1], "b": [1, 1, 0], "prob_a": [0.4] * 3, "prob_b": [0.5] * 3, "c": [1] * 3}
    with pytest.raises(ValueError, match="slices and clusters are for one label per row"):
        score(table, by=["c"])
    with pytest.raises(TypeError, match=r"by is 'c'; expected a list of columns: \['c'\]"):
        score(table, by="c")
