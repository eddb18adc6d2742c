"""Questions with choices, and the samples of lm-evaluation-harness."""

from __future__ import annotations

import math
import re
from typing import Any

import language_files as files
import mpmath
import numpy as np
import pyarrow as pa
import pytest
from language_files import form_of, sample, scored, softmax_loss

from xent.scoring.language import ChoiceScore

LN2 = math.log(2)
CAPITALS = ["Paris", "Rome", "The city of Frankfurt am Main"]
LOGS = [-6.0, -5.5, -20.0]  # of these, Rome is likeliest; per character, Frankfurt


# ---- plain records


def test_records_without_arguments():
    rows = [
        {"target": 1, "resps": [[-5.2, False], [-3.1, True], [-7.0, False]]},
        {"target": 0, "resps": [[-2.2, True], [-3.9, False], [-4.5, False]]},
    ]
    result = scored(rows)
    assert isinstance(result, ChoiceScore)
    assert round(result.loss, 4) == 0.1913
    expected = softmax_loss([-5.2, -3.1, -7.0], 1) + softmax_loss([-2.2, -3.9, -4.5], 0)
    assert result.loss == pytest.approx(expected / 2, rel=1e-14)
    assert result.accuracy == 1
    assert math.isnan(result.accuracy_per_character)
    assert result.base_loss == pytest.approx(math.log(3), rel=1e-15)
    assert result.base_accuracy == 1 / 3


def test_a_column_of_lists_beside_labels():
    columns = {
        "label": pa.array([1, 0]),
        "logprobs": pa.array([[-5.2, -3.1, -7.0], [-2.2, -3.9, -4.5]]),
    }
    result = scored(columns)
    assert round(result.loss, 4) == 0.1913
    assert result.read == (
        "Log-likelihoods of choices in 'logprobs', normalised over the choices of each question; "
        "the right choice in 'label'."
    )


def test_texts_of_choices_in_a_column():
    rows = [
        {"id": "q1", "answer": "Rome", "gold": 1, "choices": CAPITALS, "lls": LOGS},
        {"id": "q2", "answer": "x", "gold": 0, "choices": ["x", "yy"], "lls": [-1.0, -1.5]},
    ]
    result = scored(rows)
    assert result.accuracy == 1
    assert result.accuracy_per_character == 0
    rows = [{"gold": row["choices"][row["gold"]], **{k: row[k] for k in ("choices", "lls")}}
            for row in rows]  # fmt: skip
    assert scored(rows).loss == result.loss


def test_ragged_choices_and_chance():
    rows = [
        {"label": 0, "logprobs": [-1.0, -2.0]},
        {"label": 3, "logprobs": [-1.0, -2.0, -3.0, -0.5]},
        {"label": 0, "logprobs": [-4.0]},
    ]
    result = scored(rows)
    expected = softmax_loss([-1, -2], 0) + softmax_loss([-1, -2, -3, -0.5], 3)
    assert result.loss == pytest.approx(expected / 3, rel=1e-14)
    assert result.base_loss == pytest.approx((math.log(2) + math.log(4)) / 3, rel=1e-15)
    assert result.base_accuracy == pytest.approx((1 / 2 + 1 / 4 + 1) / 3, rel=1e-15)
    assert result.bits == result.loss / LN2
    assert result.skill == 1 - result.loss / result.base_loss


def test_losses_have_every_digit_where_the_model_is_right():
    rows = [{"label": 0, "logprobs": [-1.0, -41.0, -50.0]}, {"label": 0, "logprobs": [-1.0, -2]}]
    tiny = scored(rows).worst[1].loss
    exact = mpmath.log1p(mpmath.exp(-40) + mpmath.exp(-49))
    assert abs(tiny - exact) <= 2e-16 * exact


# ---- samples of lm-evaluation-harness


@pytest.mark.parametrize("new", [True, False], ids=["texts and objects", "numbers and lists"])
def test_samples_of_choices(new: bool):
    rows = [
        sample(0, CAPITALS, LOGS, 1, new=new, **files.harness_metrics(CAPITALS, LOGS, 1)),
        sample(1, ["ja", "nein"], [-3.0, -4.0], 1, new=new, acc=0.0, acc_norm=1.0),
    ]
    result = scored(rows)
    expected = softmax_loss(LOGS, 1) + softmax_loss([-3, -4], 1)
    assert result.loss == pytest.approx(expected / 2, rel=1e-14)
    assert (result.accuracy, result.accuracy_per_character) == (0.5, 0.5)
    assert not result.notes
    assert result.worst[0].text == "doc 1 Question: what? Answer:"
    assert (result.worst[0].right, result.worst[0].predicted) == (1, 0)
    assert result.read == (
        "lm-evaluation-harness: log-likelihoods of choices in 'filtered_resps', normalised over "
        "the choices of each question; the right choice in 'target'."
    )


def test_accuracies_are_those_of_the_harness():
    rng = np.random.default_rng(3)
    rows, expected = [], {"acc": 0.0, "acc_norm": 0.0, "acc_bytes": 0.0}
    for doc in range(200):
        size = int(rng.integers(2, 8))
        letters = rng.choice(list("abé漢"), (size, 12))
        choices = ["".join(row[: rng.integers(1, 13)]) for row in letters]
        logs = (-rng.exponential(5, size)).round(int(rng.integers(0, 4))).tolist()
        gold = int(rng.integers(size))
        metrics = files.harness_metrics(choices, logs, gold)
        rows.append(sample(doc, choices, logs, gold, **metrics))
        expected = {key: expected[key] + metrics[key] for key in expected}
    result = scored(rows)
    assert result.accuracy == expected["acc"] / 200
    assert result.accuracy_per_character == expected["acc_norm"] / 200
    assert result.accuracy_per_byte == expected["acc_bytes"] / 200
    assert result.accuracy_per_byte != result.accuracy_per_character
    assert not [note for note in result.notes if "differs" in note]


def test_the_delimiter_is_no_part_of_a_choice():
    choices, logs = ["a", "bbbb"], [-1.0, -3.0]  # per character -1 and -0.75; with a blank the same
    for delimiter in (" ", ""):
        row = sample(0, choices, logs, 1, delimiter=delimiter)
        assert scored([row]).accuracy_per_character == 1
    longer = [-1.0, -2.2]  # with the blank counted: -0.5, and -0.44
    assert scored([sample(0, ["a", "bbb"], longer, 1)]).accuracy_per_character == 1


def test_what_the_file_says_is_compared():
    rows = [sample(i, ["a", "b"], [-1.0, -2.0], 0, acc=float(i > 0), acc_norm=1.0) for i in (0, 1)]
    assert scored(rows).notes == [
        "In 1 question of 2, 'acc' in the file differs from the accuracy computed here: the task "
        "may score its choices in its own way."
    ]


@pytest.mark.parametrize(
    ("target", "right"),
    [(2, [2]), ("2", [2]), ("Rome", [1]), (" Rome", [1]), ([0, 2], [0, 2]), ("[0, 2]", [0, 2]),
     (2.0, [2])],
)  # fmt: skip
def test_targets(target: Any, right: list[int]):
    result = scored([sample(0, CAPITALS, LOGS, target, new=False)])
    assert result.loss == pytest.approx(softmax_loss(LOGS, *right), rel=1e-14)
    assert result.accuracy == float(1 in right)
    assert result.base_accuracy == pytest.approx(len(right) / 3)
    assert result.base_loss == pytest.approx(math.log(3 / len(right)))


def test_several_right_choices_of_different_questions():
    rows = [sample(0, CAPITALS, LOGS, [0, 1]), sample(1, CAPITALS, LOGS, 2), ]  # fmt: skip
    expected = softmax_loss(LOGS, 0, 1) + softmax_loss(LOGS, 2)
    assert scored(rows).loss == pytest.approx(expected / 2, rel=1e-14)


def test_accuracy_tells_places_from_texts():
    """Choices that are numbers: '1' is the text of the first and the place of the second."""
    choices, logs = ["1", "2", "3"], [-1.0, -2.0, -3.0]
    assert scored([sample(0, choices, logs, "1", acc=1.0)]).accuracy == 1
    assert scored([sample(0, choices, logs, "1", acc=0.0)]).accuracy == 0
    assert scored([sample(0, choices, logs, "0", acc=1.0)]).accuracy == 1


def test_choices_in_the_context():
    """In winogrande, the continuation is the same for all, and is written as the target."""
    row = files.winogrande("it was big.", [-5.0, -4.0], acc=1.0)
    result = scored([row])
    assert result.loss == pytest.approx(softmax_loss([-5, -4], 1))
    assert math.isnan(result.accuracy_per_character)
    row = files.winogrande("it was big.", [-5.0, -4.0], acc=0.0)
    assert scored([row]).loss == pytest.approx(softmax_loss([-5, -4], 0))


def test_mutual_information_has_each_choice_twice():
    row = sample(0, ["a", "b", "a", "b"], [-1.0, -2.0, -9.0, -9.5], 0, acc=1.0, acc_mutual_info=1.0)
    assert scored([row]).loss == pytest.approx(softmax_loss([-1, -2], 0))


def test_an_impossible_right_choice():
    result = scored([sample(0, ["a", "b"], [-1.0, -math.inf], 1)])
    assert (result.loss, result.infinite) == (math.inf, 1)
    assert result.notes[0] == (
        "1 question gives the right choice a probability of 0, so the log loss is infinite."
    )


@pytest.mark.parametrize("new", [True, False])
def test_one_continuation(new: bool):
    rows = [
        files.lambada(0, "door", -1.5, True, new=new),
        files.lambada(1, "café", -4.0, False, new=new),
    ]
    result = scored(rows)
    assert form_of(rows).shape == "continuation"
    assert (result.documents, result.tokens, result.loss) == (2, None, 2.75)
    assert result.perplexity == pytest.approx(math.exp(2.75))  # as the harness has it
    assert result.accuracy == 0.5
    assert result.bytes == len(" door") + len(" café".encode())
    assert result.worst[0].text == "doc 1 café"


@pytest.mark.parametrize("new", [True, False])
def test_whole_documents(new: bool):
    texts = ["One two  three\nfour", "Ein Café"]
    rows = [files.rolling(i, text, -10.0 - i, new=new) for i, text in enumerate(texts)]
    result = scored(rows)
    n_words = sum(len(re.split(r"\s+", text)) for text in texts)
    n_bytes = sum(len(text.encode()) for text in texts)
    assert (result.words, result.bytes) == (n_words, n_bytes)
    assert result.word_perplexity == pytest.approx(math.exp(21 / n_words), rel=1e-14)
    assert result.byte_perplexity == pytest.approx(math.exp(21 / n_bytes), rel=1e-14)
    assert result.bits_per_byte == pytest.approx(21 / n_bytes / LN2, rel=1e-14)
    assert result.worst[0].text == "doc 1 Ein Café"
    assert result.read.endswith("words and bytes counted in 'arguments'.")


def test_the_harness_counts_words_as_the_task_says():
    counts = {"word_perplexity": [-6.0, 3], "byte_perplexity": [-6.0, 5]}
    row = files.rolling(0, "a b", -6.0, **counts, bits_per_byte=[-6.0, 5])
    result = scored([row])
    assert (result.words, result.bytes) == (3, 5)
    assert result.read.endswith("words and bytes as the samples give them.")


def test_samples_in_parquet():
    rows = [sample(i, ["a", "b"], [-1.0, -2.0], 0) for i in range(2)]
    columns = {name: pa.array([row[name] for row in rows]) for name in rows[0]}
    assert scored(columns).loss == scored(rows).loss


def test_the_report():
    rows = [sample(7, CAPITALS, LOGS, 1, acc=1.0), sample(8, CAPITALS, LOGS, 2, acc=0.0)]
    result = scored(rows, "samples_capitals.jsonl")
    assert (
        result.to_text()
        == """\
samples_capitals.jsonl: 2 questions

lm-evaluation-harness: log-likelihoods of choices in 'filtered_resps',
normalised over the choices of each question; the right choice in 'target'.

                value  95 % interval
log loss       7.7241  none           nats per question
              11.1435  none           bits per question
perplexity  2262.1643  none           choices as hard to guess
chance         1.0986                 nats, every choice equally likely
skill         -6.0308  none           1 - log loss / chance
accuracy       0.5000  none           acc: by log-likelihood
               0.5000  none           acc_norm: by log-likelihood per character
               0.5000  none           acc_bytes: by log-likelihood per byte
               0.3333                 by chance

No interval of log loss, perplexity, skill and accuracy: only 2 questions: an
interval needs 10.

worst row  question                       right  predicted    p(right)  log loss
        1  doc 8 Question: what? Answer:      2          1  3.1394e-07   14.9741
        0  doc 7 Question: what? Answer:      1          1      0.6225    0.4741

Note: The predictions are worse than taking every choice for equally likely.
"""
    )
    data = result.to_dict()
    assert data["worst_rows"][1] == {
        "file": "",
        "row": 0,
        "text": "doc 7 Question: what? Answer:",
        "right": 1,
        "predicted": 1,
        "probability_of_right": 0.6224591357895801,
        "log_loss_nats": 0.47407729811596616,
    }
    assert (data["accuracy"], data["accuracy_per_byte"]) == (0.5, 0.5)
