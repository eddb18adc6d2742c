"""How many clusters there are, whatever the order of the rows, and what is said of single ones."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

import xent
from xent.scoring import FileError
from xent.scoring.state import Groups, State
from xent.scoring.state.cluster_sizes import MOST, ClusterSizes, hashes_of


def sizes_of(names: list[str]) -> ClusterSizes:
    texts = sorted(set(names))
    groups = Groups(np.array([texts.index(each) for each in names]), texts)
    found = ClusterSizes()
    found.add(groups, hashes_of(groups))
    return found


@pytest.mark.parametrize("clusters", [MOST - 1, MOST, 3 * MOST])
def test_the_order_of_rows_and_parts_does_not_matter(clusters: int) -> None:
    rng = np.random.default_rng(clusters)
    names = [f"user {k}" for k in rng.integers(0, clusters, 4 * clusters)]
    names += [f"user {k}" for k in range(clusters)]
    whole = sizes_of(names)
    assert whole.number == (clusters if clusters < MOST else None)
    counts = {name: names.count(name) for name in set(names)} if clusters < 2 * MOST else {}
    if whole.number:
        assert sorted(whole.rows.values()) == sorted(counts.values())
    parts = [sizes_of(part.tolist()) for part in np.array_split(np.array(names), 3)]
    for a, b, c in permutations(parts):
        assert a.merge(b).merge(c).to_data() == whole.to_data()
    again = ClusterSizes()
    for start in range(0, len(names), 500):  # batches of one state
        part = names[start : start + 500]
        texts = sorted({*part, "one without rows"})
        groups = Groups(np.array([texts.index(each) for each in part]), texts)
        again.add(groups, hashes_of(groups))
    assert again.to_data() == whole.to_data()
    read = ClusterSizes()
    read.read(whole.to_data())
    assert read.rows == whole.rows


def table(n: int, rows: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    p = rng.random(n)
    return {"prob": p, "label": (rng.random(n) < p).astype(int), "user": np.arange(n) // rows}


@pytest.mark.parametrize(("n", "nearly"), [(300, False), (3000, True), (50_000, True)])
def test_clusters_of_one_row_are_told(n: int, nearly: bool) -> None:
    told = "Each row is a cluster of its own in 'user': errors are those of independent rows."
    if nearly:
        told = "Nearly each row is a cluster of its own in 'user': errors are about those of "
        told += "independent rows."
    found = xent.score(table(n, 1), cluster="user")
    assert told in found.notes
    assert told in found.to_markdown()
    assert told not in xent.score(table(n, 2), cluster="user").notes
    both = {**table(n, 1), "prob_a": table(n, 1)["prob"], "prob_b": np.full(n, 0.5)}
    both.pop("prob")
    assert told in xent.compare(both, cluster="user").notes


def test_the_number_of_clusters_is_told() -> None:
    found = xent.score(table(900, 3), cluster="user")
    told = (
        "Intervals take into account that rows of one cluster go together: 300 clusters in 'user'."
    )
    assert told in str(found).replace("\n", " ")
    state = State.from_json(found.state.to_json())
    assert state.clusters.sizes.number == 300
    many = str(xent.score(table(9000, 3), cluster="user")).replace("\n", " ")
    assert "groups of clusters in 'user'" in many


def test_one_large_cluster_among_single_rows_is_no_reason_for_a_note() -> None:
    found = table(3000, 1)
    found["user"][:600] = 0
    notes = xent.score(found, cluster="user").notes
    assert not [note for note in notes if "cluster of its own" in note]
    few = table(300, 1)
    few["user"][:2] = 0
    assert not [n for n in xent.score(few, cluster="user").notes if "cluster of its own" in n]


def test_rows_without_a_cluster_are_an_error_or_left_out() -> None:
    found = {**table(300, 3), "user": np.array([None, "", *np.arange(298) // 3], object)}
    found["user"] = np.array([None if k in (None, "") else str(k) for k in found["user"]], object)
    with pytest.raises(FileError, match="row 0, column 'user': the cluster is missing"):
        xent.score(found, cluster="user")
    kept = xent.score(found, cluster="user", missing="drop")
    assert (kept.rows, kept.left_out) == (298, (("no cluster", 2),))
