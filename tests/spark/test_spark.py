"""The recipe of docs/howto/spark.md, run by Spark on this machine: `make test-spark`.

Not collected with the other tests: PySpark and Java are large, and not in their environment.
"""

from __future__ import annotations

import doctest
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

import xent

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "spark.md"
N = 20_000


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "1000")
        .getOrCreate()
    )
    yield session
    session.stop()


@pytest.fixture(scope="module")
def recipe() -> dict[str, Any]:
    """The functions that the page shows, as a user has them in a notebook."""
    names: dict[str, Any] = {"__name__": "__main__"}  # so they are sent to workers by value
    for example in doctest.DocTestParser().get_examples(PAGE.read_text("utf-8")):
        if example.source.startswith(("import", "from", "def")):
            exec(example.source, names)
    return names


def table() -> dict[str, Any]:
    rng = np.random.default_rng(8)
    p = rng.random(N)
    p[:3] = 0, 1, 1e-300
    label = (rng.random(N) < p).astype(int)
    label[0] = 1
    return {"id": [f"r{i}" for i in range(N)], "label": label, "prob": p}


OPTIONS: dict[str, Any] = {
    "label_column": "label", "score_columns": ["prob"], "kind": "probabilities",
    "classes": ["0", "1"], "show": ["id"],
}  # fmt: skip


def content(result: Any) -> dict[str, Any]:
    """What does not depend on the numbers of the rows."""
    data = json.loads(result.to_state())
    for state in data["states"]:
        # Worst rows are numbered within partitions.
        worst = state["parts"]["worst"]
        state["parts"]["worst"] = [[loss, *rest] for loss, _, _, *rest in map(list, worst)]
        del state["parts"]["sample"]
    # The sample has all rows, in an order of what they hold; its random numbers are of the rows'.
    sample = result.state.sample.rows
    rows = [values.tolist() for values in (sample.scores, sample.labels, sample.weights)]
    return {"states": data["states"], "left_out": data["left_out"], "rows": rows}


@pytest.mark.parametrize("partitions", [1, 7])
def test_the_bits_are_those_of_one_process(
    spark: Any, recipe: dict[str, Any], partitions: int
) -> None:
    data = table()
    rows = zip(data["id"], data["label"].tolist(), data["prob"].tolist(), strict=True)
    frame = spark.createDataFrame(list(rows), "id string, label int, prob double")
    found = recipe["score_frame"](frame.repartition(partitions))
    whole = xent.score(data, **OPTIONS)
    assert content(found) == content(whole)
    assert (found.loss, found.rows, found.infinite) == (whole.loss, N, whole.infinite)
    assert [row.key for row in found.worst] == [row.key for row in whole.worst]


def test_files_and_empty_partitions(spark: Any, recipe: dict[str, Any], tmp_path: Path) -> None:
    data = table()
    rows = zip(data["id"], data["label"].tolist(), data["prob"].tolist(), strict=True)
    frame = spark.createDataFrame(list(rows), "id string, label int, prob double")
    frame.repartition(3).write.parquet(str(tmp_path / "predictions"))
    read = spark.read.parquet(str(tmp_path / "predictions")).where("id < 'r3'").repartition(12)
    found = recipe["score_frame"](read.where("label = 1 or prob > 0.999"))
    kept = [
        i for i in range(N)
        if data["id"][i] < "r3" and (data["label"][i] == 1 or data["prob"][i] > 0.999)
    ]  # fmt: skip
    assert 0 < len(kept) < N / 2
    part = {name: np.array(values)[kept] for name, values in data.items()}
    whole = xent.score(part, **OPTIONS)
    assert content(found) == content(whole)
    local = xent.score(tmp_path / "predictions", **OPTIONS)
    assert content(local) == content(xent.score(data, **OPTIONS))
