"""What cannot be scored: the exact words, with the row and the field."""

from __future__ import annotations

import math
from typing import Any

import language_files as files
import pyarrow as pa
import pytest
from language_files import form_of, sample, scored

from xent.scoring.errors import FileError
from xent.scoring.language import recognise

NAN = (
    "the log-probability is NaN: the model gave NaN, or a division went wrong. Score the text "
    "again, or remove the row; null marks a first token that has none."
)
POSITIVE = (
    "0.7 is positive, but a log-probability is 0 at most. Of probabilities, write the natural "
    "logarithm; of losses (negative log-likelihoods), change the sign."
)

DROP = " --missing drop leaves such rows out, and counts them."


def says(rows: Any, message: str, **options: Any) -> None:
    with pytest.raises(FileError) as caught:
        scored(rows, **options)
    assert str(caught.value) == f"file: {message}"


# ---- columns


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_numbers_that_are_no_log_probabilities(batch: int):
    says(
        {"logprob": pa.array([-1.0, -2.0, 0.7])},
        f"row 2, column 'logprob': {POSITIVE}",
        batch=batch,
    )
    says({"logprob": pa.array([-1.0, math.nan])}, f"row 1, column 'logprob': {NAN}", batch=batch)
    lists = [[-1.0], [-1.0, -2.0], [-0.5, 0.7]]
    says({"logprobs": pa.array(lists)}, f"row 2, column 'logprobs': {POSITIVE}", batch=batch)


def test_missing_numbers():
    says(
        {"logprob": pa.array([None, -1.0, None])},
        "row 2, column 'logprob': the log-probability is missing. Rows without one are left out, "
        "and counted, with --missing drop.",
    )
    says(
        {"loglikelihood": pa.array([None, -1.0])},
        "row 0, column 'loglikelihood': the log-probability is missing. Rows without one are left "
        "out, and counted, with --missing drop.",
    )
    says(
        {"logprobs": pa.array([[-1.0], [None, -1.0, None]])},
        "row 1, column 'logprobs': token 2 has no log-probability; only the first token may have "
        "none.",
    )
    says({"logprobs": pa.array([[-1.0], None])}, "row 1, column 'logprobs': the list is missing.")
    says(
        {"logprobs": pa.array([[None], [None]])},
        "nothing is left: 2 with no log-probability (first token).",
    )
    says({"logprob": pa.array([], pa.float64())}, "holds no rows.")


def test_counts():
    def columns(*counts: Any) -> dict[str, Any]:
        return {"ll": pa.array([-1.0, -2.0]), "num_tokens": pa.array(counts)}

    expected = "is no number of tokens; expected a whole number, 0 or more."
    says(columns(1, -2), f"row 1, column 'num_tokens': -2 {expected}")
    says(columns(1.5, 2), f"row 0, column 'num_tokens': 1.5 {expected}")
    says(columns(1, None), f"row 1, column 'num_tokens': nothing {expected}")
    says(
        columns(1, 0),
        "row 1, column 'num_tokens': the text has 0 tokens, but a log-probability other than 0.",
    )


def test_lists_of_different_lengths():
    rows = [{"tokens": ["a", "b"], "token_logprobs": [-1.0, -2.0]},
            {"tokens": ["a"], "token_logprobs": [-1.0, -2.0]}]  # fmt: skip
    says(
        rows,
        "row 1, column 'token_logprobs': 2 log-probabilities, but 1 entries in 'tokens'; expected "
        "one of each per token.",
    )
    rows = [{"bytes": [1, 2, 3], "logprobs": [-1.0, -2.0]}]
    says(
        rows,
        "row 0, column 'logprobs': 2 log-probabilities, but 3 entries in 'bytes'; expected one of "
        "each per token.",
    )
    says(
        [{"bytes": [1, 2], "logprobs": [-1.0, -2.0]}, {"bytes": [-1], "logprobs": [-2.0]}],
        "row 1, column 'bytes': -1 is no number of bytes; expected a whole number, 0 or more.",
    )


def test_texts_among_numbers():
    rows: list[Any] = [{"logprob": -1.0}, {"logprob": -2.0}, {"logprob": "n/a"}]
    form = form_of(rows[:2])
    with pytest.raises(FileError) as caught:
        files.score_language(form, [(0, rows[:1]), (1, rows[1:])], "file")
    assert str(caught.value) == (
        "file: row 2, column 'logprob': 'n/a' is not like the rows before it: expected a number."
    )
    columns = {"logprob": pa.array(["-1.0", "x"])}
    with pytest.raises(FileError, match="row 1, column 'logprob': 'x' is not a number"):
        files.score_language(form, [(0, columns)], "file")
    says({"logprobs": pa.array(["[-1.0]", "[-1.0 -2.0]"])},
         "row 1, column 'logprobs': '[-1.0 -2.0]' is no list of log-probabilities, such as "
         "[-1.2, -0.3].")  # fmt: skip


# ---- responses


def test_responses_without_log_probabilities():
    body = files.chat()
    body["choices"][0]["logprobs"] = None
    missing = (
        "holds responses without log-probabilities. Ask for them in the request: logprobs=true "
        "(chat), logprobs=0 with echo=true (completions), prompt_logprobs=0 (vLLM), or "
        "details=true with decoder_input_details=true (text-generation-inference)."
    )
    says([body], missing)
    says([files.chat()], missing, part="prompt")
    says(
        [files.chat(), body],
        f"row 1: the response has no log-probabilities of the generated tokens.{DROP}",
    )
    says([files.chat(), {"a": 1}], f"row 1: is no response like those before it.{DROP}")


def test_prompt_or_generated():
    says(
        [files.tgi()],
        "holds log-probabilities of the prompts and of the generated tokens. Say which ones "
        "count: --part prompt measures how well the model predicts the given text, "
        "--part generated how certain it was of its own.",
    )


def test_tokens_of_responses():
    field = "choices[].logprobs.token_logprobs"
    body = files.completion()
    body["choices"][0]["logprobs"]["tokens"].pop()
    says(
        [files.completion(), body],
        f"row 1, column '{field}': 3 log-probabilities for 2 tokens; expected one of each.",
    )
    says(
        [files.completion((None, None, -1.0))],
        f"row 0, column '{field}': token 1 has no log-probability; only the first token may have "
        "none.",
    )
    says([files.completion((None, 0.7, -1.0))], f"row 0, column '{field}': {POSITIVE}")
    field = "choices[].logprobs.content"
    says([files.chat((-1.0, math.nan, -1.0))], f"row 0, column '{field}': {NAN}")
    body = files.chat()
    body["choices"][0]["logprobs"]["content"][1].pop("logprob")
    says(
        [files.chat(), body],
        f"row 1, column '{field}': expected objects with a 'logprob' each.",
    )


def test_prompts_of_vllm():
    known = files.vllm_entry(7, -0.5, 1)
    outside = files.vllm_entry(1, -0.25, 1, (9, -6.25, 40))
    says(
        [files.vllm([None, outside])],
        "row 0, column 'prompt_logprobs': entry 1 does not begin with the token of the prompt: its "
        "order was changed. Save the 'prompt_token_ids', too, or ask for prompt_logprobs=0.",
    )
    says(
        [files.vllm([None, known], prompt_token_ids=[1, 8])],
        "row 0, column 'prompt_logprobs': entry 1 lacks the token 8 of the prompt.",
    )
    says(
        [files.vllm([None, known], prompt_token_ids=[1])],
        "row 0, column 'prompt_logprobs': 2 entries for 1 'prompt_token_ids'; expected one of "
        "each.",
    )
    says(
        [files.vllm([None, {}])],
        "row 0, column 'prompt_logprobs': entry 1: expected an object of tokens, or null.",
    )


# ---- samples of lm-evaluation-harness

GENERATED = (
    "holds samples of generated text (generate_until), which have no log-probabilities. Of "
    "lm-evaluation-harness, tasks of choices (multiple_choice), loglikelihood and "
    "loglikelihood_rolling can be scored."
)


@pytest.mark.parametrize("text", ["The answer is 4", "4", "-1.5", ""])
def test_generated_text(text: str):
    says([files.generated(0, text)], GENERATED)


def test_results_without_samples():
    says(
        [{"results": {"arc_easy": {"acc,none": 0.5}}, "configs": {}, "versions": {}}],
        "holds the results of lm-evaluation-harness without the samples. Score the files "
        "samples_*.jsonl beside it, which --log_samples writes.",
    )


LOGS = [-1.0, -2.0, -3.0]
TEXTS = ["x", "yy", "z"]
HOW = "expected the place of the right choice, from 0, or its text."


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (sample(1, TEXTS, LOGS, 3), "column 'target': 3 is out of range: there are 3 choices, 0 to "
         "2. If targets start at 1, subtract 1."),
        (sample(1, TEXTS, LOGS, -1), "column 'target': -1 is out of range: there are 3 choices, 0 "
         "to 2."),
        (sample(1, TEXTS, LOGS, [1, 7]), "column 'target': 7 is out of range: there are 3 choices, "
         "0 to 2."),
        (sample(1, TEXTS, LOGS, None, new=False), f"column 'target': the target is missing; {HOW}"),
        (sample(1, TEXTS, LOGS, ""), f"column 'target': the target is missing; {HOW}"),
        (sample(1, TEXTS, LOGS, "C"), f"column 'target': 'C' is none of the choices; {HOW}"),
        (sample(1, TEXTS, LOGS, True, new=False), f"column 'target': True is no target; {HOW}"),
        (sample(1, TEXTS, LOGS, [], new=False),
         f"column 'target': the list of targets is empty; {HOW}"),
        (sample(1, ["1", "2", "3"], LOGS, "1"), "column 'target': the target '1' is the place of "
         "one choice and the text of another. Write the place, from 0, as a number."),
        (files.winogrande("same", LOGS), "column 'target': the target is the continuation "
         "that all choices share (as in winogrande), so that it does not say which one is right. "
         "Write the place of the right choice, from 0, as 'target'."),
        (files.winogrande("same", LOGS, acc=0.0), "column 'target': the target is the "
         "continuation that all choices share (as in winogrande), so that it does not say which "
         "one is right. Write the place of the right choice, from 0, as 'target'."),
        (sample(1, TEXTS, LOGS, 0, acc=0.43), "column 'acc': 0.43 lies between 0 and 1, so the "
         "task scores its choices in its own way (as truthfulqa_mc2 does), and the target alone "
         "does not say which choices are right."),
        (sample(1, TEXTS, [-1.0, 0.7, -2.0], 0), f"column 'filtered_resps': {POSITIVE}"),
        (sample(1, TEXTS, [-1.0, math.nan, -2.0], 0), f"column 'filtered_resps': {NAN}"),
        (sample(1, TEXTS, [-math.inf] * 3, 0), "column 'filtered_resps': every choice has a "
         "log-likelihood of -inf, so that they cannot be normalised."),
        (sample(1, TEXTS, LOGS, 0) | {"filtered_resps": [["-1.0", "a", "b"]] * 3},
         "column 'filtered_resps': ['-1.0', 'a', 'b'] is no pair of a log-likelihood and "
         "is_greedy, as lm-evaluation-harness writes them for each choice: [-5.2, false]."),
        (sample(1, TEXTS, LOGS, 0) | {"filtered_resps": [["x", "False"]] * 3},
         "column 'filtered_resps': 'x' is not a log-likelihood; expected a number."),
        (sample(1, TEXTS, LOGS, 0) | {"filtered_resps": [["-1.0", "False"]] * 2},
         "column 'filtered_resps': 2 log-likelihoods for 3 requests; expected one of each."),
        (sample(1, TEXTS, LOGS, 0) | {"filtered_resps": []},
         "column 'filtered_resps': expected a list of log-likelihoods; found none."),
    ],
)  # fmt: skip
def test_samples_of_choices(row: Any, message: str):
    says([sample(0, TEXTS, LOGS, 0), row], f"row 1, {message}")


def test_samples_of_several_kinds():
    rows = [files.lambada(0, "door", -1.0, True), sample(1, TEXTS, LOGS, 0)]
    form = form_of(rows[:1])
    with pytest.raises(FileError) as caught:
        files.score_language(form, [(0, rows)], "file")
    assert str(caught.value) == (
        "file: row 1, column 'filtered_resps': 3 continuations; expected one, as in the rows "
        "before it."
    )


def test_documents_without_text():
    row = files.rolling(0, "a b", -1.0, bits_per_byte=[-1.0, 3])
    bare = {"filtered_resps": ["-1.0"], "doc_id": 1}
    says(
        [row, bare],
        "row 1, column 'arguments': the sample has no text: expected 'arguments', or a pair such "
        "as 'bits_per_byte'.",
    )


def test_choices_in_columns():
    rows = [{"label": 0, "logprobs": [-1.0, -2.0]}, {"label": 2, "logprobs": [-1.0, -2.0, -3.0]}]
    says(
        [rows[1], {"label": 2, "logprobs": [-1.0, -2.0]}],
        "row 1, column 'label': 2 is out of range: there are 2 choices, 0 to 1. If targets start "
        "at 1, subtract 1.",
    )
    says(
        [*rows, {"label": 0, "logprobs": []}],
        "row 2, column 'logprobs': expected a list of log-likelihoods, one per choice.",
    )
    columns = {"label": pa.array([0, 0]), "lls": pa.array(["[-2.0, -3.0, -1.5]", "[-1.0 -2.0]"])}
    form = form_of({name: column[:1] for name, column in columns.items()})
    with pytest.raises(FileError, match="row 1, column 'lls': expected a list of log-likelihoods"):
        files.score_language(form, [(0, columns)], "file")
    says(
        [row | {"choices": ["a", "b"]} for row in rows],
        "row 1, column 'logprobs': 3 log-likelihoods for 2 choices in 'choices'; expected one of "
        "each.",
    )


def test_nothing_to_recognise():
    assert recognise([], []) is None
    assert recognise(["a"], [{"a": 1}]) is None
    assert recognise(["a"], {"a": pa.array([1])}) is None
