"""What a comparison says may be concluded, and what it says would mislead."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from three_models import breast_cancer

import xent
from xent.scoring.comparing import Comparison

NAMES = ("logistic", "boosted", "forest")
FLOOR = 1e-2


def table(**more: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.02, 0.98, 400)
    y = (rng.random(400) < p).astype(int)
    return {"label": y, "prob_A": p, "prob_B": 0.3 + 0.4 * p, **more}


def test_what_is_concluded() -> None:
    t = table()
    higher = xent.compare(t)
    assert higher.conclusion == (
        f"The log loss of A is lower than that of B by {-higher.pairs[0].difference:.4f} nats "
        f"(95 % interval {-higher.pairs[0].interval.high:.4f} to "
        f"{-higher.pairs[0].interval.low:.4f}, 400 rows): more than chance explains."
    )
    near = np.clip(t["prob_A"] + np.random.default_rng(1).normal(0, 0.01, 400), 0.01, 0.99)
    unclear = xent.compare({**t, "prob_B": near}, margin=0.01)
    assert unclear.conclusion.startswith(
        "No difference of the log losses can be concluded: the log loss of "
    )
    assert unclear.conclusion.endswith(
        f"A difference of {unclear.pairs[0].detectable:.4f} nats would have been seen with 80 % "
        "power."
    )
    assert unclear.conclusions[1] == (
        "Neither of A and B is worse than the other by more than 0.01 nats (A: one-sided 95 % "
        "bound: {:.4f}; B: one-sided 95 % bound: {:.4f}).".format(*unclear.pairs[0].bounds)
    )
    one = xent.compare(t, margin=0.01)
    assert one.conclusions[1].startswith("A is not worse than B by more than 0.01 nats (")
    other = xent.compare({**t, "prob_A": t["prob_B"], "prob_B": t["prob_A"]}, margin=0.01)
    assert other.conclusions[1].startswith("B is not worse than A by more than 0.01 nats (")
    tiny = xent.compare({**t, "prob_B": near}, margin=1e-6)
    assert tiny.conclusions[1].startswith("Each of A and B may be worse than the other by more")
    asked = xent.compare({**t, "prob_C": near}, baseline_model="A", margin=0.01)
    interval = asked.pairs[0].interval
    size = f"{asked.pairs[0].difference:.4f} nats (95 % interval {interval.low:.4f} to "
    size += f"{interval.high:.4f})"
    assert asked.conclusions == [
        f"Against the log loss of A, that of B is higher by {size}: more than chance explains; no "
        "difference from C can be concluded (Holm's correction over 2 comparisons).",
        f"B may be worse than A by more than 0.01 nats (one-sided 95 % bound: "
        f"{asked.pairs[0].bounds[0]:.4f}; p {asked.pairs[0].not_worse[0]:.4f} by Holm's "
        "correction).",
        f"C is not worse than A by more than 0.01 nats (one-sided 95 % bound: "
        f"{asked.pairs[1].bounds[0]:.4f}; p {asked.pairs[1].not_worse[0]:.4f} by Holm's "
        "correction).",
    ]
    three = xent.compare({**t, "prob_C": near})
    best = min(three.models, key=lambda model: model.loss).name
    other_name = {"A": "C", "C": "A"}[best]
    sizes = {}
    for pair in three.pairs:
        low, high = sorted(map(abs, (pair.interval.low, pair.interval.high)))
        told = f"{abs(pair.difference):.4f} nats (95 % interval {low:.4f} to {high:.4f})"
        if "B" in (pair.first, pair.second):
            sizes[pair.first if pair.second == "B" else pair.second] = told
    assert three.conclusion == (
        f"The log loss of {best} is lower than that of B by {sizes[best]}: more than chance "
        f"explains; no difference from {other_name} can be concluded (Holm's correction over 3 "
        "comparisons)."
    )
    many = xent.compare({**t, **{f"prob_B{i}": t["prob_B"] for i in range(4)}})
    assert many.conclusion == (
        "The log loss of A is lower than that of B, B0, B1, B2 and B3: more than chance explains "
        "(Holm's correction over 5 comparisons)."
    )
    p = np.where(t["label"] == 1, 0.99, 0.01)
    p[7] = 1e-12 if t["label"][7] else 1 - 1e-12
    rare = xent.compare({**t, "prob_C": p})
    assert [pair.tested for pair in rare.pairs] == [True, False, False]
    assert rare.conclusion.startswith(
        "The log loss of C is the lowest, but there is no interval of the difference from A and B; "
        "that of A is lower than that of B by "
    )
    assert rare.conclusion.endswith("), more than chance explains.")
    assert "by Holm's correction over 3 pairs; intervals and McNemar's p are" in three.notes[-1]


@pytest.mark.parametrize(
    ("change", "options", "conclusion", "note"),
    [
        ({"prob_B": table()["prob_A"]}, {}, "A and B have the same loss in each row (400 rows).",
         ""),
        ({"logit_B": np.log(table()["prob_A"] / (1 - table()["prob_A"])), "prob_B": None}, {},
         "A and B have the same loss in each row, but for rounding (400 rows).", ""),
        ({"prob_B": np.full(400, 0.5)}, {}, "The log loss of A is lower than that of B by ",
         "B gives each row the same scores: it tells no row from another."),
        ({"label": np.ones(400, int)}, {},
         "No difference of the log losses can be concluded: the log loss of B is lower by 0.1824 "
         "nats on these rows, but there is no interval (no row of class '0': an interval needs 5).",
         "All rows are of class 1: they do not show how the models do on others."),
        ({"c": np.arange(400)}, {"cluster": "c"}, "The log loss of A is lower than that of B by ",
         "Each row is a cluster of its own in 'c': errors are those of independent rows."),
        ({"c": np.arange(400) % 7}, {"cluster": "c"},
         "No difference of the log losses can be concluded: the log loss of A is lower by",
         "No interval of the log loss of A and B, or of the difference A less B: only 7 clusters: "
         "an interval needs 10."),
    ],
    ids=["identical", "another kind", "constant", "one class", "clusters of one", "few clusters"],
)  # fmt: skip
def test_what_would_mislead_is_said(
    change: dict[str, Any], options: dict[str, Any], conclusion: str, note: str
) -> None:
    changed = {name: column for name, column in table(**change).items() if column is not None}
    result = xent.compare(changed, **options)
    assert result.conclusion.startswith(conclusion)
    assert any(each == note for each in result.notes) or not note


def test_a_single_row() -> None:
    result = xent.compare({name: column[:1] for name, column in table().items()})
    assert result.conclusion.endswith("there is no interval (only 1 row: an interval needs 10).")
    assert "All rows are of class" in result.notes[0]
    assert math.isnan(result.pairs[0].p)


def test_a_rare_class_has_no_interval() -> None:
    t = table()
    t["label"] = np.r_[np.ones(4, int), np.zeros(396, int)]
    result = xent.compare(t)
    assert "(only 4 rows of class '1': an interval needs 5)" in result.conclusion


def test_rows_whose_powers_overflow_are_said() -> None:
    t = table()
    logits = np.log(t["prob_A"] / (1 - t["prob_A"]))
    logits[3] = 1e200 * (1 - 2 * t["label"][3])
    result = xent.compare({"label": t["label"], "prob_A": t["prob_A"], "logit_B": logits})
    assert result.conclusion == (
        "No difference of the log losses can be concluded: the log loss of A is lower by 2.5e+197 "
        "nats on these rows, but there is no interval (1 row has a loss whose powers are too "
        "large to sum)."
    )


def test_the_report_in_every_form() -> None:
    frame = breast_cancer()
    result = xent.compare(frame, clip=FLOOR, by=["size"], show=["id"], margin=0.01)
    text = result.to_text(width=100)
    for words in ("pandas DataFrame: 3 models, 569 rows", "less that of", "95 % interval",
                  "McNemar p", "p (Holm)", "loss of forest", "80 % power at", "large"):  # fmt: skip
        assert words in text
    assert all(len(line) <= 80 for line in result.to_text(width=80).splitlines())
    assert result.conclusion in result.to_markdown().replace("\N{NO-BREAK SPACE}", " ")
    assert "<table" in result.to_page()
    assert r"\begin{tabular}" in result.to_latex()
    data = json.loads(result.to_json())
    assert data["schema_version"] == 1
    assert data["conclusions"] == result.conclusions
    assert [model["model"] for model in data["models"]] == list(NAMES)
    assert set(data["pairs"][0]) >= {"difference_nats", "interval", "p_holm", "mcnemar_p",
                                     "worse_by_at_most_nats"}  # fmt: skip
    assert len(data["slices"]["size"]) == 6
    assert repr(result).startswith("Comparison('pandas DataFrame': ")
    assert isinstance(result, Comparison)


def test_many_values_are_shown_in_part() -> None:
    t = table(c=np.arange(400) // 4)
    result = xent.compare(t, by=["c"])
    assert "The 15 highest differences and the 5 lowest, of 100; --format json has all." in str(
        result
    )
    assert len(json.loads(result.to_json())["slices"]["c"]) == 100
