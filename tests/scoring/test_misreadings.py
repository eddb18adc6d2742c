"""Files that were once misread without a word: each is read right, or an error says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from commands import Output
from helpers import problem_with

from xent.scoring import FileError, merge, score
from xent.scoring.language.rows import excerpt_of

NEGATIVE = -np.log([0.9, 0.8, 0.6]).mean()


@pytest.mark.parametrize(
    "column", ["prob_0", "p0", "proba_0", "P(0)", "prob_class_0", "pred_proba_0", "prob_negative"]
)
def test_a_column_alone_may_be_of_the_negative_class(column: str) -> None:
    result = score({"label": [1, 0, 1], column: [0.1, 0.8, 0.4]})
    assert abs(result.loss - NEGATIVE) < 1e-15
    assert "for label 0 (not 1)" in result.read


@pytest.mark.parametrize(
    ("labels", "column", "told"),
    [
        (["yes", "no", "yes"], "prob_no", "for label no (not yes)"),
        ([True, False, True], "prob_False", "for label false (not true)"),
        (["ham", "spam", "ham"], "prob.spam", "for label spam (not ham)"),
        (["a", "b", "a"], "prob_b", "for label b (not a)"),
    ],
)
def test_a_column_alone_names_its_class(labels: list[Any], column: str, told: str) -> None:
    result = score({"label": labels, column: [0.1, 0.8, 0.4]})
    assert abs(result.loss - NEGATIVE) < 1e-15
    assert told.lower() in result.read.lower()


def test_a_column_alone_may_be_named_after_a_model() -> None:
    assert abs(score({"label": [0, 1, 0], "prob_lgb": [0.1, 0.8, 0.4]}).loss - NEGATIVE) < 1e-15
    assert abs(score({"label": [0, 1, 0], "prob_1": [0.1, 0.8, 0.4]}).loss - NEGATIVE) < 1e-15


def test_confidences_beside_predicted_labels_whatever_they_are_called() -> None:
    table = {"label": [1, 0, 1, 0], "prob": [0.9, 0.95, 0.8, 0.7], "y_pred": [1, 0, 0, 0]}
    message = problem_with(table)
    assert "no score is below 1/2, and 'y_pred' holds predicted labels" in message
    assert "0.5307 for probabilities of the label in 'y_pred'" in message
    options: dict[str, Any] = {"kind": "probabilities", "predicted_column": "y_pred"}
    assert abs(score(table, **options).loss + np.log([0.9, 0.95, 0.2, 0.7]).mean()) < 1e-15
    # Of predictions that are all the same, the scores may be of label 1.
    assert score({**table, "y_pred": [1, 1, 1, 1]}).kind == "probabilities"


def test_classes_in_another_order_are_found_by_their_names() -> None:
    one = {"label": ["a", "b"], "prob_a": [0.9, 0.2], "prob_b": [0.1, 0.8]}
    other = {"label": one["label"], "prob_b": one["prob_b"], "prob_a": one["prob_a"]}
    loss = -np.log([0.9, 0.8]).mean()
    for table in (one, other):
        for order in (["a", "b"], ["b", "a"]):
            assert abs(score(table, classes=order).loss - loss) < 1e-15
    both = merge([score(table, classes=["a", "b"]) for table in (one, other)])
    assert abs(both.loss - loss) < 1e-15
    numbered = {"label": [1, 0], "prob_0": [0.1, 0.8], "prob_1": [0.9, 0.2]}
    assert abs(score(numbered, classes=["1", "0"]).loss - loss) < 1e-15


def test_a_class_that_the_first_file_lacks(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("label,logit_a,logit_b\na,2,1\n")
    (tmp_path / "b.csv").write_text("label,logit_a,logit_b,logit_c\na,1,1,3\n")
    assert "b.csv: has scores in 'logit_c', too, unlike the first file." in problem_with(tmp_path)
    chosen = score(tmp_path, score_columns=["logit_a", "logit_b"])
    assert chosen.rows == 2


def test_predicted_labels_in_a_column_for_each_class() -> None:
    table = {"label": ["cat", "dog"], "pred_cat": [1, 0], "pred_dog": [0, 1]}
    assert "hold 0 and 1 and nothing else: predicted labels?" in problem_with(table)
    assert score(table, kind="probabilities").loss == 0


def test_scores_between_0_and_1_that_do_not_sum_to_1() -> None:
    table = {"label": ["a", "b"], "score_a": [0.9, 0.2], "score_b": [0.5, 0.8]}
    message = problem_with(table)
    divided = -np.log([0.9 / 1.4, 0.8]).mean()
    assert f"{divided:.4f} for probabilities, each row divided by its sum" in message
    assert "0.4753 for logits (--kind logits)" in message
    assert abs(score(table, kind="probabilities", normalize=True).loss - divided) < 1e-15


@pytest.mark.parametrize("missing", [False, True])
def test_categories_with_unsigned_codes(missing: bool) -> None:
    labels = pl.Series(["b", None if missing else "a", "b"], dtype=pl.Categorical)
    table = pl.DataFrame({"label": labels, "prob_a": [0.1, 0.8, 0.6], "prob_b": [0.9, 0.2, 0.4]})
    p = [0.9, 0.4] if missing else [0.9, 0.8, 0.4]
    assert abs(score(table, missing="drop").loss + np.log(p).mean()) < 1e-15


def test_a_line_of_json_with_lists_is_a_row(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"label": [0, 1, 0], "prob": [0.2, 0.7, 0.1]}\n')
    result = score(tmp_path / "a.jsonl")
    assert (result.rows, result.loss) == (1, -np.log(0.7))


def test_links_do_not_make_rows_count_twice(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    (folder / "a.csv").write_text("label,prob\n1,0.9\n0,0.2\n")
    (folder / "b.csv").write_text("label,prob\n1,0.1\n")
    (folder / "latest.csv").symlink_to("b.csv")
    (folder / "hard.csv").hardlink_to(folder / "b.csv")
    (folder / "loop").symlink_to(folder)
    (folder / "nowhere.csv").symlink_to("none")
    assert score(folder).rows == 3
    assert score(f"{folder}/**/*.csv").rows == 3
    with pytest.raises(FileError, match=r"is named twice, as .*b\.csv, too: its rows would count"):
        score([folder / "b.csv", folder / "latest.csv"])


def test_empty_and_missing_files_are_left_out_if_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("label,prob\n1,0.9\n0,0.2\n")
    (tmp_path / "b.csv").write_text("")
    assert problem_with(tmp_path).endswith("b.csv: is empty (0 bytes).")
    files = [tmp_path / name for name in ("a.csv", "b.csv", "none.csv")]
    result = score(files, skip_bad=True)
    assert result.rows == 2
    assert sorted(why.rpartition(": ")[2] for why in result.skipped) == [
        "is empty (0 bytes).",
        "no such file.",
    ]


def test_what_was_read_is_not_overwritten(tmp_path: Path, run: Any) -> None:
    (tmp_path / "a.csv").write_text("label,prob\n1,0.9\n0,0.2\n")
    (tmp_path / "a.json").write_text('[{"label": 1, "prob": 0.9}]')
    for source, target in (("a.csv", ("--save-state", "a.csv")), ("a.json", ("-o", "a.json"))):
        before = (tmp_path / source).read_text()
        output: Output = run("score", tmp_path / source, target[0], tmp_path / target[1])
        assert "is a file of the predictions; name another to write to." in output.err
        assert output.code != 0
        assert (tmp_path / source).read_text() == before


def test_where_a_state_cannot_be_saved_is_said_before_anything_is_read(
    tmp_path: Path, run: Any
) -> None:
    output: Output = run("score", tmp_path / "none.csv", "--save-state", tmp_path / "x/a.state")
    assert "there is no folder" in output.err
    folder = tmp_path / "runs"
    folder.mkdir()
    (folder / "a.csv").write_text("label,prob\n1,0.9\n0,0.2\n")
    output = run("score", folder, "--save-state", folder / "a.csv")
    assert "is a file of the predictions; name another to write to." in output.err


def test_a_long_name_leaves_no_text_beside_it() -> None:
    assert excerpt_of("x" * 40, "a long text" * 9, tail=True) == "x" * 40 + " ..."
    assert excerpt_of("x" * 40, "a long text" * 9) == "x" * 40 + " ..."
    assert excerpt_of("doc 7", "a long text" * 9, tail=True).endswith("long text")


def test_a_state_is_merged_once_and_as_it_is(tmp_path: Path, run: Any) -> None:
    (tmp_path / "a.csv").write_text("label,prob\n1,0.9\n0,0.2\n")
    result = score(tmp_path / "a.csv")
    state = tmp_path / "a.state"
    result.save_state(state)
    with pytest.raises(FileError, match=r"a\.state: is named twice: its rows would count twice"):
        merge([state, state])
    assert "are rows counted twice?" in merge([result, state]).notes[-1]
    for option in (("--clip", "0.1"), ("--label-column", "x"), ("--losses", "x.csv")):
        output: Output = run("score", "--merge", state, *option)
        assert f"--merge takes saved results as they are: {option[0]} belongs" in output.err


def test_labels_that_are_left_out_do_not_hide_what_the_others_are() -> None:
    table = {"label": ["yes", "no", "unk"], "prob": [0.9, 0.2, 0.5]}
    assert abs(score(table, ignored=["unk"]).loss + np.log([0.9, 0.8]).mean()) < 1e-15


def test_weights_that_do_not_count_are_named() -> None:
    table = {"label": [1, 0, 1], "prob": [0.9, 0.2, 0.5], "sample_weight": [0, 3, 1]}
    assert score(table).read.endswith("--weight-column sample_weight would weigh them.")
    result = score(table, weight_column="sample_weight")
    assert (result.rows, result.left_out) == (2, (("weight 0", 1),))
    assert "--weight-column" not in result.read


def test_a_table_of_scores_beside_labels() -> None:
    frame = pl.DataFrame({"a": [0.9, 0.2], "b": [0.1, 0.8]})
    assert abs(score(frame, labels=["a", "b"]).loss + np.log([0.9, 0.8]).mean()) < 1e-15
    assert score(pl.Series([0.9, 0.2]), labels=[1, 0], kind="probabilities").rows == 2


def test_marks_between_thousands_are_no_decimal_commas(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('label,logit_a,logit_b\na,"12,345","11,001"\nb,"10,002","12,000"\n')
    assert problem_with(path) == (
        "a.csv: '12,345' may be 12.345 or 12345: write numbers with decimal points, and without "
        "marks between thousands."
    )
    path.write_text('label,prob\n1,"0,9"\n0,"0,2"\n')
    result = score(path)
    assert abs(result.loss + np.log([0.9, 0.8]).mean()) < 1e-15
    assert result.read.endswith("Numbers have decimal commas.")
    path.write_text("label;logit\n1;1,234\n0;-2,345\n")
    assert "decimal commas" in score(path).read


def test_rows_that_are_left_out_say_nothing_of_the_kind() -> None:
    table = {"label": [1, 0, -100], "prob": [0.9, 0.2, 5]}
    assert abs(score(table, ignored=["-100"]).loss + np.log([0.9, 0.8]).mean()) < 1e-15


def test_a_label_without_a_column_among_numbered_ones() -> None:
    table = {"label": [2, 0, 1], "prob_0": [0.7, 0.8, 0.1], "prob_1": [0.2, 0.1, 0.8]}
    message = problem_with({**table, "prob_3": [0.1, 0.1, 0.1]})
    assert "2 is not a class; the classes are 0, 1, 3." in message
    assert "--classes 0,1,2" not in message


def test_folders_of_one_file_are_columns_too(tmp_path: Path) -> None:
    folder = tmp_path / "label=1"
    folder.mkdir()
    (folder / "a.csv").write_text("prob\n0.9\n")
    assert score(folder / "a.csv").loss == -np.log(0.9)


def test_figures_of_a_harness_are_no_samples(tmp_path: Path) -> None:
    (tmp_path / "results_2026.json").write_text('{"results": {"acc": 1}}')
    (tmp_path / "samples_a.jsonl").write_text('{"label": 1, "prob": 0.9}\n')
    assert score(tmp_path).rows == 1
