"""The built site: links and anchors, nothing from elsewhere, and what a browser shows."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import browser
import pytest
from console import ROOT

import xent
import xent.torch as twins
from xent import plots
from xent._report.roles import COLOURS
from xent.learn import COURSE

DOCS = ROOT / "docs"
LOADED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")}


class Page(HTMLParser):
    """What a page links to, loads, and offers as anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.ids: set[str] = set()
        self.headings: list[int] = []
        self.without_alt: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids.update(value for key in ("id", "name") if (value := given.get(key)))
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))
        self.loaded += [str(value) for key, value in attrs if (tag, key) in LOADED]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "img" and not given.get("alt"):
            self.without_alt.append(str(given.get("src")))


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[str, Page]:
    """The pages by their path in the site; the page for wrong addresses has no place of its own."""
    found = {str(path.relative_to(site)): path for path in sorted(site.rglob("*.html"))}
    del found["404.html"]
    return {name: Page(path.read_text("utf-8")) for name, path in found.items()}


def test_every_page_of_the_sources_is_built(pages: dict[str, Page]) -> None:
    sources = [path for kind in ("*.md", "*.html") for path in DOCS.rglob(kind)]
    expected = {str(path.relative_to(DOCS).with_suffix(".html")) for path in sources}
    lessons = {f"course/{lesson.name}.html" for lesson in COURSE}
    assert set(pages) == expected | lessons | {"architecture.html", "changelog.html"}


def test_every_internal_link_resolves(pages: dict[str, Page], site: Path) -> None:
    broken = []
    for name, page in pages.items():
        for link in page.links + page.loaded:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = unquote(urljoin(name, parts.path)) if parts.path else name
            there = site / target
            missing = target in pages and unquote(parts.fragment) not in {"", *pages[target].ids}
            if missing or not there.is_file():
                broken.append(f"{name}: {link}")
    assert broken == []


def test_nothing_is_loaded_from_elsewhere(pages: dict[str, Page], site: Path) -> None:
    for name, page in pages.items():
        assert [place for place in page.loaded if urlsplit(place).netloc] == [], name
    for style in site.rglob("*.css"):
        urls = re.findall(r"url\(['\"]?([^'\")]+)", style.read_text("utf-8"))
        assert [url for url in urls if urlsplit(url).netloc] == [], style.name


def test_headings_and_pictures_are_accessible(pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        if (DOCS / name).exists():  # a page of its own making, copied as it is
            continue
        assert page.headings.count(1) == 1, name
        steps = zip(page.headings, page.headings[1:], strict=False)
        assert all(after - before <= 1 for before, after in steps), name
        assert page.without_alt == [], name


def test_every_public_name_is_on_a_reference_page(pages: dict[str, Page]) -> None:
    reference = [page for name, page in pages.items() if name.startswith("reference/")]
    anchors = set().union(*(page.ids for page in reference))
    assert {f"xent.{name}" for name in xent.__all__} <= anchors
    assert {f"xent.check.{name}" for name in xent.check.__all__} <= anchors
    assert {f"xent.torch.{name}" for name in twins.__all__} <= anchors
    assert {f"xent.plots.{name}" for name in plots.__all__} - {"xent.plots.style"} <= anchors
    assert "xent.plots.style.style" in anchors


def test_docstrings_are_turned_into_markdown(site: Path) -> None:
    losses = (site / "reference" / "losses.html").read_text("utf-8")
    assert "array_like, shape (K,)" in losses, "types are shown as they are written"
    assert 'href="#xent.cross_entropy"' in losses, "names are links"
    assert losses.count("<math") >= 6
    assert "math::" not in losses
    assert ":math:" not in losses


LISTED = re.compile(r"<b><code>(\S+)</code></b>\s*(?:\((.*?)\)\s*)?–", re.DOTALL)


def listed(site: Path, page: str, name: str) -> dict[str, str]:
    """The parameters of a function with what stands in their parentheses."""
    text = (site / "reference" / page).read_text("utf-8")
    _, _, text = text.partition(f'<h2 id="{name}"')
    found = LISTED.findall(text.partition('<h2 id="')[0])
    return {key: " ".join(re.sub("<[^>]*>", "", told).split()) for key, told in found}


def test_parameters_have_their_own_types_and_defaults(site: Path) -> None:
    """Those that share a description, and those of which one word has to be chosen, as well."""
    binary = listed(site, "losses.html", "xent.binary_cross_entropy")
    assert binary["logits"] == "array_like or torch.Tensor, any shape"
    assert binary["z_loss"] == "float, default: 0.0"
    assert binary["return_grad"] == "bool, default: False"
    assert listed(site, "check.html", "xent.check.gradient")["task"].endswith("default: None")
    curves = listed(site, "plots.html", "xent.plots.loss_curves")
    assert (curves["logit"], curves["label"]) == ("float, default: None", "int, default: None")
    module = listed(site, "torch.html", "xent.torch.CrossEntropyLoss")
    assert module["*args"] == ""


def test_escapes_are_not_shown(site: Path) -> None:
    """What Python-Markdown does not know as an escape, and code hosts do."""
    text = (site / "audit.html").read_text("utf-8")
    assert "<td" in text
    assert not re.search(r"\\[<&$~|]", text)


BROKEN = """() => {
    const range = document.createRange(), broken = [];
    for (const place of document.querySelectorAll('article :is(h1, h2, h3, td, p > code)')) {
        const texts = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
        for (let text; text = texts.nextNode();) {
            if (text.parentElement.closest('pre, svg, math, .headerlink')) continue;
            for (const word of text.data.matchAll(/[A-Za-z]+/g)) {
                range.setStart(text, word.index);
                range.setEnd(text, word.index + word[0].length);
                const lines = [...range.getClientRects()].filter(line => line.width);
                if (new Set(lines.map(line => Math.round(line.top))).size > 1)
                    broken.push(`${place.textContent.trim().slice(0, 60)}: ${word[0]}`);
            }
        }
    }
    return broken;
}"""


def test_no_word_is_broken_on_a_phone(chromium: Any, address: str, pages: dict[str, Page]) -> None:
    """In headings, tables and names; a long name breaks between its words."""
    with browser.page(chromium, width=390) as page:
        for name in pages:
            page.goto(f"{address}/{name}")
            assert page.evaluate(BROKEN) == [], name


def test_a_wrong_address_is_answered(site: Path) -> None:
    assert "There is no page at this address." in (site / "404.html").read_text("utf-8")


def test_formulas_are_typeset_without_scripts(site: Path) -> None:
    for path in site.rglob("*.html"):
        text = path.read_text("utf-8")
        body = re.sub(r"<(code|pre|script|math)\b.*?</\1>", "", text, flags=re.DOTALL)
        assert not re.search(r"\$[^$\n]*\\|\\frac|\\sum", body), path.name
    derivations = (site / "explanation" / "derivations.html").read_text("utf-8")
    assert len(re.findall(r'<math [^>]*display="block"', derivations)) > 5


OVERFLOW = "document.scrollingElement.scrollWidth - innerWidth"


def test_every_page_loads_and_fits(chromium: Any, address: str, pages: dict[str, Page]) -> None:
    wide = []
    with browser.page(chromium) as page:
        for name in pages:
            page.set_viewport_size({"width": 1280, "height": 900})
            page.goto(f"{address}/{name}")
            for width in (1280, 390):
                page.set_viewport_size({"width": width, "height": 900})
                if page.evaluate(OVERFLOW) > 0:
                    wide.append((name, width))
    assert wide == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_reader_chooses_light_or_dark(chromium: Any, address: str, dark: bool) -> None:
    """By the system's preference at first, and on a phone as well."""
    with browser.page(chromium, width=390, dark=dark) as page:
        for name in ("index", "tutorial", "reference/check"):
            page.goto(f"{address}/{name}.html")
            scheme = page.get_attribute("body", "data-md-color-scheme")
            assert scheme == ("slate" if dark else "default")
            assert page.evaluate(OVERFLOW) <= 0


PICTURES = {"tutorial": 4, "explanation/derivations": 1, "performance": 1, "sizes": 2}

INK = """() => [...document.querySelectorAll('.picture svg')].map(svg => [
    getComputedStyle(svg.querySelector('text')).fill,
    getComputedStyle(document.querySelector('article p')).color,
])"""


def test_pictures_follow_the_theme(chromium: Any, address: str) -> None:
    """They are part of the page: their text has its colour, also when the reader switches it."""
    with browser.page(chromium, dark=True) as page:
        for name, count in PICTURES.items():
            page.goto(f"{address}/{name}.html")
            dark = page.evaluate(INK)
            page.evaluate("document.body.setAttribute('data-md-color-scheme', 'default')")
            light = page.evaluate(INK)
            assert len(dark) == len(light) == count
            for colours in (dark, light):
                assert all(fill == text for fill, text in colours), colours
            assert dark != light
    with browser.page(chromium) as page:
        page.goto(f"{address}/tutorial.html")
        for svg in page.locator(".picture svg").all():
            assert svg.get_attribute("role") == "img"
            for told in svg.get_attribute("aria-labelledby").split():
                assert page.locator(f"#{told}").text_content()
        pull = "getComputedStyle(document.body).getPropertyValue('--xent-pull')"
        assert page.evaluate(pull) == COLOURS["pull"][0]
        page.evaluate("document.body.setAttribute('data-md-color-scheme', 'slate')")
        assert page.evaluate(pull) == COLOURS["pull"][1]


def test_formulas_have_their_font(chromium: Any, address: str) -> None:
    with browser.page(chromium) as page:
        page.goto(f"{address}/explanation/derivations.html", wait_until="networkidle")
        loaded = "[...document.fonts].filter(f => f.status == 'loaded').map(f => f.family)"
        assert "xent math" in str(page.evaluate(loaded))
        heights = page.evaluate(
            "[...document.querySelectorAll('math')].map(m => m.getBoundingClientRect().height)"
        )
        assert len(heights) > 20
        assert min(heights) > 5


def test_what_is_copied_is_the_input(chromium: Any, address: str) -> None:
    """The copy button marks the block while it reads it, and the style hides what was printed."""
    with browser.page(chromium) as page:
        page.goto(f"{address}/index.html", wait_until="networkidle")
        copied = page.evaluate(
            "() => { const code = document.querySelector('.highlight code');"
            " code.dataset.mdCopying = ''; return code.innerText; }"
        )
        assert copied.strip().splitlines()[0].strip() == "import xent"
        assert ">>>" not in copied
        assert "0.417" not in copied
