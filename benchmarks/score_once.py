"""Score one file by one library, in a process of its own; print what it took, as JSON.

    python benchmarks/score_once.py xent|duckdb|polars|sklearn FILE

Imports nothing but the library, so that another interpreter may have it.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any


def by_xent(path: str) -> float:
    import xent

    return float(xent.score(path).loss)


def by_duckdb(path: str) -> float:
    """The mean loss as a query; for rows of probabilities the label's is chosen by its index."""
    import duckdb

    file = f"read_csv('{path}')" if path.endswith(".csv") else f"'{path}'"
    names = [row[0] for row in duckdb.sql(f"describe select * from {file}").fetchall()]
    if "prob" in names:
        of = "case when label = 1 then ln(prob) else ln(1 - prob) end"
    else:
        of = f"ln(list_value({', '.join(names[1:])})[label + 1])"
    (row,) = duckdb.sql(f"select avg(-{of}) from {file}").fetchall()
    return float(row[0])


def by_polars(path: str) -> float:
    import polars as pl

    table: Any = pl.scan_csv(path) if path.endswith(".csv") else pl.scan_parquet(path)
    names = table.collect_schema().names()
    label = pl.col("label")
    if "prob" in names:
        p = pl.col("prob")
        of = pl.when(label == 1).then(p.log()).otherwise((1 - p).log())
    else:
        own = [pl.when(label == j).then(pl.col(name)) for j, name in enumerate(names[1:])]
        of = pl.coalesce(own).log()
    return float(table.select((-of).mean()).collect(engine="streaming").item())


def by_sklearn(path: str) -> float:
    import pandas as pd
    from sklearn.metrics import accuracy_score, log_loss

    table = pd.read_csv(path) if path.endswith(".csv") else pd.read_parquet(path)
    y, p = table["label"], table.drop(columns="label").to_numpy()
    binary = p.shape[1] == 1
    accuracy_score(y, p[:, 0] > 0.5 if binary else p.argmax(axis=1))
    return float(log_loss(y, p[:, 0] if binary else p, labels=range(max(2, p.shape[1]))))


LIBRARIES: dict[str, tuple[Callable[[str], float], str]] = {
    "xent": (by_xent, "xent"),
    "DuckDB": (by_duckdb, "duckdb"),
    "Polars": (by_polars, "polars"),
    "pandas + scikit-learn": (by_sklearn, "scikit-learn"),
}


def peak(largest: int) -> float:
    """Peak memory in MB; the largest resident set may be that of the process it was forked from."""
    status = Path("/proc/self/status")
    if not status.exists():
        return largest / 1024
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def main() -> None:
    name, path = sys.argv[1:]
    function, distribution = LIBRARIES[name]
    start = time.perf_counter()
    loss = function(path)
    wall = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "loss": loss,
                "cpu": used.ru_utime + used.ru_stime,
                "wall": wall,
                "mb": peak(used.ru_maxrss),
                "version": version(distribution),
            }
        )
    )


if __name__ == "__main__":
    main()
