"""`diagnose`: every symptom planted and named, and no alarm about a good batch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from batches import INF, ORDER, PB, PLANTED, B, P, T, Y, Z, classes, put
from commands import Output, command
from helpers import close

import xent
from xent.check._batch import diagnose
from xent.check._batch.report import BatchReport
from xent.cli import check as cli

Run = Callable[..., Output]
Array = np.ndarray[Any, Any]


@pytest.mark.parametrize("case", PLANTED)
def test_what_is_planted_is_found(case: str) -> None:
    name, level, arguments, options, told = PLANTED[case]
    report = diagnose(*arguments, **options)
    found = {finding.name: finding for finding in report.findings}
    assert name in found, report
    finding = found[name]
    assert finding.level == level
    for phrase in told:
        assert phrase in f"{finding.seen} {finding.matters} {finding.fix}", finding
    assert bool(report) is (not report.mistakes)
    if level == "mistake":
        assert name in report.mistakes
    for part in (finding.seen, finding.matters, finding.fix):
        assert part.endswith(".")
        assert part == " ".join(part.split())


ALONE = [
    "probabilities", "probabilities, binary", "percentages", "percentages, as logits",
    "percentages, binary", "predicted labels",
    "predicted labels, one-hot", "predicted labels, as logits",
    "softmax twice", "sigmoid twice", "wrong axis",
    "not probabilities", "sums", "one-based", "signs", "off by one", "one row off", "flipped",
    "negated", "permuted", "worse than chance", "NaN", "masked label", "duplicate columns",
    "identical rows", "all ignored", "shuffled apart", "shuffled apart, mild", "reshaped",
    "reshaped, in blocks", "reshaped probabilities", "transposed rows", "two rows off",
    "shifted by three", "mask", "mask, one-hot", "10 for 0", "counted from 10", "confidences",
    "absolute logits", "whole percentages", "predicted classes", "predicted labels, signs",
]  # fmt: skip


@pytest.mark.parametrize("case", ALONE)
def test_one_cause_is_one_mistake(case: str) -> None:
    name, _, arguments, options, _ = PLANTED[case]
    assert diagnose(*arguments, **options).mistakes == [name]


WRONG_ORDER = Z.T.ravel().reshape(400, 10)
TOGETHER: dict[str, tuple[tuple[Any, Any], dict[str, Any], list[str], str]] = {
    "reshaped, one-based": (
        (WRONG_ORDER, Y + 1), {}, ["labels one-based", "reshaped in the wrong order"], "0.1556"),
    "reshaped, off by one": (
        (WRONG_ORDER, (Y + 1) % 10), {}, ["reshaped in the wrong order", "labels off by one"],
        "0.1556"),
    "reshaped, permuted": (
        (WRONG_ORDER, ORDER[Y]), {}, ["reshaped in the wrong order", "classes permuted"], "0.1556"),
    "reshaped, negated": (
        (-WRONG_ORDER, Y), {}, ["reshaped in the wrong order", "logits negated"], "0.1556"),
    "reshaped probabilities as logits": (
        (P.T.ravel().reshape(400, 10), Y), {},
        ["reshaped in the wrong order", "probabilities given as logits"], "0.1367"),
    "one row off, negated": (
        (-Z, np.roll(Y, 1)), {}, ["labels one row off", "logits negated"], "0.1241"),
    "probabilities, flipped": (
        (PB, 1 - T), {}, ["probabilities given as logits", "labels flipped"], "0.1739"),
    "percentages, off by one": (
        (100 * P, (Y + 1) % 10), {}, ["percentages", "labels off by one"], "0.1367"),
    "mask, probabilities": (
        (PB, 255 * T), {}, ["labels outside 0 to 1", "probabilities given as logits"], "0.1739"),
    "mask, flipped": (
        (B, 255 * (1 - T)), {}, ["labels outside 0 to 1", "labels flipped"], "0.1739"),
    "softmax twice, off by one": (
        (xent.softmax(P), (Y + 1) % 10), {"kind": "probabilities"},
        ["softmax applied twice", "labels off by one"], "0.1367"),
    "sigmoid twice, flipped": (
        (xent.sigmoid(PB), 1 - T), {"kind": "probabilities"},
        ["sigmoid applied twice", "labels flipped"], "0.1739"),
}  # fmt: skip


@pytest.mark.parametrize("case", TOGETHER)
def test_two_mistakes_at_once_are_both_named_with_the_loss_after_them(case: str) -> None:
    arguments, options, names, loss = TOGETHER[case]
    report = diagnose(*arguments, **options)
    assert report.mistakes == names
    assert report.findings[1].seen.endswith(f" {loss}.")


def test_a_mask_is_not_destroyed_by_ignore_index() -> None:
    note, *_ = diagnose(B, 255 * T, ignore_index=255).findings
    assert note.fix == (
        "If 255 marks the positive class, as in an 8-bit mask, pass targets > 0 instead."
    )


def test_names_are_used() -> None:
    z, y = classes(n=300, k=3)
    report = diagnose(z[:, [2, 0, 1]], y, names=["cat", "dog", "eel"])
    (finding,) = report.findings
    assert finding.name == "classes permuted"
    assert "cat in column 1, dog in column 2, eel in column 0" in finding.seen
    assert diagnose(z[:, [2, 0, 1]], y).mistakes == ["labels off by one"], "without names a shift"


def test_rows_are_named_by_all_their_axes() -> None:
    z, y = Z.reshape(20, 20, 10).copy(), Y.reshape(20, 20)
    z[3, 4, 5] = np.nan
    assert "in row [3, 4]." in diagnose(z, y).findings[0].seen
    assert "in row [3, 4]." in diagnose(np.moveaxis(z, 2, 1), y, axis=1).findings[0].seen
    many, labels = put(B.reshape(100, 4), (7, 2), np.nan), T.reshape(100, 4)
    assert "in row [7, 2]." in diagnose(many, labels).findings[0].seen
    assert "in the row." in diagnose(np.float64(np.nan), 1).findings[0].seen


@pytest.mark.parametrize("n", [50, 1500])
def test_no_alarm_about_a_thousand_classes(n: int) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        labels = rng.integers(1000, size=n)
        hot, noise = np.eye(1000)[labels], rng.normal(size=(n, 1000))
        for scores in (12 * hot + noise, 0.1 * noise, 4 * hot + noise):
            assert diagnose(scores.astype(np.float16), labels)


def test_figures_are_those_of_the_library() -> None:
    report = diagnose(Z, Y)
    assert (report.rows, report.counted, report.classes, report.binary) == (400, 400, 10, False)
    close(report.loss, xent.cross_entropy(Z, Y))
    close(report.chance, np.log(10))
    shares = np.bincount(Y) / 400
    close(report.base_loss, -(shares * np.log(shares)).sum())
    close(report.accuracy, (Z.argmax(1) == Y).mean())
    close(report.majority, shares.max())
    assert (report.lowest, report.highest) == (Z.min(), Z.max())
    report = diagnose(B, T)
    assert (report.classes, report.binary) == (2, True)
    close(report.loss, xent.binary_cross_entropy(B, T))
    close(diagnose(PB, T, kind="probabilities").loss, report.loss, rtol=1e-9)
    close(diagnose(xent.log_sigmoid(B), T, kind="log-probabilities").loss, report.loss, rtol=1e-9)
    soft = 0.9 * np.eye(10)[Y] + 0.01
    report = diagnose(Z, soft)
    close(report.loss, xent.cross_entropy(Z, soft))
    close(report.base_loss, xent.log_loss(soft, np.tile(soft.mean(0), (400, 1))))
    half = np.where(T, 0.9, 0.2)
    report = diagnose(B, half)
    close(report.loss, xent.binary_cross_entropy(B, half))
    mean = half.mean()
    close(report.base_loss, -(mean * np.log(mean) + (1 - mean) * np.log(1 - mean)))


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [
        PLANTED[case] for case in ("permuted", "off by one", "softmax twice", "NaN", "ignored")
    ]
    whole = [diagnose(*arguments, **options) for _, _, arguments, options, _ in cases]
    monkeypatch.setattr("xent.check._batch.data.BLOCK", 130)
    for (_, _, arguments, options, _), before in zip(cases, whole, strict=True):
        after = diagnose(*arguments, **options)
        assert [f.name for f in after.findings] == [f.name for f in before.findings]
        close(after.loss, before.loss)


def test_labels_in_other_forms() -> None:
    expected = diagnose(Z, Y).loss
    hot = np.eye(10)[Y]
    for targets in (Y.tolist(), Y.astype(np.uint8), hot, hot.astype(int), hot.astype(np.float16)):
        close(diagnose(Z, targets).loss, expected)
    close(diagnose(Z.T, Y, axis=0).loss, expected)
    close(diagnose(Z.tolist(), Y).loss, expected)
    expected = diagnose(B, T).loss
    for targets in (T.astype(bool), T.astype(float), T.tolist()):
        close(diagnose(B, targets).loss, expected)
    close(diagnose(B.reshape(-1, 1), T.reshape(-1, 1)).loss, expected)
    close(diagnose(2.0, 1).loss, xent.binary_cross_entropy(2.0, 1))
    close(diagnose([2, 1, 0], 1).loss, xent.cross_entropy([2.0, 1, 0], 1))


def test_ignored_rows_count_in_nothing() -> None:
    labels = put(Y, slice(0, 40), -100)
    bad = put(Z, (5, 5), np.nan)
    report = diagnose(bad, labels)
    assert (report.rows, report.counted, bool(report)) == (400, 360, True)
    close(report.loss, xent.cross_entropy(Z, labels, ignore_index=-100))
    report = diagnose(Z, np.where(Y == 3, 7, Y), ignore_index=7)
    assert report.counted == ((Y != 7) & (Y != 3)).sum()
    assert diagnose(Z, labels, ignore_index=-1).mistakes == ["labels out of range"]


def test_rows_without_loss() -> None:
    report = diagnose(put(Z, (3, Y[3]), -INF), Y)
    assert (report.loss, report.to_dict()["loss"]) == (INF, "inf")
    report = diagnose(Z * np.nan, Y)
    assert report.counted == 0
    assert report.to_dict()["loss"] is None
    assert "undefined" in str(report)


def test_torch_arrays() -> None:
    import torch

    logits = torch.tensor(Z, dtype=torch.float32, requires_grad=True)
    report = diagnose(logits, torch.tensor(Y))
    assert report.dtype == "float32"
    close(report.loss, xent.cross_entropy(Z, Y), rtol=1e-6)
    half = torch.softmax(logits, 1).to(torch.bfloat16)
    report = diagnose(half, torch.tensor(Y))
    assert (report.dtype, report.mistakes) == ("bfloat16", ["probabilities given as logits"])
    assert diagnose(torch.tensor(B), torch.tensor(T).bool())


def test_jax_arrays() -> None:
    import jax.numpy as jnp

    report = diagnose(jnp.asarray(Z, jnp.bfloat16), jnp.asarray(Y))
    assert report.dtype == "bfloat16"
    close(report.loss, xent.cross_entropy(Z, Y), rtol=1e-2)
    assert diagnose(jnp.asarray(Z), jnp.asarray(np.eye(10)[Y], jnp.bfloat16)).classes == 10


def test_arguments_are_not_written() -> None:
    z, y = Z.copy(), Y + 1
    z.flags.writeable = y.flags.writeable = False
    assert diagnose(z, y).mistakes == ["labels one-based"]
    assert diagnose(z[::2], y[::2]).mistakes == ["labels one-based"]


ERRORS: list[tuple[tuple[Any, Any], dict[str, Any], type[Exception], str]] = [
    ((Z, Y), {"kind": "scores"}, ValueError,
     "kind is 'scores'; expected logits, probabilities, log-probabilities."),
    ((Y, Z), {}, TypeError,
     "logits has dtype int64; expected one of float16, bfloat16, float32, float64. Are logits and "
     "targets swapped? If not, pass logits.astype(numpy.float64)."),
    ((Z[:0], Y[:0]), {}, ValueError, "logits has shape (0, 10): there is nothing to diagnose."),
    ((Z[:, :1], Y), {}, ValueError,
     "logits has shape (400, 1): one class along axis 1, whose loss is 0 whatever the label. One "
     "logit per row is binary: pass logits.reshape((400,))."),
    ((Z, Y[:5]), {}, ValueError,
     "targets has shape (5,), expected (400,): one class index per row, the logits' shape less "
     "the class axis. Nothing is broadcast."),
    ((Z, Y[:, None]), {}, ValueError,
     "targets has shape (400, 1), expected (400,): one class index per row, the logits' shape "
     "less the class axis. Nothing is broadcast. Pass targets.reshape((400,))."),
    ((B, T[:, None]), {}, ValueError,
     "targets has shape (400, 1), expected (400,): one target per logit, the logits' own shape. "
     "Nothing is broadcast. Pass targets.reshape((400,))."),
    ((np.moveaxis(Z.reshape(20, 20, 10), 2, 1), Y.reshape(20, 20)), {}, ValueError,
     "targets has shape (20, 20), expected (20, 10): one class index per row, the logits' shape "
     "less the class axis. Their shape fits if the classes run along axis 1: pass axis=1. "
     "Nothing is broadcast."),
    ((Z, Y.astype(float)), {}, ValueError,
     "targets holds floats of shape (400,), one per row. If they are class labels, pass "
     "targets.astype(int); probabilities have the logits' own shape (400, 10)."),
    ((Z, Y > 3), {}, TypeError,
     "targets has dtype bool; expected integers (class indices) or floats (probabilities). Pass "
     "targets.astype(int) for labels 0 and 1, .astype(float) for one-hot rows."),
    ((Z, Y.astype(str)), {}, TypeError,
     "targets has dtype <U21; expected integers (class indices) or floats (probabilities). Encode "
     "labels with numpy.unique(targets, return_inverse=True)[1]."),
    ((B, T.astype(str)), {}, TypeError,
     "targets has dtype <U21; expected 0 and 1, booleans, or probabilities. Encode labels first, "
     "for example targets == 'yes'."),
    ((Z, None), {}, TypeError,
     "targets is None; expected an array or a list of class indices."),
    ((1.0, Y), {}, ValueError,
     "logits is a single number; expected an array with a class axis. For one logit per row use "
     "binary_cross_entropy."),
    ((Z, Y), {"axis": 2}, ValueError,
     "axis is 2, but logits has shape (400, 10): expected -2 to 1."),
    ((Z, Y), {"ignore_index": 1.5}, TypeError, "ignore_index is 1.5; expected an integer."),
    ((B, T), {"ignore_index": "no"}, TypeError, "ignore_index is 'no'; expected an integer."),
    ((Z, P), {"ignore_index": -1}, ValueError,
     "ignore_index marks class indices, but targets holds probabilities. Give the rows to ignore "
     "sample_weight 0."),
    ((Z, Y), {"names": ["a", "b"]}, ValueError,
     "the classes' names are ['a', 'b'], but there are 10 classes; expected a list of one name "
     "each."),
    ((B, T), {"names": "ab"}, ValueError,
     "the classes' names are 'ab', but there are 2 classes; expected a list of one name each."),
    ((Z, Y), {"tolerance": 2}, ValueError, "tolerance is 2; expected a number between 0 and 1."),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_what_is_no_batch_is_an_error(number: int) -> None:
    arguments, options, kind, message = ERRORS[number]
    with pytest.raises(kind) as caught:
        diagnose(*arguments, **options)
    assert str(caught.value) == message


# The report.


def report_of(case: str) -> BatchReport:
    _, _, arguments, options, _ = PLANTED[case]
    return diagnose(*arguments, **options)


TEXT = """\
Batch: 1 mistake
================

400 rows of 10 logits, in float64.

MISTAKE: labels off by one
  The mean loss is 6.2487, worse than chance (log 10 = 2.3026); with each label
  less 1 (targets - 1, mod 10) it would be 0.1367.
  Each row is scored against its neighbour's class.
  Check that labels and columns are both counted from 0, and look for a
  background class.

Figures
-------

figure       value  what it is
loss        6.2487  mean of the losses, nats per row
chance      2.3026  log 10: all classes equally likely
base rate   2.2906  always predicting the labels' shares
accuracy    0.0025  likeliest class is the label
commonest   0.1225  share of the commonest label
lowest     -5.8491  the lowest finite logit
highest    10.0162  the highest finite logit
"""


def test_text() -> None:
    report = report_of("off by one")
    assert str(report) == report.to_text() == TEXT
    assert repr(report) == "<BatchReport: 1 mistake: labels off by one>"
    assert repr(report_of("ignored")) == "<BatchReport: no mistake found, 1 note>"
    assert max(map(len, str(report).splitlines())) <= 80


def test_text_of_other_batches() -> None:
    assert "400 rows with one logit each, in float64." in str(diagnose(B, T))
    text = str(diagnose(PB[:1], T[:1], kind="probabilities"))
    assert "1 row with one probability of label 1 each" in text
    assert "Fewer than 20 rows are too few" in text
    assert "log-probability of label 1" in str(
        diagnose(xent.log_sigmoid(B), T, kind="log-probabilities")
    )
    assert "; 360 of them count below." in str(report_of("ignored"))


def test_markdown_and_html() -> None:
    report = report_of("off by one")
    markdown = report.to_markdown()
    assert markdown.startswith("# Batch: 1 mistake\n")
    assert "**MISTAKE: labels off by one.**" in markdown
    assert "| loss | 6.2487 |" in markdown
    html = report.to_html()
    assert "MISTAKE: labels off by one" in html
    assert "neighbour&#x27;s class" in html
    assert (report._repr_markdown_(), report._repr_html_()) == (markdown, html)


@pytest.mark.parametrize("case", ["off by one", "NaN everywhere", "masked label", "signs"])
def test_dict_is_plain_data(case: str) -> None:
    report = report_of(case)
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert data["mistakes"] == report.mistakes
    assert [f["name"] for f in data["findings"]] == [f.name for f in report.findings]
    assert set(data["findings"][0]) == {"name", "seen", "matters", "fix", "level"}
    assert (data["rows"], data["kind"], data["source"]) == (400, "logits", None)


# The command.

NAMES = ("cat", "dog", "größe 猫")
ZF, YF = classes(n=200, k=3)


def table(path: Path, scores: Array, labels: Any, stem: str = "logit", names: Any = NAMES) -> Path:
    heads = [stem] if scores.ndim == 1 else [f"{stem}_{name}" for name in names]
    rows = zip(scores.reshape(len(scores), -1).tolist(), labels, strict=True)
    lines = [",".join([*map(repr, row), str(label)]) for row, label in rows]
    path.write_text("\n".join([",".join([*heads, "label"]), *lines]), encoding="utf-8")
    return path


def named(labels: Array) -> list[str]:
    return [NAMES[i] for i in labels]


def test_command_on_a_good_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    monkeypatch.chdir(tmp_path)  # a long name would break the line
    path = table(Path("a.csv"), ZF, named(YF))
    output = run("diagnose", path)
    assert (output.code, output.err) == (0, "")
    assert output.out.startswith("a.csv: no mistake found\n")
    data = json.loads(run("diagnose", path, "--format", "json").out)
    assert (data["source"], data["mistakes"], data["rows"]) == (str(path), [], 200)
    close(data["loss"], xent.cross_entropy(ZF, YF))


IN_FILES: dict[str, tuple[tuple[Any, ...], dict[str, Any], str]] = {
    "permuted": ((ZF[:, [2, 0, 1]], named(YF)), {}, "classes permuted"),
    "probabilities": ((xent.softmax(ZF), named(YF)), {}, "probabilities given as logits"),
    "one-based": ((ZF, YF + 1), {"names": range(3)}, "labels one-based"),
    "out of range": ((ZF, put(YF, 3, 7)), {"names": range(3)}, "labels out of range"),
    "sums": ((xent.sigmoid(ZF), named(YF)), {"stem": "prob"}, "rows do not sum to 1"),
    "not probabilities": ((ZF, named(YF)), {"stem": "prob"}, "not probabilities"),
    "NaN": ((put(ZF, (3, 1), np.nan), named(YF)), {}, "NaN scores"),
    "infinite": ((put(ZF, (3, slice(0, 2)), INF), named(YF)), {}, "infinite logits"),
    "signs": ((B, 2 * T - 1), {}, "labels -1 and +1"),
    "flipped": ((B, 1 - T), {}, "labels flipped"),
    "above 1": ((B, T), {"stem": "prob"}, "not probabilities"),
    "all ignored": ((B, 0 * T - 100), {}, "every row ignored"),
}


@pytest.mark.parametrize("case", IN_FILES)
def test_command_on_a_bad_file(case: str, tmp_path: Path, run: Run) -> None:
    arguments, options, name = IN_FILES[case]
    path = table(tmp_path / "a.csv", *arguments, **options)
    output = run("diagnose", path)
    assert (output.code, output.err) == (1, "")
    assert f"MISTAKE: {name}\n" in output.out


def test_forms_of_the_command(tmp_path: Path, run: Run) -> None:
    path = table(tmp_path / "a & b.csv", ZF[:, [2, 0, 1]], named(YF))
    output = command("diagnose", path)
    assert output.code == 1
    assert "größe 猫 in column 0" in " ".join(output.out.split())
    assert "\x1b" not in output.out
    markdown = run("diagnose", path, "--format", "markdown")
    assert (markdown.code, markdown.out[:2]) == (1, "# ")
    page = run("diagnose", path, "--format", "html").out
    assert page.startswith('<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>')
    assert "a &amp; b.csv: 1 mistake</title>" in page
    assert page.rstrip().endswith("</html>")


def test_options_of_the_command(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "a.csv"
    lines = [f"{p},{q},{'yn'[i % 2]}" for i, (p, q) in enumerate([(0.52, 0.5), (0.1, 0.9)] * 20)]
    path.write_text("\n".join(["a,b,truth", *lines]))
    options = ("--score-columns", "a,b", "--label-column", "truth", "--classes", "y,n")
    kind = ("--kind", "probabilities")
    output = run("diagnose", path, *options, *kind)
    assert (output.code, "rows do not sum to 1" in output.out) == (1, True)
    assert run("diagnose", path, *options, *kind, "--tolerance", "0.05").code == 0
    np.save(tmp_path / "z.npy", ZF)
    np.save(tmp_path / "y.npy", put(YF, slice(0, 20), -1))
    files = (tmp_path / "z.npy", "--labels", tmp_path / "y.npy")
    assert "labels out of range" in run("diagnose", *files).out
    output = run("diagnose", *files, "--ignore-index", "-1")
    assert (output.code, "20 of 200 rows" in output.out) == (0, True)


def test_only_the_first_rows_are_read(
    tmp_path: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = table(tmp_path / "a.csv", ZF, [*named(YF[:-1]), "bird"])
    assert run("diagnose", path).code == 2
    labels = put(YF, -1, -1)
    np.savez(tmp_path / "a.npz", logits=ZF, label=labels)
    path = tmp_path / "a.npz"
    monkeypatch.setattr(cli, "MOST_ROWS", 150)
    output = run("diagnose", path)
    assert (output.code, "Only the first 150 rows of the file were read." in output.out) == (
        0,
        True,
    )
    monkeypatch.setattr("xent.scoring.sources.reader.BATCH", 50)
    assert run("diagnose", path) == output
    monkeypatch.setattr(cli, "MOST_ROWS", 200)
    output = run("diagnose", path)
    assert (output.code, "rows of the file were read" in output.out) == (1, False)
    monkeypatch.setattr("xent.scoring.MOST_NUMBERS", 300)
    assert "first 100 rows" in run("diagnose", path).out


def test_confidence_in_the_predicted_label(tmp_path: Path, run: Run) -> None:
    """As pipelines for texts write it: the score is the probability of the label beside it."""
    names, path = np.array(["NEG", "POS"]), tmp_path / "a.csv"
    rows = zip(names[T], names[(PB > 0.5).astype(int)], np.maximum(PB, 1 - PB), strict=True)
    path.write_text("gold,label,score\n" + "".join(f"{t},{p},{q}\n" for t, p, q in rows))
    output = run("diagnose", path)
    assert output.code == 1
    assert "MISTAKE: confidence in the predicted label\n" in output.out
    told = " ".join(output.out.split())
    assert "No score is below 1/2, and 'label' holds predicted labels. The rest of this" in told
    data = json.loads(run("diagnose", path, "--format", "json").out)
    assert data["mistakes"] == ["confidence in the predicted label"]
    close(data["loss"], xent.log_loss(T, PB), rtol=1e-9)
    asked = "--kind", "probabilities", "--predicted-column", "label"
    assert run("diagnose", path, *asked).code == 0


@pytest.mark.parametrize("beyond", [0.9e-6, 2e-6])
def test_rounding_beyond_0_and_1_is_that_of_log_loss(beyond: float) -> None:
    """What `log_loss` takes as 0 or 1, `diagnose` does, and nothing further out."""
    wrong = [] if beyond < 1e-6 else ["not probabilities"]
    certain = np.where(T, 1 + beyond, 0.5)
    report = diagnose(certain, T, kind="probabilities")
    assert report.mistakes == wrong
    if not wrong:
        close(report.loss, xent.log_loss(T, certain))
    # Labels 0, whose probability is beyond 0.
    impossible = np.where(T, 0.5, -beyond)
    assert diagnose(impossible, T, kind="probabilities").mistakes == wrong
    rows = put(P, (slice(3), slice(None)), 0)
    rows[np.arange(3), Y[:3]] = 1 + beyond
    assert diagnose(rows, Y, kind="probabilities").mistakes == wrong
    logarithms = np.where(T, beyond, np.log(0.5))
    wrong = [] if beyond < 1e-6 else ["not log-probabilities"]
    assert diagnose(logarithms, T, kind="log-probabilities").mistakes == wrong


def test_a_missing_score_in_a_file_is_diagnosed(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "a.csv"
    path.write_text("logit,label\n,1\n0.3,0\n")
    output = run("diagnose", path)
    assert output.code == 1
    assert "A score is NaN in row 0." in output.out


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("0.5,bird", "row 0 (line 2), column 'label': 'bird' is not a class; the classes are 0, 1. "
         "Name the classes in the order of the scores: --classes A,B,..."),
        ("0.5,1.5", "row 0 (line 2), column 'label': '1.5' is not a class; the classes are 0, 1."
         " Name the classes in the order of the scores: --classes A,B,..."),
        ("x,1", "row 0 (line 2), column 'logit': 'x' is not a number."),
        ("0.5,", "row 0 (line 2), column 'label': the label is missing. "
         "xent score --missing drop leaves such rows out."),
        ("", "holds no rows."),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_an_error(
    rows: str,
    message: str,
    tmp_path: Path,
    run: Run,
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"logit,label\n{rows}\n")
    assert run("diagnose", path) == (2, "", f"xent: {path}: {message}\n")


def test_wrong_use_of_the_command(tmp_path: Path, run: Run) -> None:
    path = table(tmp_path / "a.csv", B, T)
    assert run("diagnose", path, "--kind", "x").code == 2
    assert run("diagnose", path, "--format", "pdf").code == 2
    assert run("diagnose", tmp_path / "none.csv").err.endswith("none.csv: no such file.\n")
    help_ = run("diagnose", "--help").out
    assert (
        "Exit codes: 0 if no mistake is found, 1 if one is, 2 if the file cannot be read"
        in " ".join(help_.split())
    )
