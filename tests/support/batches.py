"""Batches of scores and labels for `diagnose`: with one thing wrong, and with nothing wrong."""

from __future__ import annotations

from typing import Any

import numpy as np

import xent

Array = np.ndarray[Any, Any]
INF = np.inf


def classes(seed: int = 0, n: int = 400, k: int = 10, margin: float = 6) -> tuple[Array, Array]:
    """Logits of a trained model, and labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(k, size=n)
    return margin * np.eye(k)[labels] + 1.5 * rng.normal(size=(n, k)), labels


def binary(seed: int = 0, n: int = 400, margin: float = 3) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=n)
    return margin * (2 * labels - 1) + 2 * rng.normal(size=n), labels


Z, Y = classes()
B, T = binary()
P, PB = xent.softmax(Z), xent.sigmoid(B)


def put(array: Array, where: Any, value: float) -> Array:
    copy = array.copy()
    copy[where] = value
    return copy


ORDER = np.array([4, 0, 9, 6, 3, 8, 2, 7, 1, 5])
THREE = np.array([0, 1, 7, 3, 4, 2, 6, 5, 8, 9])
PROBABILITIES = {"kind": "probabilities"}
LOGARITHMS = {"kind": "log-probabilities"}
CONFIDENT = 60 * np.eye(10)[Y]
WRONG = put(Z, (7, slice(None)), 0)
WRONG[7, (Y[7] + 1) % 10] = 40
TWO = Y % 2

# Name, level, arguments, options, and what must be said.
PLANTED: dict[str, tuple[str, str, tuple[Any, Any], dict[str, Any], tuple[str, ...]]] = {
    "probabilities": (
        "probabilities given as logits", "mistake", (P, Y), {},
        ("all 400 rows the 10 logits lie between 0 and 1", "log(1 + (K - 1)/e) = 1.4612",
         "kind='probabilities'")),
    "probabilities, two columns": (
        "probabilities given as logits", "mistake", (xent.softmax(Z[:, :2]), TWO), {},
        ("log(1 + (K - 1)/e) = 0.3133",)),
    "probabilities, one row": (
        "probabilities given as logits", "note", (P[:1], Y[:1]), {}, ("In the only row",)),
    "probabilities in float16": (
        "probabilities given as logits", "mistake", (P.astype(np.float16), Y), {}, ()),
    "probabilities, binary": (
        "probabilities given as logits", "mistake", (PB, T), {},
        ("All 400 logits lie between 0 and 1", "between 0.5 and 0.7311",
         "Leave the softmax or sigmoid out")),
    "probabilities, weak and binary": (
        "probabilities given as logits", "mistake", (xent.sigmoid(B / 3), T), {}, ()),
    "perhaps probabilities": (
        "probabilities given as logits", "note", (PB[:12], T[:12]), {}, ("may be chance",)),
    "percentages, as logits": (
        "percentages", "mistake", (100 * P, Y), {},
        ("In all 400 rows the 10 logits sum to 100.", "--kind percent")),
    "percentages, binary logits": (
        "percentages", "mistake", (100 * PB, T), {}, ("All 400 logits lie between 0 and 100",)),
    "percentages": (
        "percentages", "mistake", (100 * P, Y), PROBABILITIES,
        ("The scores of all 400 rows sum to 100.", "Divide them by 100")),
    "percentages, binary": (
        "percentages", "mistake", (100 * PB, T), PROBABILITIES, ("between 0 and 100",)),
    "predicted labels": (
        "predicted labels given as scores", "mistake", ((PB > 0.5).astype(float), T),
        PROBABILITIES, ("Every score of all 400 rows is 0 or 1, and the predicted label is right "
        "in 94% of the rows. With that probability in each row the mean loss would be 0.2200.",
        "predict_proba")),
    "predicted labels, clipped": (
        "predicted labels given as scores", "mistake",
        (np.clip((PB > 0.5).astype(float), 1e-7, 1 - 1e-7), T), PROBABILITIES, ("1e-07 or 1",)),
    "predicted labels, signs": (
        "predicted labels given as scores", "mistake", (np.sign(B), T), {}, ("is -1 or 1,",)),
    "predicted classes": (
        "predicted labels given as scores", "mistake", (P.argmax(1).astype(float), Y), {},
        ("a whole number from 0 to 9, as the labels are; in 99% of the rows they agree",)),
    "predicted labels, one-hot": (
        "predicted labels given as scores", "mistake", (np.eye(10)[P.argmax(1)], (Y + (np.arange(
        400) < 9)) % 10), PROBABILITIES, ()),
    "predicted labels, as logits": (
        "predicted labels given as scores", "mistake", ((PB > 0.5).astype(float), T), {}, ()),
    "predicted labels, one-hot logits": (
        "predicted labels given as scores", "mistake", (np.eye(10)[P.argmax(1)], Y), {}, ()),
    "log-probabilities": (
        "log-probabilities given as logits", "note", (xent.log_softmax(Z), Y), {},
        ("the exponentials of all 400 rows sum to 1", "Harmless")),
    "log-probabilities, binary": (
        "log-probabilities given as logits", "mistake", (xent.log_sigmoid(B), T), {},
        ("None of 400 logits is above 0", "kind='log-probabilities'")),
    "softmax twice": (
        "softmax applied twice", "mistake", (xent.softmax(P), Y), PROBABILITIES,
        ("are the softmax of numbers that are probabilities themselves", "= 1.4612")),
    "softmax twice, two classes": (
        "softmax applied twice", "mistake", (xent.softmax(xent.softmax(4 * Z[:, :2])), TWO),
        PROBABILITIES, ("2.718",)),
    "softmax twice, logarithms": (
        "softmax applied twice", "mistake", (xent.log_softmax(P), Y), LOGARITHMS, ()),
    "softmax twice, float32": (
        "softmax applied twice", "mistake",
        (xent.softmax(xent.softmax(Z.astype(np.float32))), Y), PROBABILITIES, ()),
    "sigmoid twice": (
        "sigmoid applied twice", "mistake", (xent.sigmoid(PB), T), PROBABILITIES,
        ("between 0.5 and 0.7311", "Apply the sigmoid once")),
    "wrong axis": (
        "softmax over the wrong axis", "mistake", (xent.softmax(Z, axis=0), Y), PROBABILITIES,
        ("Each column sums to 1 over the 400 rows", "dim=1 or -1 in PyTorch")),
    "wrong axis, as logits": (
        "softmax over the wrong axis", "mistake", (xent.softmax(Z, axis=0), Y), {}, ()),
    "not probabilities": (
        "not probabilities", "mistake", (Z, Y), PROBABILITIES,
        ("probabilities lie between 0 and 1, but these do not in", "kind='logits'")),
    "not probabilities, binary": (
        "not probabilities", "mistake", (B, T), PROBABILITIES, ("lie between 0 and 1",)),
    "not log-probabilities": (
        "not log-probabilities", "mistake", (Z, Y), LOGARITHMS, ("lie at most 0",)),
    "sums": (
        "rows do not sum to 1", "mistake", (xent.sigmoid(Z), Y), PROBABILITIES,
        ("400 of 400 rows", "(within 0.001)", "not a sigmoid for each")),
    "sums of logarithms": (
        "rows do not sum to 1", "mistake", (xent.log_softmax(Z) - 1, Y), LOGARITHMS, ("0.367879",)),
    "one-based": (
        "labels one-based", "mistake", (Z, Y + 1), {},
        ("run from 1 to 10", "46 of 400 are 10", "targets - 1", "the labels minus 1")),
    "one-based, binary": ("labels one-based", "mistake", (B, T + 1), {}, ("from 1 to 2",)),
    "out of range": (
        "labels out of range", "mistake", (Z, put(Y, [3, 9], 12)), {},
        ("2 of 400 labels are 12, where 0 to 9 is expected; the first is in row 3",
         "Give the model 13 outputs")),
    "minus one": (
        "labels out of range", "mistake", (Z, put(Y, 3, -1)), {},
        ("1 of 400 labels is -1", "Its row is left out", "pass ignore_index=-1")),
    "many values": (
        "labels out of range", "mistake", (Z, put(Y, slice(0, 7), 0) - 23 * (Y > 2)), {},
        ("and 3 other values", "class indices count from 0")),
    "255": ("labels out of range", "mistake", (Z, put(Y, 3, 255)), {}, ("ignore_index=255",)),
    "three classes, binary": (
        "labels out of range", "mistake", (B, put(T, 3, 2)), {}, ("one logit per class",)),
    "half, binary": (
        "labels out of range", "mistake", (B, put(T.astype(float), 3, -0.5)), {},
        ("0, 1 or a probability is expected", "Pass 0 and 1, or probabilities of label 1")),
    "NaN label": (
        "labels out of range", "mistake", (B, put(T.astype(float), 3, np.nan)), {},
        ("is nan", "Fill in the labels that are missing")),
    "signs": (
        "labels -1 and +1", "mistake", (B, 2 * T - 1), {}, ("labels are -1", "(targets + 1) / 2")),
    "float signs": ("labels -1 and +1", "mistake", (B, 2.0 * T - 1), {}, ()),
    "off by one": (
        "labels off by one", "mistake", (Z, (Y + 1) % 10), {},
        ("worse than chance (log 10 = 2.3026); with each label less 1", "targets - 1")),
    "off by one, down": (
        "labels off by one", "mistake", (Z, (Y - 1) % 10), {}, ("targets + 1",)),
    "off by one, many classes": (
        "labels off by one", "mistake",
        (classes(k=1500, n=60, margin=15)[0], (classes(k=1500, n=60)[1] + 1) % 1500), {}, ()),
    "one row off": (
        "labels one row off", "mistake", (Z, np.roll(Y, 1)), {},
        ("with the label of the next row", "logits[:-1] with targets[1:]")),
    "one row off, back": (
        "labels one row off", "mistake", (Z, np.roll(Y, -1)), {},
        ("previous row", "logits[1:] with targets[:-1]")),
    "flipped": (
        "labels flipped", "mistake", (B, 1 - T), {},
        ("worse than chance (log 2 = 0.6931); with the two labels swapped", "1 - targets")),
    "flipped, two columns": (
        "labels flipped", "mistake", (np.stack([-B, B], axis=1), 1 - T), {}, ()),
    "flipped probabilities": ("labels flipped", "mistake", (PB, 1 - T), PROBABILITIES, ()),
    "flipped logarithms": ("labels flipped", "mistake", (xent.log_sigmoid(B), 1 - T), LOGARITHMS,
        ()),
    "negated": (
        "logits negated", "mistake", (-Z, Y), {},
        ("with all logits negated", "Pass -logits.")),
    "permuted": (
        "classes permuted", "mistake", (Z[:, np.argsort(ORDER)], Y), {},
        ("9 of 10 classes", "0 in column 4, 1 in column 0", f"logits[:, {ORDER.tolist()}]")),
    "three classes permuted": (
        "classes permuted", "mistake", (Z[:, np.argsort(THREE)], Y), {},
        ("3 of 10 classes are in each other's columns: 2 in column 7, 5 in column 2, 7 in "
         "column 5.",)),
    "shuffled apart": (
        "scores and labels do not belong together", "mistake",
        (Z, np.random.default_rng(1).permutation(Y)), {},
        ("would be right in 89% of the rows, with a mean loss of 0.4074",
         "for the labels' shares alone 2.2906", "shuffle=False")),
    "shuffled apart, binary": (
        "scores and labels do not belong together", "mistake",
        (B, np.random.default_rng(1).permutation(T)), {}, ()),
    "shuffled apart, mild": (
        "scores and labels do not belong together", "mistake",
        (classes(n=240, k=3, margin=1.5)[0][np.random.default_rng(1).permutation(240)],
         classes(n=240, k=3)[1]), {}, ()),
    "shuffled apart, sorted labels": (
        "scores and labels do not belong together", "mistake",
        (Z, np.sort(Y)), {}, ("The labels are sorted by class, and the predictions are not.",)),
    "shuffled apart, several labels": (
        "scores and labels do not belong together", "mistake",
        (B.reshape(100, 4), np.random.default_rng(1).permutation(T.reshape(100, 4))), {}, ()),
    "too large at the start": (
        "scores and labels do not belong together", "mistake",
        (10 * np.random.default_rng(1).normal(size=(400, 10)), Y),
        {}, ("make the last layer's weights smaller",)),
    "worse than chance": (
        "worse than chance", "mistake", (0.1 * B + 6, (np.arange(400) < 20).astype(int)), {},
        ("chance log 2 = 0.6931", "make the last layer's weights smaller")),
    "reshaped": (
        "reshaped in the wrong order", "mistake", (Z.T.ravel().reshape(400, 10), Y), {},
        ("it would be 0.1556", "Pass logits.ravel().reshape(10, 400).T.")),
    "reshaped, row-major": (
        "reshaped in the wrong order", "mistake", (Z.ravel().reshape(10, 400).T, Y), {},
        ("it would be 0.1556", "Pass logits.T.ravel().reshape(400, 10).")),
    "reshaped, in blocks": (
        "reshaped in the wrong order", "mistake",
        (Z.reshape(20, 20, 10).swapaxes(1, 2).reshape(400, 10), Y), {},
        ("Pass logits.reshape(20, 10, 20).swapaxes(1, 2).reshape(400, 10).",)),
    "reshaped probabilities": (
        "reshaped in the wrong order", "mistake", (P.T.ravel().reshape(400, 10), Y), PROBABILITIES,
        ("The rows do not sum to 1; read as", "With this fixed, the mean loss is 0.1367.")),
    "reshaped, several labels": (
        "reshaped in the wrong order", "mistake", (B.reshape(100, 4).T.reshape(100, 4),
        T.reshape(100, 4)), {}, ("Pass logits.ravel().reshape(4, 100).T.",)),
    "transposed rows": (
        "rows in another order", "mistake",
        (Z.reshape(8, 50, 10).swapaxes(0, 1).reshape(400, 10), Y), {},
        ("axes of sizes 50 and 8 in the opposite order",)),
    "reversed": ("rows in another order", "mistake", (Z[::-1], Y), {}, ("logits[::-1]",)),
    "two rows off": (
        "labels several rows off", "mistake", (Z, np.roll(Y, 2)), {},
        ("with the label of the row 2 rows after it (logits[:-2] with targets[2:])",)),
    "shifted by three": (
        "labels shifted", "mistake", (Z, (Y + 3) % 10), {}, ("with each label plus 7, mod 10",)),
    "mask": (
        "labels outside 0 to 1", "mistake", (B, 255 * T), {},
        ("221 of 400 labels are 255, and the others 0.", "With this fixed, the mean loss is 0.1739",
         "Pass targets > 0, or targets / 255. Do not pass ignore_index=255")),
    "mask, floats": ("labels outside 0 to 1", "mistake", (B, 255.0 * T), {}, ()),
    "mask, bytes": ("labels outside 0 to 1", "mistake", (B, (255 * T).astype(np.uint8)), {}, ()),
    "mask, two columns": (
        "labels outside 0 to 1", "mistake", (np.stack([-B, B], axis=1), 255 * T), {}, ()),
    "mask of one value": (
        "labels outside 0 to 1", "mistake", (B + 9, 0 * T + 255), {}, ("All 400 labels are 255.",)),
    "mask of grey values": (
        "labels outside 0 to 1", "mistake", (B, np.where(T, 230 + Y, Y)), {},
        ("Pass targets / 255; or targets > 127.5",)),
    "percent as labels": (
        "labels outside 0 to 1", "mistake", (B, np.round(100 * PB)), {}, ("Pass targets / 100",)),
    "mask, one-hot": (
        "labels outside 0 to 1", "mistake", (Z, 255 * np.eye(10, dtype=int)[Y]), {},
        ("All 400 rows of targets sum to 255.",)),
    "mask, several labels": (
        "labels outside 0 to 1", "mistake", (B.reshape(100, 4), 255 * T.reshape(100, 4)), {}, ()),
    "2 and 4": (
        "labels outside 0 to 1", "mistake", (B, 2 + 2 * T), {}, ("Pass targets == 4",)),
    "255 is no mark": (
        "labels out of range", "mistake",
        (B, np.where((T == 1) & (np.arange(400) % 3 > 0), 255, T)), {},
        ("Read as 1, the labels 255 fit the scores", "pass targets > 0")),
    "255 beside 0": (
        "labels out of range", "mistake", (Z, 255 * T), {}, ("pass targets > 0",)),
    "10 for 0": (
        "labels modulo K", "mistake", (Z, np.where(Y == 0, 10, Y)), {},
        ("Label 10 stands for class 0: pass targets % 10.",)),
    "modulo 10": (
        "labels modulo K", "mistake", (Z, Y + 10 * (np.arange(400) % 3)), {},
        ("their remainders modulo 10 fit the scores", "Pass targets % 10")),
    "counted from 10": (
        "labels not counted from 0", "mistake", (Z, Y + 10), {}, ("Pass targets - 10.",)),
    "counted from -1": (
        "labels off by one", "mistake", (Z[Y < 9], Y[Y < 9] - 1), {},
        ("Do not pass ignore_index=-1",)),
    "confidences": (
        "confidence in the predicted label", "mistake", (np.maximum(PB, 1 - PB), T), PROBABILITIES,
        ("No score is below 1/2", "have a mean loss of 0.2470")),
    "confidences as logits": (
        "confidence in the predicted label", "mistake", (np.maximum(PB, 1 - PB), T), {}, ()),
    "confidences in percent": (
        "confidence in the predicted label", "mistake", (100 * np.maximum(PB, 1 - PB), T), {},
        ("No score is below 50",)),
    "absolute logits": (
        "confidence in the predicted label", "mistake", (abs(B), T), {}, ("No logit is below 0",)),
    "whole percentages": ("percentages", "mistake", (np.round(100 * P), Y), {}, ()),
    "sorted": (
        "sorted labels", "note", (Z[np.argsort(Y)], np.sort(Y)), {},
        ("each of 10 classes is in one run",)),
    "a bias alone": (
        "worse than chance", "note", (0.1 * B + 1, (np.arange(400) < 20).astype(int)), {}, ()),
    "at chance": (
        "at chance", "note", (0.01 * np.random.default_rng(1).normal(size=(400, 10)), Y), {},
        ("learned nothing yet",)),
    "overconfident": (
        "overconfident", "note", (np.where(np.arange(400) % 3, 1, -1)[:, None] * CONFIDENT, Y), {},
        ("though accuracy is 0.66", "temperature")),
    "worse than the shares": (
        "worse than the labels' shares", "note",
        (np.where(Y == 0, 0.5, -0.3) + 0.01 * B, (Y == 0).astype(int)), {},
        ("always predicting the labels' shares costs 0.3",)),
    "one class only": (
        "only one class in the labels", "note", (Z[Y == 3], Y[Y == 3]), {}, ("labels are 3",)),
    "one class only, binary": (
        "only one class in the labels", "note", (B[T == 1], T[T == 1]), {}, ("labels are 1",)),
    "class without labels": (
        "class never in the labels", "note", (Z[Y != 3], Y[Y != 3]), {}, ("is 3.",)),
    "classes without labels": (
        "class never in the labels", "note", (Z[Y > 3], Y[Y > 3]), {},
        ("is 0, 1, 2, 3.", "only ever pushed down")),
    "never predicted": (
        "class never predicted", "note", (put(Z, (slice(None), 3), -3), Y), {},
        ("is predicted 3, though", "have that label")),
    "one prediction, binary": (
        "class never predicted", "note", (0.01 * B + 1, T), {}, ("rows are predicted 1;",)),
    "NaN": (
        "NaN scores", "mistake", (put(Z, ([3, 5], 2), np.nan), Y), {},
        ("in 2 of 400 rows, the first being row 3", "left out")),
    "NaN everywhere": ("NaN scores", "mistake", (Z * np.nan, Y), {}, ("in all 400 rows",)),
    "NaN, binary": ("NaN scores", "mistake", (put(B, 3, np.nan), T), {}, ("in row 3",)),
    "NaN probabilities": (
        "NaN scores", "mistake", (put(P, (3, 2), np.nan), Y), PROBABILITIES,
        ("A probability is NaN",)),
    "infinite": (
        "infinite logits", "mistake", (put(Z, (3, 2), INF), Y), {}, ("A logit is +inf in row 3",)),
    "two infinities": ("infinite logits", "mistake", (put(Z, (3, [2, 4]), INF), Y), {}, ()),
    "infinite, binary": (
        "infinite logits", "mistake", (put(B, 3, -INF), T), {}, ("is infinite in row 3",)),
    "masked rows": (
        "every class masked", "mistake", (put(Z, 3, -INF), Y), {},
        ("Every class is at -inf in row 3", "ignore_index")),
    "masked label": (
        "label on a masked class", "mistake", (put(Z, (3, Y[3]), -INF), Y), {},
        (f"is -inf in row 3 (label {Y[3]}).",)),
    "masked labels": (
        "label on a masked class", "mistake", (put(Z, (slice(None), 0), -INF), Y), {},
        ("of 400 rows, the first being row", "(label 0)")),
    "probability 0": (
        "probability 0 for the label", "mistake", (xent.softmax(put(Z, (3, Y[3]), -INF)), Y),
        PROBABILITIES, ("clip=",)),
    "probability 0, binary": (
        "probability 0 for the label", "mistake", (put(PB, 3, 1 - T[3]), T), PROBABILITIES, ()),
    "saturated": (
        "saturated rows", "note", (CONFIDENT, Y), {},
        ("400 of 400 rows (100%)", "below 6e-08", "exactly 0")),
    "certain and wrong": (
        "certain and wrong rows", "note", (WRONG, Y), {},
        ("above 10 in row 7; it accounts for",
         f"loss 40.0000, label {Y[7]}, predicted {(Y[7] + 1) % 10}",
         "often mislabelled")),
    "constant column": (
        "constant column", "note", (put(Z, (slice(None), 3), 1.5), Y), {},
        ("of class 3 is the same in all 400 rows (1.5000)", "reference class")),
    "two constant columns": (
        "constant column", "note", (put(Z, (slice(None), [3, 4]), 1.5), Y), {},
        ("of classes 3, 4 is",)),
    "masked throughout": (
        "class masked in every row", "note", (put(Z, (slice(None), 3), -INF)[Y != 3], Y[Y != 3]),
        {}, ("Class 3 has probability 0",)),
    "duplicate columns": (
        "duplicate columns", "mistake", (Z[:, [0, 1, 2, 3, 4, 5, 6, 2, 8, 9]], Y), {},
        ("Classes 2 and 7 have the same score in all 400 rows.",)),
    "duplicate columns unused": (
        "duplicate columns", "note",
        (Z[:, [0, 1, 2, 3, 4, 5, 6, 2, 8, 9]][Y != 7], Y[Y != 7]), {}, ()),
    "identical rows": (
        "identical rows", "mistake", (np.tile(Z[:1], (400, 1)), Y), {},
        ("All 400 rows have the same scores", "does not depend on the input")),
    "identical rows, binary": ("identical rows", "mistake", (np.full(400, 1.5), T), {},
        ("the same score (1.5000)",)),
    "zeros": ("identical rows", "note", (np.zeros((400, 10)), Y), {}, ("starts at 0",)),
    "ignored": (
        "ignored rows", "note", (Z, put(Y, slice(0, 40), -100)), {},
        ("40 of 400 rows (10%) have the label -100", "ignore_index=-100")),
    "all ignored": ("every row ignored", "mistake", (Z, Y * 0 - 100), {}, ("All 400 rows",)),
    "all ignored, binary": ("every row ignored", "mistake", (B, T * 0 - 100), {}, ()),
}  # fmt: skip


def good(seed: int) -> dict[str, tuple[Any, Any, dict[str, Any]]]:
    """Batches with nothing wrong."""
    rng = np.random.default_rng(seed)
    n = int(rng.choice([1, 3, 8, 20, 25, 40, 100, 500]))
    k = int(rng.choice([2, 3, 10]))
    shares = rng.dirichlet(np.full(k, 0.5))
    batches: dict[str, tuple[Any, Any, dict[str, Any]]] = {}
    for tag, labels in (
        ("even", rng.integers(k, size=n)),
        ("imbalanced", rng.choice(k, p=shares, size=n)),
    ):
        hot, noise = np.eye(k)[labels], rng.normal(size=(n, k))
        trained = 5 * hot + 1.5 * noise
        batches |= {
            f"{tag}, trained": (trained, labels, {}),
            f"{tag}, float16": (trained.astype(np.float16), labels, {}),
            f"{tag}, weak": (0.5 * hot + 0.5 * noise, labels, {}),
            f"{tag}, mediocre": (1.5 * hot + 1.5 * noise, labels, {}),
            f"{tag}, certain": (60 * hot + 5 * noise, labels, {}),
            f"{tag}, untrained": (0.1 * noise, labels, {}),
            f"{tag}, biased": (0.1 * noise + 0.3 * rng.normal(size=k), labels, {}),
            f"{tag}, probabilities": (xent.softmax(trained), labels, PROBABILITIES),
            f"{tag}, weak probabilities": (
                xent.softmax(0.5 * hot + 0.3 * noise),
                labels,
                PROBABILITIES,
            ),
            f"{tag}, logarithms": (xent.log_softmax(trained), labels, LOGARITHMS),
            f"{tag}, smoothed": (trained, 0.9 * hot + 0.1 / k, {}),
        }
    for rate in (0.5, 0.1, 0.01):
        labels = (rng.random(n) < rate).astype(int)
        sign, noise = 2 * labels - 1, rng.normal(size=n)
        batches |= {
            f"binary {rate}, trained": (3 * sign + 2 * noise, labels, {}),
            f"binary {rate}, weak": (
                0.3 * sign + 0.5 * noise + np.log(rate / (1 - rate)),
                labels,
                {},
            ),
            f"binary {rate}, certain": (50 * sign + 5 * noise, labels, {}),
            f"binary {rate}, untrained": (0.1 * noise, labels, {}),
            f"binary {rate}, biased": (0.1 * noise + 0.5, labels, {}),
            f"binary {rate}, probabilities": (
                xent.sigmoid(3 * sign + 2 * noise),
                labels,
                PROBABILITIES,
            ),
        }
    return batches
