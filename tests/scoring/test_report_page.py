"""The whole report of a score: what it says, that it stands by itself, and how it is written."""

from __future__ import annotations

import builtins
import errno
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import Output
from html_pages import HOSTILE, Seen

import xent
from xent._report.files import write_file
from xent.scoring.page.findings import findings, summary


def made(n: int = 2000, sharpness: float = 1.0, seed: int = 0) -> dict[str, Any]:
    """Binary predictions whose logits are `sharpness` times the true ones; country c is worse."""
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 1.5, n)
    y = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(int)
    country = rng.choice(["a", "b", "c"], n)
    y = np.where(country == "c", rng.integers(0, 2, n), y)
    return {"logit": sharpness * z, "label": y, "country": country}


@pytest.fixture(scope="module")
def over() -> xent.scoring.Score:
    return xent.score(made(sharpness=2.0), by=["country"])


@pytest.fixture(scope="module")
def classes() -> xent.scoring.Score:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 800)
    z = rng.normal(size=(800, 4))
    z[np.arange(800), labels] += 2
    return xent.score({"logit": z, "label": labels})


def heads(score: xent.scoring.Score) -> dict[str, str]:
    """Heads of the findings, each with its role."""
    return {each.head: each.role for each in findings(score)}


def test_the_summary_says_how_good_and_how_sure(over: xent.scoring.Score) -> None:
    told, interval = summary(over), over.loss_interval
    assert f"{over.loss:.4f} nats per row" in told
    assert f"95 % interval {interval.low:.4f} to {interval.high:.4f}" in told
    assert f"{100 * over.accuracy:.1f} % of the rows" in told


def test_what_is_wrong_comes_first(over: xent.scoring.Score) -> None:
    found = heads(over)
    assert found["Over-confident"] == found["Miscalibrated"] == "bad"
    assert found["Slices with a higher loss"] == "bad"
    roles = [each.role for each in findings(over)]
    assert roles == sorted(roles, key=["bad", "unsure", "good"].index)
    (slope,) = [each.text for each in findings(over) if each.head == "Over-confident"]
    assert slope.startswith("Divide the logits by ")
    assert "would lower the log loss by" in slope


def test_nothing_is_wrong_with_right_probabilities() -> None:
    table = made(4000)
    keep = table["country"] != "c"
    score = xent.score({name: values[keep] for name, values in table.items()}, by=["country"])
    assert set(heads(score).values()) == {"good"}


def test_few_rows_do_not_speak_for_calibration() -> None:
    labels = np.repeat([0, 1, 0, 1], [14, 6, 6, 14])
    table = {"prob": np.repeat([0.3, 0.7], 20), "label": labels}
    assert heads(xent.score(table))["Calibration"] == "unsure"


def test_worse_than_the_base_rate() -> None:
    table = made(1000)
    score = xent.score({"logit": -table["logit"], "label": table["label"]})
    assert heads(score)["Worse than the base rate"] == "bad"
    assert heads(score)["The wrong way round"] == "bad"


def test_an_infinite_loss_is_told_with_clips() -> None:
    score = xent.score({"prob": [0.9, 0.0, 0.2] * 20, "label": [1, 1, 0] * 20})
    told = {each.head: each.text for each in findings(score)}
    assert "20 rows give the true class a probability of 0" in told["Infinite loss"]
    assert "at 1e-07" in told["Infinite loss"]
    assert "The log loss is infinite: 20 rows of 60" in summary(score)
    assert "MISTAKE: probability 0 for the label" in Seen(score.to_page()).text


def test_slices_are_corrected_for_their_number() -> None:
    """Of 200 slices of chance, some have a loss above the rest by themselves, and none here."""
    rng = np.random.default_rng(1)
    n = 8000
    z = rng.normal(0, 1.5, n)
    y = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(int)
    score = xent.score({"logit": z, "label": y, "group": rng.integers(0, 200, n)}, by=["group"])
    alone = [each for each in score.by_value("group") if each.interval.low > score.loss]
    assert alone
    assert len(score.slices) > 150
    assert heads(score)["Slices"] == "good"


def test_a_pair_is_not_named_beside_its_worse_part() -> None:
    table = made(sharpness=2.0)
    table["device"] = np.tile(["x", "y"], 1000)
    found = findings(xent.score(table, by=["country", "device"]))
    (told,) = [each.text for each in found if each.head == "Slices with a higher loss"]
    assert told.startswith("country c (")
    assert "device" not in told


def test_rows_of_a_cluster_have_no_test_of_calibration() -> None:
    table = made() | {"user": np.arange(2000) // 10}
    score = xent.score(table, cluster="user")
    assert heads(score)["Calibration not tested"] == "unsure"
    data = score.to_dict()["calibration"]
    assert data["slope"]["value"] is not None
    assert data["slope"]["low"] is None
    assert "cluster" in data["slope"]["reason"]
    assert data["band"] is None
    assert "% band" not in Seen(score.to_page()).text
    assert "(slope" not in score.to_text()
    found = score.calibration
    told = (
        f"slope of the logits is {found.slope.slope.value:.3g} (above 1 is under-confident); the "
        f"mean prediction is {found.slope.predicted:.3g}, and the share {found.slope.share:.3g}; "
        f"miscalibration is {found.log.miscalibration.value:.4f} nats, above 0 even if calibrated; "
        "these are estimates alone: intervals, tests, bands and values under perfect calibration "
        "would take the rows of one cluster as independent."
    ).replace(
        "above 1 is under", "below 1 is over" if found.slope.slope.value < 1 else "above 1 is under"
    )
    for text in (score.to_text(), score.to_markdown(), Seen(score.to_page()).text):
        assert told in " ".join(text.replace("\N{NO-BREAK SPACE}", " ").split())


def test_the_page_has_every_part(over: xent.scoring.Score) -> None:
    seen = Seen(over.to_page())
    for part in (
        *("What is wrong, and what is not", "Figures", "Calibration", "Losses of the rows"),
        *("Classes", "Slices", "Worst rows", "Does the file look as it should?"),
        "How the file was read",
    ):
        assert part in seen.text, part
    assert seen.tags.count("svg") >= 3
    assert seen.text.count("step by step") == 3
    assert "In short: " in seen.text, "the explanations"
    assert f"{over.calibration.miscalibration.value:.4f}" in seen.text
    assert len(seen.ids) == len(set(seen.ids))


def test_the_page_needs_neither_network_nor_script(over: xent.scoring.Score) -> None:
    page = over.to_page()
    seen = Seen(page)
    assert not {"script", "img", "iframe", "object"} & {*seen.tags}
    assert [each for each in seen.addresses if not each.startswith("#")] == ["data:,"]
    assert not seen.events
    assert not re.findall(r"url\((?!#)|@import", page)
    found = {each for each in re.findall(r"https?://[^\"' <)]+", page) if "w3.org" not in each}
    assert found == set()


def test_pictures_tell_their_numbers(classes: xent.scoring.Score) -> None:
    page = classes.to_page()
    told = re.findall(r"<desc[^>]*>(.*?)</desc>", page, re.S)
    assert any(each.startswith("How often the likeliest class came true") for each in told)
    assert any(each.startswith("Losses of 800 rows") for each in told)


def test_names_from_files_are_escaped_and_cut() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 300)
    z = rng.normal(size=(300, 5))
    z[np.arange(300), labels] += 2
    table = {f"logit_{name}": z[:, k] for k, name in enumerate(HOSTILE)}
    table["label"] = np.array(HOSTILE, dtype=object)[labels]
    table["<img src=x onerror=alert(2)>"] = np.tile(["<svg onload=alert(3)>", "y " * 3000], 150)
    score = xent.score(table, by=["<img src=x onerror=alert(2)>"])
    page = score.to_page()
    seen = Seen(page)
    assert "<script>alert(1)</script>" in seen.text, "shown as text"
    assert not {"script", "img"} & {*seen.tags}
    assert not seen.events
    assert "\u202e" not in page
    assert "x" * 200 not in page
    assert len(page) < 10**6
    markdown = score.to_markdown()
    assert "<script>" not in markdown
    assert "\u202e" not in markdown
    assert "x" * 200 not in markdown


def test_many_classes_and_slices_stay_short() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 150, 3000)
    z = rng.normal(size=(3000, 150))
    z[np.arange(3000), labels] += 3
    score = xent.score({"logit": z, "label": labels, "g": rng.integers(0, 900, 3000)}, by=["g"])
    page = score.to_page()
    assert page.count("<tr>") < 700
    assert "There are 150 classes, more than 100" in page.replace("there are", "There are")


def test_too_many_classes_for_a_sample() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 1100, 400)
    z = rng.normal(size=(400, 1100))
    z[np.arange(400), labels] += 5
    score = xent.score({"logit": z, "label": labels})
    assert score.state.sample.rows is None
    text = Seen(score.to_page()).text
    assert "calibration is that of the likeliest class alone" in text
    assert "no sample of rows is kept" in text
    assert "divide the logits" not in text, "its logit is none of the model's"
    assert score.to_dict()["calibration"]["event"] == "the likeliest class"


def test_markdown_has_the_same_without_pictures(over: xent.scoring.Score) -> None:
    markdown = over.to_markdown()
    assert "**Over-confident.** Divide the logits by " in markdown
    assert "## Calibration" in markdown
    assert "<svg" not in markdown
    assert "| predicted from | to | came true | rows |" in markdown
    assert markdown.count("Row ") == 3


def test_the_short_report_tells_calibration_in_a_paragraph(over: xent.scoring.Score) -> None:
    text = " ".join(over.to_text().split())
    assert "Calibration: over-confident: divide the logits by " in text
    assert "Miscalibration is " in text
    assert re.search(r"\(Z = [\d.]+, p < 0.0001\)", text)


def test_json_has_plain_numbers(over: xent.scoring.Score, classes: xent.scoring.Score) -> None:
    for score in (over, classes):
        data = json.loads(score.to_json())["calibration"]
        found = score.calibration
        assert data["miscalibration_nats"]["value"] == found.miscalibration.value
        assert data["smooth_ece"]["if_calibrated_95"] == found.smooth_ece.high
        assert data["slope"]["low"] < data["slope"]["value"] < data["slope"]["high"]
        assert sum(step["rows"] for step in data["curve"]) == score.rows
        bounds = [bound for _, bound in data["band"]["low"]]
        assert bounds == sorted(set(bounds))
    assert len(data["class_wise"]["by_class"]) == 4


def test_refused_figures_are_null_with_the_reason() -> None:
    data = xent.score({"prob": [0.0, 1.0, 0.9, 0.2] * 20, "label": [0, 1, 1, 0] * 20}).to_dict()
    assert data["calibration"]["slope"]["value"] is None
    assert "exactly 0 or 1" in data["calibration"]["slope"]["reason"]


def test_weights_count_in_calibration() -> None:
    table = made(1500, sharpness=2.0)
    weight = np.where(np.arange(1500) < 1000, 1.0, 3.0)
    repeated = {name: np.concatenate([v, v[1000:], v[1000:]]) for name, v in table.items()}
    one = xent.score(table | {"w": weight}, weight_column="w").glance
    other = xent.score(repeated).glance
    assert one.slope.slope.value == pytest.approx(other.slope.slope.value, rel=1e-9)
    assert one.miscalibration.value == pytest.approx(other.miscalibration.value, rel=1e-9)


def test_clipped_probabilities_are_calibrated_as_clipped() -> None:
    table = {"prob": [0.0, 1.0, 0.9, 0.2] * 20, "label": [1, 1, 1, 0] * 20}
    assert np.isinf(xent.score(table).glance.miscalibration.value)
    assert np.isfinite(xent.score(table, clip=0.01).glance.miscalibration.value)


def test_rows_are_counted_and_not_named_in_warnings() -> None:
    """A sample has no order, so "the first being row 3" would mislead."""
    score = xent.score({"prob": [0.9, 0.0, 0.2] * 20, "label": [1, 1, 0] * 20})
    text = json.dumps(score.to_dict()["warnings"])
    assert "20 of 60 rows" in text
    assert not re.search(r"row \d", text)


def test_without_matplotlib_a_note_says_how(
    over: xent.scoring.Score, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [each for each in sys.modules if each.startswith(("matplotlib", "xent.plots"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(xent, "plots", raising=False)
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == "matplotlib":
            raise ModuleNotFoundError(name, name="matplotlib")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    seen = Seen(over.to_page())
    assert "pip install matplotlib" in seen.text
    assert "svg" not in seen.tags
    assert "Over-confident" in seen.text
    assert "step by step" in seen.text


def test_an_old_report_survives_a_full_disk(
    run: Callable[..., Output], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("prob,label\n" + "0.9,1\n0.2,0\n0.4,1\n0.7,0\n" * 20, "utf-8")
    assert run("score", "a.csv", "--output", "report.html").code == 0
    old = Path("report.html").read_bytes()
    assert b"What is wrong" in old
    real = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.suffix == ".part":
            real(path, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    done = run("score", "a.csv", "--worst", "1", "--output", "report.html")
    assert done.code != 0
    assert "No space left on device" in done.err
    assert Path("report.html").read_bytes() == old
    assert [each.name for each in tmp_path.iterdir()].count("report.html") == 1
    assert not list(tmp_path.glob(".*part"))


def test_every_form_is_written(run: Callable[..., Output], tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("prob,label\n" + "0.9,1\n0.2,0\n0.4,1\n0.7,0\n" * 20, "utf-8")
    for name in ("r.html", "r.md", "r.json"):
        assert run("score", file, "--output", tmp_path / name).code == 0
    assert "Worst rows" in (tmp_path / "r.html").read_text()
    assert "## Worst rows" in (tmp_path / "r.md").read_text()
    assert json.loads((tmp_path / "r.json").read_text())["findings"]
    write_file(tmp_path / "r.md", "new")
    assert (tmp_path / "r.md").read_text() == "new"


def test_results_of_another_kind_keep_their_page() -> None:
    several = xent.score({"label": [[1, 1], [0, 0]], "prob": [[0.9, 0.6], [0.2, 0.1]]})
    assert "cells of 2 labels" in several.to_page()


def test_slices_of_few_rows_are_counted_and_not_shown() -> None:
    score = xent.score({"prob": [0.9, 0.2, 0.4], "label": [1, 0, 1], "c": list("abb")}, by=["c"])
    assert "2 of 2 values have fewer than 10 rows" in Seen(score.to_page()).text
    assert "2 of 2 values have fewer than 10 rows" in score.to_markdown()


def test_a_refused_interval_names_class_or_column() -> None:
    label = np.arange(60) % 2
    table = {"prob": np.where(label == 1, np.linspace(0.5, 0.9, 60), 0.3), "label": label,
             "age": np.resize([20, 20, 50, 50], 60)}  # fmt: skip
    table["prob"][table["age"] == 20] = np.where(label[table["age"] == 20], 0.7, 0.3)
    text = xent.score(table, by=["age:40"]).to_markdown()
    assert "No interval of class 0: all 30 rows have the same loss: its spread" in text
    assert "No interval of age below 40: all 30 rows have the same loss: its spread" in text
    assert "No interval of age below 40: all 30" in " ".join(
        xent.score(table, by=["age:40"]).to_text().split()
    )


def test_reasons_that_differ_in_numbers_share_a_sentence() -> None:
    table = made(200)
    table["country"] = np.resize(["a"] * 95 + ["b"] * 3 + ["c"] * 2, 200)
    text = " ".join(xent.score(table, by=["country"]).to_text().split())
    assert (
        "No interval of country b (only 6 rows) and c (only 4 rows): an interval needs 10." in text
    )


def test_rows_are_counted_with_commas() -> None:
    text = xent.score(made(), by=["country"]).to_text()
    assert text.startswith("dict: 2,000 rows, logits")
    assert re.search(r"^0 +\d,\d{3} ", text, re.M) or re.search(r"^1 +\d,\d{3} ", text, re.M)


def test_latex_has_no_empty_heading() -> None:
    table = made()
    both = {"prob_a": 1 / (1 + np.exp(-table["logit"])), "prob_b": np.full(2000, 0.4)}
    found = xent.compare({**both, "label": table["label"]})
    latex = found.to_latex()
    assert ":}" not in latex
    assert rf"\textbf{{{found.conclusion.replace('%', chr(92) + '%')}}}" in latex
