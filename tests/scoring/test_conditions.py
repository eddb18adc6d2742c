"""Conditions under which a command fails: what they name, what they say, and their exit codes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import command
from messages import each_case, error_of

import xent
from xent.scoring import score
from xent.scoring.conditions import Condition, failed

DATA: dict[str, Any] = {
    "schema_version": 1,
    "file": "a.csv",
    "rows": 100,
    "rows_left_out": {"no label": 3, "no score": 4},
    "log_loss_nats": 0.5,
    "log_loss_nats_interval": {"low": 0.4, "high": 0.62, "method": "Hall"},
    "skill": None,
    "skill_reason": "only one class occurs",
    "accuracy": 0.9,
    "infinite_rows": 0,
    "brier": math.nan,
    "calibration": {"slope": 1.25, "intercept": None, "reason": "12 rows are too few"},
    "classes": [
        {"class": "cat", "rows": 60, "log_loss_nats": 0.3},
        {"class": "a.b c", "rows": 40, "log_loss_nats": "inf"},
    ],
    "slices": {
        "country": [
            {"value": "DE", "log_loss_nats": 0.7, "log_loss_nats_interval": [0.6, 0.8]},
            {"value": "New York", "log_loss_nats": 0.2, "log_loss_nats_interval": [None, None]},
        ]
    },
    "worst_rows": [{"file": "a.csv", "row": 3}],
    "notes": ["3 rows"],
}
INTERVALS = {
    "log_loss_nats": 0.5,
    "intervals": {"log_loss_nats": {"low": None, "high": 0.7, "reason": "few rows"}},
}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("loss > 0.4", "loss is 0.5"),
        ("loss>.4", "loss is 0.5"),
        ("log_loss_nats >= 5e-1", "log_loss_nats is 0.5"),
        ("loss > 0.5", ""),
        ("loss < 0.5", ""),
        ("loss == 0.5", "loss is 0.5"),
        ("loss != 0.5", ""),
        ("loss.low <= .4", "loss.low is 0.4"),
        ("loss.high > 0.6", "loss.high is 0.62"),
        ("accuracy < 0.95", "accuracy is 0.9"),
        ("rows < 1000", "rows is 100"),
        ("rows_left_out > 6", "rows_left_out is 7"),
        ("rows_left_out > 7", ""),
        ("rows_left_out.'no label' > 2", 'rows_left_out."no label" is 3'),
        ("skill < -1", "skill is not known: only one class occurs"),
        ("skill > 1", "skill is not known: only one class occurs"),
        ("brier > 1", "brier is not known"),
        ("calibration.slope > 1.2", "calibration.slope is 1.25"),
        ("calibration.intercept > 9", "calibration.intercept is not known: 12 rows are too few"),
        ("classes.cat.loss > 0.2", "classes.cat.loss is 0.3"),
        ("classes.cat.loss > 0.3", ""),
        ("classes.\"a.b c\".loss > 9", 'classes."a.b c".loss is inf'),
        ("classes.*.loss > 9", 'classes."a.b c".loss is inf'),
        ("classes.*.rows < 50", 'classes."a.b c".rows is 40'),
        ("slices.country.DE.loss > inf", ""),
        ("slices.country.*.loss > 0.5", "slices.country.DE.loss is 0.7"),
        ("slices.*.*.loss > 0.1",
         'slices.country.DE.loss is 0.7; slices.country."New York".loss is 0.2'),
        ("slices.country.*.loss.low > 0.9", 'slices.country."New York".loss.low is not known'),
    ],
)  # fmt: skip
def test_figures(text: str, told: str) -> None:
    assert failed([text], DATA) == ([f"{text}: {told}."] if told else [])


def test_intervals_may_stand_together() -> None:
    assert failed(["loss.high > 1", "loss.low > 1"], INTERVALS) == [
        "loss.low > 1: loss.low is not known: few rows."
    ]


def test_a_number_is_shown_with_the_digits_that_show_why() -> None:
    data = {"log_loss_nats": 0.5000000001}
    assert failed(["loss > 0.5"], data) == ["loss > 0.5: loss is 0.5000000001."]


def test_a_few_of_many_are_named() -> None:
    data = {"classes": [{"class": str(j), "rows": j} for j in range(9)]}
    (told,) = failed(["classes.*.rows > 0"], data)
    assert told.endswith("classes.5.rows is 5; and 3 more.")
    assert told.count(" is ") == 5


@each_case("""
failed(["los > 1"], {"log_loss_nats": 1.0, "rows": 3, "file": "a", "classes": []})
    ValueError: 'los > 1' names no figure of this result. There are: loss, rows.
failed(["file > 1"], {"log_loss_nats": 1.0, "file": "a", "ok": True})
    ValueError: 'file > 1' names no figure of this result. There are: loss.
failed(["slices.country.ED.loss > 1"], DATA)
    ValueError: 'slices.country.ED.loss > 1' names no figure of this result. There are in
    slices.country: DE, "New York".
failed(["classes.dog.loss > 1"], DATA)
    ValueError: 'classes.dog.loss > 1' names no figure of this result. There are in classes:
    "a.b c", cat.
failed(["schema > 1"], {"schema_version": 1, "rows": 2, "log_loss_nats": 3})
    ValueError: 'schema > 1' names no figure of this result. There are: rows, loss.
failed(["loss.mid > 1"], INTERVALS)
    ValueError: 'loss.mid > 1' names no figure of this result. There are: loss.high, loss, loss.low.
Condition.of("loss")
    ValueError: 'loss' is no condition; expected NAME, one of >=, <=, ==, !=, >, <, and a number,
    such as 'loss > 0.5' or 'slices.country.*.loss > 0.5'.
""")
def test_errors(call: str, words: str) -> None:
    names = {"failed": failed, "Condition": Condition, "DATA": DATA, "INTERVALS": INTERVALS}
    assert error_of(call, names) == words


@pytest.mark.parametrize(
    "text",
    ["", "loss >", "> 1", "loss > nan", "loss > 1_0", "loss > 1,5", "loss > 1 and rows > 2",
     "loss => 1", "loss. > 1", ".loss > 1", "a b > 1", "__import__('os') > 1", "loss > x"],
)  # fmt: skip
def test_what_is_no_condition(text: str) -> None:
    with pytest.raises(ValueError, match="is no condition"):
        Condition.of(text)


def test_the_closest_names_come_first() -> None:
    data = xent.score({"prob": [0.9, 0.2], "label": [1, 0], "c": [1, 2]}, by=["c"]).to_dict()
    for near, name in (("acuracy", "accuracy"), ("slices.d.x.los", "slices.c.*.loss")):
        with pytest.raises(ValueError, match=rf"There are: {name.replace('*', '.')},"):
            failed([f"{near} > 1"], data)


# Of a comparison.


RNG = np.random.default_rng(7)
SCORES = np.round(RNG.uniform(0.05, 0.95, 200), 3)
TABLE: dict[str, Any] = {
    "label": (RNG.random(200) < SCORES).astype(int), "prob_a": 0.43 + SCORES / 5, "prob_b": SCORES,
    "country": np.resize(["DE", "FR", "New York"], 200), "user": np.arange(200) // 4,
}  # fmt: skip
TWO = xent.compare(TABLE, by=["country"], margin=0.02, cluster="user")
PLAIN = xent.compare(TABLE, by=["country"])
MANY = xent.compare({**TABLE, "prob_c.1": SCORES**2}, by=["country"], margin=0.02)


def value_of(name: str, result: xent.scoring.Comparison) -> float:
    """The figure of this name, which no number is less than."""
    (told,) = failed([f"{name} < inf"], result.to_dict())
    return float(told.removesuffix(".").rpartition(" is ")[2])


def test_figures_of_two_models() -> None:
    (pair,), (a, b) = TWO.pairs, TWO.models
    interval = pair.interval
    found = {
        "loss.a": a.loss, "loss.b": b.loss, "loss.a.low": a.loss_interval.low,
        "loss.b.high": b.loss_interval.high, "accuracy.b": b.accuracy,
        "accuracy.b.low": b.accuracy_interval.low, "infinite_rows.a": 0, "rows": 200,
        "rows_left_out": 0, "p": pair.p, "p.a.b": pair.p, "p.b.a": pair.p,
        "difference": pair.difference, "difference.low": interval.low,
        "difference.high": interval.high, "difference.a.b": pair.difference,
        "difference.a.b.low": interval.low, "difference.b.a": -pair.difference,
        "difference.b.a.low": -interval.high, "difference.b.a.high": -interval.low,
        "difference.b.a.standard_error": interval.error, "detectable": pair.detectable,
        "accuracy_difference.b.a": -pair.accuracy_difference,
        "worse_by_at_most": pair.bounds[0], "worse_by_at_most.a.b": pair.bounds[0],
        "worse_by_at_most.b.a": pair.bounds[1], "p_worse_by_margin.b.a": pair.not_worse[1],
    }  # fmt: skip
    found |= {
        "accuracy_difference.low": pair.accuracy_interval.low,
        "accuracy_difference.b.a.high": -pair.accuracy_interval.low,
    }
    if pair.mcnemar == pair.mcnemar:
        found |= {"mcnemar_p": pair.mcnemar, "mcnemar_p.b.a": pair.mcnemar}
    assert {name: value_of(name, TWO) for name in found} == pytest.approx(found, rel=1e-5)
    assert pair.difference > 0
    assert failed(["difference > 0.01", "difference.b.a > 0", "p > 0.05"], TWO.to_dict()) == [
        f"difference > 0.01: difference is {pair.difference:.6g}."
    ]


def test_mcnemars_test_is_of_independent_rows() -> None:
    found = xent.compare(TABLE)
    assert value_of("mcnemar_p.b.a", found) == pytest.approx(found.pairs[0].mcnemar, rel=1e-5)
    bound = found.pairs[0].accuracy_interval.high
    assert value_of("accuracy_difference.high", found) == pytest.approx(bound, rel=1e-5)
    grouped = xent.compare(TABLE | {"user": np.arange(len(TABLE["label"])) // 5}, cluster="user")
    assert failed(["mcnemar_p > 1"], grouped.to_dict()) == [
        "mcnemar_p > 1: mcnemar_p is not known: McNemar's test is of rows that are independent and "
        "count alike."
    ]


def test_figures_of_many_models() -> None:
    for pair in MANY.pairs:
        one, two = (f'"{name}"' if "." in name else name for name in (pair.first, pair.second))
        found = {
            f"difference.{one}.{two}": pair.difference,
            f"difference.{two}.{one}.high": -pair.interval.low,
            f"p.{one}.{two}": pair.corrected, f"p.{two}.{one}": pair.corrected,
            f"worse_by_at_most.{two}.{one}": pair.bounds[1],
        }  # fmt: skip
        assert {name: value_of(name, MANY) for name in found} == pytest.approx(found, rel=1e-5)
    assert failed(["loss.* > 0"], MANY.to_dict())[0].count(" is ") == 3
    b = MANY.scores["b"]
    of_b = {
        "skill.b": b.skill, "brier.b.high": b.brier_interval.high, "auc.b": b.roc_auc,
        "calibration.b.slope.low": b.calibration.slope.slope.low,
    }  # fmt: skip
    assert {name: value_of(name, MANY) for name in of_b} == pytest.approx(of_b, rel=1e-5)
    assert failed(["difference.b.* > 0"], MANY.to_dict()) == [], "b is the best"
    (told,) = failed(["difference.*.b > 0"], MANY.to_dict())
    assert "difference.a.b is" in told
    assert 'difference."c.1".b is' in told


def test_slices_of_comparisons() -> None:
    for cell in PLAIN.by_value("country"):
        value = f'"{cell.value}"' if " " in cell.value else cell.value
        name = f"slices.country.{value}"
        found = {
            f"{name}.difference": cell.difference, f"{name}.difference.low": cell.interval.low,
            f"{name}.difference.b.a.high": -cell.interval.low, f"{name}.rows": cell.rows,
            f"{name}.p": cell.corrected, f"{name}.p.b.a": cell.corrected,
        }  # fmt: skip
        assert {each: value_of(each, PLAIN) for each in found} == pytest.approx(found, rel=1e-5)
    (told,) = failed(["slices.country.*.difference.b.a < 0"], PLAIN.to_dict())
    assert told.count(" is ") == 3
    few = xent.compare(TABLE, by=["country"], cluster="country")
    (told,) = failed(["slices.country.*.difference.low > 9"], few.to_dict())
    what = "slices.country.DE.difference.low is not known: only 1 cluster: an interval needs 10"
    assert what in told
    cells = [each for each in MANY.by_value("country") if each.value == "FR"]
    assert value_of('slices.country.FR.difference."c.1".b', MANY) == pytest.approx(
        -next(each.difference for each in cells if each.first == "b"), rel=1e-5
    )


def test_what_is_not_known_of_a_comparison() -> None:
    same = xent.compare({**TABLE, "prob_b": TABLE["prob_a"]}).to_dict()
    why = "is not known: all 200 rows have the same difference: its spread is unknown."
    assert failed(["p < 0", "difference.low > 1", "difference != 0"], same) == [
        f"p < 0: p {why}", f"difference.low > 1: difference.low {why}"
    ]  # fmt: skip
    wrong = np.where(TABLE["label"] == 1, 0.0, TABLE["prob_a"])
    endless = xent.compare({**TABLE, "prob_a": wrong}).to_dict()
    (loss, told) = failed(["loss.a > 1", "difference.b.a > 1"], endless)
    assert loss == "loss.a > 1: loss.a is inf."
    rows = f"{TABLE['label'].sum()} rows have an infinite loss: the mean has no interval"
    assert told == f"difference.b.a > 1: difference.b.a is not known: {rows}."


@each_case("""
failed(["loss > 1"], SMALL)
    ValueError: 'loss > 1' names no figure of this result. There are: loss.a, loss.b, difference,
    difference.a.b, difference.b.a.
failed(["diference.b.a > 1"], SMALL)
    ValueError: 'diference.b.a > 1' names no figure of this result. There are: difference.b.a,
    difference.a.b, difference, loss.a, loss.b.
failed(["slices.country.ED.difference > 1"], PLAIN)
    ValueError: 'slices.country.ED.difference > 1' names no figure of this result. There are in
    slices.country: "New York", DE, FR.
""")
def test_errors_of_comparisons(call: str, words: str) -> None:
    models = [{"model": "a", "log_loss_nats": 0.5}, {"model": "b", "log_loss_nats": 0.7}]
    pairs = [{"first": "a", "second": "b", "difference_nats": -0.2}]
    small = {"models": models, "pairs": pairs}
    assert error_of(call, {"failed": failed, "SMALL": small, "PLAIN": PLAIN.to_dict()}) == words


# The command.


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_text("label,prob,country\n1,0.9,DE\n0,0.2,FR\n1,0.4,DE\n")
    return path


def test_the_command_fails_after_its_report(file: Path) -> None:
    asked = ("--by", "country", "--fail-if", "loss > 0.4", "--fail-if", "slices.*.*.loss > 0.5",
             "--fail-if", "rows < 3")  # fmt: skip
    output = command("score", file, *asked, "--format", "json")
    assert output.code == 3
    assert json.loads(output.out)["rows"] == 3
    assert output.err.splitlines() == [
        "xent: failed: loss > 0.4: loss is 0.414932.",
        "xent: failed: slices.*.*.loss > 0.5: slices.country.DE.loss is 0.510826.",
    ]


def test_the_report_is_written_and_the_state_saved_before(file: Path, tmp_path: Path) -> None:
    report, state = tmp_path / "report.json", tmp_path / "a.state"
    output = command(
        "score", file, "--fail-if", "loss > 0", "--output", report, "--save-state", state
    )
    assert output.code == 3
    assert json.loads(report.read_text())["rows"] == 3
    assert command("score", "--merge", state, "--fail-if", "loss > 0").code == 3
    assert command("score", "--merge", state, "--fail-if", "loss < 0").code == 0


def test_nothing_fails_the_command(file: Path) -> None:
    output = command("score", file, "--fail-if", "loss > 0.5")
    assert (output.code, output.err) == (0, "")


def test_a_name_that_is_unknown_is_incorrect_use(file: Path) -> None:
    output = command("score", file, "--fail-if", "los > 0.5")
    assert output.code == 2
    assert output.out.startswith(f"{file}: 3 rows")
    assert "xent: 'los > 0.5' names no figure of this result. There are: loss, " in output.err


def test_conditions_are_read_before_anything_else() -> None:
    output = command("score", "none.csv", "--fail-if", "loss")
    assert output.code == 2
    assert "'loss' is no condition" in output.err
    output = command("score", "none.csv", "--columns", "--fail-if", "loss > 1")
    assert output.code == 2
    assert output.err == "xent: --columns scores nothing, so --fail-if cannot be checked.\n"


def test_a_slice_steers_no_terminal(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("label,prob,c\n1,0.9,\x1b[2J\n0,0.2,x\n")
    output = command("score", path, "--by", "c", "--fail-if", "slices.c.*.loss > 0.1")
    assert output.code == 3
    assert "\x1b" not in output.err


def test_any_of_the_slices_that_were_tested() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=600)
    table = {"label": (rng.random(600) < 0.5).astype(int), "logit": z, "g": np.arange(600) % 2}
    table["logit"] = np.where(table["g"] == 1, 4 * z, 0.1 * z)
    data = score(table, by=["g"]).to_dict()
    assert failed(["weak_slices.*.p_value < 0.05"], data)
    assert failed(['weak_slices."g 1".p_value < 0.05'], data)
    assert not failed(['weak_slices."g 0".p_value < 0.05'], data)
    few = score({name: values[:20] for name, values in table.items()}, by=["g"]).to_dict()
    assert few["weak_slices"] == []
    assert not failed(["weak_slices.*.p_value < 0.05"], few)
    with pytest.raises(ValueError, match="names no figure"):
        failed(["weak_slice.*.p_value < 0.05"], few)


def test_calibration_is_a_condition() -> None:
    z = np.random.default_rng(1).normal(size=2000)
    label = (np.random.default_rng(2).random(2000) < 1 / (1 + np.exp(-z))).astype(int)
    data = score({"label": label, "logit": 2 * z}).to_dict()
    assert failed(["calibration.slope.high < 1"], data)
    slope = f"{data['calibration']['slope']['value']:.6g}"
    assert failed(["calibration.slope < 1"], data) == [
        f"calibration.slope < 1: calibration.slope is {slope}."
    ]
    assert failed(["calibration.slope.value < 1"], data)
    with pytest.raises(ValueError, match=r"There are: calibration\.slope, calibration\.slope\.low"):
        failed(["calibration.slop < 1"], data)
    for name in ("auc", "roc_auc", "auc.low", "roc_auc.low"):
        assert failed([f"{name} > 0"], data)
    assert not failed(["calibration.slope.low > 1"], data)
    assert failed(["brier > 0"], data)
    assert failed(["auc.low < 0.99"], data)
