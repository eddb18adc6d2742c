"""Links terms in a text to their definitions in the same page."""

from __future__ import annotations

import html
import re

from xent._report.blocks import Term, Terms
from xent._report.notation import HTML, typeset


class Linker:
    """Links each term where it first occurs; `anchor` and the term's name are its address."""

    def __init__(self, block: Terms) -> None:
        self._terms, self._anchor = block.terms, block.anchor
        self._by_form = by_form(block.terms)
        # Only the first occurrence is a link: more of them would distract.
        self._unseen = {term.name for term in block.terms} if block.anchor else set()
        self._pattern = pattern(self._by_form)

    def linked(self, text: str) -> str:
        """Prose as HTML, with links."""
        parts, end = [], 0
        for match in self._pattern.finditer(text) if self._unseen else ():
            term = self._by_form[match[0].lower()]
            if term.name in self._unseen:
                self._unseen.remove(term.name)
                parts.append(html.escape(text[end : match.start()]))
                parts.append(self._link(term, match[0]))
                end = match.end()
        return typeset("".join(parts) + html.escape(text[end:]))

    def definitions(self) -> str:
        """The list of definitions that the links lead to."""
        lines = [part for term in self._terms for part in self._entry(term)]
        return "<dl>\n" + "\n".join(lines) + "\n</dl>"

    def _entry(self, term: Term) -> list[str]:
        told = [typeset(html.escape(term.definition))]
        if term.formula:
            told.append(HTML.chain(term.formula))
        if term.see:
            here = {known.name: known for known in self._terms}
            see = [self._link(here[n], n) if n in here else html.escape(n) for n in term.see]
            told.append(f"See {', '.join(see)}.")
        name = f'<dt id="{self._address(term)}">{html.escape(term.name)}</dt>'
        return [name, *(f"<dd>{part}</dd>" for part in told)]

    def _address(self, term: Term) -> str:
        slug = re.sub(r"[^a-z0-9]+", "-", term.name.lower())
        return f"{self._anchor}-{slug}" if self._anchor else slug

    def _link(self, term: Term, text: str) -> str:
        return f'<a href="#{self._address(term)}">{html.escape(text)}</a>'


def by_form(terms: tuple[Term, ...]) -> dict[str, Term]:
    """Each term under its name and its other forms, in lower case."""
    return {form.lower(): term for term in terms for form in (term.name, *term.forms)}


def pattern(forms: dict[str, Term]) -> re.Pattern[str]:
    """Finds whole words that are a form of a term, the longest first."""
    longest_first = sorted(map(re.escape, forms), key=len, reverse=True)
    return re.compile(rf"(?<![\w-])({'|'.join(longest_first)})(?![\w-])", re.IGNORECASE)
