"""Scorers, in scikit-learn's own model selection, beside its own figures."""

from __future__ import annotations

import copy
import math
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
from messages import each_case, error_of
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    StratifiedKFold,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import xent
from xent.scoring import Scorer, scorer

IRIS, KIND = load_iris(return_X_y=True)
CELLS, CANCER = load_breast_cancer(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[KIND]
FOLDS = StratifiedKFold(4, shuffle=True, random_state=0)


def logistic(**options: Any) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(**options))


def close(a: Any, b: Any, within: float = 1e-12) -> bool:
    return bool(np.allclose(a, b, rtol=within, atol=0))


@pytest.mark.parametrize(("x", "y"), [(IRIS, KIND), (IRIS, NAMES), (CELLS, CANCER)])
def test_minus_the_log_loss_is_scikit_learns(x: Any, y: Any) -> None:
    own, theirs = (
        cross_val_score(logistic(), x, y, cv=FOLDS, scoring=each, error_score="raise")
        for each in (scorer(), "neg_log_loss")
    )
    assert close(own, theirs)


def test_labels_of_any_type() -> None:
    expected = cross_val_score(logistic(), CELLS, CANCER, cv=FOLDS, scoring=scorer())
    for y in (
        CANCER.astype(bool),
        np.where(CANCER, "yes", "no"),
        pd.Series(np.where(CANCER, "yes", "no"), index=np.arange(len(CANCER))[::-1]),
        pd.Series(np.where(CANCER, "yes", "no"), dtype="category"),
        CANCER.astype(float) * 2 - 1,
        np.where(CANCER, "1", "0").astype(object),
    ):
        found = cross_val_score(logistic(), CELLS, y, cv=FOLDS, scoring=scorer())
        assert close(found, expected)


def test_a_grid_search_chooses_by_it() -> None:
    grid = {"logisticregression__C": [0.001, 0.1, 1, 10]}
    found = [
        GridSearchCV(logistic(max_iter=5000), grid, scoring=each, cv=FOLDS).fit(CELLS, CANCER)
        for each in (scorer(), "neg_log_loss")
    ]
    assert found[0].best_params_ == found[1].best_params_
    assert close(found[0].cv_results_["mean_test_score"], found[1].cv_results_["mean_test_score"])
    assert close(found[0].score(CELLS, CANCER), found[1].score(CELLS, CANCER))


def test_other_figures() -> None:
    figures = {name: scorer(name) for name in ("accuracy", "skill", "bits", "macro_loss")}
    found = cross_validate(logistic(), IRIS, NAMES, cv=FOLDS, scoring=figures, error_score="raise")
    for i, (train, test) in enumerate(FOLDS.split(IRIS, NAMES)):
        model = logistic().fit(IRIS[train], NAMES[train])
        p = model.predict_proba(IRIS[test])
        result = xent.score(p, labels=NAMES[test], classes=[*model.classes_])
        told = (result.accuracy, result.skill, -result.bits, -result.macro_loss)
        assert [found[f"test_{name}"][i] for name in figures] == [*told]
    theirs = cross_val_score(logistic(), IRIS, NAMES, cv=FOLDS, scoring="accuracy")
    assert close(found["test_accuracy"], theirs)


def test_folds_that_lack_a_label() -> None:
    """Iris is sorted by its label: each fold of three is one that the estimator never saw."""
    found = cross_val_score(
        logistic(), IRIS, NAMES, cv=KFold(3), scoring=scorer(), error_score="raise"
    )
    assert found.tolist() == [-math.inf] * 3
    stride = [(np.arange(150) % 5 != i, np.arange(150) % 5 == i) for i in range(5)]
    folds = [(np.flatnonzero(a), np.flatnonzero(b)) for a, b in stride]
    own, theirs = (
        cross_val_score(logistic(), IRIS, NAMES, cv=folds, scoring=each)
        for each in (scorer(), "neg_log_loss")
    )
    assert close(own, theirs)


def test_a_test_set_may_lack_labels() -> None:
    model = logistic().fit(IRIS, NAMES)
    rows = np.flatnonzero(KIND > 0)[::7]
    expected = sklearn.metrics.log_loss(
        NAMES[rows], model.predict_proba(IRIS[rows]), labels=model.classes_
    )
    assert close(scorer()(model, IRIS[rows], NAMES[rows]), -expected)
    alone = np.flatnonzero(KIND == 1)
    assert scorer()(model, IRIS[alone], NAMES[alone]) < 0


def test_an_estimator_may_lack_labels() -> None:
    known = KIND < 2
    model = logistic().fit(IRIS[known], NAMES[known])
    assert scorer()(model, IRIS, NAMES) == -math.inf
    assert scorer("accuracy")(model, IRIS, NAMES) == pytest.approx(2 / 3)
    clipped = scorer(clip=1e-3)(model, IRIS, NAMES)
    own = -scorer()(model, IRIS[known], NAMES[known])
    assert clipped == pytest.approx(-(100 * own - 50 * math.log(1e-3)) / 150, rel=1e-3)


class Constant(ClassifierMixin, BaseEstimator):
    """Gives the probabilities that it was made with, whatever the features."""

    def __init__(self, p: Any = None, classes: Any = None) -> None:
        self.p, self.classes = p, classes

    def fit(self, X: Any, y: Any) -> Constant:  # noqa: ARG002, N803
        self.classes_ = self.classes
        return self

    def predict_proba(self, X: Any) -> Any:  # noqa: N803
        return self.p if self.p is None or isinstance(self.p, list) else self.p[: len(X)]


X3 = np.zeros((3, 1))


def constant(p: Any, classes: Any) -> Constant:
    return Constant(p, classes).fit(X3, None)


def test_classes_in_another_order() -> None:
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.3, 0.3, 0.4]])
    model = constant(p, np.array(["c", "a", "b"]))
    assert scorer()(model, X3, ["c", "a", "b"]) == pytest.approx(np.log([0.7, 0.6, 0.4]).mean())
    model = constant(p, None)
    told = scorer(classes=["c", "a", "b"])(model, X3, ["c", "a", "b"])
    assert told == pytest.approx(np.log([0.7, 0.6, 0.4]).mean())


def test_a_single_class() -> None:
    model = constant(np.ones((3, 1)), np.array(["a"]))
    assert scorer()(model, X3, ["a", "a", "a"]) == 0
    assert scorer()(model, X3, ["a", "b", "a"]) == -math.inf


def test_a_small_probability_keeps_its_digits() -> None:
    model = constant(np.array([[1e-30, 1.0]] * 3), np.array([0, 1]))
    assert scorer()(model, X3, [0, 0, 0]) == pytest.approx(math.log(1e-30))


def test_weights() -> None:
    model = logistic().fit(IRIS, NAMES)
    weights = np.linspace(0, 2, 150)
    expected = sklearn.metrics.log_loss(
        NAMES, model.predict_proba(IRIS), sample_weight=weights, labels=model.classes_
    )
    assert close(scorer()(model, IRIS, NAMES, sample_weight=weights), -expected)


def test_a_forest_with_exact_zeros() -> None:
    model = RandomForestClassifier(3, random_state=0)
    model.fit(CELLS[::2], CANCER[::2])
    theirs = sklearn.metrics.log_loss(CANCER[1::2], model.predict_proba(CELLS[1::2]))
    assert scorer()(model, CELLS[1::2], CANCER[1::2]) == -math.inf
    eps = np.finfo(float).eps
    assert close(scorer(clip=eps)(model, CELLS[1::2], CANCER[1::2]), -theirs, 1e-9)


def test_it_can_be_copied_and_sent_to_processes() -> None:
    made = scorer("skill", clip=1e-9, classes=["a", "b"])
    assert pickle.loads(pickle.dumps(made)) == copy.deepcopy(made) == made
    search = clone(GridSearchCV(logistic(), {}, scoring=made))
    assert search.scoring == made
    assert isinstance(made, Scorer)
    assert repr(made) == "Scorer(figure='skill', classes=('a', 'b'), clip=1e-09)"
    own = cross_val_score(logistic(), CELLS, CANCER, cv=FOLDS, scoring=scorer(), n_jobs=2)
    assert close(own, cross_val_score(logistic(), CELLS, CANCER, cv=FOLDS, scoring=scorer()))


def test_scikit_learn_is_not_imported() -> None:
    code = "import sys; from xent.scoring import scorer; scorer(); print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


HALF = np.full((3, 2), 0.5)


@each_case("""
scorer("los")
    ValueError: figure is 'los'; expected one of 'loss', 'bits', 'perplexity', 'macro_loss',
    'brier', 'skill', 'accuracy', 'roc_auc', 'average_precision'.
scorer()(Ridge(), X3, [0, 1, 1])
    TypeError: Ridge has no classes_; name them: scorer(classes=[...]).
scorer(classes=[0, 1])(Ridge(), X3, [0, 1, 1])
    TypeError: Ridge has no predict_proba; CalibratedClassifierCV(Ridge(...)) has one.
scorer()(constant(HALF, [0, 1]), X3, ["0", "1", "1"])
    ValueError: y holds '0', '1', but the classes of the estimator are 0, 1.
scorer()(constant(HALF, [0, 1, 2]), X3, [0, 1, 1])
    ValueError: predict_proba has shape (3, 2), but there are 3 classes.
scorer()(constant([HALF, HALF], [0, 1]), X3, [0, 1, 1])
    TypeError: the estimator predicts several outputs; a scorer is for one label per row.
scorer()(constant(HALF, [[0, 1], [0, 1]]), X3, [0, 1, 1])
    TypeError: the estimator predicts several outputs; a scorer is for one label per row.
scorer()(constant(HALF, [0, 1]), X3, HALF)
    ValueError: y has shape (3, 2); expected one label per row.
scorer()(constant(HALF * 3, [0, 1]), X3, [0, 1, 1])
    FileError: dict: row 0, column 'prob': 1.5: a probability lies between 0 and 1; to divide
    counts or votes by their sum in each row, pass --normalize.
""")
def test_errors(call: str, words: str) -> None:
    names = {"scorer": scorer, "constant": constant, "HALF": HALF, "X3": X3, "Ridge": Ridge}
    assert error_of(call, names) == words


def test_score_takes_arrays() -> None:
    model = logistic().fit(IRIS, NAMES)
    result = xent.score(model.predict_proba(IRIS), labels=NAMES, classes=[*model.classes_])
    assert close(result.loss, sklearn.metrics.log_loss(NAMES, model.predict_proba(IRIS)))
    assert [each.name for each in result.by_class] == model.classes_.tolist()
    p = logistic().fit(CELLS, CANCER).predict_proba(CELLS)[:, 1]
    result = xent.score(p, labels=CANCER, kind="probabilities")
    assert close(result.loss, sklearn.metrics.log_loss(CANCER, p))
    assert result.skill == 1 - result.loss / result.base_loss
