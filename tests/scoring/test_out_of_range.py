"""Scores that are not what their column is called: what they are, or which of them is wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from advice import losses
from helpers import problem_with

from xent.scoring import score

Y = np.array([1, 0, 1, 0, 1])
P = np.array([0.9, 0.2, 0.7, 0.05, 0.4])
LOSS = -np.log(np.where(Y == 1, P, 1 - P)).mean()
TWO = np.stack([1 - P, P], axis=1)
CORRECT = "correct this one, or leave it blank and pass --missing drop."


def columns(p: Any, name: str = "prob") -> dict[str, Any]:
    return {"label": Y, f"{name}_0": p[:, 0], f"{name}_1": p[:, 1]}


OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "logits": ({"label": Y, "prob": np.log(P / (1 - P))}, "--kind logits"),
    "logits of classes": (columns(np.log(TWO) + 2.5), "--kind logits"),
    "log-probabilities": ({"label": Y, "prob": np.log(P)}, "--kind log-probabilities"),
    "those of classes": (columns(np.log(TWO)), "--kind log-probabilities"),
    "percentages": ({"label": Y, "prob": 100 * P}, "--kind percent"),
    "percentages of classes": (columns(100 * TWO), "--kind percent"),
    "votes": (columns(np.round(500 * TWO)), "--normalize"),
    "probabilities": ({"label": Y, "logprob": P}, "--kind probabilities"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_the_kind_that_fits_is_told(case: str) -> None:
    table, option = OTHERS[case]
    message = problem_with(table)
    assert option in message
    if option == "--normalize":
        assert abs(score(table, normalize=True).loss - LOSS) < 1e-15
    else:
        found = losses(table)
        assert abs(found[option] - LOSS) < 1e-12, found
    others = {"--kind logits", "--kind percent", "--normalize"} - {option, *advised_beside(case)}
    assert not any(other in message for other in others), message


def advised_beside(case: str) -> list[str]:
    """Percentages may be raw scores, too, and the message says so."""
    return ["--kind logits"] if case.startswith("percentages") else []


@pytest.mark.parametrize("bad", [1.5, -0.1, 190.0, np.inf])
@pytest.mark.parametrize("row", [2, 1201])
def test_one_number_that_is_no_probability(bad: float, row: int) -> None:
    table = {"label": np.tile(Y, 300), "prob": np.tile(P, 300)}
    table["prob"][row] = bad
    message = problem_with(table)
    if bad == 1.5 or row > 1000 or not 0 <= bad <= 100:
        assert message == (
            f"dict: row {row}, column 'prob': {bad}: a probability lies between 0 and 1; {CORRECT}"
        )
    table["prob"][row] = np.nan
    assert score(table, missing="drop").left_out == (("no score", 1),)


@pytest.mark.parametrize("several", [False, True])
def test_one_number_that_may_be_a_percentage(several: bool) -> None:
    if several:
        y, p = np.stack([Y, Y], axis=1), np.stack([P, P], axis=1)
        p[3, 1] = 40
        table = columns(p) | {"label": None, "label_0": y[:, 0], "label_1": y[:, 1]}
        del table["label"]
        where, most = "row 3, column 'prob_1': 40.0", "9 of the first 10"
    else:
        p = P.copy()
        p[3] = 40
        table = {"label": Y, "prob": p}
        where, most = "row 3, column 'prob': 40.0", "4 of the first 5"
    message = problem_with(table)
    assert message.startswith(
        f"dict: {where}: a probability lies between 0 and 1, as {most} do. Correct the others; or, "
        "if all are percentages, pass --kind percent (log loss "
    )
    told = re.search(r"\(log loss (\S+)\)", message)
    assert told
    assert float(told[1]) == round(score(table, kind="percent").loss, 4)


def test_a_percentage_is_shown_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("label,prob\n1,90\n0,101.3\n")
    assert problem_with(path, kind="percent") == (
        "a.csv: row 1 (line 3), column 'prob': 101.3: a percentage lies between 0 and 100; "
        + CORRECT
    )
