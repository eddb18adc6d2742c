"""Text files as tools and people write them, whose first line or labels mislead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from advice import losses
from helpers import problem_with

from xent.scoring import score

ROWS = "1,0.9\n0,0.2\n1,0.4\n"
LOSS = -np.log([0.9, 0.8, 0.4]).mean()
HEADERS = {
    "Excel": ("sep=;\nlabel;prob\n" + ROWS.replace(",", ";"), "what stands between columns (sep=)"),
    "comment": ("# model x\nlabel,prob\n" + ROWS, "the header is a comment, # model x: remove it."),
    "blanks": ("label prob\n" + ROWS.replace(",", " "), "are columns separated by blanks?"),
    "R": ('"label" "prob"\n"1" 1 0.9\n"2" 0 0.2\n', "write.csv(x, 'FILE.csv', row.names = FALSE)"),
    "no header": (ROWS, "the first line holds numbers, 1, 0.9, and not the names of columns"),
    "twice": ("label,prob,prob\n1,0.9,0.8\n0,0.2,0.1\n", "2 columns are called 'prob'."),
    "tensors": ("label,prob\n1,tensor(0.9)\n", "Save numbers, as tensor.tolist() gives them."),
}


@pytest.mark.parametrize("case", HEADERS)
def test_what_is_wrong_with_the_text(case: str, tmp_path: Path) -> None:
    content, message = HEADERS[case]
    (tmp_path / "a.csv").write_text(content)
    assert message in problem_with(tmp_path / "a.csv")


def test_numbers_may_be_the_names_of_classes(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("label,0,1\n1,0.1,0.9\n0,0.8,0.2\n1,0.6,0.4\n")
    assert abs(score(path).loss - LOSS) < 1e-15
    path.write_text("0,1,2\n0.1,0.9,1\n0.8,0.2,0\n0.6,0.4,1\n")
    chosen = score(path, label_column="2", score_columns=["0", "1"])
    assert abs(chosen.loss - LOSS) < 1e-15


def test_names_with_blanks_are_names(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("true label,predicted prob\n" + ROWS)
    assert abs(score(path).loss - LOSS) < 1e-15


def test_labels_that_differ_in_case() -> None:
    message = problem_with({"label": ["Yes", "No", "yes"], "prob": [0.9, 0.2, 0.4]})
    assert "holds 3 labels (No, Yes, yes), of which some differ only in case" in message


def test_labels_from_1_beside_one_score() -> None:
    found = losses({"label": [2, 1, 2], "prob": [0.9, 0.2, 0.4]})
    assert abs(found["--classes 1,2"] - LOSS) < 1e-15


@pytest.mark.parametrize("labels", [["spam", "ham", "spam"], ["yes", "no", "yes"], [1, 0, 1]])
def test_confidences_in_predicted_labels_whatever_their_names(labels: list[str]) -> None:
    table = {
        "actual": labels,
        "predicted": [labels[0], labels[1], labels[1]],
        "probability": [0.9, 0.8, 0.6],
    }
    found = losses(table)
    option = "--kind probabilities --predicted-column predicted"
    assert abs(found[option] - LOSS) < 1e-15, found
