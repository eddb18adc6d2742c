"""Intervals of the figures of language models: texts and questions are the units."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
from language_files import scored
from ratio_of_sums import hall
from score_coverage_language import CHOICES, Asked, Written, of_questions
from score_coverage_page import coverage

from xent.scoring import from_state, merge, score
from xent.scoring.language.choice_report import ChoiceScore
from xent.scoring.language.state import ChoiceState

RNG = np.random.default_rng(12)
N = 80
TOKENS = RNG.integers(5, 60, N)
BYTES = TOKENS * 4 + RNG.integers(0, 9, N)
LOSSES = RNG.gamma(TOKENS * 0.7, 3) * np.exp(RNG.normal(0, 0.3, N))


def texts(**more: Any) -> dict[str, Any]:
    return {"ll": -LOSSES, "num_tokens": TOKENS, "num_bytes": BYTES, **more}


def intervals(result: Any) -> Any:
    return json.loads(json.dumps(result.to_dict()))["intervals"]


@pytest.mark.parametrize("batch", [7, N])
@pytest.mark.parametrize("level", [0.95, 0.9])
def test_figures_per_token_and_per_byte(batch: int, level: float) -> None:
    found = intervals(scored(texts(num_chars=BYTES, num_words=TOKENS), batch=batch, level=level))
    low, high = hall(LOSSES, TOKENS.astype(float), level)
    assert found["log_loss_nats"]["low"] == pytest.approx(low, rel=1e-9)
    assert found["log_loss_nats"]["high"] == pytest.approx(high, rel=1e-9)
    assert found["log_loss_bits"]["low"] == pytest.approx(low / math.log(2), rel=1e-9)
    assert found["perplexity"]["high"] == pytest.approx(math.exp(high), rel=1e-9)
    assert found["word_perplexity"]["high"] == found["perplexity"]["high"]
    low, high = hall(LOSSES, BYTES.astype(float), level)
    assert found["bits_per_byte"]["low"] == pytest.approx(low / math.log(2), rel=1e-9)
    assert found["byte_perplexity"]["high"] == pytest.approx(math.exp(high), rel=1e-9)
    assert found["bits_per_character"] == found["bits_per_byte"]


def test_tokens_of_texts_are_not_independent() -> None:
    """Lists of tokens have the interval of their sums."""
    factors = np.exp(RNG.normal(0, 0.5, N))
    rows = [
        {"token_logprobs": [None, *(-RNG.exponential(2, n) * factor).tolist()]}
        for n, factor in zip(TOKENS.tolist(), factors, strict=True)
    ]
    sums = np.array([-sum(row["token_logprobs"][1:]) for row in rows])
    low, high = hall(sums, TOKENS.astype(float))
    found = intervals(scored(rows))["log_loss_nats"]
    assert (found["low"], found["high"]) == pytest.approx((low, high), rel=1e-9)
    text = scored(rows).to_text()
    assert "the tokens of one text go together: 80 texts." in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80


def test_the_loss_per_text() -> None:
    low, high = hall(LOSSES, np.ones(N), uneven=LOSSES)
    found = intervals(scored({"ll": -LOSSES}))["log_loss_nats"]
    assert (found["low"], found["high"]) == pytest.approx((low, high), rel=1e-9)
    assert found["standard_error"] == pytest.approx(LOSSES.std(ddof=1) / math.sqrt(N), rel=1e-9)


def questions(n: int, sizes: Any, rng: Any) -> list[dict[str, Any]]:
    made = []
    for size in rng.choice(sizes, n).tolist():
        z = rng.normal(0, 2, size)
        right = int(np.argmax(z + rng.gumbel(size=size)))
        made.append({"label": right, "logprobs": (z - 20).tolist()})
    return made


def test_figures_of_questions() -> None:
    rows = questions(90, [2, 3, 5], np.random.default_rng(3))
    result = scored(rows)
    losses = np.array([
        np.log(np.exp(row["logprobs"]).sum()) - row["logprobs"][row["label"]] for row in rows
    ])  # fmt: skip
    chance = np.array([math.log(len(row["logprobs"])) for row in rows])
    found = intervals(result)
    low, high = hall(losses, np.ones(90))
    loss = found["log_loss_nats"]
    assert (loss["low"], loss["high"]) == pytest.approx((low, high), rel=1e-9)
    assert found["perplexity"]["low"] == pytest.approx(math.exp(low), rel=1e-9)
    r = losses - (1 - result.skill) * chance
    error = math.sqrt(90 / 89 * r @ r) / chance.sum()
    assert found["skill"]["standard_error"] == pytest.approx(error, rel=1e-9)
    wilson = scipy.stats.binomtest(round(result.accuracy * 90), 90).proportion_ci(method="wilson")
    accuracy = found["accuracy"]
    assert (accuracy["low"], accuracy["high"]) == pytest.approx((wilson.low, wilson.high))
    assert "chance_loss" not in found
    assert "acc: by log-likelihood" in result.to_text()


def test_skill_of_questions_of_one_size_is_that_of_the_loss() -> None:
    found = intervals(scored(questions(60, [4], np.random.default_rng(8))))
    for low, high in (("low", "high"), ("high", "low")):
        due = 1 - found["log_loss_nats"][high] / math.log(4)
        assert found["skill"][low] == pytest.approx(due, rel=1e-9)


def test_greedy_texts() -> None:
    """Accuracy of texts that greedy decoding gives: Wilson's interval."""
    rows = [
        {"doc_id": i, "doc": {"text": "x"}, "target": "a", "resps": [[[-1.0 - i / 9, i % 3 > 0]]],
         "filtered_resps": [[-1.0 - i / 9, i % 3 > 0]], "arguments": [["x", " a"]],
         "perplexity": -1.0 - i / 9, "acc": float(i % 3 > 0)}
        for i in range(30)
    ]  # fmt: skip
    result = scored(rows)
    wilson = scipy.stats.binomtest(20, 30).proportion_ci(method="wilson")
    found = intervals(result)["accuracy"]
    assert (found["low"], found["high"]) == pytest.approx((wilson.low, wilson.high))


def test_refusals() -> None:
    alone = scored({"logprob": -LOSSES})
    reason = "a row is a token, and tokens of one text are not independent"
    assert intervals(alone)["log_loss_nats"]["reason"] == reason
    assert "No interval of log loss and perplexity: a row is a token" in alone.to_text()
    few = scored({name: column[:4] for name, column in texts().items()})
    assert "only 4 texts: an interval needs 10." in " ".join(few.to_text().split())
    lengths = np.where(np.arange(N) == 0, 100_000, TOKENS)
    long = intervals(scored(texts(num_tokens=lengths)))["log_loss_nats"]["reason"]
    assert long == "the lengths make 80 texts count like 1.1: an interval needs 10"
    lengths = np.where(np.arange(N) < 2, 400, TOKENS)
    decided = intervals(scored(texts(num_tokens=lengths)))["log_loss_nats"]["reason"]
    assert decided.startswith("a few large texts decide its error, as if there were 4.")
    losses = LOSSES.copy()
    losses[3] = math.inf
    infinite = intervals(scored(texts(ll=-losses)))["log_loss_nats"]
    assert infinite["reason"] == "1 text has an infinite loss: the mean has no interval"
    losses[3] = 1e120
    huge = intervals(scored(texts(ll=-losses)))["log_loss_nats"]
    assert huge["reason"] == "the losses of 1 text are too large to square"


def test_the_level_is_passed_on(tmp_path: Path) -> None:
    lines = [json.dumps({"ll": -float(a), "num_tokens": int(n)})
             for a, n in zip(LOSSES, TOKENS, strict=True)]  # fmt: skip
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    result = score(tmp_path / "a.jsonl", level=0.8)
    assert "80 % interval" in result.to_text()
    assert result.to_dict()["level"] == 0.8
    halves = []
    for i, part in enumerate((lines[:30], lines[30:])):
        (tmp_path / f"{i}.jsonl").write_text("\n".join(part))
        halves.append(score(tmp_path / f"{i}.jsonl", level=0.8))
    assert intervals(merge(halves)) == intervals(result)
    again = from_state(result.to_state())
    assert intervals(again) == intervals(score(tmp_path / "a.jsonl"))


@pytest.mark.parametrize(("spread", "n"), [(0.5, 150), (1.0, 1000)])
def test_intervals_hold_the_truth(spread: float, n: int) -> None:
    """A small part of the simulation: 300 data sets of texts of random lengths and difficulty."""
    rng = np.random.default_rng(6)
    hits = shown = 0
    for _ in range(300):
        tokens = np.maximum(1, np.round(np.exp(rng.normal(4, spread, n))))
        losses = rng.gamma(tokens * 0.7, np.exp(rng.normal(0, 0.3, n)) / 0.7)
        result = scored({"ll": -losses, "num_tokens": tokens.astype(int)})
        found = result.figures[0].interval
        shown += found.known
        hits += found.known and found.low <= math.exp(0.3**2 / 2) <= found.high
    assert shown > 250
    assert 0.915 * shown <= hits <= 0.985 * shown


def test_intervals_of_questions_hold_the_truth() -> None:
    """A small part of benchmarks/score_coverage.py, with the same code."""
    found = of_questions(Asked(1.0, slope=2, sizes=(2, 3, 4, 5)), 100, 300, seed=4)
    for name in ("log loss", "accuracy", "skill"):
        assert found[name]["shown"] == 300
        assert 91.5 <= coverage(found[name]) <= 98.5, name


@pytest.mark.parametrize("follows", [0.0, 0.5, -0.5])
def test_true_figures_of_texts_are_those_of_a_large_sample(follows: float) -> None:
    population = Written(0.7, follows)
    losses, tokens, in_bytes = population.texts(np.random.default_rng(3), 1_000_000)
    truth = population.truth
    assert truth["log loss per token"] == pytest.approx(losses.sum() / tokens.sum(), rel=0.003)
    assert truth["log loss per text"] == pytest.approx(losses.mean(), rel=0.005)
    bits = losses.sum() / in_bytes.sum() / math.log(2)
    assert truth["bits per byte"] == pytest.approx(bits, rel=0.003)


def test_true_figures_of_questions_are_those_of_a_large_sample() -> None:
    population = Asked(1.0, slope=2, sizes=(2, 3, 4, 5))
    questions = population.questions(np.random.default_rng(3), 200_000)
    state = ChoiceState()
    state.add(questions)
    found = ChoiceScore("", CHOICES, state)
    assert population.truth["log loss"] == pytest.approx(found.loss, abs=0.01)
    assert population.truth["accuracy"] == pytest.approx(found.accuracy, abs=0.004)
    assert population.truth["skill"] == pytest.approx(found.skill, abs=0.01)
