"""Files whose rows may have several labels at once, held against scikit-learn label by label."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sklearn.metrics
from commands import Output
from helpers import close

import xent
from xent.scoring import FileError, MultiLabelScore, Score, columns_of, merge, score
from xent.scoring.state import StateError

Run = Callable[..., Output]
RNG = np.random.default_rng(9)
N = 60
P = RNG.uniform(0.02, 0.98, size=(N, 3))
Y = (RNG.uniform(size=P.shape) < P).astype(int)
Z = np.log(P) - np.log1p(-P)
NAMES = ("toxic", "severe_toxic", "insult")
W = RNG.uniform(0, 3, size=N)
ONE = np.eye(3, dtype=int)[RNG.integers(3, size=N)]
SHARES = P / P.sum(axis=1, keepdims=True)


def by_sklearn(truth: Any = Y, p: Any = P, weight: Any = None) -> list[float]:
    """scikit-learn's loss of each label."""
    columns = zip(truth.T, p.T, strict=True)
    return [
        float(sklearn.metrics.log_loss(t, q, sample_weight=weight, labels=[0, 1]))
        for t, q in columns
    ]


DROP = " xent score --missing drop leaves such rows out."
DUE = float(np.mean(by_sklearn()))


def written(folder: Path, columns: dict[str, Any], name: str = "a.csv") -> Path:
    rows = zip(*(np.asarray(column).tolist() for column in columns.values()), strict=True)
    lines = [",".join(columns), *(",".join(map(str, row)) for row in rows)]
    (folder / name).write_text("\n".join(lines) + "\n", "utf-8")
    return folder / name


def named(before: str, matrix: Any, names: Any = NAMES) -> dict[str, Any]:
    return {before + name: matrix[:, j] for j, name in enumerate(names)}


def scored(path: Any, **options: Any) -> MultiLabelScore:
    result = score(path, **options)
    assert isinstance(result, MultiLabelScore)
    return result


def refused(path: Any, **options: Any) -> str:
    with pytest.raises(FileError) as error:
        score(path, **options)
    return str(error.value).removeprefix(f"{path}: ")


# Which columns are read.


@pytest.mark.parametrize("labels", ["label_", "true_", "target_", "y_true_", "truth.", ""])
@pytest.mark.parametrize(
    ("scores", "matrix"), [("prob_", P), ("logit_", Z), ("logprob_", np.log(P)), ("y_prob_", P)]
)
def test_columns_by_name(labels: str, scores: str, matrix: Any, tmp_path: Path) -> None:
    path = written(tmp_path, {"id": range(N), **named(labels, Y), **named(scores, matrix)})
    result = scored(path)
    close(result.loss, DUE, rtol=1e-12)
    assert result.labels == NAMES


def test_names_match_in_any_order(tmp_path: Path) -> None:
    order = [2, 0, 1]
    columns = named("label_", Y) | named("prob_", P[:, order], [NAMES[j] for j in order])
    result = scored(written(tmp_path, columns))
    close([each.loss for each in result.by_label], by_sklearn(), rtol=1e-12)
    assert [each.name for each in result.by_label] == list(NAMES)


@pytest.mark.parametrize("asked", [NAMES, ",".join(NAMES), " , ".join(NAMES)])
def test_columns_that_are_asked_for(asked: Any, tmp_path: Path) -> None:
    """In the order of the scores, whatever they are called."""
    path = written(tmp_path, {**named("", Y), "a": P[:, 0], "c": P[:, 1], "b": P[:, 2]})
    options: dict[str, Any] = {"label_column": asked, "kind": "probabilities"}
    result = scored(path, score_columns=["a", "c", "b"], **options)
    close([each.loss for each in result.by_label], by_sklearn(), rtol=1e-12)
    told = refused(path, score_columns=["a", "b"], **options)
    assert told == "3 label columns are named, but 2 score columns."
    path = written(tmp_path, {**named("", Y), **named("prob_", P)})
    close(scored(path, label_column=asked).loss, DUE, rtol=1e-12)
    told = refused(path, label_column="toxic,rude")
    assert told.startswith("no column 'rude'; the columns are toxic, severe_toxic,")


def test_columns_that_do_not_match(tmp_path: Path) -> None:
    path = written(tmp_path, named("label_", Y) | named("prob_", P, ["toxic", "insult", "rude"]))
    assert refused(path) == (
        "the columns of labels are 'label_toxic', 'label_severe_toxic', 'label_insult', those of "
        "scores 'prob_toxic', 'prob_insult', 'prob_rude'. Name both in the same order: "
        "--label-column A,B,... --score-columns C,D,..."
    )
    path = written(tmp_path, named("label_", Y) | named("prob_", P) | named("logit_", Z))
    assert (
        "those of scores 'prob_toxic', 'prob_severe_toxic', 'prob_insult' and 'logit_"
        in refused(path)
    )
    close(scored(path, score_columns=[f"logit_{name}" for name in NAMES]).loss, DUE, rtol=1e-12)


def test_nothing_to_be_read_so(tmp_path: Path) -> None:
    path = written(tmp_path, {"label": Y[:, 0], "prob": P[:, 0]})
    assert refused(path, multi_label=True).startswith(
        "no labels that may be true at once. They are"
    )
    assert isinstance(score(path, multi_label=False), Score)
    two = ["toxic", "rude"]
    path = written(tmp_path, named("", P[:, :2], two) | named("prob_", P[:, :2], two))
    assert refused(path).startswith("no label column among toxic, rude, prob_toxic, prob_rude.")


def lists(matrix: Any) -> list[str]:
    return [f'"[{", ".join(map(str, row))}]"' for row in matrix.tolist()]


def test_lists_in_each_row(tmp_path: Path) -> None:
    path = written(tmp_path, {"label": lists(Y), "prob": lists(P)})
    result = scored(path)
    close([each.loss for each in result.by_label], by_sklearn(), rtol=1e-12)
    assert result.labels == ("0", "1", "2")
    assert scored(path, classes=NAMES).labels == NAMES
    lines = [
        json.dumps({"label": t, "prob": p}) for t, p in zip(Y.tolist(), P.tolist(), strict=True)
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    close(scored(tmp_path / "a.jsonl").loss, DUE, rtol=1e-12)
    (tmp_path / "a.json").write_text("[" + ",".join(lines) + "]")
    close(scored(tmp_path / "a.json").loss, DUE, rtol=1e-12)
    for truth in (Y.tolist(), Y.astype(bool).tolist(), Y.astype(float).tolist()):
        pq.write_table(pa.table({"label": truth, "prob": P.tolist()}), tmp_path / "a.parquet")
        close(scored(tmp_path / "a.parquet").loss, DUE, rtol=1e-12)
    for truth in (Y, Y.astype(bool), Y.astype(np.float32)):
        np.savez(tmp_path / "a.npz", label=truth, prob=P)
        close(scored(tmp_path / "a.npz").loss, DUE, rtol=1e-12)
        close(scored({"label": truth, "logit": Z}).loss, DUE, rtol=1e-12)


def test_the_result_says_how_it_was_read(tmp_path: Path, run: Run) -> None:
    path = written(tmp_path, {**named("", Y), **named("prob_", P), "w": W})
    told = (
        "Labels toxic, severe_toxic, insult, of which several may be true at once: truth in "
        "'toxic', 'severe_toxic', 'insult'; probabilities in 'prob_toxic', 'prob_severe_toxic', "
        "'prob_insult'; weights in 'w'."
    )
    assert scored(path, weight_column="w").read == told
    found = columns_of(path, weight_column="w")
    assert found.read == told
    read_as = ["label"] * 3 + ["score"] * 3 + ["weight"]
    assert [used for _, _, used in found.columns] == read_as
    output = run("score", path, "--columns", "--label-column", ",".join(NAMES))
    assert output.code == 0
    assert " ".join(output.out.split()).count("label") >= 3
    assert (
        "a list per row; probabilities in 'prob', a list per row"
        in scored({"label": Y, "prob": P}).read
    )


# One class of each row, or several labels.


@pytest.mark.parametrize("form", ["columns", "lists", "arrays"])
def test_one_hot_rows_of_classes(form: str, tmp_path: Path) -> None:
    due = sklearn.metrics.log_loss(ONE, SHARES)
    source: Any = {"label": ONE, "prob": SHARES}
    if form == "columns":
        source = written(tmp_path, named("label_", ONE) | named("prob_", SHARES))
    elif form == "lists":
        source = written(tmp_path, {"label": lists(ONE), "prob": lists(SHARES)})
    result = score(source)
    assert isinstance(result, Score)
    close(result.loss, due, rtol=1e-12)
    assert result.read.startswith("Labels one-hot in ")
    # The same as labels that may be true at once, if this is asked for.
    close(scored(source, multi_label=True).loss, np.mean(by_sklearn(ONE, SHARES)), rtol=1e-12)


def test_a_later_row_that_is_not_one_hot(tmp_path: Path) -> None:
    truth = np.tile(ONE, (20, 1))
    truth[1100] = 1, 0, 1
    path = written(tmp_path, named("label_", truth) | named("prob_", np.tile(SHARES, (20, 1))))
    assert refused(path) == (
        "row 1100 (line 1102): the labels of a row are 1, 0, 1; expected a single 1. If several "
        "labels may be true at once, pass --multi-label."
    )


def losses_told(message: str) -> dict[str, float]:
    return {
        option: float(loss)
        for loss, option in re.findall(r"(\d+\.\d+) for [^;(]* \((--[^)]*)\)", message)
    }


def test_a_single_label_in_each_row_beside_probabilities_of_any_sum(tmp_path: Path) -> None:
    path = written(tmp_path, named("label_", ONE) | named("prob_", P))
    message = refused(path)
    assert message.startswith(
        "each row has a single label, but the scores of a row do not sum to 1."
    )
    told = losses_told(message)
    assert set(told) == {"--multi-label", "--no-multi-label --normalize"}
    several, one = scored(path, multi_label=True), score(path, multi_label=False, normalize=True)
    close(several.loss, np.mean(by_sklearn(ONE, P)), rtol=1e-12)
    close(one.loss, sklearn.metrics.log_loss(ONE, SHARES), rtol=1e-12)
    close(list(told.values()), [several.loss, one.loss], rtol=0, atol=5e-5)


def test_a_single_label_in_each_row_beside_logits(tmp_path: Path) -> None:
    path = written(tmp_path, named("label_", ONE) | named("logit_", Z))
    told = losses_told(refused(path))
    several, one = scored(path, multi_label=True), score(path, multi_label=False)
    close(several.loss, np.mean(by_sklearn(ONE, P)), rtol=1e-12)
    close(one.loss, xent.cross_entropy(Z, ONE.argmax(1)), rtol=1e-12)
    close([told["--multi-label"], told["--no-multi-label"]], [several.loss, one.loss], rtol=0,
          atol=5e-5)  # fmt: skip


def test_several_labels_beside_probabilities_that_sum_to_1(tmp_path: Path) -> None:
    path = written(tmp_path, named("label_", Y) | named("prob_", SHARES))
    message = refused(path)
    assert message.startswith(
        "some rows have several labels or none, but the scores of each row sum to 1."
    )
    several = scored(path, multi_label=True)
    close(losses_told(message)["--multi-label"], several.loss, rtol=0, atol=5e-5)
    close(several.loss, np.mean(by_sklearn(Y, SHARES)), rtol=1e-12)


def test_options_for_classes_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, named("label_", Y) | named("prob_", P))
    told = "--normalize is for one label per row, not for labels that may be true at once."
    assert refused(path, multi_label=True, normalize=True) == told
    with pytest.raises(ValueError, match="classes are a, b; expected 3 different names"):
        score(path, classes=["a", "b"])


# What the scores are.


def test_what_the_names_do_not_say(tmp_path: Path) -> None:
    path = written(tmp_path, named("label_", Y) | named("score_", P))
    told = losses_told(refused(path))
    assert set(told) == {"--kind probabilities", "--kind logits"}
    close(told["--kind probabilities"], DUE, rtol=0, atol=5e-5)
    close(scored(path, kind="probabilities").loss, DUE, rtol=1e-12)
    close(scored(written(tmp_path, named("label_", Y) | named("score_", Z))).loss, DUE, rtol=1e-12)


def test_percent(tmp_path: Path) -> None:
    path = written(tmp_path, named("label_", Y) | named("prob_", 100 * P))
    message = refused(path)
    assert message.startswith(
        "all scores lie between 0 and 100: percentages? Then pass --kind perc"
    )
    assert f"{DUE:.4f}" in message
    close(scored(path, kind="percent").loss, DUE, rtol=1e-12)
    path = written(tmp_path, named("label_", Y) | named("logit_", 100 * P))
    assert any("look like percentages" in note for note in scored(path).notes)


def test_scores_that_are_wrong(tmp_path: Path) -> None:
    wrong, truth = P.copy(), Y.copy()
    wrong[7, 1], truth[7, 1] = 1.5, 2
    path = written(tmp_path, named("label_", Y) | named("prob_", wrong))
    rule = "a probability lies between 0 and 1; correct this one, or leave it blank and pass "
    rule += "--missing drop."
    assert refused(path) == f"row 7 (line 9), column 'prob_severe_toxic': 1.5: {rule}"
    path = written(tmp_path, named("label_", truth) | named("prob_", P))
    assert refused(path) == (
        "row 7 (line 9), column 'label_severe_toxic': '2' does not say whether the label is true; "
        "expected 0 or 1. If it marks what is to be left out: --ignore-label=2"
    )


def test_predicted_labels_are_noted(tmp_path: Path) -> None:
    path = written(tmp_path, named("label_", Y) | named("prob_", (P > 0.5).astype(int)))
    result = scored(path)
    assert result.infinite == int(((P > 0.5) != Y).sum())
    assert any(
        "Every probability is 0 or 1: are these predicted labels?" in n for n in result.notes
    )
    close(scored(path, clip=0.01).loss, np.mean(by_sklearn(Y, (P > 0.5).clip(0.01, 0.99))))


# Figures.


def test_figures_of_each_label(tmp_path: Path) -> None:
    path = written(tmp_path, {**named("label_", Y), **named("prob_", P), "w": W})
    for weight in (None, W):
        result = scored(path, **({} if weight is None else {"weight_column": "w"}))
        losses = by_sklearn(Y, P, weight)
        shares = np.average(Y, axis=0, weights=weight)
        base = by_sklearn(Y, np.tile(shares, (N, 1)), weight)
        for j, each in enumerate(result.by_label):
            close(each.loss, losses[j], rtol=1e-12)
            close(each.share, shares[j], rtol=1e-12)
            close(each.base_loss, base[j], rtol=1e-12)
            close(each.skill, 1 - losses[j] / base[j], rtol=1e-10)
            right = np.average((P[:, j] > 0.5) == Y[:, j], weights=weight)
            close(each.accuracy, right, rtol=1e-12)
            assert (each.name, each.rows, each.positive) == (NAMES[j], N, Y[:, j].sum())
        close(result.loss, np.mean(losses), rtol=1e-12)
        close(result.loss, xent.log_loss(Y, P, sample_weight=weight), rtol=1e-12)
        close(result.macro_loss, np.mean(losses), rtol=1e-12)
        close(result.base_loss, np.mean(base), rtol=1e-12)
        close(result.skill, 1 - np.mean(losses) / np.mean(base), rtol=1e-10)
        close(result.bits, result.loss / np.log(2))
        right = np.average(((P > 0.5) == Y).mean(axis=1), weights=weight)
        close(result.accuracy, right, rtol=1e-12)
        assert result.cells == 3 * N


def test_worst_cells(tmp_path: Path) -> None:
    path = written(tmp_path, named("label_", Y) | named("prob_", P))
    cost = -np.log(np.where(Y, P, 1 - P))
    order = np.argsort(-cost, axis=None, kind="stable")[:7]
    worst = scored(path, worst=7).worst
    for cell, at in zip(worst, order, strict=True):
        row, j = divmod(int(at), 3)
        assert (cell.row, cell.label, cell.truth) == (row, NAMES[j], Y[row, j])
        close(cell.loss, cost[row, j])
        close(cell.probability, P[row, j])
    assert scored(path, worst=0).worst == []
    assert scored(path).worst == worst[:5]


def test_missing_cells(tmp_path: Path) -> None:
    truth, p = Y.astype(object), P.astype(object)
    truth[3, 1] = ""
    path = written(tmp_path, named("label_", truth) | named("prob_", p))
    assert (
        refused(path) == "row 3 (line 5), column 'label_severe_toxic': the label is missing." + DROP
    )
    p[5, 2] = p[5, 1] = ""
    path = written(tmp_path, named("label_", truth) | named("prob_", p))
    assert (
        refused(path) == "row 5 (line 7), column 'prob_severe_toxic': the value is missing." + DROP
    )
    result = scored(path, missing="drop")
    kept = np.ones(Y.shape, bool)
    kept[3, 1] = kept[5, 2] = kept[5, 1] = False
    close(result.loss, xent.log_loss(Y[kept], P[kept]), rtol=1e-12)
    losses = [xent.log_loss(Y[k, j], P[k, j]) for j, k in enumerate(kept.T)]
    close([each.loss for each in result.by_label], losses, rtol=1e-12)
    close(result.macro_loss, np.mean(losses), rtol=1e-12)
    assert [each.rows for each in result.by_label] == [N, N - 2, N - 1]
    assert result.cells == 3 * N - 3
    assert dict(result.left_out) == {"no label": 1, "no score": 2}
    assert "Left out: 1 with no label, 2 with no score." in result.to_text()
    # Labels that mark such cells, as in the test set of a competition.
    truth[3, 1] = -1
    path = written(tmp_path, named("", truth) | named("prob_", p))
    again = scored(path, missing="drop", ignored=["-1"])
    assert again.loss == result.loss
    assert dict(again.left_out) == {"label left out": 1, "no score": 2}


def test_missing_lists() -> None:
    truth: list[Any] = Y.tolist()
    p: list[Any] = P.tolist()
    truth[2], p[4][1] = None, None
    kept = np.ones(Y.shape, bool)
    kept[2] = kept[4, 1] = False
    table = pa.table({"label": truth, "prob": p})
    result = scored(table, missing="drop")
    close(result.loss, xent.log_loss(Y[kept], P[kept]), rtol=1e-12)
    assert dict(result.left_out) == {"no label": 3, "no score": 1}


def test_labels_that_never_vary() -> None:
    truth = Y.copy()
    truth[:, 0], truth[:, 1] = 0, 1
    result = scored({**named("label_", truth), **named("prob_", P)})
    assert np.isnan(result.by_label[0].skill)
    assert "Never true: toxic. Skill is undefined there." in result.notes
    assert "Always true: severe_toxic. Skill is undefined there." in result.notes
    assert json.loads(json.dumps(result.to_dict()))["labels"][0]["skill"] is None


def test_any_number_of_files_and_rows(tmp_path: Path) -> None:
    p = RNG.uniform(size=(70_000, 2))
    truth = (RNG.uniform(size=p.shape) < p).astype(np.int8)
    columns = named("label_", truth, "ab") | named("prob_", p, "ab")
    whole = scored(columns)
    close(whole.loss, np.mean(by_sklearn(truth, p)), rtol=1e-12)
    for j, part in enumerate((slice(0, 41_000), slice(41_000, None))):
        table = pa.table({name: column[part] for name, column in columns.items()})
        pq.write_table(table, tmp_path / f"{j}.parquet")
    parts = scored(tmp_path)
    assert (parts.loss, parts.by_label, parts.cells) == (whole.loss, whole.by_label, 140_000)
    assert "Read from 2 files." in parts.to_text()


def test_labels_in_another_table(tmp_path: Path) -> None:
    """A submission and a solution, whose columns have the same names."""
    truth = written(tmp_path, {"id": range(N), **named("", Y)}, "solution.csv")
    order = RNG.permutation(N)
    path = written(tmp_path, {"id": order, **named("", P[order])}, "submission.csv")
    close(scored(path, truth=truth, key="id", kind="probabilities").loss, DUE, rtol=1e-12)


# The report.


def test_forms_of_the_report(tmp_path: Path, run: Run) -> None:
    path = written(tmp_path, named("", Y) | named("prob_", P))
    result = scored(path)
    assert repr(result) == (
        f"MultiLabelScore({str(path)!r}, cells=180, labels=3, loss={result.loss:.6g})"
    )
    output = run("score", path)
    assert output.code == 0
    assert f"{path.name}: 180 cells of 3 labels, probabilities" in " ".join(output.out.split())
    assert re.search(r"^label +rows  true +share  log loss  95 % +skill  accuracy$",
                     output.out, re.MULTILINE)  # fmt: skip
    data = json.loads(run("score", path, "--format", "json").out)
    assert data == json.loads(json.dumps(result.to_dict()))
    close(data["log_loss_nats"], DUE, rtol=1e-12)
    assert [each["label"] for each in data["labels"]] == list(NAMES)
    keys = {"file", "row", "shown", "label", "truth", "probability", "log_loss_nats"}
    assert set(data["worst_cells"][0]) == keys
    assert "<table" in result.to_html()
    assert run("score", path, "--multi-label").out == output.out
    assert run("score", path, "--no-multi-label").code == 1


def test_columns_beside_the_worst_cells(tmp_path: Path, run: Run) -> None:
    for part in "ab":
        columns = {"id": [f"{part}{i}" for i in range(N)], **named("", Y), **named("prob_", P)}
        written(tmp_path, columns, f"{part}.csv")
    result = scored(tmp_path, show=["id"], worst=2)
    first, second = result.worst
    assert first.shown == (f"a{first.row}",)
    assert second.shown == (f"b{first.row}",)
    assert result.to_dict()["worst_cells"][1]["shown"] == [f"b{first.row}"]
    heads = r"^worst row +file +id +label +truth +p\(true\) +log loss$"
    assert re.search(heads, run("score", tmp_path, "--show", "id").out, re.MULTILINE)


def test_slices_are_of_one_label_per_row_alone(tmp_path: Path, run: Run) -> None:
    path = written(tmp_path, named("", Y) | named("prob_", P))
    output = run("score", path, "--by", "toxic")
    assert output.code != 0
    assert "for one label per row, not for labels that may be true at once." in output.err


def test_the_loss_of_each_cell_is_written(tmp_path: Path, run: Run) -> None:
    path = written(tmp_path, named("", Y) | named("prob_", P))
    assert run("score", path, "--losses", tmp_path / "losses.csv").code == 0
    with (tmp_path / "losses.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(row["label"] for row in rows[:3]) == NAMES
    assert [int(row["truth"]) for row in rows] == Y.ravel().tolist()
    close(np.mean([float(row["loss"]) for row in rows]), DUE, rtol=1e-12)


def test_results_are_saved_and_merged(tmp_path: Path) -> None:
    table = {**named("", Y), **named("prob_", P)}
    whole = score(table)
    assert isinstance(whole, MultiLabelScore)
    parts = [score({n: each[a:b] for n, each in table.items()}) for a, b in ((0, 20), (20, 60))]
    for i, part in enumerate(parts):
        part.save_state(tmp_path / f"{i}.state")
    result = merge([tmp_path / "1.state", tmp_path / "0.state"])
    assert isinstance(result, MultiLabelScore)
    assert result.loss == whole.loss
    assert [cell.loss for cell in result.worst] == [cell.loss for cell in whole.worst]
    fewer = score({name: values for name, values in table.items() if "insult" not in name})
    with pytest.raises(StateError, match="The labels differ: toxic, severe_toxic, insult and tox"):
        merge([whole, fewer])


def test_of_many_labels_some_are_shown() -> None:
    p = RNG.uniform(size=(8, 50))
    result = scored({"label": (RNG.uniform(size=p.shape) < p).astype(int), "prob": p})
    text = result.to_text()
    assert "The 15 labels with the highest loss and 5 with the lowest, of 50; --format" in text
    assert len(result.to_dict()["labels"]) == 50


def test_other_commands(tmp_path: Path, run: Run) -> None:
    path = written(tmp_path, named("", Y) | named("prob_", P))
    assert "180 rows with one probability of label 1 each" in run("diagnose", path).out
    told = run("explain", path, "--row", 0).err
    assert "several labels of a row may be true at once; name one with --label-column" in told
    one = "--label-column", "toxic", "--score-columns", "prob_toxic"
    assert run("explain", path, "--row", 0, *one).code == 0


def test_the_case_of_toxic_comments(tmp_path: Path) -> None:
    """Numbers by hand."""
    lines = [
        "id,toxic,obscene,insult,prob_toxic,prob_obscene,prob_insult", "a1,1,1,0,0.95,0.80,0.30",
        "a2,0,0,0,0.05,0.02,0.03", "a3,1,0,1,0.70,0.10,0.60", "a4,0,0,0,0.20,0.05,0.10",
    ]  # fmt: skip
    (tmp_path / "a.csv").write_text("\n".join(lines))
    p = [0.95, 0.8, 0.7, 0.95, 0.98, 0.97, 0.7, 0.9, 0.6, 0.8, 0.95, 0.9]
    close(scored(tmp_path / "a.csv").loss, -np.log(p).mean())
