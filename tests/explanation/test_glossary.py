"""The glossary: one list of terms, whole and without loose ends, and where its words are found."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

import xent
from xent._report import Term
from xent._report.notation import HTML, LATEX, TEXT
from xent.explanation.glossary import BY_NAME, TERMS, look_up, used

CASES: list[dict[str, Any]] = [
    {"logits": 1.5, "label": 1},
    {"logits": [2.0, 1.0, -float("inf")], "label": 0},
    {"features": [1.0, -2.5], "weights": [0.4, 0.3], "label": 0},
    {"probabilities": [0.2, 0.8], "label": 1},
]


def test_terms_are_in_order_and_named_once() -> None:
    names = [term.name for term in TERMS]
    assert names == sorted(names, key=str.lower)
    forms = [form for term in TERMS for form in (term.name.lower(), *term.forms)]
    assert len(forms) == len(set(forms))
    assert all(form == form.lower() for form in forms)


def test_aliases_are_names_of_one_term_each() -> None:
    aliases = [alias for term in TERMS for alias in term.aliases]
    assert len(aliases) == len(set(aliases))
    assert not set(aliases) & set(BY_NAME)
    assert all(alias == alias.lower() for alias in aliases)
    for term in TERMS:
        assert {look_up(alias) for alias in term.aliases} <= {term}


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("nll", "cross-entropy"),
        ("NLL_loss", "cross-entropy"),
        ("log loss", "cross-entropy"),
        ("BCE", "cross-entropy"),
        ("kl", "KL divergence"),
        ("KL-Divergence", "KL divergence"),
        ("temperature scaling", "temperature"),
        ("ECE", "calibration"),
        ("focal", "focal loss"),
        ("soft targets", "soft label"),
        ("log_softmax", "softmax"),
        ("likelihoods", "likelihood"),
    ],
)
def test_other_names(word: str, name: str) -> None:
    assert look_up(word).name == name


def test_every_reference_leads_somewhere() -> None:
    names = {term.name for term in TERMS}
    for term in TERMS:
        assert set(term.see) <= names - {term.name}, term.name


def test_definitions_are_one_or_two_sentences() -> None:
    for term in TERMS:
        assert term.definition[0].isupper() or term.definition[0] in "-l", term.name
        assert term.definition.endswith("."), term.name
        assert len(term.definition) < 240, term.name


WANTED = """logit, probability, sigmoid, softmax, log-sum-exp, cross-entropy, log loss, nats, bits,
surprise, gradient, one-hot, label smoothing, class weight, margin, chance loss, perplexity,
numerical gradient, truncation, rounding, ULP, underflow, overflow"""


@pytest.mark.parametrize("word", re.split(r",\s", WANTED))
def test_what_a_reader_looks_for_is_there(word: str) -> None:
    assert word.lower() in BY_NAME


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.name)
def test_formulas_print_in_every_notation(term: Term) -> None:
    for node in term.formula:
        assert LATEX.write(node).isascii()
        assert LATEX.write(node).count("{") == LATEX.write(node).count("}")
        assert TEXT.write(node)
        assert HTML.write(node)


def test_words_are_found_in_any_form_and_as_whole_words() -> None:
    found = used(["The LOGITS are rounded; negative log-likelihood is no log-likelihoods."])
    assert [term.name for term in found] == ["cross-entropy", "logit", "rounding"]
    assert used(["logitech, unsurprised, a-label"]) == ()


def test_look_up() -> None:
    assert look_up("  Log   Loss ").name == "cross-entropy"
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        look_up("sofmax")
    with pytest.raises(ValueError, match="Did you mean calibration or "):
        look_up("confident")
    start = "'sofmax' is not in the glossary. Did you mean softmax? It has: accuracy, "
    assert str(caught.value).startswith(start)
    assert str(caught.value).endswith(", weight.")
    with pytest.raises(ValueError, match=r"^'qqq' is not in the glossary. It has: accuracy, "):
        look_up("qqq")


@pytest.mark.parametrize("arguments", CASES)
def test_words_used_are_listed_where_asked(arguments: dict[str, Any]) -> None:
    explanation = xent.explain(**arguments)
    words = explanation.terms
    assert len(words) > 8
    plain = " ".join(explanation.to_text().split())
    assert f"xent glossary WORD: {', '.join(term.name for term in words)}." in plain
    assert "Words used" not in plain
    longer = " ".join(explanation.to_text(glossary=True).split())
    for term in words:
        assert f" {term.name} {term.definition}" in longer
        assert f"**{term.name}**" in explanation.to_markdown(glossary=True)
        assert rf"\paragraph{{{term.name}:}}" in explanation.to_latex(glossary=True)
    assert "Words used" not in explanation.to_markdown() + explanation.to_latex()
    assert explanation.to_dict()["terms"] == [term.name for term in words]


class Links(HTMLParser):
    """Collects ids, and the addresses and texts of links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if "id" in found:
            self.ids.append(found["id"] or "")
        if tag == "a":
            self.links.append((found["href"] or "", ""))

    def handle_data(self, data: str) -> None:
        if self.links and not self.links[-1][1]:
            self.links[-1] = (self.links[-1][0], data)


@pytest.mark.parametrize("arguments", CASES)
def test_html_links_every_word_to_its_definition(arguments: dict[str, Any]) -> None:
    explanation = xent.explain(**arguments)
    found = Links(explanation.to_html(pictures=False))
    assert len(found.ids) == len(set(found.ids)) == len(explanation.terms)
    targets = [address for address, _ in found.links]
    assert all(target.removeprefix("#") in found.ids for target in targets)
    assert {target.removeprefix("#") for target in targets} == set(found.ids)
    for address, text in found.links:
        slug = re.sub(r"[^a-z0-9]+", "-", BY_NAME[text.lower()].name.lower())
        assert address.endswith(slug)


def test_two_explanations_in_one_page_do_not_clash() -> None:
    one, two = (Links(xent.explain(z, label=1).to_html()) for z in (1.0, 2.0))
    assert not set(one.ids) & set(two.ids)


def test_a_class_called_like_a_term_or_like_a_tag_does_no_harm() -> None:
    explanation = xent.explain([1.0, 2.0], label=0, names=["<gradient>", "logit"])
    text = explanation.to_page(pictures=False)
    assert "&lt;" in text
    assert "<gradient>" not in text
