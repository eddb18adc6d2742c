"""Predictions and labels in two tables, and rows that are divided by their sums."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import problem_with
from hypothesis import given, settings
from hypothesis import strategies as st

from xent.scoring import columns_of, read_predictions, read_row, score
from xent.scoring.sources import joined

N = 97
RNG = np.random.default_rng(11)
IDS = RNG.permutation(N) * 7 + 3
LABELS = RNG.integers(0, 2, N)
PROBS = np.round(np.clip(0.5 * RNG.random(N) + 0.4 * LABELS, 0.01, 0.99), 6)
WHOLE = pd.DataFrame({"id": IDS, "label": LABELS, "prob": PROBS})
PREDICTED, TRUE = WHOLE[["id", "prob"]], WHOLE[["id", "label"]].sample(frac=1, random_state=1)
LOSS = score(WHOLE).loss


def write(frame: pd.DataFrame, path: Path) -> Path:
    {".csv": frame.to_csv, ".parquet": frame.to_parquet}[path.suffix](path, index=False)
    return path


@pytest.mark.parametrize("one", [".csv", ".parquet", ""])
@pytest.mark.parametrize("other", [".csv", ".parquet", ""])
def test_labels_are_found_by_key_in_any_order(one: str, other: str, tmp_path: Path) -> None:
    source: Any = write(PREDICTED, tmp_path / f"a{one}") if one else PREDICTED
    truth: Any = write(TRUE, tmp_path / f"truth{other}") if other else TRUE
    result = score(source, truth=truth, key="id")
    assert (result.rows, result.loss) == (N, LOSS)
    name = truth if other else "pandas DataFrame"
    assert result.read == (
        f"Labels in 'label' of {name}; probabilities in 'prob', for label 1 (not 0)."
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, N), max_size=4), st.integers(1, 200), st.randoms())
def test_the_order_and_the_parts_do_not_matter(cuts: list[int], chunk: int, random: Any) -> None:
    order = list(range(N))
    random.shuffle(order)
    ends = [0, *sorted(cuts), N]
    parts = [PREDICTED.iloc[order[a:b]] for a, b in pairwise(ends)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joined, "CHUNK", chunk)
        assert score(parts, truth=TRUE, key="id").state.losses == score(WHOLE).state.losses


def test_several_files_are_joined_to_one_table(tmp_path: Path) -> None:
    write(PREDICTED[:50], tmp_path / "a.csv")
    write(PREDICTED[50:].assign(id=IDS[50:].astype(float)), tmp_path / "b.parquet")
    assert score(tmp_path, truth=TRUE, key="id").loss == LOSS


def test_a_key_may_have_two_names_or_several_columns() -> None:
    other = TRUE.rename(columns={"id": "row"})
    assert score(PREDICTED, truth=other, key="id=row").loss == LOSS
    user = {"user": [f"u{i % 5}" for i in IDS], "item": IDS // 5}
    one = WHOLE[["prob"]].assign(**user)
    two = WHOLE[["label"]].assign(**user).iloc[::-1]
    assert score(one, truth=two, key=["user", "item"]).loss == LOSS


def test_predictions_under_the_name_of_the_label() -> None:
    submission = PREDICTED.rename(columns={"prob": "target"})
    solution = TRUE.rename(columns={"label": "target"})
    chosen: dict[str, Any] = {"truth": solution, "key": "id"}
    message = problem_with(submission, **chosen)
    assert "column 'predicted_target': its name does not say what it holds." in message
    assert "--kind probabilities" in message
    chosen |= {"kind": "probabilities"}
    assert score(submission, **chosen).loss == LOSS
    assert score(submission, score_columns=["target"], **chosen).loss == LOSS
    assert "'target' of pandas DataFrame" in columns_of(submission, **chosen).to_text()


def test_rows_to_explain_and_to_diagnose_are_joined() -> None:
    row = read_row(PREDICTED, 5, truth=TRUE, key="id")
    assert (row["label"], row["logits"]) == (LABELS[5], PROBS[5])
    found = read_predictions(PREDICTED, most_rows=100, truth=TRUE, key="id")
    assert found.labels.tolist() == LABELS.tolist()


@pytest.mark.parametrize(
    ("source", "truth", "message"),
    [
        (PREDICTED, pd.concat([TRUE, TRUE[:2]]),
         f"2 rows with a key 'id' that earlier rows have: '{TRUE.id.iloc[0]}', "
         f"'{TRUE.id.iloc[1]}'. Each row needs a key of its own."),
        (pd.concat([PREDICTED, PREDICTED[:1]]), TRUE,
         f"1 row with a key 'id' that earlier rows have: '{IDS[0]}'. Each row needs a key of its "
         "own."),
        (PREDICTED, TRUE[TRUE.id != IDS[4]],
         f"1 row with a key 'id' that pandas DataFrame does not have: '{IDS[4]}'. --missing drop "
         "leaves them out, and counts them."),
        (PREDICTED[6:], TRUE,
         "6 rows without a prediction: "),
        (PREDICTED, TRUE.assign(id=[None, *TRUE.id[1:]]), "1 row without a key 'id'."),
        (PREDICTED, TRUE.rename(columns={"id": "Id"}), "no column 'id'; the columns are Id, label"),
        (PREDICTED.rename(columns={"id": "Id"}), TRUE, "no column 'id'; the columns are Id, prob"),
        (iter([PREDICTED]), TRUE, "an iterator, which is read once; a join reads the keys first. "
         "Give a list of its tables."),
    ],
)  # fmt: skip
def test_keys_that_do_not_fit(source: Any, truth: Any, message: str) -> None:
    assert problem_with(source, truth=truth, key="id").partition(": ")[2].startswith(message)


def test_rows_without_a_partner_are_left_out_and_counted() -> None:
    result = score(PREDICTED[6:], truth=TRUE[TRUE.id != IDS[10]], key="id", missing="drop")
    kept = np.array([i for i in range(6, N) if i != 10])
    assert result.loss == score(WHOLE.iloc[kept]).loss
    assert result.left_out == (("no label", 1), ("no prediction", 6))


def test_a_table_of_labels_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joined, "MOST_BYTES", 3000)
    message = problem_with(PREDICTED, truth=TRUE, key="id")
    assert "its 97 rows would take 0.0 GB of memory to join, and at most" in message
    assert "Split both tables by the key, score each pair with --save-state" in message


@pytest.mark.parametrize("given", [{"truth": TRUE}, {"key": "id"}])
def test_truth_and_key_go_together(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="truth and key go together"):
        score(PREDICTED, **given)


# Rows that do not sum to 1.

LOOSE = {"label": ["a", "b"], "prob_a": [1.0, 0.0], "prob_b": [3.0, 0.5]}


def test_rows_are_divided_by_their_sums_where_that_is_asked_for() -> None:
    result = score(LOOSE, normalize=True)
    assert result.loss == -np.log(0.25) / 2
    assert "a, b, each row divided by its sum." in result.read
    bare = {"label": ["a", "b"], "a": [1, 0], "b": [3, 2]}
    assert score(bare, normalize=True).loss == result.loss
    assert "pass --normalize" in problem_with({**LOOSE, "prob_a": [0.3, 0.2], "prob_b": [0.5, 0.5]})


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        ({**LOOSE, "prob_b": [3.0, -1.0]}, {},
         "row 1, column 'prob_b': -1.0: a probability is not negative."),
        ({**LOOSE, "prob_b": [3.0, 0.0]}, {},
         "row 1: the probabilities sum to 0: such a row cannot be normalized."),
        ({"label": [1, 0], "prob": [0.5, 0.5]}, {},
         "--normalize is for rows of several classes, but each row has one score."),
        (LOOSE, {"kind": "logits"}, "--normalize is for probabilities, but the scores are logits."),
        ({"label": ["a", "b"], "logit_a": [1.0, 0.0], "logit_b": [3.0, 0.5]}, {},
         "--normalize is for probabilities, but the scores are logits."),
    ],
)  # fmt: skip
def test_what_cannot_be_normalized(table: Any, options: dict[str, Any], message: str) -> None:
    assert problem_with(table, normalize=True, **options) == f"dict: {message}"


THREE = pd.DataFrame({"id": ["a", "b", "c"], "label": [1, 0, 1], "prob": [0.9, 0.2, 0.4]})


def with_ids(*ids: Any) -> pd.DataFrame:
    return THREE.assign(id=list(ids))


@pytest.mark.parametrize("gone", ["", "NA", "NaN", "null", None])
@pytest.mark.parametrize("several", [False, True])
def test_rows_without_a_key_do_not_match(gone: str | None, several: bool, tmp_path: Path) -> None:
    whole = with_ids("a", gone, "c").assign(part=["x", "y", "z"])
    one, two = whole.drop(columns="label"), whole.drop(columns="prob")
    key: Any = ["id", "part"] if several else "id"
    names = "'id', 'part'" if several else "'id'"
    drop = "--missing drop leaves them out, and counts them."
    write(one, tmp_path / "a.csv")
    write(two, tmp_path / "b.csv")
    sources: list[Any] = [(one, two), (tmp_path / "a.csv", tmp_path / "b.csv")]
    for a, b in sources:
        assert problem_with(a, truth=b, key=key).endswith(f": 1 row without a key {names}. {drop}")
        message = problem_with(a, truth=two.drop(index=1), key=key)
        assert message.endswith(f": 1 row without a key {names}. {drop}")
        result = score(a, truth=b, key=key, missing="drop")
        assert result.left_out == (("no label", 1), ("no prediction", 1))
        assert abs(result.loss + np.log([0.9, 0.4]).mean()) < 1e-15


def test_missing_keys_of_numbers() -> None:
    one, two = with_ids(1.0, np.nan, 3.0)[["id", "prob"]], with_ids(1, 2, 3)[["id", "label"]]
    assert "1 row without a key 'id'." in problem_with(one, truth=two, key="id")
    assert score(one, truth=two, key="id", missing="drop").rows == 2
    large = with_ids(float(2**60), 1.5, 3.0)[["id", "prob"]]
    assert score(large, truth=with_ids(str(2**60), "1.5", "3")[["id", "label"]], key="id").rows == 3


WRITTEN: dict[str, tuple[list[str], list[str], str]] = {
    "point": (["1.0", "2.0", "3.0"], ["1", "2", "3"], "'1.0' here is '1' there"),
    "point there": (["1", "2", "3"], ["1.0", "2.0", "3.0"], "'1' here is '1.0' there"),
    "point in some": (["1.5", "2.0", "3.0"], ["1.5", "2", "3"], "'2.0' here is '2' there"),
    "zeros": (["001", "002", "010"], ["1", "2", "10"], "'001' here is '1' there"),
    "case": (["A1", "B2", "C3"], ["a1", "b2", "c3"], "'A1' here is 'a1' there"),
    "folder": (["x/1.jpg", "x/2.jpg", "y/3.jpg"], ["1.jpg", "2.jpg", "3.jpg"], "is '1.jpg' there"),
    "extension": (["1.jpg", "2.jpg", "3.png"], ["1", "2", "3"], "'1.jpg' here is '1' there"),
    "both": (["x/1.jpg", "x/2.jpg", "y/3.png"], ["1", "2", "3"], "'x/1.jpg' here is '1' there"),
}


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("case", WRITTEN)
def test_keys_that_are_written_differently(case: str, several: bool, tmp_path: Path) -> None:
    here, there, told = WRITTEN[case]
    same = {"part": ["x", "y", "z"]} if several else {}
    key: Any = ["part", "id"] if several else "id"
    paths = tmp_path / "a.csv", tmp_path / "b.csv"
    write(with_ids(*here).drop(columns="label").assign(**same), paths[0])
    write(with_ids(*there).drop(columns="prob").assign(**same), paths[1])
    message = problem_with(paths[0], truth=paths[1], key=key)
    assert told in message
    code = message.rpartition("in pandas ")[2].removesuffix(".")
    assert code.startswith("df['id'] = ")
    for path in paths:  # what the message says, in both
        frame = pd.read_csv(path)
        exec(code, {"df": frame})
        write(frame, path)
    assert abs(score(paths[0], truth=paths[1], key=key).loss - score(THREE).loss) < 1e-15


def test_tables_without_a_common_key() -> None:
    one, two = with_ids("a", "b", "c")[["id", "prob"]], with_ids("x", "y", "z")[["id", "label"]]
    message = (
        "pandas DataFrame: none of the keys 'id' is in pandas DataFrame: 'a', 'b', 'c'. Are these "
        "the keys of the same rows? There they are 'x', 'y', 'z'."
    )
    for missing in ("error", "drop"):
        assert problem_with(one, truth=two, key="id", missing=missing) == message
