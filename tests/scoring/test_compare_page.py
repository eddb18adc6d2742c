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
    assert page.index("<b>fit</b>") < page.index("<b>over</b>"), "the lowest loss first"


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
    assert "5 % above" not in seen.text
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
