"""A small language model, which the lesson *A sentence* looks into.

It gives each word of its vocabulary a logit, from the three words before. Trained by
`scripts/make_language_model.py` on `lessons/sentence.txt`, which was written for this course.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np

from xent._validation import Array

CONTEXT = 3
"""How many words it sees. Before a sentence stand full stops."""
HELD_OUT = 5
"""Every fifth sentence of the text is kept from training, to see what the model makes of it."""


class Model(NamedTuple):
    """A network with one hidden layer, over the embeddings of the words before."""

    vocabulary: tuple[str, ...]
    weights: dict[str, Array]


@cache
def load() -> Model:
    """The trained model.

    Returns
    -------
    Model
        Its vocabulary and its weights.

    Examples
    --------
    >>> from xent.learn import language_model
    >>> len(language_model.load().vocabulary)
    111
    """
    found = json.loads(_read("sentence.json"))
    weights = {name: np.array(rows) for name, rows in found["weights"].items()}
    return Model(tuple(found["vocabulary"]), weights)


def text(*, held_out: bool = False) -> list[str]:
    """The sentences that the model was trained on.

    Parameters
    ----------
    held_out : bool, default False
        Those that were kept from it instead.

    Returns
    -------
    list of str
        Words with spaces between them, and a full stop.

    Examples
    --------
    >>> from xent.learn import language_model
    >>> language_model.text()[0]
    'the cat sat on the bed .'
    """
    lines = _read("sentence.txt").splitlines()
    return [line for i, line in enumerate(lines) if (i % HELD_OUT == HELD_OUT - 1) == held_out]


def labels(sentence: str, model: Model | None = None) -> Array:
    """The numbers of a sentence's words in the vocabulary.

    Parameters
    ----------
    sentence : str
        Words of the vocabulary with spaces between them.
    model : Model, optional
        The trained one, if no other is given.

    Returns
    -------
    array
        One integer for each word.

    Examples
    --------
    >>> from xent.learn import language_model
    >>> language_model.labels("the cat .")
    array([93, 19,  0])
    """
    vocabulary = (model or load()).vocabulary
    return np.array([vocabulary.index(word) for word in sentence.split()])


def logits(sentence: str, model: Model | None = None) -> Array:
    """What the model expects at each word of a sentence, from the words before it.

    Parameters
    ----------
    sentence : str
        Words of the vocabulary with spaces between them.
    model : Model, optional
        The trained one, if no other is given.

    Returns
    -------
    array
        A row for each word of the sentence, with a logit for each word of the vocabulary.

    Examples
    --------
    >>> from xent.learn import language_model
    >>> z = language_model.logits("the cat drank")
    >>> z.shape
    (3, 111)
    """
    model = model or load()
    return forward(model.weights, contexts(labels(sentence, model), model))[-1]


def contexts(numbers: Array, model: Model) -> Array:
    """The words before each word: a row of `CONTEXT` numbers for each."""
    stop = model.vocabulary.index(".")
    padded = np.concatenate([np.full(CONTEXT, stop), numbers])
    return np.stack([padded[i : i + CONTEXT] for i in range(len(numbers))])


def forward(weights: dict[str, Array], before: Array) -> tuple[Array, Array, Array]:
    """The embeddings of the words before, the hidden layer, and the logits."""
    embedded = weights["embedding"][before].reshape(len(before), -1)
    hidden = np.tanh(embedded @ weights["hidden"] + weights["hidden_bias"])
    return embedded, hidden, hidden @ weights["output"] + weights["output_bias"]


def _read(name: str) -> str:
    return (files("xent.learn.lessons") / name).read_text("utf-8")
