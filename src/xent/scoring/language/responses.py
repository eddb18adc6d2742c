"""Token log-probabilities in the responses of servers: OpenAI, vLLM, text-generation-inference.

A response holds those of the prompt, if they were asked for, of the generated tokens, or of both.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from xent.scoring.language.form import Form, Part
from xent.scoring.language.rows import FIRST, Checks, Document, excerpt_of

LEAST = -9999.0
"""What OpenAI and vLLM write for a token that is too unlikely to be given."""

FAILED = "no response (the request failed)"

WRAPPED = ("response", "body", "result")
"""Fields in which batch jobs put the response."""

LISTS: tuple[tuple[str, str, Part], ...] = (
    ("details", "prefill", "prompt"),  # text-generation-inference
    ("details", "tokens", "generated"),
    ("meta_info", "input_token_logprobs", "prompt"),  # SGLang
    ("meta_info", "output_token_logprobs", "generated"),
    ("", "completion_probabilities", "generated"),  # llama.cpp
)
"""Fields that hold a list of tokens."""

MISSING = (
    "holds responses without log-probabilities. Ask for them in the request: logprobs=true (chat), "
    "logprobs=0 with echo=true (completions), prompt_logprobs=0 (vLLM), or details=true with "
    "decoder_input_details=true (text-generation-inference)."
)
SEVERAL = (
    "holds log-probabilities of the prompts and of the generated tokens. Say which ones count: "
    "--part prompt measures how well the model predicts the given text, --part generated how "
    "certain it was of its own."
)
DROP = " --missing drop leaves such rows out, and counts them."
NOTHING = "no log-probabilities"

TOLD = {
    "prompt": "Token log-probabilities of the prompts, in {}.",
    "generated": "Token log-probabilities in {}.",
}


class Tokens(NamedTuple):
    """The tokens of a prompt or of a reply."""

    part: Part
    field: str
    values: list[Any]
    """Null where the token has none."""
    sizes: list[Any] | None
    """Bytes of each token, if they are given."""
    text: str


def form_of(records: Sequence[dict[str, Any]], part: Part | None, checks: Checks) -> Form | None:
    """How responses are read; None if these are none."""
    bodies = [body_of(record) for record in records]
    if not any(bodies):
        return None
    found = [each for row, body in enumerate(bodies) if body for each in _tokens(body, row, checks)]
    parts = {tokens.part for tokens in found}
    fields: dict[Part, str] = {tokens.part: tokens.field for tokens in reversed(found)}
    if part is None and len(parts) == 1:
        part = next(iter(parts))
    problem = "" if parts else MISSING
    if part is None and parts:
        problem = SEVERAL
    elif part is not None and part not in parts:
        problem = MISSING
    told = "" if problem or part is None else TOLD[part].format(f"'{fields[part]}'")
    return Form("responses", "list", part=part, told=told, problem=problem)


def documents(
    records: Sequence[dict[str, Any]],
    first: int,
    part: Part | None,
    checks: Checks,
    *,
    drop: bool = False,
) -> tuple[list[Document], Counter[str]]:
    """The texts of responses, and how many tokens and rows were left out.

    Failed requests always are; with `drop`, so are responses without log-probabilities.
    """
    found: list[Document] = []
    left_out: Counter[str] = Counter()
    for row, record in enumerate(records, first):
        body = body_of(record)
        if body is None and _failed(record):
            left_out[FAILED] += 1
            continue
        if body is None and not drop:
            checks.fail("is no response like those before it." + DROP, row, None)
        tokens = _tokens(body, row, checks) if body is not None else []
        texts = [each for each in tokens if each.part == part]
        if not texts and drop:
            left_out[NOTHING] += 1
            continue
        if not texts:
            checks.fail(
                f"the response has no log-probabilities of the {part} tokens." + DROP, row, None
            )
        name = record.get("custom_id")
        for each in texts:
            values, lost = present(each.values, row, each.field, checks)
            left_out[FIRST] += lost
            sizes = each.sizes[lost:] if each.sizes else None
            counts = {"tokens": len(values)} | ({"bytes": sum(sizes)} if sizes else {})
            text = excerpt_of(name, each.text)
            found.append(Document(row, values, counts, text=text))
    return found, left_out


def _failed(record: dict[str, Any]) -> bool:
    """Does the record tell of a request without a response?"""
    response = record.get("response", ...)
    status = response.get("status_code") if isinstance(response, dict) else None
    return bool(record.get("error")) or response is None or (status or 0) >= 400


def present(values: Sequence[Any], row: int, field: str, checks: Checks) -> tuple[list[float], int]:
    """The tokens' log-probabilities, and how many first tokens have none."""
    lost = 1 if len(values) and values[0] is None else 0
    numbers = []
    for i in range(lost, len(values)):
        if values[i] is None:
            what = f"token {i} has no log-probability; only the first token may have none."
            checks.fail(what, row, field)
        number = checks.number(values[i], row, field)
        numbers.append(-math.inf if number == LEAST else number)
    return numbers, lost


def body_of(record: dict[str, Any]) -> dict[str, Any] | None:
    """The response in a record, as a batch job or a client may have wrapped it."""
    body: Any = record
    for _ in WRAPPED:
        if isinstance(body, list) and len(body) == 1:
            body = body[0]
        if not isinstance(body, dict):
            return None
        if _is_response(body):
            return body
        body = next((body[key] for key in WRAPPED if isinstance(body.get(key), (dict, list))), None)
    return body if isinstance(body, dict) and _is_response(body) else None


def _is_response(body: dict[str, Any]) -> bool:
    choices = body.get("choices")
    if isinstance(choices, list) and choices:
        return all(
            isinstance(c, dict) and {"message", "text", "logprobs"} & set(c) for c in choices
        )
    logprobs = body.get("logprobs")
    return (
        isinstance(body.get("prompt_logprobs"), list)
        or any(isinstance(_inner(body, outer).get(key), list) for outer, key, _ in LISTS)
        or (isinstance(logprobs, dict) and bool({"token_logprobs", "content"} & set(logprobs)))
    )


def _inner(body: dict[str, Any], outer: str) -> dict[str, Any]:
    inner = body.get(outer) if outer else body
    return inner if isinstance(inner, dict) else {}


def _tokens(body: dict[str, Any], row: int, checks: Checks) -> Iterator[Tokens]:
    if isinstance(body.get("choices"), list):
        for choice in body["choices"]:
            yield from _of_choice(choice, "choices[].", row, checks)
        # A chat response has them beside its choices, another one in each of them.
        yield from _of_prompt(body, "", row, checks)
    else:
        yield from _of_choice(body, "", row, checks)
    for outer, key, part in LISTS:
        if tokens := _inner(body, outer).get(key):
            yield _listed(tokens, part, f"{outer}{'.' * bool(outer)}{key}", row, checks)


def _of_choice(choice: dict[str, Any], where: str, row: int, checks: Checks) -> Iterator[Tokens]:
    yield from _of_prompt(choice, where, row, checks)
    logprobs = choice.get("logprobs")
    if not isinstance(logprobs, dict):
        return
    if logprobs.get("content"):
        field = f"{where}logprobs.content"
        yield _listed(logprobs["content"], "generated", field, row, checks)
    elif isinstance(logprobs.get("token_logprobs"), list):
        values, field = logprobs["token_logprobs"], f"{where}logprobs.token_logprobs"
        texts = logprobs.get("tokens")
        if isinstance(texts, list) and len(texts) != len(values):
            what = f"{len(values)} log-probabilities for {len(texts)} tokens; expected one of each."
            checks.fail(what, row, field)
        text = "".join(map(str, texts)) if isinstance(texts, list) else ""
        yield Tokens("generated", field, values, None, text)


def _listed(tokens: Any, part: Part, field: str, row: int, checks: Checks) -> Tokens:
    """Tokens that are objects with a log-probability each, or lists of it, a number and a text."""
    if isinstance(tokens, list):
        tokens = [
            {"logprob": each[0], "text": each[-1] or ""}
            if isinstance(each, list) and each
            else each
            for each in tokens
        ]
    if not isinstance(tokens, list) or not all(
        isinstance(token, dict) and "logprob" in token for token in tokens
    ):
        checks.fail("expected objects with a 'logprob' each.", row, field)
    sizes = [token.get("bytes") for token in tokens]
    given = all(isinstance(size, list) for size in sizes)
    texts = (token.get("token", token.get("text", "")) for token in tokens)
    return Tokens(
        part,
        field,
        [token["logprob"] for token in tokens],
        [len(size) for size in sizes] if given else None,
        "".join(map(str, texts)),
    )


def _of_prompt(body: dict[str, Any], where: str, row: int, checks: Checks) -> Iterator[Tokens]:
    """vLLM's list of an object for each token, with the tokens that might stand there as keys."""
    entries, field = body.get("prompt_logprobs"), f"{where}prompt_logprobs"
    if not isinstance(entries, list) or not entries:
        return
    ids = body.get("prompt_token_ids")
    if isinstance(ids, list) and len(ids) != len(entries):
        what = f"{len(entries)} entries for {len(ids)} 'prompt_token_ids'; expected one of each."
        checks.fail(what, row, field)
    values, texts = [], []
    for i, entry in enumerate(entries):
        token = ids[i] if isinstance(ids, list) else None
        chosen = None if entry is None else _own(entry, i, token, row, field, checks)
        values.append(None if chosen is None else chosen.get("logprob"))
        texts.append("" if chosen is None else str(chosen.get("decoded_token") or ""))
    yield Tokens("prompt", field, values, None, "".join(texts))


def _own(
    entry: Any, place: int, token: Any, row: int, field: str, checks: Checks
) -> dict[str, Any]:
    """The token that stands in the prompt: vLLM writes it first, then the likeliest ones."""
    # A table has a field for every token of the file, in an order of its own.
    found = {k: v for k, v in entry.items() if v is not None} if isinstance(entry, dict) else {}
    if not found or not all(isinstance(v, dict) for v in found.values()):
        checks.fail(f"entry {place}: expected an object of tokens, or null.", row, field)
    if token is not None:
        if not isinstance(found.get(str(token)), dict):
            checks.fail(f"entry {place} lacks the token {token} of the prompt.", row, field)
        return dict(found[str(token)])
    first = next(iter(found))
    if len(found) > 1 and (len(found) < len(entry) or _first_beyond(found, first) != first):
        what = (
            f"entry {place} does not begin with the token of the prompt: its order was changed. "
            "Save the 'prompt_token_ids', too, or ask for prompt_logprobs=0."
        )
        checks.fail(what, row, field)
    return dict(found[first])


def _first_beyond(entry: dict[str, Any], default: str) -> str:
    """The token that ranks below as many as are listed: only that of the prompt may do so."""
    ranks = {token: value.get("rank") for token, value in entry.items()}
    beyond = (k for k, rank in ranks.items() if isinstance(rank, int) and rank > len(entry))
    return next(beyond, default)
