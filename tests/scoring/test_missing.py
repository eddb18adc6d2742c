"""What stands for a missing number or label, in files of many tools."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from advice import losses
from helpers import problem_with

from xent.scoring import score

DROP = "xent score --missing drop leaves such rows out."
GONE = ["", "NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "None", "<NA>", r"\N", "?", "-",
        "--", "."]  # fmt: skip


@pytest.mark.parametrize("gone", GONE)
def test_a_missing_score_and_a_missing_label(gone: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"id,label,prob\na,1,0.9\nb,0,{gone}\nc,1,0.4\n")
    message = "a.csv: row 1 (line 3), column '{}': the {} is missing. " + DROP
    assert problem_with(path) == message.format("prob", "value")
    path.write_text(f"id,label,prob\na,1,0.9\nb,{gone},0.3\nc,1,0.4\n")
    assert problem_with(path) == message.format("label", "label")
    path.write_text(f"id,label,prob\na,1,0.9\nb,0,{gone}\nc,{gone},0.3\nd,0,0.2\n")
    result = score(path, missing="drop")
    assert result.left_out == (("no label", 1), ("no score", 1))
    assert abs(result.loss + np.log([0.9, 0.8]).mean()) < 1e-15
    path.write_text(f"label,prob_a,prob_b\na,0.9,0.1\n{gone},0.3,0.7\nb,0.4,0.6\n")
    assert score(path, missing="drop").left_out == (("no label", 1),)


@pytest.mark.parametrize("gone", ["?", "-", "n/a", "NULL"])
def test_what_is_missing_is_no_fault_where_another_row_has_one(gone: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"label,prob\n1,{gone}\n0,high\n")
    assert problem_with(path) == "a.csv: row 1 (line 3), column 'prob': 'high' is not a number."
    path.write_text("label;prob\n" + "1;0,9\n" * 1000 + f"0;{gone}\n1;0,9x\n")
    message = "a.csv: row 1001 (line 1003), column 'prob': '0,9x' is not a number."
    assert problem_with(path) == message


@pytest.mark.parametrize("sign", ["-", ".", "?", "--"])
def test_a_sign_beside_one_label_may_be_the_other_one(sign: str) -> None:
    table = {"label": ["x", sign, "x"], "prob": [0.9, 0.2, 0.4]}
    assert "--missing" not in problem_with(table)
    found = losses(table)
    due = -np.log([0.9, 0.8, 0.4]).mean()
    assert any(abs(loss - due) < 1e-15 for loss in found.values()), found
    table["label"] = ["yes", sign, "yes"]
    assert score(table, missing="drop").rows == 2


def test_minus_beside_plus_is_a_label(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    loss = -np.log([0.9, 0.8, 0.4]).mean()
    path.write_text("label,prob\n+,0.9\n-,0.2\n+,0.4\n")
    assert abs(score(path).loss - loss) < 1e-15
    assert "for label + (not -)" in score(path).read
    path.write_text("label,prob_+,prob_-\n+,0.9,0.1\n-,0.2,0.8\n+,0.4,0.6\n")
    assert abs(score(path).loss - loss) < 1e-15
    path.write_text("label,prob_-\n+,0.1\n-,0.8\n+,0.6\n")
    assert abs(score(path).loss - loss) < 1e-15
    path.write_text("label,prob\n+,0.9\n-,0.2\n?,0.4\n")
    assert score(path, missing="drop").rows == 2


def test_nan_is_a_missing_value_of_a_slice() -> None:
    table = {"label": [0, 1, 1], "prob": [0.1, 0.9, 0.2], "c": np.array([1, np.nan, np.nan])}
    found = score(table, by=["c"]).to_dict()["slices"]["c"]
    assert [(each["value"], each["rows"]) for each in found] == [("(missing)", 2), ("1", 1)]
