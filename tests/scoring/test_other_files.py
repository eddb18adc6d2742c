"""Options and commands on files of another sort: weights, losses of cells, and language models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from commands import Output
from helpers import problem_with

from xent.scoring import FileError, read_predictions, read_row, score

TOKENS = '{"token":"a","logprob":-0.5}\n{"token":"b","logprob":-1.5}\n'
LISTS = '{"text":"ab","logprobs":[-0.5,-1.5]}\n'
HARNESS = (
    '{"doc_id":0,"target":"0","arguments":[["q"," a"],["q"," b"]],"resps":[[[-1.0,false]],'
    '[[-2.0,false]]],"filtered_resps":[[-1.0,false],[-2.0,false]],"acc":1.0,'
    '"doc":{"choices":["a","b"],"gold":0}}\n'
)


@pytest.mark.parametrize("content", [TOKENS, LISTS, HARNESS])
def test_a_file_of_a_language_model_is_named(content: str, tmp_path: Path, run: Any) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(content)
    message = (
        f"{path}: holds log-probabilities of a language model, and only xent score reads them: "
        f"xent score {path}"
    )
    for read in (
        lambda: read_predictions(path, most_rows=10),
        lambda: read_row(path, 0),
    ):
        with pytest.raises(FileError) as error:
            read()
        assert str(error.value) == message
    for command in (("diagnose", path), ("explain", path, "--row", "0")):
        output: Output = run(*command)
        assert "only xent score reads them" in " ".join(output.err.split())
        assert output.code != 0
    assert score(path).loss > 0  # what the message says


@pytest.mark.parametrize("weight", [1e-320, 5e-324, 1e-101, -1.0, np.inf, 1e101])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_that_cannot_count_exactly(weight: float, dtype: Any) -> None:
    with np.errstate(over="ignore"):
        w = np.array([1, weight], dtype)
    if w[1] == 0:  # too small for float32
        assert score({"label": [1, 0], "prob": [0.9, 0.2], "w": w}, weight_column="w").rows == 1
        return
    message = problem_with({"label": [1, 0], "prob": [0.9, 0.2], "w": w}, weight_column="w")
    assert message.endswith(f"{w[1]}: a weight is 0, or lies between 1e-75 and 1e+75.")


@pytest.mark.parametrize("scale", [1e-74, 1e-45, 1.0, 1e40, 1e74])
def test_weights_are_relative(scale: float) -> None:
    w = scale * np.array([1.0, 2.0, 3.0])
    table = {"label": [1, 0, 1], "prob": [0.9, 0.2, 0.4], "w": w}
    due = -np.average(np.log([0.9, 0.8, 0.4]), weights=w)
    assert abs(score(table, weight_column="w").loss - due) < 1e-15
    if 1e-37 < scale < 1e37:
        table["w"] = w.astype(np.float32)
        assert abs(score(table, weight_column="w").loss - due) < 1e-7


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_the_loss_of_each_cell(ending: str, tmp_path: Path) -> None:
    y = np.array([[1, 0], [1, 1], [-1, 0]])
    p = np.array([[0.9, 0.2], [0.4, 0.6], [0.5, 0.4]])
    table = {
        "id": ["x", "y", "z"], "label_a": y[:, 0], "label_b": y[:, 1], "prob_a": p[:, 0],
        "prob_b": p[:, 1], "w": [1, 2, 3],
    }  # fmt: skip
    path = tmp_path / f"losses{ending}"
    result = score(table, losses=path, show=["id"], weight_column="w", ignored=[-1])
    made = (pl.read_csv if ending == ".csv" else pl.read_parquet)(path)
    assert made.columns == [
        "row", "id", "label", "truth", "predicted", "probability", "loss", "weight",
    ]  # fmt: skip
    assert made["row"].to_list() == [0, 0, 1, 1, 2]  # row by row
    assert made["label"].to_list() == ["a", "b", "a", "b", "b"]
    assert [*map(str, made["truth"])] == ["1", "0", "1", "1", "0"]
    assert [*map(str, made["predicted"])] == ["1", "0", "0", "1", "0"]
    of_truth = np.where(y == 1, p, 1 - p).ravel()[[0, 1, 2, 3, 5]]
    assert np.allclose(made["probability"], of_truth, rtol=1e-15)
    assert np.allclose(made["loss"], -np.log(of_truth), rtol=1e-15)
    assert abs(np.average(made["loss"], weights=made["weight"]) - result.loss) < 1e-15


def test_the_loss_of_each_cell_of_several_files(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    for name in "ab":
        lines = '{"label": [1, 0], "prob": [0.9, 0.2]}\n{"label": [1, 1], "prob": [0.4, 0.6]}\n'
        (folder / f"{name}.jsonl").write_text(lines)
    result = score(folder, losses=tmp_path / "losses.csv")
    made = pl.read_csv(tmp_path / "losses.csv")
    assert made["file"].n_unique() == 2
    assert len(made) == 8
    assert abs(made["loss"].mean() - result.loss) < 1e-15
