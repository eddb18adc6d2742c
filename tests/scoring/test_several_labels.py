"""Several labels in a row, and confidences in predicted ones: errors, and what they advise."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import problem_with

import xent
from xent.scoring import read_predictions, score

P = np.array([[0.9, 0.8, 0.1], [0.1, 0.2, 0.7], [0.6, 0.1, 0.9], [0.3, 0.6, 0.2]])
Y = np.array([[1, 1, 0], [0, 0, 1], [1, 0, 1], [0, 1, 0]])
CELLS = -np.log(np.where(Y == 1, P, 1 - P)).mean()


def followed(frame: pd.DataFrame, path: Path, message: str) -> float:
    """The loss once the code in a message has been run, with the options that it names."""
    code, _, options = message.rpartition("in pandas ")[2].partition(", and pass ")
    namespace = {"df": frame}
    exec(code.removesuffix("."), namespace)
    write(namespace["df"], path)
    chosen: dict[str, Any] = {}
    if options:
        _, labels, _, scores = shlex.split(options.removesuffix("."))
        chosen = {"label_column": labels.split(","), "score_columns": scores.split(",")}
        chosen["kind"] = "probabilities"
    return score(path, **chosen).loss


def write(frame: pd.DataFrame, path: Path) -> None:
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_json(path, orient="records", lines=True)


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_json(path, lines=True)


@pytest.mark.parametrize("names", [["a", "b", "c"], ["sci fi", "war", "x"], ["0", "1", "2"]])
@pytest.mark.parametrize("form", ["{}", "prob_{}"])
@pytest.mark.parametrize("separator", ["|", ";", ",", ", ", "list", "JSON"])
def test_labels_in_one_column(names: list[str], form: str, separator: str, tmp_path: Path) -> None:
    rows = [[name for name, y in zip(names, row, strict=True) if y] for row in Y]
    frame = pd.DataFrame(P, columns=[form.format(name) for name in names])
    made: Any = {"list": map(str, rows), "JSON": rows}.get(separator, map(separator.join, rows))
    frame.insert(0, "label", list(made))
    path = tmp_path / ("a.jsonl" if separator == "JSON" else "a.csv")
    write(frame, path)
    if form == "{}":
        options: dict[str, Any] = {"score_columns": names, "kind": "probabilities"}
    else:
        options = {}
    message = problem_with(path, **options)
    assert "several labels" in message or "a list of labels in each row" in message, message
    assert "--ignore-label" not in message
    assert abs(followed(read(path), path, message) - CELLS) < 1e-15


def test_labels_in_one_column_beside_lists_of_scores(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    texts = ["c", "a|b", "a|c", "b"]
    order = [1, 0, 2, 3]
    write(pd.DataFrame({"label": texts, "prob": P[order].tolist()}), path)
    message = problem_with(path)
    assert "'a|b' holds several labels. Give each row a list of 0 and 1" in message
    assert abs(followed(read(path), path, message) - CELLS) < 1e-15
    numbers = [[2], [0, 1], [0, 2], [1]]
    write(pd.DataFrame({"label": numbers, "prob": P[order].tolist()}), path)
    message = problem_with(path)
    assert "column 'label': holds the numbers of several labels in each row" in message
    assert abs(followed(read(path), path, message) - CELLS) < 1e-15


def test_a_comma_in_labels_is_no_decimal_one(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('label,prob\n"1,0",0.9\n"0,0",0.2\n')
    assert "'0,0' is not a class" in problem_with(path, classes=["1,1", "1,0"])
    assert abs(score(path, classes=["0,0", "1,0"]).loss + np.log([0.9, 0.8]).mean()) < 1e-15


# Truth that is neither 0 nor 1.

TRUTH = {
    "columns": {"label_a": Y[:, 0], "label_b": Y[:, 1], "prob_a": P[:, 0], "prob_b": P[:, 1]},
    "plain names": {"a": Y[:, 0], "b": Y[:, 1], "prob_a": P[:, 0], "prob_b": P[:, 1]},
    "lists": {"label": Y[:, :2].tolist(), "prob": P[:, :2].tolist()},
    "one-hot": {
        "label_a": Y[[1, 2, 3], 0], "label_b": 1 - Y[[1, 2, 3], 0],
        "prob_a": P[:3, 0], "prob_b": 1 - P[:3, 0],
    },
}  # fmt: skip


def with_cell(case: str, value: float) -> dict[str, Any]:
    table = {name: list(column) for name, column in TRUTH[case].items()}
    first = next(iter(table))
    table[first][1] = [value, 0] if case == "lists" else value
    return table


@pytest.mark.parametrize("value", [-1, 2, 255])
@pytest.mark.parametrize("case", TRUTH)
def test_a_mark_in_the_truth(case: str, value: int) -> None:
    table = with_cell(case, value)
    message = problem_with(table)
    column = {"plain names": "a", "lists": "label[0]"}.get(case, "label_a")
    assert message == (
        f"dict: row 1, column '{column}': '{value}' does not say whether the label is true; "
        f"expected 0 or 1. If it marks what is to be left out: --ignore-label={value}"
    )
    result = score(table, ignored=[str(value)])
    if case == "one-hot":
        assert result.left_out == (("label left out", 1),)
        assert abs(result.loss + np.log([0.1, 0.4]).mean()) < 1e-15
        return
    y, p = Y[:, :2].ravel(), P[:, :2].ravel()
    cells = -np.log(np.where(y == 1, p, 1 - p))
    assert abs(result.loss - np.delete(cells, 2).mean()) < 1e-15


@pytest.mark.parametrize("case", TRUTH)
def test_soft_truth(case: str) -> None:
    message = problem_with(with_cell(case, 0.5))
    assert "row 1, column " in message
    assert "'0.5'" in message
    assert "--ignore-label" not in message
    assert "Soft labels are not read from files; in Python xent.log_loss" in message
    if case != "one-hot":
        y = np.array([1, 0.5])
        assert xent.log_loss(y.ravel(), P[0, :2].ravel()) > 0  # what the message says


def test_a_soft_label() -> None:
    message = problem_with({"label": [1, 0.5, 0], "prob": [0.9, 0.4, 0.2]})
    assert message == (
        "dict: row 1, column 'label': 0.5 is not a class; the classes are 0, 1. Soft labels are "
        "not read from files; in Python xent.log_loss takes them."
    )
    assert xent.log_loss(np.array([1, 0.5, 0]), np.array([0.9, 0.4, 0.2])) > 0


# The confidence in a predicted label.

LABELS: dict[str, list[Any]] = {
    "names": ["cat", "dog", "bird", "dog"], "numbers": [0, 1, 2, 1],
    "Hugging Face": ["LABEL_0", "LABEL_1", "LABEL_2", "LABEL_1"],
}  # fmt: skip


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("score_name", ["confidence", "prob", "score", "y_prob"])
@pytest.mark.parametrize("predicted", ["pred", "y_pred", "predicted_label", "prediction", "guess"])
def test_one_confidence_for_several_classes(labels: str, score_name: str, predicted: str) -> None:
    y = LABELS[labels]
    guess = [y[0], y[1], y[0], y[3]]
    table = {"label": y, predicted: guess, score_name: [0.9, 0.8, 0.6, 0.7]}
    message = problem_with(table)
    assert "holds 3 labels" in message
    assert f"'{score_name}': the confidence in the label in '{predicted}'?" in message
    assert "--kind" not in message
    # Followed: a column for each class.
    names = [name.rstrip(".") for name in re.findall(r"prob_\w+", message)]
    assert len(names) == 3
    p = {name: [0.7 if name == f"prob_{label}" else 0.15 for label in y] for name in names}
    assert abs(score({"label": y, **p}).loss + np.log(0.7)) < 1e-15


def test_diagnose_says_the_same_of_names() -> None:
    table = {"label": LABELS["names"], "pred": LABELS["names"], "score": [0.9, 0.8, 0.6, 0.7]}
    with pytest.raises(ValueError, match="the confidence in the label in 'pred'"):
        read_predictions(table, most_rows=10)


def test_labels_without_a_prediction_need_scores_for_all() -> None:
    message = problem_with({"label": [0, 1, 2, 1], "confidence": [0.9, 0.8, 0.6, 0.7]})
    assert message == (
        "dict: column 'label': holds 3 labels (0, 1, 2), but each row has one score, which is for "
        "two. Save a score for each class."
    )
    # A mark is none of several classes.
    assert "--ignore-label=-1" in problem_with({"label": [0, 1, -1, 1], "prob": [0.1, 0.8, 0, 1]})
