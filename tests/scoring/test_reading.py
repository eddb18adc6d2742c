"""Files of many tools, read right or refused with the option that reads them right."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import close

import xent
from xent.scoring import FileError, Score, score

P = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6], [0.5, 0.3, 0.2]])
Y = np.array([0, 1, 2, 1])
DUE = float(xent.log_loss(Y, P))
B = np.array([0.9, 0.2, 0.4, 0.8, 0.3])
T = np.array([1, 0, 1, 1, 0])
BINARY = float(xent.log_loss(T, B))
KINDS = np.array(["cat", "dog", "fox"])


def written(folder: Path, header: str, *columns: Any, name: str = "a.csv", mark: str = ",") -> Path:
    rows = zip(*(np.asarray(column).tolist() for column in columns), strict=True)
    lines = [header, *(mark.join(map(str, row)) for row in rows)]
    (folder / name).write_text("\n".join(lines) + "\n", "utf-8")
    return folder / name


def refused(path: Path, **options: Any) -> str:
    with pytest.raises(FileError) as error:
        score(path, **options)
    return str(error.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    "header",
    [
        "label,prob", "target,y_pred_proba", "y_true,y_prob", "y_test,predict_proba",
        "actual,predicted_probability", "Truth,Pred.Prob", "gold,P", "obs,Predicted Probability",
        "ground_truth,prob_1", "y,probability(1)", "label,p1", "true_label,1_prob",
    ],
)  # fmt: skip
def test_binary_probabilities_by_name(header: str, tmp_path: Path) -> None:
    result = score(written(tmp_path, header, T, B))
    close(result.loss, BINARY)
    assert result.kind == "probabilities"


@pytest.mark.parametrize(
    ("header", "labels"),
    [
        ("truth,prob.cat,prob.dog,prob.fox", KINDS[Y]),
        ("obs,.pred_cat,.pred_dog,.pred_fox", KINDS[Y]),
        ("target,Class_1,Class_2,Class_3", np.char.add("Class_", (Y + 1).astype(str))),
        ("target,Class_1,Class_2,Class_3", Y + 1),
        ("label,cat,dog,fox", KINDS[Y]),
        ("y,p0,p1,p2", Y),
        ("y,0,1,2", Y),
        ("y_true,cat_prob,dog_prob,fox_prob", KINDS[Y]),
        ("label,probability(cat),probability(dog),probability(fox)", KINDS[Y]),
        ("label,Prob cat,Prob dog,Prob fox", KINDS[Y]),
    ],
)
def test_classes_by_name(header: str, labels: Any, tmp_path: Path) -> None:
    close(score(written(tmp_path, header, labels, *P.T)).loss, DUE)


def test_other_columns_are_left_alone(tmp_path: Path) -> None:
    header = ",id,predict,prob_cat,prob_dog,prob_fox,truth,note"
    more = np.arange(4), np.arange(4) + 100_000, KINDS[P.argmax(1)]
    path = written(tmp_path, header, *more, *P.T, KINDS[Y], ["x"] * 4)
    result = score(path)
    close(result.loss, DUE)
    assert result.read == (
        "Labels in 'truth'; probabilities in 'prob_cat', 'prob_dog', 'prob_fox', for the classes "
        "cat, dog, fox."
    )
    assert result.to_dict()["read"] == result.read
    assert result.read in " ".join(result.to_text().split())


@pytest.mark.parametrize(
    ("texts", "classes"),
    [
        (["yes" if y else "no" for y in T], ("no", "yes")),
        (["Positive" if y else "Negative" for y in T], ("Negative", "Positive")),
        (["True" if y else "False" for y in T], ("False", "True")),
        ([f"{y}.0" for y in T], ("0", "1")),
    ],
)
def test_labels_that_say_yes_or_no(texts: list[str], classes: Any, tmp_path: Path) -> None:
    result = score(written(tmp_path, "label,prob", texts, B))
    close(result.loss, BINARY)
    assert result.classes == classes


def followed(message: str) -> dict[str, dict[str, Any]]:
    """The options that an error offers, with the loss that it says of each."""
    found = re.findall(r"(\d+\.\d+) for ([^;(]*) \((--[^)]*)\)", message)
    return {option: {"loss": float(loss), "told": told} for loss, told, option in found}


def given(option: str) -> dict[str, Any]:
    """Arguments for options of the command line."""
    words = option.split()
    names = {"--kind": "kind", "--classes": "classes", "--score-columns": "score_columns"}
    names |= {"--predicted-column": "predicted_column", "--label-column": "label_column"}
    pairs = zip(words[::2], words[1::2], strict=True)
    lists = ("--classes", "--score-columns")
    return {names[k]: v.split(",") if k in lists else v for k, v in pairs}


def follow(path: Path, message: str) -> dict[str, Score]:
    """What each option that an error offers gives: the loss that the error says."""
    results = {}
    for option, said in followed(message).items():
        results[option] = score(path, **given(option))
        close(results[option].loss, said["loss"], rtol=0, atol=5e-5)
    return results


@pytest.mark.parametrize("name", ["score", "y_score", "y_pred", "prediction", "output"])
def test_numbers_that_may_be_probabilities_or_logits(name: str, tmp_path: Path) -> None:
    path = written(tmp_path, f"label,{name}", T, B)
    results = follow(path, refused(path))
    assert set(results) == {"--kind probabilities", "--kind logits"}
    close(results["--kind probabilities"].loss, BINARY)


def test_logits_need_no_option(tmp_path: Path) -> None:
    z = np.log(B / (1 - B)) * 3
    path = written(tmp_path, "label,score", T, z)
    close(score(path).loss, xent.binary_cross_entropy(z, T))


def test_logarithms_of_probabilities_may_be_logits(tmp_path: Path) -> None:
    path = written(tmp_path, "label,score", T, np.log(B))
    results = follow(path, refused(path))
    assert set(results) == {"--kind log-probabilities", "--kind logits"}
    close(results["--kind log-probabilities"].loss, BINARY)


def test_rows_that_sum_to_1_are_probabilities(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, y_true=Y, y_pred=P)
    result = score(path)
    close(result.loss, DUE)
    assert result.kind == "probabilities"
    np.savez(path, P, Y)
    close(score(path).loss, DUE)
    np.savez(path, y_true=np.eye(3)[Y], scores=np.log(P))
    close(score(path).loss, DUE)
    np.savez(path, y_true=Y[:, None], scores=np.log(P) + 3)
    assert score(path).kind == "logits"
    close(score(path).loss, DUE)


@pytest.mark.parametrize("header", ["label,prob", "label,score"])
def test_percent(header: str, tmp_path: Path) -> None:
    path = written(tmp_path, header, T, 100 * B)
    message = refused(path)
    assert "--kind percent" in message
    assert f"{BINARY:.4f}" in message
    close(score(path, kind="percent").loss, BINARY)


@pytest.mark.parametrize("header", ["label,prob_cat,prob_dog,prob_fox", "label,cat,dog,fox"])
def test_rows_that_sum_to_100(header: str, tmp_path: Path) -> None:
    path = written(tmp_path, header, KINDS[Y], *(100 * P).T)
    message = refused(path)
    assert "the scores of each row sum to 100: percentages? Then pass --kind percent" in message
    close(score(path, kind="percent").loss, DUE)


@pytest.mark.parametrize(
    ("header", "scores", "told"),
    [
        ("label,logit", 100 * B, "The logits look like percentages: all lie between 0 and 100."),
        ("label,logit", B, "The logits look like probabilities: none is negative"),
        ("label,logit", 2 * B, ""),
        ("label,logit", -B, ""),
        ("label,logit_0,logit_1,logit_2", 100 * P, "percentages: every row sums to 100."),
        ("label,logit_0,logit_1,logit_2", 90 * P, ""),
    ],
)  # fmt: skip
def test_logits_that_look_like_something_else(
    header: str, scores: Any, told: str, tmp_path: Path
) -> None:
    labels = T if scores.ndim == 1 else Y
    columns = [scores] if scores.ndim == 1 else scores.T
    result = score(written(tmp_path, header, labels, *columns))
    notes = [note for note in result.notes if "look like" in note]
    assert len(notes) == bool(told)
    assert all(told in note for note in notes)


def test_percent_signs(tmp_path: Path) -> None:
    path = written(tmp_path, "label,prob", T, [f"{100 * p:.0f}%" for p in B])
    told = "90% is not a number. Remove the signs % and pass --kind percent."
    assert refused(path) == f"column 'prob': {told}"


def test_two_models_are_no_two_classes(tmp_path: Path) -> None:
    a, b = np.log(B / (1 - B)), np.array([2.0, -1.0, 0.5, -0.5, 1.0])
    path = written(tmp_path, "label,logit_A,logit_B", T, a, b)
    results = follow(path, refused(path))
    assert set(results) == {"--classes 0,1", "--score-columns logit_A", "--score-columns logit_B"}
    close(results["--score-columns logit_A"].loss, BINARY)


def test_numbers_for_named_classes_are_not_guessed(tmp_path: Path) -> None:
    path = written(tmp_path, "label,prob_dog,prob_cat,prob_fox", Y, *P.T)
    results = follow(path, refused(path))
    assert set(results) == {"--classes 0,1,2"}
    close(results["--classes 0,1,2"].loss, DUE)


def test_columns_from_1_beside_labels_from_0(tmp_path: Path) -> None:
    p, y = P[[1, 3, 1]], np.array([1, 0, 1])
    path = written(tmp_path, "target,Class_1,Class_2,Class_3", y, *p.T)
    message = refused(path)
    assert "columns counted from 0" in message or "'0' is not a class" in message
    y = np.array([1, 1, 1])
    path = written(tmp_path, "target,Class_1,Class_2,Class_3", y, *P[[1, 1, 1]].T)
    results = follow(path, refused(path))
    assert set(results) == {"--classes 1,2,3", "--classes 0,1,2"}


def test_columns_asked_for_are_in_the_order_of_the_classes(tmp_path: Path) -> None:
    path = written(tmp_path, "label,b,a,c", Y, *P.T)
    close(score(path, score_columns=["b", "a", "c"], kind="probabilities").loss, DUE)


def test_confidence_in_the_predicted_label(tmp_path: Path) -> None:
    """As pipelines for texts write it: the label that is predicted, and its probability."""
    predicted, sure = np.where(B >= 0.5, "POS", "NEG"), np.maximum(B, 1 - B)
    path = written(tmp_path, "gold,label,score", np.where(T, "POS", "NEG"), predicted, sure)
    results = follow(path, refused(path))
    close(results["--kind probabilities --predicted-column label"].loss, BINARY)


def test_predicted_labels_are_no_scores(tmp_path: Path) -> None:
    message = refused(written(tmp_path, "y_true,y_pred", Y, P.argmax(1)))
    assert "predicted labels? Save probabilities, as predict_proba returns them" in message
    hard = np.eye(3)[np.tile(P.argmax(1), 3)]
    result = score(written(tmp_path, "label,prob_0,prob_1,prob_2", np.tile(Y, 3), *hard.T))
    assert any("Every probability is 0 or 1" in note for note in result.notes)


def test_long_format(tmp_path: Path) -> None:
    ids, kinds = np.repeat(np.arange(4), 3), np.tile(KINDS, 4)
    columns = {"id": ids, "class": kinds, "prob": P.ravel()}
    for more in ({"truth": np.repeat(KINDS[Y], 3)}, {"label": np.eye(3, dtype=int)[Y].ravel()}):
        df = pd.DataFrame({**columns, **more})
        df.to_csv(tmp_path / "a.csv", index=False)
        column = next(iter(more))
        with pytest.raises(FileError, match="one row for each class") as error:
            score(tmp_path / "a.csv", label_column=column)
        code = str(error.value).partition("column for each class: ")[2].removesuffix(".")
        eval(code, {"df": df}).to_csv(tmp_path / "b.csv")
        close(score(tmp_path / "b.csv").loss, DUE)


def test_classes_of_no_row_stand_beside_those_of_the_labels(tmp_path: Path) -> None:
    order = np.array([0, 1, 3])
    path = written(tmp_path, "id,size,cat,dog,fox,label", [7, 8, 9], [0.1, 0.2, 0.3], *P[order].T,
                   KINDS[Y[order]])  # fmt: skip
    result = score(path)
    assert result.classes == ("cat", "dog", "fox")
    close(result.loss, xent.log_loss(Y[order], P[order], labels=[0, 1, 2]))


@pytest.mark.parametrize("mark", [";", "\t", "|", ","])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_any_mark_between_columns(mark: str, name: str, tmp_path: Path) -> None:
    path = written(tmp_path, mark.join(["label", "prob"]), T, B, name=name, mark=mark)
    close(score(path).loss, BINARY)


@pytest.mark.parametrize("mark", [";", "\t"])
def test_decimal_commas(mark: str, tmp_path: Path) -> None:
    numbers = [str(p).replace(".", ",") for p in B]
    path = written(tmp_path, mark.join(["label", "prob"]), T, numbers, mark=mark)
    close(score(path).loss, BINARY)
    path = written(tmp_path, "label,prob", T, [f'"{number}"' for number in numbers])
    close(score(path).loss, BINARY)


@pytest.mark.parametrize("form", ["[{}, {}, {}]", "[{} {} {}]", "({},{},{})", "{};{};{}"])
def test_lists_as_text(form: str, tmp_path: Path) -> None:
    texts = [f'"{form.format(*row)}"' for row in P]
    path = written(tmp_path, "label,probs", Y, texts)
    if form.startswith("{}"):
        assert "is not a number" in refused(path)
    else:
        close(score(path).loss, DUE)


@pytest.mark.parametrize("gap", ["", "NA", "nan", "NaN", "null", "None", "N/A", "#N/A", "NULL"])
def test_rows_with_gaps(gap: str, tmp_path: Path) -> None:
    labels, scores = [*T, gap, 1], [*B, 0.5, gap]
    path = written(tmp_path, "label,prob", labels, scores)
    drop = "xent score --missing drop leaves such rows out."
    assert refused(path) == f"row 6 (line 8), column 'prob': the value is missing. {drop}"
    result = score(path, missing="drop")
    close(result.loss, BINARY)
    assert dict(result.left_out) == {"no label": 1, "no score": 1}
    assert "Left out: 1 with no label, 1 with no score." in result.to_text()
    assert result.to_dict()["rows_left_out"] == {"no label": 1, "no score": 1}


def test_a_file_whose_rows_are_all_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, "label,prob", [1, 0], ["", ""])
    with pytest.raises(FileError, match="no row is left: 2 with no score"):
        score(path, missing="drop")


def test_options_that_say_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, "label,prob", T, B)
    with pytest.raises(ValueError, match=r"^missing is 'skip'; expected 'error' or 'drop'\.$"):
        score(path, missing="skip")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^ignored is '-1'; expected a list of labels: \['-1'\]"):
        score(path, ignored="-1")
    expected = "expected logits, probabilities, log-probabilities, percent"
    with pytest.raises(ValueError, match=expected):
        score(path, kind="percentage")


def test_a_class_may_be_called_none(tmp_path: Path) -> None:
    labels = np.array(["None", "NA", "dog"])[Y]
    close(score(written(tmp_path, "label,prob_None,prob_NA,prob_dog", labels, *P.T)).loss, DUE)


def test_labels_that_mark_rows_to_be_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, "label,prob_0,prob_1,prob_2", [*Y, -100], *np.vstack([P, P[:1]]).T)
    assert refused(path).endswith("If it marks rows to be left out: --ignore-label=-100")
    result = score(path, ignored=["-100"])
    close(result.loss, DUE)
    assert dict(result.left_out) == {"label left out": 1}


def test_labels_that_differ_in_case(tmp_path: Path) -> None:
    path = written(tmp_path, "label,prob_cat,prob_dog,prob_fox", np.char.title(KINDS)[Y], *P.T)
    assert refused(path).endswith(
        "It differs from 'cat' in case: --classes Cat,dog,fox, or write labels alike where they "
        "are mixed."
    )


def test_probabilities_beyond_0_or_1_by_rounding(tmp_path: Path) -> None:
    path = written(tmp_path, "label,prob", [1, 0, 1], [1 + 1e-9, -1e-9, 0.5])
    close(score(path).loss, np.log(2) / 3)


def test_two_columns_of_true_labels(tmp_path: Path) -> None:
    path = written(tmp_path, "gold,truth,prob", T, 1 - T, B)
    message = refused(path)
    assert message.startswith("several columns may hold the true labels: 'gold', 'truth'. Pass the")
    close(follow(path, message)["--label-column gold"].loss, BINARY)
    close(score(written(tmp_path, "gold,truth,prob", T, T, B)).loss, BINARY)


def test_accuracy_is_weighted_as_the_loss_is(tmp_path: Path) -> None:
    path = written(tmp_path, "label,prob,w", [1, 0], [0.9, 0.9], [1, 100])
    close(score(path, weight_column="w").accuracy, 1 / 101)


def test_the_likeliest_class_is_that_of_the_scores(tmp_path: Path) -> None:
    assert score(written(tmp_path, "label,logit", [1], [1e-17])).accuracy == 1


def test_macro_loss(tmp_path: Path) -> None:
    path = written(tmp_path, "label,prob_0,prob_1", [0] * 8 + [1] * 2, [0.9] * 8 + [0.7] * 2,
                   [0.1] * 8 + [0.3] * 2)  # fmt: skip
    close(score(path).macro_loss, -(np.log(0.9) + np.log(0.3)) / 2)
