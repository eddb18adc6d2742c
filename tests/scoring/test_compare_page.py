"""The whole report of a comparison: which is better, how sure, and what is wrong with the other."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from html_pages import HOSTILE, Seen

import xent
from xent.scoring.comparing import Comparison

SECTIONS = [
    "Differences", "What is wrong with each model, and what is not", "Figures", "Calibration",
    "Losses of the rows", "Slices", "Rows in which the losses differ most",
    "How the files were read",
]  # fmt: skip


def made(n: int = 1500, **sharpness: float) -> dict[str, Any]:
    """Models whose logits are so many times the true ones."""
    rng = np.random.default_rng(0)
    z = rng.normal(0, 1.5, n)
    y = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(int)
    probabilities = {f"prob_{name}": 1 / (1 + np.exp(-k * z)) for name, k in sharpness.items()}
    return {"label": y, **probabilities, "country": rng.choice(["a", "b", "c"], n)}


@pytest.fixture(scope="module")
def found() -> Comparison:
    return xent.compare(made(fit=1.0, over=2.0), by=["country"])


def listed_of(page: str, model: str) -> str:
    """The findings of a model."""
    return re.search(rf"<p><b>{model}</b></p>\s*<ul>(.*?)</ul>", page, re.S)[1]  # type: ignore[index]


def test_which_is_better_and_what_is_wrong_with_the_other(found: Comparison) -> None:
    page = found.to_page()
    seen = Seen(page)
    assert seen.text.index(found.conclusion.partition(" (")[0]) < seen.text.index("Differences")
    places = [seen.text.index(f"\n{each}\n") for each in SECTIONS]
    assert places == sorted(places)
    assert "Over-confident" in listed_of(page, "over")
    assert "Miscalibrated" in listed_of(page, "over")
    fit = listed_of(page, "fit")
    assert "No sign of over- or under-confidence" in fit
    assert "Over-confident" not in fit


def test_figures_are_those_of_each_score(found: Comparison) -> None:
    text = Seen(found.to_page()).text
    for name in ("fit", "over"):
        score = found.scores[name]
        for figure in score.figures:
            if figure.key in ("log_loss_nats", "brier_score", "roc_auc"):
                low, high = figure.interval.low, figure.interval.high  # type: ignore[union-attr]
                row = f"{name} {figure.value:.4f} {low:.4f} to {high:.4f}"
                assert row in text.replace("\N{NO-BREAK SPACE}", " ")


def test_pictures_tell_their_numbers_and_have_names_of_their_own(found: Comparison) -> None:
    page = found.to_page()
    told = re.findall(r"<desc[^>]*>(.*?)</desc>", page, re.S)
    starts = [each.split(" ")[0] for each in told]
    assert starts == ["Log", "How", "How", "Losses", "Losses", "Log"]
    (pair,) = found.pairs
    assert f"fit less over {pair.difference:.4f} ({pair.interval.low:.4f} to " in told[0]
    ids = Seen(page).ids
    assert len(ids) == len(set(ids))
    assert {"fit: reliability: label 1", "over: losses of the rows"} <= {
        each.strip() for each in re.findall(r"<title[^>]*>(.*?)</title>", page, re.S)
    }


def test_the_page_needs_neither_network_nor_script(found: Comparison) -> None:
    seen = Seen(found.to_page())
    assert not {"script", "img", "iframe", "object"} & {*seen.tags}
    assert [each for each in seen.addresses if not each.startswith("#")] == ["data:,"]
    assert not seen.events


def test_markdown_has_the_same_without_pictures(found: Comparison) -> None:
    markdown = found.to_markdown()
    assert found.conclusion in markdown.replace("\N{NO-BREAK SPACE}", " ")
    for each in SECTIONS:
        assert each in markdown
    assert "**Over-confident.** Divide the logits by " in markdown
    assert "<" not in markdown.replace(r"\<0.0001", "")


def test_json_has_figures_calibration_and_findings_of_each_model(found: Comparison) -> None:
    data = json.loads(found.to_json())
    for model in data["models"]:
        of = json.loads(found.scores[model["model"]].to_json())
        assert model["roc_auc"] == of["roc_auc"]
        for name in ("intervals", "calibration", "findings"):
            assert model[name] == of[name]


def test_names_from_files_are_escaped_and_cut() -> None:
    table = made(300, fit=1.0, over=2.0)
    names = {HOSTILE[0]: "prob_fit", HOSTILE[3]: "prob_over"}
    table["<img src=x onerror=alert(2)>"] = np.tile(["<svg onload=alert(3)>", "y " * 3000], 150)
    found = xent.compare(table, models=names, by=["<img src=x onerror=alert(2)>"])
    page = found.to_page()
    seen = Seen(page)
    assert "<script>alert(1)</script>" in seen.text, "shown as text"
    assert not {"script", "img"} & {*seen.tags}
    assert not seen.events
    assert "x" * 200 not in page
    assert len(page) < 10**6
    assert "<script>" not in found.to_markdown()


def test_of_many_models_the_best_are_shown_in_detail() -> None:
    found = xent.compare(made(300, **{f"m{k}": 1 + k / 4 for k in range(8)}))
    seen = Seen(found.to_page())
    assert seen.tags.count("figure") == 1 + 6 + 6
    assert seen.text.count("Of the 6 models with the lowest log loss, of 8") == 3
    assert seen.text.count("m7") > 0, "figures are those of all"


def test_models_stand_in_one_order() -> None:
    found = xent.compare(made(400, over=2.0, best=1.0, flat=0.3))
    page = found.to_page()
    names = re.findall(r"<p><b>(\w+)</b></p>", page)
    pictures = re.findall(r"<title[^>]*>\s*(\w+): reliability", page)
    text = Seen(page).text
    figures = [text.index(f"{name} {found.scores[name].loss:.4f}") for name in names]
    assert names == pictures == [*found.scores] == ["over", "best", "flat"]
    assert figures == sorted(figures)


def test_a_difference_of_calibration_is_called_so() -> None:
    found = xent.compare(made(fit=1.0, over=2.0))
    (told,) = found.to_dict()["findings"]
    assert told["head"] == "The difference is almost wholly one of calibration"
    (pair,) = found.pairs
    gains = [each.gain for each in found.scores["over"].calibration.gains]
    most = max(gains, key=lambda each: each.value)
    assert -pair.difference > most.value >= 0.9 * -pair.difference
    assert f"would lower the log loss of over by {most.value:.4f} nats" in told["text"]
    assert f"({most.low:.4f} to {most.high:.4f})" in told["text"]
    assert f"almost all of the {-pair.difference:.4f} nats by which it is higher" in told["text"]
    auc = f"The AUC of over is {found.scores['over'].roc_auc:.4f}, that of fit"
    assert auc in told["text"]
    seen = Seen(found.to_page()).text
    assert seen.index("Differences") < seen.index(told["head"]) < seen.index("Figures")
    assert told["head"] in found.to_markdown()


def test_a_difference_of_other_kinds_is_not() -> None:
    table = made(fit=1.0, over=2.0)
    noise = np.random.default_rng(1).normal(0, 2, 1500)
    table["prob_over"] = 1 / (1 + np.exp(-noise))  # it tells nothing
    found = xent.compare(table)
    assert found.pairs[0].p < 1e-4
    assert max(each.gain.low for each in found.scores["over"].calibration.gains) > 0
    assert found.to_dict()["findings"] == []
    same = xent.compare(made(fit=1.0, over=1.02))
    assert same.to_dict()["findings"] == [], "no difference can be concluded"
    table = made(600, fit=1.0, over=2.0) | {"user": np.arange(600) // 4}
    assert xent.compare(table, cluster="user").to_dict()["findings"] == []


def test_of_several_models_the_finding_names_both() -> None:
    heads = [each["head"] for each in xent.compare(made(a=1.0, b=2.0, c=3.0)).to_dict()["findings"]]
    assert heads == [
        "The difference of a and b is almost wholly one of calibration",
        "The difference of a and c is almost wholly one of calibration",
        "The difference of b and c is one of calibration",
    ]


def test_rows_of_many_models_show_the_lowest_and_the_highest_loss() -> None:
    found = xent.compare(made(300, **{f"m{k}": 1 + k / 4 for k in range(4)}), differing=2)
    first = found.differing[0]
    low, high = min(first.losses), max(first.losses)
    names = [model.name for model in found.models]
    row = f"{first.row} {found.state.schema.classes[first.label]} {low:.4f} "
    row += f"({names[first.losses.index(low)]}) {high:.4f} ({names[first.losses.index(high)]})"
    for text in (found.to_text(), Seen(found.to_page()).text):
        assert row in " ".join(text.split())
        assert "Of 4 models, those with the lowest and the highest loss; --format json has" in (
            " ".join(text.split())
        )
    three = xent.compare(made(300, a=1.0, b=2.0, c=3.0), differing=1)
    assert "loss of c" in three.to_text()
    assert "lowest loss" not in three.to_text()


def test_slices_of_many_models_are_told_beside_the_best() -> None:
    found = xent.compare(made(400, b=2.0, best=1.0, c=3.0), by=["country"])
    cells = found.beside_reference("country")
    assert {each.second for each in cells} == {"best"}
    assert {each.first for each in cells} == {"b", "c"}
    turned = {(each.value, each.first): each for each in cells}
    for each in found.by_value("country"):
        if each.first == "best":
            other = turned[each.value, each.second]
            assert other.difference == -each.difference
            assert (other.interval.low, other.interval.high) == (
                -each.interval.high, -each.interval.low
            )  # fmt: skip
    assert "Log loss of each other model less that of best, by country:" in found.to_text()
    each = cells[0]
    seen = Seen(found.to_page()).text.replace("\N{NO-BREAK SPACE}", " ")
    assert f"{each.value} ({each.rows}): {each.first} {each.difference:.4f}" in seen


def test_one_word_stands_for_what_is_not_known_with_the_reason_below() -> None:
    table = made(300, fit=1.0, over=2.0)
    table["country"] = np.where(np.arange(300) < 5, "few", "manymany")
    table["country"][5:9] = "fewer"
    found = xent.compare(table, by=["country"])
    for text in (found.to_text(), found.to_markdown()):
        flat = " ".join(text.replace("|", " ").split())
        assert re.search(r"few \(?5\)? -?0\.\d+ none none", flat)
        assert (
            "No interval of country few (only 5 rows) and fewer (only 4 rows): an interval needs "
            "10."
            in flat
            or "No interval of country fewer (only 4 rows) and few (only 5 rows): an "
            "interval needs 10."
            in flat
        )


def test_figures_without_an_interval_are_named_by_model() -> None:
    table = made(300, fit=1.0, over=2.0)
    table |= {"prob_one": np.full(300, 0.5), "prob_two": np.full(300, 0.6)}
    text = xent.compare(table).to_markdown()
    told = [line for line in text.splitlines() if line.startswith("No interval of the ")]
    assert told == [
        "No interval of the log loss and Brier score of one: all 300 rows have the same loss: its "
        "spread is unknown.",
        "No interval of the skill of one and two: the rows of each class have the same loss: "
        "nothing tells its spread.",
        "No interval of the AUC of one and two: the AUC of 157 and 143 rows is 0.5 without any "
        "spread: how far it may be off is unknown.",
        "No interval of the macro loss of one: all rows of a class have the same loss: its spread "
        "is unknown.",
        "No interval of the macro loss of two: about 1.0 of 300 rows decide it: an interval needs "
        "3.",
    ]


def test_of_an_infinite_loss_no_difference_is_drawn() -> None:
    table = made(300, fit=1.0, over=2.0)
    table["prob_over"][0] = 1 - table["label"][0]
    seen = Seen(xent.compare(table).to_page())
    assert "No difference of the log losses can be computed" in seen.text
    assert "Infinite loss" in seen.text
    assert seen.tags.count("figure") == 4


def test_rows_of_clusters_have_no_band_or_test() -> None:
    table = made(600, fit=1.0, over=2.0)
    table["user"] = np.arange(600) // 4
    table["prob_over"] = np.clip(table["prob_over"] + 0.1, 0, 0.99)
    found = xent.compare(table, cluster="user")
    seen = Seen(found.to_page())
    assert "Errors are those of 150 clusters in 'user'." in seen.text
    assert "Calibration not tested" in seen.text
    assert "critical value" not in seen.text
    assert "estimates alone" in seen.text
    (pair,) = found.pairs
    interval = pair.accuracy_interval
    assert interval is not None
    assert f"{interval.low:.4f}" in seen.text


def test_too_many_classes_for_a_sample() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 1200, 400)
    z = rng.normal(size=(400, 1200))
    z[np.arange(400), labels] += 4
    table = {"label": labels, "one": list(z), "two": list(0.5 * z)}
    found = xent.compare(table, models={"one": "one", "two": "two"}, kind="logits")
    text = Seen(found.to_page()).text
    assert "No losses: of so many classes no sample of rows is kept." in text


def test_classes_are_told_apart_too() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 500)
    z = rng.normal(size=(500, 3))
    z[np.arange(500), labels] += 1.5
    scores = {f"{name}_{k}": factor * z[:, k]
              for name, factor in (("fit", 1.5), ("over", 4)) for k in range(3)}  # fmt: skip
    found = xent.compare({**scores, "label": labels}, kind="logits")
    page = found.to_page()
    assert "Over-confident" in listed_of(page, "over")
    assert "Most confused" in listed_of(page, "fit")
    assert "AUC" not in Seen(page).text


def test_of_many_pairs_those_with_the_best_are_told() -> None:
    found = xent.compare(made(300, **{f"m{k}": 1 + k / 4 for k in range(10)}))
    best = min(found.models, key=lambda each: each.loss).name
    told = (
        f"These are the pairs with {best}, whose log loss is the lowest; --format json has all 45."
    )
    assert told in str(found).replace("\n", " ")
    assert told in Seen(found.to_page()).text
    assert len(found.told_pairs) == 9
    assert len(json.loads(found.to_json())["pairs"]) == 45
