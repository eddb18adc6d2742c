"""Perplexity, bits per byte and so on: from columns, and from responses of servers."""

from __future__ import annotations

import json
import math
from typing import Any

import language_files as files
import numpy as np
import pyarrow as pa
import pytest
from language_files import ENTRIES, LOGPROBS, WORDS, scored

from xent.scoring.language import TextScore, recognise

LN2 = math.log(2)
TOTAL = sum(LOGPROBS)
BYTES = sum(len(word.encode()) for word in WORDS)


# ---- columns


def test_a_token_per_row():
    columns = {
        "token": pa.array(["The", " cat", " sat"]),
        "logprob": pa.array([-4.1, -2.3, -0.7]),
    }
    result = scored(columns)
    assert isinstance(result, TextScore)
    assert result.tokens == 3
    assert result.documents is None
    assert result.loss == pytest.approx(7.1 / 3, rel=1e-15)
    assert result.perplexity == pytest.approx(math.exp(7.1 / 3), rel=1e-15)
    assert round(result.perplexity, 2) == 10.66
    assert math.isnan(result.bits_per_byte)
    assert [(each.row, each.text, each.loss) for each in result.worst] == [
        (0, "The", 4.1),
        (1, "cat", 2.3),
        (2, "sat", 0.7),
    ]
    assert result.read == "A token per row: its log-probability in 'logprob'."


def test_a_document_per_row():
    rows = [
        {"doc_id": 0, "loglikelihood": -12.5, "num_tokens": 5, "num_bytes": 21},
        {"doc_id": 1, "loglikelihood": -30.1, "num_tokens": 14, "num_bytes": 60},
    ]
    result = scored(rows)
    assert (result.documents, result.tokens, result.bytes) == (2, 19, 81)
    assert result.perplexity == pytest.approx(math.exp(42.6 / 19), rel=1e-15)
    assert result.bits_per_byte == pytest.approx(42.6 / (LN2 * 81), rel=1e-15)
    assert round(result.bits_per_byte, 4) == 0.7588
    assert result.byte_perplexity == pytest.approx(math.exp(42.6 / 81), rel=1e-15)
    assert result.log_likelihood == -42.6
    assert [(each.row, each.rate) for each in result.worst] == [(0, 2.5), (1, 2.15)]


def test_a_list_per_row():
    rows = [
        {"tokens": ["The", " cat", " sat"], "token_logprobs": [None, -2.3, -0.7]},
        {"tokens": ["A", " dog"], "token_logprobs": [None, -1.9]},
    ]
    result = scored(rows)
    assert (result.documents, result.tokens) == (2, 3)
    assert result.loss == pytest.approx(4.9 / 3, rel=1e-15)
    assert result.left_out == (("no log-probability (first token)", 2),)
    assert [each.text for each in result.worst] == ["A dog", "The cat sat"]


@pytest.mark.parametrize("name", ["logprobs", "token_logprobs", "Token LogProbs", "token-logprobs"])
@pytest.mark.parametrize(
    "make",
    [
        pa.array,
        lambda lists: pa.chunked_array([pa.array(lists)]),
        lambda lists: pa.array([json.dumps(each) for each in lists]),
        lambda lists: pa.array([str(each) for each in lists]),  # as pandas writes CSV
        lambda lists: pa.array(lists, pa.large_list(pa.float32())),
    ],
    ids=["list", "chunks", "JSON", "Python", "large list"],
)
def test_lists_in_any_column(name: str, make: Any):
    result = scored({name: make([[None, -2.5, -0.75], [-1.5], [None], []])})
    assert (result.tokens, result.documents) == (3, 4)
    assert result.loss == pytest.approx(4.75 / 3, rel=1e-15)


def test_bytes_of_each_token():
    rows = [{"logprobs": [None, -2.0], "bytes": [3, 4]}, {"logprobs": [-1.0], "bytes": [2]}]
    result = scored(rows)
    assert result.bytes == 6
    assert result.bits_per_byte == pytest.approx(3 / 6 / LN2, rel=1e-15)


@pytest.mark.parametrize(
    ("names", "unit"),
    [
        (("loglikelihood", "n_tokens"), "token"),
        (("sum_logprob", "token_count"), "token"),
        (("logprob", "num_tokens"), "token"),
        (("ll", "byte_count"), "byte"),
        (("log_likelihood", "words"), "document"),
        (("cumulative_logprob", "n_chars"), "document"),
    ],
)
def test_names_of_sums_and_counts(names: tuple[str, str], unit: str):
    values, count = names
    columns = {values: np.array([-3.0, -5.0]), count: np.array([2, 4])}
    result = scored(columns)
    assert result.form.unit == unit
    per = {
        "token": result.loss,
        "byte": result.bits_per_byte * LN2,
        "document": math.log(result.word_perplexity)
        if result.words
        else result.bits_per_character * LN2,
    }[unit]
    assert per == pytest.approx(8 / 6, rel=1e-14)


def test_a_sum_alone_is_a_loss_per_text():
    result = scored({"loglikelihood": pa.array([-3.0, -5.0])})
    assert (result.loss, result.tokens, result.documents) == (4.0, None, 2)
    assert "nats per text" in result.to_text()
    assert math.isnan(result.perplexity)
    assert result.notes == ["The number of tokens is not known, so nothing is per token."]
    assert result.to_dict()["log_loss_per"] == "text"


def test_an_infinite_token_makes_perplexity_infinite():
    result = scored({"logprob": pa.array([-1.0, -math.inf, -2.0, -math.inf])})
    assert result.perplexity == math.inf
    assert result.infinite == 2
    assert [each.row for each in result.worst] == [1, 3, 2, 0]
    assert "2 tokens have a probability of 0, so the perplexity is infinite." in result.notes
    assert result.to_dict()["perplexity"] == "inf"
    assert result.to_dict()["worst_rows"][0]["log_loss_nats"] == "inf"


def test_rounding_above_zero_is_zero():
    assert scored({"logprob": pa.array([1e-7, -1.0])}).loss == 0.5


def test_rows_without_a_number():
    columns = {"logprob": pa.array([None, -1.0, None, -2.0])}
    result = scored(columns, missing="drop")
    assert result.left_out == (("no log-probability", 1), ("no log-probability (first token)", 1))
    assert result.loss == 1.5
    columns = {"loglikelihood": pa.array([-1.0, None]), "num_tokens": pa.array([1, None])}
    assert scored(columns, missing="drop").tokens == 1


# ---- what is no file of a language model

ORDINARY: list[dict[str, list[Any]]] = [
    {"label": [0, 1], "logprob_A": [-0.1, -2.0], "logprob_B": [-2.0, -0.1]},
    {"logprob_A": [-0.1, -2.0], "logprob_B": [-2.0, -0.1]},
    {"label": [0, 1], "prob": [[0.9, 0.1], [0.2, 0.8]]},
    {"label": [0, 1], "logprob": [-0.1, -0.2]},
    {"y_true": ["a", "b"], "logprobs": [[-0.105360516, -2.302585093], [-0.6931471, -0.6931472]]},
    {"label": [0, 1], "logits": [[-1.0, -2.0], [-3.0, 1.0]]},
    {"label": [0, 1], "logprobs": [[-1.0, -2.0], [-3.0, 1.0]]},
    {"target": [0, 1], "p": [0.5, 0.25]},
    {"id": [1, 2], "prob_A": [0.2, 0.3], "prob_B": [0.8, 0.7]},
    {"label": [0, 1], "prob": [0.5, 0.1], "tokens": [3, 4]},
    {"question": ["a", "b"], "choices": [["x", "y"], ["x", "z"]], "label": [0, 1]},
    {"logprob": [-1.0, -2.0], "loglikelihood": [-1.0, -2.0]},
    {"species": ["a", "b"], "logprobs": [[-0.105360516, -2.302585093], [-0.6931471, -0.6931472]]},
    {"label": ["a", "b"], "logprobs": [["x", "y"], ["z", "z"]]},
    {"logprobs": [["x", "y"], ["z", "z"]]},
    {"target": ["a", "b"], "loglikelihood": [-1.0, -2.0]},
]


@pytest.mark.parametrize("columns", ORDINARY, ids=lambda columns: ",".join(columns))
def test_ordinary_files_are_left_alone(columns: dict[str, list[Any]]):
    arrays = {name: pa.array(values) for name, values in columns.items()}
    assert recognise(list(columns), arrays) is None
    records = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    assert recognise(list(columns), records) is None


def test_matrices_of_classes_are_left_alone():
    p = np.broadcast_to(-np.log(50_000), (1000, 50_000))
    assert recognise(["logprobs", "arr_1"], {"logprobs": p, "arr_1": np.zeros(1000)}) is None
    assert recognise(["logprobs", "label"], {"logprobs": p, "label": np.zeros(1000)}) is None


def test_tokens_beside_a_label():
    rows = [{"target": "positive", "token_logprobs": [None, -1.0, -2.0]}]
    assert scored(rows).loss == 1.5


def test_a_text_called_target_beside_counts():
    rows = [{"target": "a b", "loglikelihood": -3.0, "num_tokens": 2}]
    assert scored(rows).loss == 1.5


# ---- responses of servers


def test_chat_completions():
    result = scored(files.as_lines([files.chat(), files.chat()]))
    assert (result.documents, result.tokens, result.bytes) == (2, 6, 2 * BYTES)
    assert result.loss == pytest.approx(-TOTAL / 3, rel=1e-15)
    assert result.bits_per_byte == pytest.approx(-TOTAL / BYTES / LN2, rel=1e-15)
    assert result.read == "Token log-probabilities in 'choices[].logprobs.content'."
    assert "certain" in result.notes[0]


def test_bytes_that_some_texts_lack():
    result = scored([files.chat(), files.chat(bytes_given=False)])
    assert result.bytes is None
    assert "Figures per byte are left out: 1 text without bytes." in result.notes


def test_completions_with_echo():
    result = scored([files.completion()])
    assert result.loss == pytest.approx(-sum(LOGPROBS[1:]) / 2, rel=1e-15)
    assert result.left_out == (("no log-probability (first token)", 1),)
    assert result.worst[0].text == "The café sat"


def test_lines_of_the_batch_api():
    failed = files.batch_line(None, {"code": "server_error", "message": "..."})
    result = scored([files.batch_line(files.completion()), failed, files.batch_line(files.chat())])
    assert result.documents == 2
    assert result.tokens == 5
    assert ("no response (the request failed)", 1) in result.left_out
    assert result.worst[0].text == "request-7 The café sat"


def test_several_choices_of_a_response_are_texts_of_their_own():
    body = files.chat()
    body["choices"] *= 3
    result = scored([body])
    assert (result.documents, result.tokens) == (3, 9)


@pytest.mark.parametrize("ids", [None, [2, 7, 9, 3]])
def test_prompts_of_vllm(ids: list[int] | None):
    result = scored(files.as_lines([files.vllm(ENTRIES, prompt_token_ids=ids)]))
    assert result.loss == pytest.approx(8.75 / 3, rel=1e-15)
    assert result.worst[0].text == "7 9 3"
    assert result.read == "Token log-probabilities of the prompts, in 'prompt_logprobs'."
    assert not result.notes


def test_ids_of_the_prompt_find_its_tokens_in_any_order():
    changed = [entry and dict(sorted(entry.items())) for entry in ENTRIES]
    result = scored([files.vllm(changed, prompt_token_ids=[2, 7, 9, 3])])
    assert result.loss == pytest.approx(8.75 / 3, rel=1e-15)


def test_prompts_of_completions_of_vllm():
    body = files.completion()
    body["choices"][0] |= {"logprobs": None, "prompt_logprobs": list(ENTRIES)}
    assert scored([body]).loss == pytest.approx(8.75 / 3, rel=1e-15)


def test_prompt_and_generated_tokens_are_told_apart():
    result = scored([files.tgi()], part="prompt")
    assert (result.loss, result.tokens) == (4.5, 1)
    assert not result.notes
    assert result.read == "Token log-probabilities of the prompts, in 'details.prefill'."
    result = scored([files.tgi()], part="generated")
    assert result.loss == pytest.approx(-TOTAL / 3, rel=1e-15)
    assert scored([files.tgi(prefill=False)]).loss == result.loss
    assert scored([[files.tgi(prefill=False)][0]]).loss == result.loss


def test_sglang():
    inputs = [[None, 1, "The"], [-2.5, 5, " cat"], [-0.5, 6, None]]
    body = {"text": "x", "meta_info": {"id": "a", "input_token_logprobs": inputs}}
    result = scored([body])
    assert (result.loss, result.worst[0].text) == (1.5, "The cat")


def test_llama_cpp():
    tokens = [{"id": 1, "token": "é", "logprob": -0.5, "bytes": [195, 169], "top_logprobs": []}]
    result = scored([{"content": "é", "completion_probabilities": tokens}])
    assert (result.loss, result.bytes) == (0.5, 2)


def test_a_token_that_is_too_unlikely_to_be_given():
    result = scored([files.chat((-0.25, -9999.0, -1.0))])
    assert result.perplexity == math.inf
    assert result.infinite == 1
    assert (
        "1 token has a probability of 0 (-9999 is what servers write for it), so the perplexity is "
        "infinite." in result.notes
    )


def test_the_report():
    text = scored(
        [
            {"doc_id": "a", "loglikelihood": -12.5, "num_tokens": 5, "num_bytes": 21},
            {"doc_id": "b", "loglikelihood": -30.1, "num_tokens": 14, "num_bytes": 60},
        ],
        "lm.jsonl",
    ).to_text()
    assert (
        text
        == """\
lm.jsonl: 2 texts, 19 tokens

A document per row: the sum of its log-probabilities in 'loglikelihood'; tokens
in 'num_tokens', bytes in 'num_bytes'.

                  value  95 % interval
log loss         2.2421  none           nats per token
                 3.2347  none           bits per token
perplexity       9.4131  none           exp(log loss per token)
bits per byte    0.7588  none           over 81 bytes
byte perplexity  1.6920  none           exp(log loss per byte)

No interval of log loss, perplexity, bits per byte and byte perplexity: only 2
texts: an interval needs 10.

worst row  text  tokens  log loss  per token
        0  a          5   12.5000     2.5000
        1  b         14   30.1000     2.1500
"""
    )
