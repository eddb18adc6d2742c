"""The engine of Ray, on a cluster of two workers: the same bits and errors, also if workers die."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from commands import command
from helpers import printed, problem_with

from xent.scoring import dispatch, score
from xent.scoring.engines import ray as engine
from xent.scoring.sources import Source, parquet_files
from xent.scoring.sources.reader import Reader

# Ray starts its processes by a fork; JAX, if another test has imported it, warns of that.
pytestmark = pytest.mark.filterwarnings(r"ignore:os\.fork\(\) was called:RuntimeWarning")

N = 4000
FILES = 20


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    made = pd.DataFrame(
        {
            "id": [f"r{i}" for i in range(N)],
            "label": rng.choice(["no", "yes", "?"], N, p=[0.6, 0.39, 0.01]),
            "prob": rng.random(N).round(3),
            "w": rng.random(N).round(2),
            "place": rng.choice(["DE", "FR", "größe 猫"], N),
            "user": rng.integers(0, 90, N),
        }
    )
    made.loc[::211, "prob"] = None
    return made


OPTIONS: dict[str, Any] = {
    "weight_column": "w", "show": ["id"], "by": ["place"], "cluster": "user", "ignored": ["?"],
    "worst": 20, "missing": "drop",
}  # fmt: skip


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two workers on this machine."""
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"  # else Ray warns of a change to come
    ray = engine._imported()
    ray.init(
        address="local", num_cpus=2, include_dashboard=False, log_to_driver=False,
        object_store_memory=1 << 28,
    )  # fmt: skip
    yield
    ray.shutdown()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One Parquet file of many row groups, which is split, and many small files."""
    monkeypatch.setattr(parquet_files, "LEAST", 1)
    rows = frame()
    (tmp_path / "large").mkdir()
    (tmp_path / "small").mkdir()
    rows.to_parquet(tmp_path / "large" / "a.parquet", row_group_size=250)
    for i in range(FILES):
        part = rows[i * N // FILES : (i + 1) * N // FILES]
        part.to_csv(tmp_path / "small" / f"{i:02}.csv", index=False)
    return tmp_path


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("name", ["large", "small"])
def test_the_same_bits(folder: Path, name: str) -> None:
    local = score(folder / name, **OPTIONS, threads=1)
    told: list[tuple[int, float | None]] = []
    found = score(folder / name, **OPTIONS, engine="ray", progress=lambda *each: told.append(each))
    assert found.to_state() == local.to_state()
    assert found.to_dict() == local.to_dict()
    assert dict(found.left_out).keys() == {"label left out", "no score", "weight 0"}
    assert len(told) == (8 if name == "large" else FILES)
    assert told[-1] == (sum(local.state.counts) + dict(local.left_out)["weight 0"], 1.0)


@pytest.mark.usefixtures("cluster")
def test_several_labels_of_a_row(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({name: rng.integers(0, 2, N) for name in ("a", "b")})
    table["prob_a"], table["prob_b"] = rng.random((2, N)).round(3)
    table[:2000].to_csv(tmp_path / "a.csv", index=False)
    table[2000:].to_csv(tmp_path / "b.csv", index=False)
    found = [score(tmp_path, engine=each).to_state() for each in ("local", "ray")]
    assert found[0] == found[1]


@pytest.mark.usefixtures("cluster")
def test_the_error_is_that_of_the_first_row_at_fault(folder: Path) -> None:
    for name, row in (("17", 20), ("04", 150), ("04", 77)):
        path = folder / "small" / f"{name}.csv"
        lines = path.read_text().splitlines()
        lines[row + 1] = "r,yes,1.5,1,DE,3"
        path.write_text("\n".join(lines) + "\n")
    (folder / "small" / "09.csv").write_text("label\nyes\n")

    told = problem_with(folder / "small", **OPTIONS, threads=1)
    assert told.startswith("small/04.csv: row 77 (line 79), column 'prob': 1.5: a prob")
    for window in (1, 3, 1000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(engine, "WINDOW", window)
            assert problem_with(folder / "small", **OPTIONS, engine="ray") == told
    states = [
        score(folder / "small", **OPTIONS, skip_bad=True, engine=each).to_state()
        for each in ("local", "ray")
    ]
    assert states[0] == states[1]
    assert len(json.loads(states[0])["skipped"]) == 3


@pytest.mark.usefixtures("cluster")
def test_a_fault_in_one_piece_leaves_out_the_file(folder: Path) -> None:
    rows = frame()
    rows.loc[3210, "prob"] = -0.5
    rows.to_parquet(folder / "large" / "b.parquet", row_group_size=250)
    states = [
        score(folder / "large", **OPTIONS, skip_bad=True, engine=each, threads=2).to_state()
        for each in ("local", "ray")
    ]
    assert states[0] == states[1]
    (told,) = json.loads(states[0])["skipped"]
    assert "b.parquet: row 3210, column 'prob': -0.5" in told


@pytest.mark.usefixtures("cluster")
def test_a_fault_of_merging_is_told(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"^column 'text' has more than 100,000 values: too many"):
        score(many_values(folder), by=["text"], engine="ray")


def many_values(folder: Path) -> Path:
    place = folder / "many"
    place.mkdir()
    for i in range(2):
        texts = [f"{i}.{j}" for j in range(60_000)]
        pd.DataFrame({"label": 1, "prob": 0.5, "text": texts}).to_parquet(place / f"{i}.parquet")
    return place


def killing(
    opened: Callable[[], Reader], marks: Path, times: int, here: int
) -> Callable[[], Reader]:
    """Opens a part whose process, if it is another one, dies after the first batch of rows."""

    def once() -> Reader:
        reader = opened()
        batches = reader.batches

        def dying(*columns: Any) -> Any:
            for batch in batches(*columns):
                yield batch
                done = len(list(marks.iterdir()))
                if os.getpid() != here and done < times:
                    (marks / str(os.getpid())).touch()
                    os.kill(os.getpid(), signal.SIGKILL)

        reader.batches = dying
        return reader

    return once


@pytest.fixture
def kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Path]:
    """Makes the workers that score the third part die so many times; returns where they say so."""
    marks = tmp_path / "marks"
    marks.mkdir()

    def some(times: int) -> Path:
        open_source = dispatch.open_source

        def opened(*arguments: Any, **options: Any) -> Source:
            source = open_source(*arguments, **options)
            parts = list(source.parts)
            name, one = parts[2]
            parts[2] = name, killing(one, marks, times, os.getpid())
            source.parts = parts
            return source

        monkeypatch.setattr(dispatch, "open_source", opened)
        return marks

    return some


@pytest.mark.usefixtures("cluster")
def test_a_worker_is_killed_in_the_middle(folder: Path, kill: Callable[[int], Path]) -> None:
    local = score(folder / "small", **OPTIONS).to_state()
    marks = kill(2)
    assert score(folder / "small", **OPTIONS, engine="ray").to_state() == local
    assert len(list(marks.iterdir())) == 2


@pytest.mark.usefixtures("cluster")
def test_workers_that_always_die(folder: Path, kill: Callable[[int], Path]) -> None:
    kill(1000)
    told = problem_with(folder / "small", **OPTIONS, engine="ray")
    assert told.startswith("small: could not be scored by Ray: ")
    assert "died" in told


def test_a_cluster_lets_nobody_else_in_and_reports_to_nobody() -> None:
    code = "import os; e = os.environ; [e.pop(n) for n in [*e] if n.startswith('RAY_')]; "
    code += "from xent.scoring.engines.ray import _imported; _imported(); "
    code += "print(e['RAY_AUTH_MODE'], len(e['RAY_AUTH_TOKEN']), e['RAY_USAGE_STATS_ENABLED'])"
    assert printed(code) == "token 64 0"


def test_the_command_starts_a_cluster_of_its_own(folder: Path) -> None:
    arguments = ["score", folder / "large", "--missing", "drop", "--ignore-label", "?"]
    local = command(*arguments, "--format", "json")
    found = command(
        *arguments, "--format", "json", "--engine", "ray", "--threads", "2", RAY_ADDRESS=""
    )
    assert (found.code, found.out) == (local.code, local.out) == (0, local.out)
