"""Words of the glossary as links to a list of definitions in the same page."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from xent.explanation.glossary import BY_NAME, WORD, Term
from xent.explanation.render.notation import HTML


class Linker:
    """Links each term where it first occurs; the definitions are at `prefix` and its slug."""

    def __init__(self, terms: Sequence[Term], prefix: str) -> None:
        self._terms, self._prefix = terms, prefix
        self._unseen = {term.name for term in terms}

    def linked(self, text: str) -> str:
        """Prose as HTML, with links."""
        parts, end = [], 0
        for match in WORD.finditer(text):
            term = BY_NAME[match[0].lower()]
            if term.name in self._unseen:
                self._unseen.remove(term.name)
                parts.append(html.escape(text[end : match.start()]))
                parts.append(self._link(term, match[0]))
                end = match.end()
        return "".join(parts) + html.escape(text[end:])

    def definitions(self) -> str:
        """The list of terms that the links lead to."""
        lines = [part for term in self._terms for part in self._entry(term)]
        return "<dl>\n" + "\n".join(lines) + "\n</dl>"

    def _entry(self, term: Term) -> list[str]:
        told = [html.escape(term.definition)]
        if term.formula:
            told.append(" = ".join(map(HTML.write, term.formula)))
        if term.see:
            here = {known.name: known for known in self._terms}
            see = [self._link(here[n], n) if n in here else html.escape(n) for n in term.see]
            told.append(f"See {', '.join(see)}.")
        name = f'<dt id="{self._address(term)}">{html.escape(term.name)}</dt>'
        return [name, *(f"<dd>{part}</dd>" for part in told)]

    def _address(self, term: Term) -> str:
        return f"{self._prefix}-{re.sub(r'[^a-z0-9]+', '-', term.name.lower())}"

    def _link(self, term: Term, text: str) -> str:
        return f'<a href="#{self._address(term)}">{html.escape(text)}</a>'
