"""The lesson *A sentence*: its numbers are xent's, and its text says what its model does."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

import make_language_model
import numpy as np
import pytest

import xent
from xent._live.page import Live
from xent.learn import language_model
from xent.learn.lessons import sentence

TEXT = (files("xent.learn.lessons") / "sentence.md").read_text("utf-8")
EACH = range(len(sentence.SENTENCES))
TEMPERATURES = [0.3, 0.55, 1.0, 1.7, 3.0]


def logits(number: int) -> Any:
    """Those that the page has."""
    return np.array(sentence.data()["z"][number])


def labels(number: int) -> Any:
    return np.array(sentence.data()["w"][number])


def values(number: int, temperature: float, token: int = 0) -> dict[str, Any]:
    """All numbers of the page at a state."""
    state = {**sentence.STATE, "sentence": number, "T": temperature, "token": token}
    return Live(state, sentence.program(), data=sentence.data()).values


def losses(number: int, temperature: float = 1.0) -> Any:
    z = logits(number) / temperature
    return xent.cross_entropy(z, labels(number), reduction="none")


def test_weights_are_those_of_the_script() -> None:
    """Training is done again. The last digits may depend on the machine."""
    made, kept = make_language_model.trained(), language_model.load()
    assert made.vocabulary == kept.vocabulary
    for name, weights in made.weights.items():
        np.testing.assert_allclose(weights, kept.weights[name], atol=2e-3)
    for each in sentence.SENTENCES:
        np.testing.assert_allclose(
            xent.cross_entropy(
                language_model.logits(each, made), language_model.labels(each), reduction="none"
            ),
            xent.cross_entropy(
                language_model.logits(each), language_model.labels(each), reduction="none"
            ),
            rtol=0.02,
        )


def test_the_gradient_that_trains_it_is_right() -> None:
    model = make_language_model.drawn()
    before, following = (part[:40] for part in make_language_model.examples(model))
    found = make_language_model.gradient(model.weights, before, following)
    rng = np.random.default_rng(0)
    for name, weights in model.weights.items():
        way, h = rng.normal(size=weights.shape), 1e-6

        def loss(size: float, name: str = name, weights: Any = weights, way: Any = way) -> float:
            moved = {**model.weights, name: weights + size * way}
            return float(xent.cross_entropy(language_model.forward(moved, before)[-1], following))

        slope = (loss(h) - loss(-h)) / (2 * h)
        assert np.sum(found[name] * way) == pytest.approx(slope, rel=1e-6, abs=1e-9)


def test_weights_are_small_and_the_text_is_read_as_it_stands() -> None:
    folder = files("xent.learn.lessons")
    assert len((folder / "sentence.json").read_bytes()) < 100_000
    both = [language_model.text(held_out=held_out) for held_out in (False, True)]
    assert len(both[0]) + len(both[1]) == len(set(both[0]) | set(both[1]))
    words = {word for part in both for line in part for word in line.split()}
    assert sorted(words) == list(language_model.load().vocabulary)
    assert all(line.endswith(" .") for part in both for line in part)


def test_sentences_are_new_to_the_model() -> None:
    for each in sentence.SENTENCES:
        assert each not in language_model.text()
        assert len(each.split()) == sentence.WORDS
        assert each.endswith(" .")


@pytest.mark.parametrize("number", EACH)
@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_losses_are_those_of_xent(number: int, temperature: float) -> None:
    for token in (0, 4, 7):
        found = values(number, temperature, token)
        np.testing.assert_allclose(found["L"], losses(number, temperature), rtol=1e-12)
        assert found["mean"] == pytest.approx(
            xent.cross_entropy(logits(number) / temperature, labels(number)), rel=1e-12
        )
        p = xent.softmax(logits(number)[token] / temperature)
        shown = sentence.data()["o"][number][token]
        np.testing.assert_allclose(found["q"], p[shown], rtol=1e-12)
        assert sorted(p)[::-1][: sentence.LIKELIEST] == pytest.approx(p[shown[:-1]])
        assert shown[-1] == labels(number)[token]


@pytest.mark.parametrize("number", EACH)
def test_the_curve_and_its_lowest_point_are_those_of_xent(number: int) -> None:
    data = sentence.data()
    for i, mean in enumerate(data["means"][number]):
        temperature = sentence.COOL + i * sentence.STEP
        assert mean == pytest.approx(losses(number, temperature).mean(), abs=5.1e-5)
    assert sentence.COOL + i * sentence.STEP == pytest.approx(sentence.HOT)
    best = data["best"][number]
    lowest = losses(number, best).mean()
    assert data["lowest"][number] == pytest.approx(lowest, abs=5.1e-5)
    around = np.arange(sentence.COOL, sentence.HOT + 0.01, sentence.STEP)
    assert lowest <= min(losses(number, each).mean() for each in around) + 1e-12


def test_logits_are_the_models_to_two_decimals() -> None:
    for number, each in enumerate(sentence.SENTENCES):
        np.testing.assert_allclose(logits(number), language_model.logits(each), atol=0.00501)


def test_the_guess_is_about_the_most_surprising_word() -> None:
    words = sentence.SENTENCES[0].split()
    assert "“she lost her hat in the snow”" in TEXT
    assert re.findall(r"- \(x\) (\w+)", TEXT) == [words[int(np.argmax(losses(0)))]] == ["in"]
    assert {*re.findall(r"- \(.\) (\w+)", TEXT)} <= set(words)
    expected = xent.softmax(logits(0))[4]
    assert language_model.load().vocabulary[int(np.argmax(expected))] == "."
    assert sentence.STATE["token"] == 4, "the page opens at that word"


def test_simple_guesses_cost_more_than_the_model() -> None:
    facts = sentence._facts()
    size = len(language_model.load().vocabulary)
    order = [float(facts[name]) for name in ("uniform", "frequencies", "kept", "seen")]
    assert order == sorted(order, reverse=True)
    assert order[0] == pytest.approx(np.log(size), abs=0.006)
    assert float(facts["uniform-perplexity"]) == size
    words = " ".join(language_model.text()).split()
    new = " ".join(language_model.text(held_out=True)).split()
    share = np.array([words.count(word) for word in new]) / len(words)
    assert order[1] == pytest.approx(-np.log(share).mean(), abs=0.006)


def test_perplexity_of_a_choice_among_ten_is_ten() -> None:
    assert np.exp(xent.cross_entropy(np.zeros(10), 3)) == pytest.approx(10)


@pytest.mark.parametrize("number", EACH)
def test_temperature_does_what_the_text_says(number: int) -> None:
    """When cold, likely words cost less and surprises more; when hot, all cost the same."""
    z, y = logits(number), labels(number)
    uniform = np.log(z.shape[1])
    cool, warm, hot = (losses(number, t) for t in (0.3, 1.0, 3.0))
    likeliest = z.argmax(axis=1) == y
    assert (cool[likeliest] < warm[likeliest]).all()
    assert (hot[likeliest] > warm[likeliest]).all()
    far = warm > uniform + 1
    assert (cool[far] > warm[far]).all()
    assert (hot[far] < warm[far]).all()
    np.testing.assert_allclose(losses(number, 1e4), uniform, rtol=1e-3)


def test_the_model_is_too_confident_on_new_text_only() -> None:
    def best(held_out: bool) -> float:
        rows = sentence._rows(language_model.text(held_out=held_out))
        z, y = (np.concatenate(part) for part in zip(*rows, strict=True))
        grid = np.arange(0.5, 2, 0.05)
        return float(grid[np.argmin([float(xent.cross_entropy(z / t, y)) for t in grid])])

    assert best(held_out=False) < 1 < best(held_out=True)
    assert float(sentence._facts()["kept-best"]) == pytest.approx(best(held_out=True))


def test_presets_show_what_they_are_named_for() -> None:
    reversed_words = sentence.SENTENCES[1].split()[-2::-1]
    assert sentence.SENTENCES[2].split()[:-1] == reversed_words
    uniform = np.log(len(language_model.load().vocabulary))
    assert losses(2).mean() > uniform > losses(1).mean(), "worse than knowing nothing"
    assert sentence.data()["best"][2] == sentence.HOT, "the highest temperature of the slider"
    assert losses(4, 0.5).mean() > 1.3 * losses(4).mean()
    assert int(np.argmax(losses(4, 0.5))) == 5
    assert int(np.argmax(losses(2))) == 2
