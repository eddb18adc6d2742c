"""Train the language model of the lesson *A sentence*, and write its weights.

    python scripts/make_language_model.py

Some ten seconds with NumPy: one layer of 16 units, on all of the text at once, by Adam. The
gradient for the logits is that of `xent.cross_entropy`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import xent
from xent.learn import language_model
from xent.learn.language_model import CONTEXT, Model

FILE = Path(language_model.__file__).parent / "lessons" / "sentence.json"
EMBEDDING, HIDDEN = 8, 16
STEPS, RATE = 500, 0.02
DECAY = 6e-4
"""Of the weights, so that the model does not learn its text by heart."""
DIGITS = 3
"""Decimals that are kept."""


def drawn() -> Model:
    """The model before training."""
    sentences = language_model.text() + language_model.text(held_out=True)
    words = tuple(sorted({word for sentence in sentences for word in sentence.split()}))
    rng = np.random.default_rng(1)
    width = CONTEXT * EMBEDDING
    weights = {
        "embedding": 0.5 * rng.normal(size=(len(words), EMBEDDING)),
        "hidden": rng.normal(size=(width, HIDDEN)) / np.sqrt(width),
        "hidden_bias": np.zeros(HIDDEN),
        "output": 0.3 * rng.normal(size=(HIDDEN, len(words))) / np.sqrt(HIDDEN),
        "output_bias": np.zeros(len(words)),
    }
    return Model(words, weights)


def examples(model: Model) -> tuple[Any, Any]:
    """All words of the text to train on, and those before each."""
    numbers = [language_model.labels(sentence, model) for sentence in language_model.text()]
    before = [language_model.contexts(each, model) for each in numbers]
    return np.concatenate(before), np.concatenate(numbers)


def gradient(weights: dict[str, Any], before: Any, following: Any) -> dict[str, Any]:
    """The gradient of the mean loss for each weight, from that for the logits."""
    embedded, hidden, logits = language_model.forward(weights, before)
    _, for_logits = xent.cross_entropy(logits, following, return_grad=True)
    for_hidden = (for_logits @ weights["output"].T) * (1 - hidden**2)
    for_embedded = (for_hidden @ weights["hidden"].T).reshape(*before.shape, EMBEDDING)
    embedding = np.zeros_like(weights["embedding"])
    np.add.at(embedding, before, for_embedded)
    return {
        "embedding": embedding,
        "hidden": embedded.T @ for_hidden,
        "hidden_bias": for_hidden.sum(axis=0),
        "output": hidden.T @ for_logits,
        "output_bias": for_logits.sum(axis=0),
    }


def trained() -> Model:
    """The model after training."""
    model = drawn()
    before, following = examples(model)
    weights = model.weights
    first = {name: np.zeros_like(value) for name, value in weights.items()}
    second = {name: np.zeros_like(value) for name, value in weights.items()}
    for step in range(1, STEPS + 1):
        found = gradient(weights, before, following)
        for name, value in weights.items():
            slope = found[name] + (0 if name == "output_bias" else DECAY) * value
            first[name] = 0.9 * first[name] + 0.1 * slope
            second[name] = 0.999 * second[name] + 0.001 * slope**2
            mean, square = first[name] / (1 - 0.9**step), second[name] / (1 - 0.999**step)
            weights[name] = value - RATE * mean / (np.sqrt(square) + 1e-8)
    return Model(model.vocabulary, weights)


def written(model: Model) -> str:
    """The model as JSON, a row of weights on each line."""
    parts = []
    for name, value in model.weights.items():
        rows = ",\n".join(json.dumps(row) for row in rounded(value))
        parts.append(f'"{name}": [\n{rows}\n]')
    weights = ",\n".join(parts)
    vocabulary = json.dumps(model.vocabulary)
    return f'{{"vocabulary": {vocabulary},\n"weights": {{\n{weights}\n}}}}\n'


def rounded(value: Any) -> Any:
    """Numbers with few digits; -0.0 is 0.0."""
    return (np.round(value, DIGITS) + 0.0).tolist()


if __name__ == "__main__":
    FILE.write_text(written(trained()), "utf-8")
    sys.stdout.write(f"{FILE}: {FILE.stat().st_size} bytes\n")
