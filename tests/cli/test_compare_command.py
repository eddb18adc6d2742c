"""`xent compare`: options, and the same figures as the library's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import Output, command

import xent

N = 80
RNG = np.random.default_rng(3)
P = np.round(RNG.uniform(0.05, 0.95, N), 4)
Y = (RNG.random(N) < P).astype(int)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame({"id": np.arange(N), "label": Y, "prob_lr": P, "prob_gb": P**2,
                          "country": np.where(np.arange(N) % 2, "DE", "FR"), "u": np.arange(N) % 20,
                          "w": 1 + np.arange(N) % 3})  # fmt: skip
    frame.to_csv("all.csv", index=False)
    frame[["id", "label", "prob_lr"]].to_csv("lr.csv", index=False)
    frame[["id", "label", "prob_gb"]][::-1].to_csv("gb.csv", index=False)
    frame[["id", "prob_lr"]].to_csv("lr_only.csv", index=False)
    frame[["id", "prob_gb"]][::-1].to_csv("gb_only.csv", index=False)
    frame.rename(columns={"prob_lr": "x", "prob_gb": "y"}).to_csv("plain.csv", index=False)


def data(output: Output) -> dict[str, object]:
    assert (output.code, output.err) == (0, "")
    found: dict[str, object] = json.loads(output.out)
    return found


def test_the_command_is_the_function(run: Callable[..., Output]) -> None:
    wanted = xent.compare("all.csv", by=["country"], show=["id"], weight_column="w", margin=0.1,
                          level=0.9, clip=0.01, differing=2)  # fmt: skip
    output = run("compare", "all.csv", "--by", "country", "--show", "id", "--weight-column", "w",
                 "--margin", "0.1", "--level", "0.9", "--clip", "0.01", "--differing", "2",
                 "--format", "json")  # fmt: skip
    assert data(output) == wanted.to_dict()
    assert len(wanted.differing) == 2
    for form, text in (("markdown", wanted.to_markdown()), ("html", wanted.to_page()),
                       ("latex", wanted.to_latex())):  # fmt: skip
        output = run("compare", "all.csv", "--by", "country", "--show", "id", "--weight-column",
                     "w", "--margin", "0.1", "--level", "0.9", "--clip", "0.01", "--differing",
                     "2", "--format", form)  # fmt: skip
        assert output.out == text


def test_files_by_key_with_names(run: Callable[..., Output]) -> None:
    wanted = xent.compare("all.csv").to_dict()
    for arguments in (
        ("lr.csv", "gb.csv", "--key", "id"),
        ("plain.csv", "--model", "lr=x", "--model", "gb=y", "--kind", "probabilities"),
        ("plain.csv", "--model", "lr=x", "--model", "gb=y", "--kind",
         "lr=probabilities,gb=probabilities"),
    ):  # fmt: skip
        found = data(run("compare", *arguments, "--format", "json"))
        assert found["conclusion"] == wanted["conclusion"]
    pd.read_csv("all.csv")[["id", "label"]].to_csv("truth.csv", index=False)
    output = run("compare", "lr_only.csv", "gb_only.csv", "--key", "id", "--truth", "truth.csv",
                 "--model", "lr", "--model", "gb", "--format", "json")  # fmt: skip
    assert data(output)["conclusion"] == wanted["conclusion"]
    output = run("compare", "all.csv", "--baseline-model", "lr", "--cluster", "u")
    assert output.out.splitlines()[0] == "all.csv: 2 models, 80 rows"
    assert "Errors are those of 20 clusters in 'u'." in output.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("all.csv", "--model", "=x"), "--model is '=x'; expected NAME or NAME=COLUMNS."),
        (
            ("all.csv", "--model", "a=x", "--model", "a=y"),
            "two models are called a; each needs a name of its own.",
        ),
        (("lr.csv",), "lr.csv: holds the scores of one model, in 'prob_lr'."),
        (("lr.csv", "gb.csv"), "gb.csv: row 0 (line 2), column 'label': the label is"),
        (("lr.csv", "none.csv"), "none.csv: no such file."),
        (("all.csv", "--output", "all.csv"), "--output is 'all.csv'; expected a name that ends"),
        (("all.csv", "--level", "2"), "--level is 2.0; expected a number above 0.5 and below 1."),
    ],
)
def test_what_is_wrong_is_said(
    arguments: tuple[str, ...], message: str, run: Callable[..., Output]
) -> None:
    output = run("compare", *arguments)
    assert output.code in (1, 2)
    assert output.err.startswith(f"xent: {message}")
    assert len(output.err.splitlines()) == 1


def test_a_report_does_not_overwrite_predictions(run: Callable[..., Output]) -> None:
    pd.read_csv("all.csv").to_json("all.json", orient="records")
    output = run("compare", "all.json", "--output", "all.json")
    assert "all.json is a file of the predictions; name another to write to." in output.err
    assert run("compare", "all.json", "--output", "report.html").out == "wrote report.html\n"
    page = Path("report.html").read_text("utf-8")
    assert "<title>all.json: 2 models, 80 rows</title>" in page


def test_conditions(run: Callable[..., Output]) -> None:
    output = run("compare", "all.csv", "--fail-if", "loss.lr > 9", "--fail-if", "p > 1")
    assert (output.code, output.err) == (0, "")
    asked = ("--fail-if", "difference.gb.lr > 0", "--fail-if", "slices.country.*.difference < 0")
    output = run("compare", "all.csv", "--by", "country", *asked, "--format", "json")
    assert output.code == 3
    found = json.loads(output.out)
    (pair,), cells = found["pairs"], found["slices"]["country"]
    told = [f"slices.country.{each['value']}.difference is {each['difference_nats']:.6g}"
            for each in cells]  # fmt: skip
    assert output.err.splitlines() == [
        f"xent: failed: difference.gb.lr > 0: difference.gb.lr is {-pair['difference_nats']:.6g}.",
        f"xent: failed: slices.country.*.difference < 0: {'; '.join(told)}.",
    ]
    output = run("compare", "all.csv", "--fail-if", "loss > 0")
    assert output.code == 2
    assert output.out.startswith("all.csv: 2 models, 80 rows"), "the report comes first"
    assert "xent: 'loss > 0' names no figure of this result. There are: loss.lr, " in output.err
    output = run("compare", "none.csv", "--fail-if", "loss.lr")
    assert output.code == 2
    assert "'loss.lr' is no condition" in output.err


def test_the_real_command() -> None:
    output = command("compare", "all.csv")
    assert (output.code, output.err) == (0, "")
    assert "less that of" in output.out
