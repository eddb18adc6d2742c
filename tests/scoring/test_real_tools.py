"""Predictions as tools write them: the right loss, or an error with the option that gives it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import sklearn.metrics
from advice import losses
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import xent
from xent.scoring import FileError, Score, score

Array = np.ndarray[Any, Any]
Written = tuple[Any, float] | tuple[Any, float, dict[str, Any]]
"""What is scored, the right loss, and options that no error can know."""

RNG = np.random.default_rng(11)
N = 40
KINDS = np.array(["setosa", "versicolor", "virginica"])
P = RNG.dirichlet([1, 1, 1], N).round(6)
P[:, 2] = 1 - P[:, 0] - P[:, 1]
Y = np.array([RNG.choice(3, p=p / p.sum()) for p in P])
Z = np.log(P) + RNG.normal(size=(N, 1))
B = RNG.uniform(0.01, 0.99, N).round(6)
T = (RNG.uniform(size=N) < B).astype(int)
MARGIN = np.log(B / (1 - B))
Q = RNG.uniform(0.01, 0.99, (N, 3)).round(6)
M = (RNG.uniform(size=Q.shape) < Q).astype(int)
SPECIES, PREDICTED = KINDS[Y], KINDS[P.argmax(axis=1)]
DUE = -float(np.log(P[np.arange(N), Y]).mean())
BINARY = -float(np.log(np.where(T, B, 1 - B)).mean())
SEVERAL = -float(np.log(np.where(M, Q, 1 - Q)).mean())


def csv(folder: Path, columns: dict[str, Any] | pd.DataFrame, name: str = "a.csv") -> Path:
    pd.DataFrame(columns).to_csv(folder / name, index=False)
    return folder / name


def by_class(form: str, matrix: Array = P, names: Any = KINDS) -> dict[str, Array]:
    return {form.format(name): matrix[:, j] for j, name in enumerate(names)}


def as_json(folder: Path, rows: Any, name: str = "a.json") -> Path:
    (folder / name).write_text(json.dumps(rows))
    return folder / name


def as_npz(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "a.npz", **arrays)
    return folder / "a.npz"


def vectors(matrix: Array) -> list[str]:
    """As Spark writes a vector of ML to text."""
    return ["[" + ",".join(map(str, row)) + "]" for row in matrix.tolist()]


# scikit-learn.


@cache
def iris() -> tuple[pd.DataFrame, Array, LogisticRegression]:
    """Held-out flowers, their species as numbers, and a model."""
    data = load_iris(as_frame=True)
    train, test, y, held_out = train_test_split(
        data.data, data.target, test_size=0.4, random_state=0, stratify=data.target
    )
    return test.reset_index(drop=True), held_out.to_numpy(), LogisticRegression().fit(train, y)


@cache
def tumours() -> tuple[pd.DataFrame, Array, Array, Array]:
    """Features, labels, and cross-validated probabilities and decisions."""
    data = load_breast_cancer(as_frame=True)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    p, z = (
        cross_val_predict(model, data.data, data.target, cv=3, method=method)
        for method in ("predict_proba", "decision_function")
    )
    return data.data, data.target.to_numpy(), p, z


def of_iris(frame: Callable[[pd.DataFrame, Array, Array, Any], pd.DataFrame]) -> Any:
    """A file of probabilities of the species."""

    def write(folder: Path) -> Written:
        x, y, model = iris()
        p = model.predict_proba(x)
        frame(x, y, p, model).to_csv(folder / "a.csv")
        return folder / "a.csv", -float(np.log(p[np.arange(len(y)), y]).mean())

    return write


def of_tumours(frame: Callable[[pd.DataFrame, Array, Array, Array], Any]) -> Any:
    def write(folder: Path) -> Written:
        x, y, p, z = tumours()
        pd.DataFrame(frame(x, y, p, z)).to_csv(folder / "a.csv")
        return folder / "a.csv", -float(np.log(p[np.arange(len(y)), y]).mean())

    return write


def with_features(x: pd.DataFrame, *columns: Any) -> pd.DataFrame:
    return pd.concat([x, *(pd.DataFrame(each) for each in columns)], axis=1)


SKLEARN: dict[str, Any] = {
    "classes as columns": of_iris(
        lambda x, y, p, m: pd.DataFrame(p, columns=KINDS).assign(label=KINDS[y])
    ),
    "classes as columns, y in numbers": of_iris(
        lambda x, y, p, m: pd.DataFrame(p, columns=KINDS).assign(y_test=y)
    ),
    "model.classes_": of_iris(lambda x, y, p, m: pd.DataFrame(p, columns=m.classes_).assign(y=y)),
    "add_prefix": of_iris(lambda x, y, p, m: pd.DataFrame(p).add_prefix("proba_").assign(target=y)),
    "add_prefix, y in words": of_iris(
        lambda x, y, p, m: pd.DataFrame(p).add_prefix("proba_").assign(target=KINDS[y])
    ),
    "X, y, proba": of_iris(
        lambda x, y, p, m: with_features(x, {"target": y}, pd.DataFrame(p, columns=KINDS))
    ),
    "X, y, proba without names": of_iris(lambda x, y, p, m: with_features(x, {"target": y}, p)),
    "X, y in a column of another name": of_iris(
        lambda x, y, p, m: with_features(x, {"species": KINDS[y]}, pd.DataFrame(p, columns=KINDS))
    ),
    "y_true, y_pred, proba": of_iris(
        lambda x, y, p, m: with_features(pd.DataFrame({"y_true": y, "y_pred": m.predict(x)}), p)
    ),
    "list in a cell": of_iris(
        lambda x, y, p, m: pd.DataFrame({"y": y, "y_pred": m.predict(x), "proba": p.tolist()})
    ),
    "decision_function": of_iris(
        lambda x, y, p, m: pd.DataFrame(m.decision_function(x), columns=KINDS).assign(
            label=KINDS[y]
        )
    ),
    "predict_log_proba": of_iris(
        lambda x, y, p, m: pd.DataFrame(m.predict_log_proba(x), columns=KINDS).assign(
            label=KINDS[y]
        )
    ),
    "cross_val_predict": of_tumours(lambda x, y, p, z: {"y": y, "p": p[:, 1]}),
    "cross_val_predict, both": of_tumours(lambda x, y, p, z: with_features(x, {"target": y}, p)),
    "cross_val_predict, names": of_tumours(
        lambda x, y, p, z: with_features(
            x, {"target": y}, pd.DataFrame(p, columns=["malignant", "benign"])
        )
    ),
    "cross_val_predict, decisions": of_tumours(
        lambda x, y, p, z: {"y_true": y, "decision_function": z}
    ),
    "y_score of decisions": of_tumours(lambda x, y, p, z: {"y_true": y, "y_score": z}),
    "y_score of probabilities": of_tumours(lambda x, y, p, z: {"y_true": y, "y_score": p[:, 1]}),
    "y_true, y_pred, y_score": of_tumours(
        lambda x, y, p, z: {"y_true": y, "y_pred": p.argmax(axis=1), "y_score": p[:, 1]}
    ),
    "words for labels": of_tumours(
        lambda x, y, p, z: {"y": np.array(["malignant", "benign"])[y], "y_prob": p[:, 1]}
    ),
    "False and True": of_tumours(
        lambda x, y, p, z: pd.DataFrame(p, columns=[False, True]).assign(target=y.astype(bool))
    ),
    "-1 and 1": of_tumours(lambda x, y, p, z: {"y_true": np.where(y, 1, -1), "margin": z}),
    "out of fold": of_tumours(lambda x, y, p, z: {"fold": y * 0, "target": y, "oof": p[:, 1]}),
    "two models": of_tumours(
        lambda x, y, p, z: {"target": y, "model_a": p[:, 1], "model_b": p[::-1, 1]}
    ),
    "label in a column of another name": of_tumours(
        lambda x, y, p, z: with_features(x, {"diagnosis": y, "y_pred_proba": p[:, 1]})
    ),
}


@pytest.mark.parametrize("orient", ["columns", "records", "split", "index", "table"])
def test_predictions_in_json(orient: Any, tmp_path: Path) -> None:
    x, y, model = iris()
    p = model.predict_proba(x).round(14)
    frame = pd.DataFrame(p, columns=KINDS).assign(label=KINDS[y])
    frame.to_json(tmp_path / "a.json", orient=orient, double_precision=15)
    assert_loss(tmp_path / "a.json", -float(np.log(p[np.arange(len(y)), y]).mean()))


# Boosted trees, R, and programs that learn by themselves.

TOOLS: dict[str, Any] = {
    "xgboost: multi:softprob": lambda at: (csv(at, pd.DataFrame(P).assign(label=Y)), DUE),
    "xgboost: output_margin=True": lambda at: (csv(at, {"label": T, "output_margin": MARGIN}),
                                               BINARY),
    "xgboost: margins of classes": lambda at: (csv(at, {"label": Y, **by_class("margin_{}", Z,
                                               range(3))}), DUE),
    "lightgbm: raw_score=True": lambda at: (csv(at, {"y": T, "raw_score": MARGIN}), BINARY),
    "lightgbm: predict": lambda at: (csv(at, {"y": T, "y_pred": B}), BINARY),
    "catboost: Probability": lambda at: (csv(at, {"SampleId": range(N), "Label": SPECIES,
                                         **by_class("Probability:Class={}")}), DUE),
    "catboost: RawFormulaVal": lambda at: (csv(at, {"SampleId": range(N), "Label": T,
                                           "RawFormulaVal": MARGIN}), BINARY),
    "vowpal wabbit": lambda at: (csv(at, {"label": np.where(T, 1, -1), "raw_score": MARGIN}),
                                 BINARY),
    "tidymodels": lambda at: (csv(at, {"id": ["Fold1"] * N, **by_class(".pred_{}"),
                              ".row": range(N), ".pred_class": PREDICTED, "Species": SPECIES,
                              ".config": ["Model1"] * N}), DUE),
    "yardstick": lambda at: (csv(at, {"truth": SPECIES, ".pred_class": PREDICTED,
                             **by_class(".pred_{}")}), DUE),
    "yardstick: two_class_example": lambda at: (csv(at, {
        "truth": np.where(T, "Class1", "Class2"), "Class1": B, "Class2": (1 - B).round(6),
        "predicted": np.where(B > 0.5, "Class1", "Class2")}), BINARY),
    "caret": lambda at: (csv(at, {"pred": PREDICTED, "obs": SPECIES, "rowIndex": range(N),
                         **by_class("{}"), "mtry": [2] * N, "Resample": ["Fold1"] * N}), DUE),
    "caret without parameters": lambda at: (csv(at, {
        "": range(N), "pred": PREDICTED, "obs": SPECIES, **by_class("{}"), "rowIndex": range(N),
        "parameter": ["none"] * N}), DUE),
    "mlr3": lambda at: (csv(at, {"row_ids": range(N), "truth": SPECIES, "response": PREDICTED,
                        **by_class("prob.{}")}), DUE),
    "mlr3, two classes": lambda at: (csv(at, {
        "row_ids": range(N), "truth": np.where(T, "pos", "neg"),
        "response": np.where(B > 0.5, "pos", "neg"), "prob.pos": B, "prob.neg": 1 - B}), BINARY),
    "h2o: p0, p1": lambda at: (csv(at, {"predict": (B > 0.5) * 1, "p0": 1 - B, "p1": B, "y": T}),
                               BINARY),
    "h2o: calibrated": lambda at: (csv(at, {
        "predict": (B > 0.5) * 1, "p0": 1 - B, "p1": B, "cal_p0": 1 - B, "cal_p1": B, "y": T}),
        BINARY),
    "h2o: classes": lambda at: (csv(at, {"predict": PREDICTED, **by_class("{}"),
                                "species": SPECIES}), DUE),
    "h2o: yes and no": lambda at: (csv(at, {
        "predict": np.where(B > 0.5, "Yes", "No"), "No": 1 - B, "Yes": B,
        "Churn": np.where(T, "Yes", "No")}), BINARY),
    "autogluon": lambda at: (csv(at, {" <=50K": 1 - B, " >50K": B,
                             "class": np.where(T, " >50K", " <=50K")}), BINARY),
    "automlbenchmark": lambda at: (csv(at, {**by_class("{}"), "predictions": PREDICTED,
                                   "truth": SPECIES}), DUE),
    "automlbenchmark, two classes": lambda at: (csv(at, {
        "0": 1 - B, "1": B, "predictions": (B > 0.5) * 1, "truth": T}), BINARY),
    "openml": lambda at: (csv(at, {"repeat": [0] * N, "row_id": range(N), "prediction": PREDICTED,
                          "correct": SPECIES, **by_class("confidence.{}")}), DUE),
    "spark: text": lambda at: (csv(at, {
        "label": Y * 1.0, "rawPrediction": vectors(Z), "probability": vectors(P),
        "prediction": P.argmax(axis=1) * 1.0}), DUE),
    "azure": lambda at: (csv(at, {"income": T, "Scored Labels": (B > 0.5) * 1,
                         "Scored Probabilities": B}), BINARY),
    "azure, classes": lambda at: (csv(at, {"label": SPECIES,
                                  **by_class("Scored Probabilities_{}")}), DUE),
    "sagemaker": lambda at: (csv(at, {"label": T, "predicted_label": (B > 0.5) * 1, "score": B}),
                             BINARY),
    "bigquery": lambda at: (csv(at, {"predicted_label": (B > 0.5) * 1, "label": T, "prob": B}),
                            BINARY),
    "datarobot": lambda at: (csv(at, {"row_id": range(N), "target": SPECIES,
                             **by_class("target_{}_PREDICTION")}), DUE),
    "knime": lambda at: (csv(at, {"Class": SPECIES, **by_class("P (Class={})"),
                         "Prediction (Class)": PREDICTED}), DUE),
    "rapidminer": lambda at: (csv(at, {"label": SPECIES, **by_class("confidence({})"),
                              "prediction(label)": PREDICTED}), DUE),
    "sas": lambda at: (csv(at, {"F_Species": SPECIES, "I_Species": PREDICTED,
                       **by_class("P_Species{}")}), DUE),
    "fastai": lambda at: (csv(at, {"target": Y, "pred": P.argmax(axis=1),
                          **by_class("prob_{}", P, range(3))}), DUE),
    "weights and biases": lambda at: (as_json(at, {
        "columns": ["id", "truth", "guess", *(f"score_{name}" for name in KINDS)],
        "data": [[i, SPECIES[i], PREDICTED[i], *P[i].tolist()] for i in range(N)]}), DUE),
}  # fmt: skip

# Arrays of deep learning.

ARRAYS: dict[str, Any] = {
    "keras: sigmoid": lambda at: (as_npz(at, y_true=T[:, None], y_pred=B[:, None]), BINARY),
    "keras: softmax": lambda at: (as_npz(at, y_true=np.eye(3)[Y], y_pred=P), DUE),
    "torch: logits": lambda at: (as_npz(at, logits=Z, labels=Y), DUE),
    "torch: one logit": lambda at: (as_npz(at, logits=MARGIN[:, None], y_true=T[:, None]), BINARY),
    "trainer.predict": lambda at: (as_npz(at, predictions=Z, label_ids=Y), DUE),
    "X, y and predictions": lambda at: (as_npz(at, X_test=RNG.normal(size=(N, 4)), y_test=Y,
                                        y_pred=P.argmax(axis=1), y_prob=P), DUE),
    "features beside": lambda at: (as_npz(at, embeddings=RNG.normal(size=(N, 2, 2)), target=Y,
                                   pred=P), DUE),
}  # fmt: skip

# Pairs of Kaggle: a submission, and the solution with the same key.


def kaggle(submission: dict[str, Any], solution: dict[str, Any], due: float) -> Any:
    def write(folder: Path) -> Written:
        order = np.random.default_rng(0).permutation(N)
        frame = pd.DataFrame({"id": range(N), **submission}).iloc[order]
        truth = csv(folder, {"id": range(N), **solution}, "solution.csv")
        return csv(folder, frame, "submission.csv"), due, {"truth": truth, "key": "id"}

    return write


STATUS = np.array(["C", "CL", "D"])
TOXIC = ["toxic", "severe_toxic", "insult"]
LEFT_OUT = np.where(np.arange(N)[:, None] % 5 == 0, -1, M)
KEPT = LEFT_OUT >= 0
KAGGLE: dict[str, Any] = {
    "id, target": kaggle({"target": B}, {"target": T}, BINARY),
    "Class_1": kaggle(by_class("Class_{}", P, "123"),
                      {"target": [f"Class_{y + 1}" for y in Y]}, DUE),
    "Class_1, numbers from 1": kaggle(by_class("Class_{}", P, "123"), {"target": Y + 1}, DUE),
    "Class_1, numbers from 0": kaggle(by_class("Class_{}", P, "123"), {"target": Y}, DUE),
    "Status_C": kaggle(by_class("Status_{}", P, STATUS), {"Status": STATUS[Y]}, DUE),
    "one-hot": kaggle(by_class("winner_{}", P), by_class("winner_{}", np.eye(3, dtype=int)[Y]),
                      DUE),
    "toxic comments": kaggle(by_class("{}", Q, TOXIC), by_class("{}", M, TOXIC), SEVERAL),
    "toxic comments, some left out": kaggle(
        by_class("{}", Q, TOXIC), by_class("{}", LEFT_OUT, TOXIC),
        -float(np.log(np.where(M, Q, 1 - Q))[KEPT].mean())),
}  # fmt: skip

# Pipelines of Hugging Face.

GOLD = np.where(T, "POSITIVE", "NEGATIVE")
TOP = [{"label": "POSITIVE" if p > 0.5 else "NEGATIVE", "score": max(p, 1 - p)} for p in B.tolist()]
ALL = [
    sorted(
        ({"label": str(k), "score": float(p)} for k, p in zip(KINDS, row, strict=True)),
        key=lambda each: -each["score"],
    )
    for row in P
]


def rows(gold: Any, outputs: Any) -> list[dict[str, Any]]:
    return [{"gold": str(g), **each} for g, each in zip(gold, outputs, strict=True)]


PIPELINES: dict[str, Any] = {
    "top label": lambda at: (as_json(at, rows(GOLD, TOP)), BINARY),
    "top label in a table": lambda at: (csv(at, pd.DataFrame(rows(GOLD, TOP))), BINARY),
    "top label as an object": lambda at: (
        as_json(at, rows(GOLD, ({"output": each} for each in TOP))), BINARY),
    "top label in a list": lambda at: (
        as_json(at, rows(GOLD, ({"output": [each]} for each in TOP))), BINARY),
    "all labels": lambda at: (as_json(at, rows(SPECIES, ({"output": each} for each in ALL))), DUE),
    "all labels under a name of one's own": lambda at: (
        as_json(at, rows(SPECIES, ({"result": each} for each in ALL))), DUE),
    "zero-shot": lambda at: (as_json(at, rows(SPECIES, (
        {name + "s": [each[name] for each in row] for name in ("label", "score")} for row in ALL
    ))), DUE),
    "scores by class": lambda at: (as_json(at, rows(SPECIES, (
        {"prob": {each["label"]: each["score"] for each in row}} for row in ALL))), DUE),
}  # fmt: skip

EVERY = {
    f"{tool}: {name}": write
    for tool, files in (
        ("scikit-learn", SKLEARN), ("tool", TOOLS), ("array", ARRAYS), ("kaggle", KAGGLE),
        ("pipeline", PIPELINES),
    )
    for name, write in files.items()
}  # fmt: skip


def assert_loss(source: Any, due: float, **options: Any) -> None:
    found = losses(source, **options)
    assert any(abs(loss - due) < 1e-12 for loss in found.values()), (found, due)
    # What needs no advice is right.
    assert abs(found.get("", due) - due) < 1e-12


@pytest.mark.parametrize("name", EVERY)
def test_the_loss_is_right_or_advice_gives_it(name: str, tmp_path: Path) -> None:
    source, due, *options = EVERY[name](tmp_path)
    assert_loss(source, due, **(options[0] if options else {}))


@pytest.mark.parametrize("name", ["caret", "mlr3", "h2o: p0, p1", "spark: text", "rapidminer"])
def test_files_that_need_no_option(name: str, tmp_path: Path) -> None:
    path, due = TOOLS[name](tmp_path)
    assert abs(score(path).loss - due) < 1e-12


# Vectors of Spark.

VECTOR = pa.struct([("type", pa.int8()), ("size", pa.int32()), ("indices", pa.list_(pa.int32())),
                    ("values", pa.list_(pa.float64()))])  # fmt: skip


def test_vectors_of_spark(tmp_path: Path) -> None:
    dense = [{"type": 1, "values": row} for row in P.tolist()]
    columns = {"label": Y * 1.0, "probability": pa.array(dense, VECTOR)}
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "a.parquet", row_group_size=9)
    lines = [json.dumps({"label": int(y), "probability": v}) for y, v in zip(Y, dense, strict=True)]
    (tmp_path / "b.jsonl").write_text("\n".join(lines))
    for name in ("a.parquet", "b.jsonl"):
        assert_loss(tmp_path / name, DUE)
        with pytest.raises(FileError, match=r"2 is not a class"):
            score(tmp_path / name, classes=["0", "1", "x"])
    dense[7] = {"type": 0, "size": 3, "indices": [1], "values": [1.0]}
    columns["probability"] = pa.array(dense, VECTOR)
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "a.parquet", row_group_size=5)
    with pytest.raises(FileError, match="row 7, column 'probability': a sparse vector of Spark"):
        score(tmp_path / "a.parquet")


# What is wrong in objects and lists of labels.

NONE = r"no single set of score columns|but earlier rows have"


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (ALL[0][:2], r"\), column 'output.setosa': the value is missing"),
        (None, r"\), column 'output.setosa': the value is missing"),
        ([], r"\), column 'output.setosa': the value is missing"),
        ([*ALL[0], {"label": "rose", "score": 0.1}],
         r"\), column 'output': a label that the first row does not have"),
        ([*ALL[0], ALL[0][0]], r"\), column 'output': two scores for 'v"),
        (5, NONE), ("x", NONE), ([5], NONE), ([[]], NONE), (ALL[0][0], NONE),
        ([{"label": 5, "score": 0.1}], NONE), ([{"label": "setosa", "score": "x"}], NONE),
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", [3, 1001])
def test_lists_of_labels_that_are_wrong(
    output: Any, message: str, place: int, tmp_path: Path
) -> None:
    lines = rows(np.tile(SPECIES, 30), ({"output": each} for each in ALL * 30))
    lines[place]["output"] = output
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    at = rf"row {place} \(line {place + 1}{message}" if message != NONE else message
    with pytest.raises(FileError, match=at):
        score(tmp_path / "a.jsonl")


def test_one_object_per_list(tmp_path: Path) -> None:
    lines = rows(np.tile(GOLD, 30), ({"output": [each]} for each in TOP * 30))
    lines[1001]["output"] = lines[1001]["output"] * 2
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(FileError, match=r"row 1001 .*expected one object in each list"):
        score(tmp_path / "a.jsonl", kind="probabilities", predicted_column="output.label")


def test_lists_of_labels_and_scores_of_unlike_length(tmp_path: Path) -> None:
    lines = rows(np.tile(SPECIES, 30), (
        {name + "s": [each[name] for each in row] for name in ("label", "score")}
        for row in ALL * 30
    ))  # fmt: skip
    lines[1001]["scores"] = [0.5, 0.5]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(FileError, match=r"row 1001 .*'scores': not as many as in 'labels'"):
        score(tmp_path / "a.jsonl")


# Figures.


@pytest.mark.parametrize("name", ["classes as columns", "cross_val_predict"])
def test_figures_are_those_of_scikit_learn(name: str, tmp_path: Path) -> None:
    path, due = SKLEARN[name](tmp_path)
    result = score(path)
    assert isinstance(result, Score)
    frame = pd.read_csv(path)
    if name == "cross_val_predict":
        y, p = frame["y"], np.stack([1 - frame["p"], frame["p"]], axis=1)
        classes = np.array([0, 1])
    else:
        y, p, classes = frame["label"], frame[list(KINDS)].to_numpy(), KINDS
    right = sklearn.metrics.accuracy_score(y, classes[p.argmax(axis=1)])
    figures = {
        result.loss: sklearn.metrics.log_loss(y, p),
        result.accuracy: right,
        result.skill: sklearn.metrics.d2_log_loss_score(y, p),
        float(xent.log_loss(y, p)): due,
    }
    for own, other in figures.items():
        assert abs(own - other) < 1e-12
