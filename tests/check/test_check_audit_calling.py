"""How an audit finds out what a loss takes: the number of its classes, and its names."""

from __future__ import annotations

from typing import Any

import numpy as np
import planted
import pytest

from xent.check import audit


def of_classes(number: int) -> Any:
    """A loss with a bias for each of so many classes."""
    bias = np.zeros(number)

    def loss(logits: Any, labels: Any) -> Any:
        return planted.mean(logits + bias, labels)

    return loss


@pytest.mark.parametrize("number", [2, 4, 7, 10, 1000])
def test_the_number_of_classes_is_found(number: int) -> None:
    card = audit(of_classes(number))
    assert card.called == f"(logits, labels) as NumPy arrays, of {number} classes only"
    assert not card.mistakes


def test_a_mistake_in_a_loss_of_ten_classes_is_named() -> None:
    loss = of_classes(10)
    assert audit(lambda logits, labels: -loss(logits, labels)).mistakes == ["wrong sign"]


def test_any_number_of_classes_is_not_mentioned() -> None:
    assert audit(planted.mean).called == "(logits, labels) as NumPy arrays"


def of_probabilities(scores: Any, labels: Any) -> Any:
    return -np.log(scores[np.arange(len(labels)), labels]).mean()


def test_logits_that_are_taken_for_probabilities() -> None:
    def loss(logits: Any, labels: Any) -> Any:
        return of_probabilities(logits, labels)

    [finding] = audit(loss).findings
    assert (finding.name, finding.level) == ("takes probabilities", "mistake")
    assert finding.seen == (
        "The parameter is called logits, but the loss fits only if it gets probabilities."
    )
    assert finding.fix == "Apply the softmax inside, or call the parameter by what it takes."


def test_probabilities_to_which_a_softmax_is_applied() -> None:
    def loss(probs: Any, labels: Any) -> Any:
        return planted.mean(probs, labels)

    [finding] = audit(loss).findings
    assert finding.name == "softmax applied twice"
    assert finding.seen == "The parameter is called probs, and the loss applies its softmax to it."


def test_names_that_fit_or_say_nothing_are_no_mistake() -> None:
    def loss(probs: Any, labels: Any) -> Any:
        return of_probabilities(probs, labels)

    assert not audit(loss).mistakes
    assert not audit(of_probabilities).mistakes


def test_a_sigmoid_that_the_name_denies() -> None:
    def loss(prob: Any, y: Any) -> Any:
        return (np.logaddexp(0, prob) - y * prob).mean()

    assert audit(loss, task="binary").mistakes == ["sigmoid applied twice"]
