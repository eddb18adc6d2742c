"""Records as tools write them: responses of servers, and samples of lm-evaluation-harness."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from xent.scoring.language import Form, Missing, add_batch, new_state, recognise, score_of

Record = dict[str, Any]


def scored(rows: Any, name: str = "file", *, batch: int = 10**9, **options: Any) -> Any:
    """The score of records, or of columns, in batches of so many rows."""
    form = form_of(rows, options.pop("part", None))
    return score_language(form, cut(rows, batch), name, **options)


def score_language(
    form: Form,
    batches: Iterable[tuple[int, Any]],
    name: str,
    worst: int = 5,
    missing: Missing = "error",
    level: float = 0.95,
) -> Any:
    """The score of batches, each with the number of its first row."""
    state = new_state(form, worst, name)
    for first, batch in batches:
        add_batch(state, form, first, batch, name, missing)
    return score_of(state, form, name, level=level)


def form_of(rows: Any, part: Any = None, name: str = "file") -> Form:
    names = list(rows[0] if isinstance(rows, list) else rows)
    form = recognise(names, rows, name, part)
    assert form is not None
    return form


def cut(rows: Any, size: int) -> list[tuple[int, Any]]:
    if isinstance(rows, list):
        return [(i, rows[i : i + size]) for i in range(0, len(rows), size)]
    length = len(next(iter(rows.values())))
    return [
        (i, {name: column[i : i + size] for name, column in rows.items()})
        for i in range(0, length, size)
    ]


def as_lines(rows: Sequence[Record]) -> list[Record]:
    """What a reader of JSON Lines finds."""
    return [json.loads(json.dumps(row)) for row in rows]


# ---- responses of servers

WORDS = ("The", " café", " sat")
LOGPROBS = (-0.25, -3.5, -1.125)


def chat(logprobs: Sequence[float] = LOGPROBS, *, bytes_given: bool = True) -> Record:
    """A chat completion of OpenAI."""
    content = [
        {
            "token": word,
            "logprob": logprob,
            "bytes": list(word.encode()) if bytes_given else None,
            "top_logprobs": [{"token": "x", "logprob": -0.1, "bytes": [120]}],
        }
        for word, logprob in zip(WORDS, logprobs, strict=True)
    ]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "".join(WORDS)},
                "logprobs": {"content": content, "refusal": None},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 3},
    }


def completion(logprobs: Sequence[float | None] = (None, *LOGPROBS[1:])) -> Record:
    """A completion with echo=True: the first token has no log-probability."""
    return {
        "id": "cmpl-1",
        "object": "text_completion",
        "choices": [
            {
                "text": "".join(WORDS),
                "index": 0,
                "logprobs": {
                    "tokens": list(WORDS),
                    "token_logprobs": list(logprobs),
                    "top_logprobs": None,
                    "text_offset": [0, 3, 8],
                },
                "finish_reason": "length",
            }
        ],
    }


def batch_line(body: Record | None, error: Any = None) -> Record:
    """A line of the output of OpenAI's Batch API."""
    response = None if body is None else {"status_code": 200, "request_id": "r", "body": body}
    return {"id": "batch_req_1", "custom_id": "request-7", "response": response, "error": error}


def vllm(entries: Sequence[Any], **fields: Any) -> Record:
    """A chat completion of vLLM with log-probabilities of the prompt."""
    body = chat()
    body["choices"][0]["logprobs"] = None
    return body | {"prompt_logprobs": list(entries)} | fields


def vllm_entry(token: int, logprob: float, rank: int, *others: tuple[int, float, int]) -> Record:
    return {
        str(key): {"logprob": value, "rank": place, "decoded_token": f" {key}"}
        for key, value, place in ((token, logprob, rank), *others)
    }


ENTRIES = (
    None,
    vllm_entry(7, -0.5, 1),
    vllm_entry(9, -6.25, 40, (1, -0.25, 1)),
    vllm_entry(3, -2.0, 2, (1, -0.5, 1)),
)
"""Of four tokens, of which the third is beyond the likeliest one."""


def tgi(*, prefill: bool = True) -> Record:
    """A response of text-generation-inference."""
    tokens = [
        {"id": 5 + i, "text": word, "logprob": logprob, "special": False}
        for i, (word, logprob) in enumerate(zip(WORDS, LOGPROBS, strict=True))
    ]
    prompt = [
        {"id": 1, "text": "<s>", "logprob": None},
        {"id": 2, "text": "Hi", "logprob": -4.5},
    ]
    return {
        "generated_text": "".join(WORDS),
        "details": {
            "finish_reason": "length",
            "generated_tokens": 3,
            "seed": None,
            "prefill": prompt if prefill else [],
            "tokens": tokens,
        },
    }


# ---- samples of lm-evaluation-harness


def sample(
    doc_id: int,
    choices: Sequence[str],
    logs: Sequence[float],
    target: Any,
    *,
    new: bool = True,
    delimiter: str = " ",
    **metrics: Any,
) -> Record:
    """A sample of a task of choices; `new` writes numbers as text and arguments as objects."""
    pairs = [[log, log == max(logs)] for log in logs]
    arguments = [["Question: what?\nAnswer:", f"{delimiter}{choice}"] for choice in choices]
    return _written(
        {
            "doc_id": doc_id,
            "doc": {"query": "what?", "choices": list(choices), "gold": target},
            "target": target,
            "arguments": arguments,
            "resps": [[pair] for pair in pairs],
            "filtered_resps": pairs,
            "doc_hash": "d",
            "prompt_hash": "p",
            "target_hash": "t",
            **metrics,
        },
        new,
    )


def winogrande(rest: str, logs: Sequence[float], **metrics: Any) -> Record:
    """A sample whose choices stand in the context."""
    row = sample(0, [rest] * len(logs), logs, rest, **metrics)
    for i, arguments in enumerate(row["arguments"].values()):
        arguments["arg_0"] = f"He kept number {i}, since"
    return row


def lambada(doc_id: int, word: str, log: float, greedy: bool, *, new: bool = True) -> Record:
    """A sample of a task of one continuation."""
    return _written(
        {
            "doc_id": doc_id,
            "doc": {"text": f"He opened the {word}"},
            "target": f" {word}",
            "arguments": [["He opened the", f" {word}"]],
            "resps": [[[log, greedy]]],
            "filtered_resps": [[log, greedy]],
            "perplexity": log,
            "acc": int(greedy),
        },
        new,
    )


def rolling(doc_id: int, text: str, log: float, *, new: bool = True, **metrics: Any) -> Record:
    """A sample of a perplexity task, such as wikitext."""
    return _written(
        {
            "doc_id": doc_id,
            "doc": {"page": text},
            "target": text,
            "arguments": [[text]],
            "resps": [[log]],
            "filtered_resps": [log],
            **metrics,
        },
        new,
    )


def generated(doc_id: int, text: str) -> Record:
    """A sample of a task of generated text, such as GSM8K."""
    return _written(
        {
            "doc_id": doc_id,
            "doc": {"question": "2 + 2?", "answer": "4"},
            "target": "4",
            "arguments": [["2 + 2?", {"until": ["\n"], "do_sample": False}]],
            "resps": [[text]],
            "filtered_resps": [text],
            "filter": "strict-match",
            "exact_match": 1.0,
        },
        True,
    )


def _written(row: Record, new: bool) -> Record:
    if new:
        row["arguments"] = {
            f"gen_args_{i}": {f"arg_{j}": value for j, value in enumerate(arguments)}
            for i, arguments in enumerate(row["arguments"])
        }
        row["resps"], row["filtered_resps"] = map(_texts, (row["resps"], row["filtered_resps"]))
        row["target"] = str(row["target"])
    return as_lines([row])[0]


def _texts(value: Any) -> Any:
    return [_texts(each) for each in value] if isinstance(value, list) else str(value)


def harness_metrics(choices: Sequence[str], logs: Sequence[float], gold: int) -> Record:
    """Accuracies as lm-evaluation-harness 0.4 computes them."""
    values = np.array(logs)
    characters = np.array([float(len(choice)) for choice in choices])
    sizes = np.array([float(len(choice.encode())) for choice in choices])
    best = {"acc": values, "acc_norm": values / characters, "acc_bytes": values / sizes}
    return {key: float(np.argmax(scores) == gold) for key, scores in best.items()}


def softmax_loss(logs: Sequence[float], *right: int) -> float:
    total = math.fsum(map(math.exp, logs))
    return -math.log(math.fsum(math.exp(logs[i]) for i in right) / total)
