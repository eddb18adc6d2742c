"""Options of `score` of the wrong type: the error says which, what came, and what is expected."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xent.scoring import columns_of, read_predictions, read_row, score
from xent.scoring.arguments import LISTS

TABLE = {"label": [1, 0, 1, -100], "prob": [0.9, 0.2, 0.4, 0.5], "w": [1.0, 1.0, 1.0, 1.0]}
VALUES = ("number", "object", "bytes", "mapping", "array")
OPTIONS = [name for name in inspect.signature(score).parameters if name not in ("source", "truth")]


@pytest.mark.parametrize("value", [1.5, object(), b"x", {"a": 1}, np.array([[1.5]])], ids=VALUES)
@pytest.mark.parametrize("name", OPTIONS)
def test_a_wrong_type_is_named(name: str, value: Any) -> None:
    if name == "labels" and not isinstance(value, float):
        return  # arrays, and what the file says of others
    if name == "baseline" and isinstance(value, (dict, np.ndarray)):
        return  # tables
    with pytest.raises((TypeError, ValueError)) as error:
        score(TABLE, **{name: value})
    assert re.match(rf"{name} is .*; expected ", str(error.value), re.DOTALL), str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ignored": -100}, "ignored is -100; expected a list of labels: [-100]."),
        ({"ignored": "-100"}, "ignored is '-100'; expected a list of labels: ['-100']."),
        ({"score_columns": "prob"},
         "score_columns is 'prob'; expected a list of columns: ['prob']."),
        ({"label_column": 0}, "label_column is 0; expected a list of columns, as text: ['0']."),
        ({"show": [0]}, "show is [0]; expected a list of columns, as text: ['0']."),
        ({"classes": "a,b"}, "classes is 'a,b'; expected a list of names: ['a,b']."),
        ({"weight_column": 3}, "weight_column is 3; expected the name of a column, as text: '3'."),
        ({"cluster": ["w"]}, "cluster is ['w']; expected the name of a column, as text."),
        ({"multi_label": "yes"}, "multi_label is 'yes'; expected True, False or None."),
        ({"missing": True}, "missing is True; expected 'error' or 'drop'."),
        ({"part": "both"}, "part is 'both'; expected 'prompt' or 'generated'."),
        ({"losses": 3}, "losses is 3; expected the path of a file to write."),
        ({"labels": 1}, "labels is 1; expected the path of an NPY file, or an array of labels."),
    ],
)  # fmt: skip
def test_the_right_form_is_told(options: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError)) as error:
        score(TABLE, **options)
    assert str(error.value) == message


@pytest.mark.parametrize("ignored", [[-100], ("-100",), {-100.0}, np.array([-100]), ["-100"]])
def test_labels_to_leave_out_may_be_numbers(ignored: Any) -> None:
    assert score(TABLE, ignored=ignored).loss == -np.log([0.9, 0.8, 0.4]).mean()


def test_names_of_classes_may_be_numbers() -> None:
    table = {"label": [-1, 1], "prob": [0.2, 0.9]}
    for classes in ([-1, 1], np.array([-1, 1]), ["-1", "1"]):
        assert score(table, classes=classes).loss == score(table, classes=["-1", "1"]).loss


@pytest.mark.parametrize("name", [n for n in LISTS if n not in ("label_column", "key")])
def test_an_iterator_is_read_once(name: str) -> None:
    value = {"classes": ["0", "1"], "ignored": ["-100"], "score_columns": ["prob"]}.get(name, ["w"])
    options: dict[str, Any] = {"ignored": ["-100"], name: iter(value)}
    assert score(TABLE, **options).loss == score(TABLE, **{**options, name: value}).loss


@pytest.mark.parametrize(
    "read",
    [columns_of, lambda *a, **k: read_row(*a, 0, **k),
     lambda *a, **k: read_predictions(*a, most_rows=3, **k)],
)  # fmt: skip
def test_other_functions_check_them_too(read: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("label,prob\n1,0.9\n0,0.2\n")
    with pytest.raises(TypeError, match=r"there is no option 'label'. Did you mean .*label_column"):
        read(path, label="label")
    with pytest.raises(TypeError, match=r"score_columns is 'prob'; expected a list of columns"):
        read(path, score_columns="prob")
