"""The HTML page around a report, a lesson or a list of lessons."""

from __future__ import annotations

import html
import re

from xent._report.roles import variables

SCROLLED = re.compile(r'<(?:table|pre|span class="formula")(?=>)')
"""What scrolls where it is wider than the screen."""

BASE = """\
:root { color-scheme: light dark; background: Canvas; color: CanvasText }
"""
"""The reader's choice of light or dark, said so that checkers of contrast see it too."""

THEME = f"""\
:root {{ {variables(dark=False)} }}
@media (prefers-color-scheme: dark) {{ :root {{ {variables(dark=True)} }} }}
"""
"""The colours of reports and pictures, light or dark as the reader's screen."""

STYLE = f"""\
{THEME}\
body {{ max-width: 52rem; margin: 1rem auto; padding: 0 1rem; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }}
h3 {{ font-size: 1.4rem; }}
h4 {{ font-size: 1.15rem; margin-bottom: 0.3rem; border-bottom: 1px solid; }}
td, th {{ white-space: nowrap; font-weight: normal; font-variant-numeric: tabular-nums; }}
td {{ vertical-align: baseline; }}
sub, sup {{ line-height: 0; }}
td:nth-child(3) {{ white-space: normal; overflow-wrap: normal; }}
td:nth-child(n + 4) {{ vertical-align: bottom; }}
@media (max-width: 40rem) {{
  td {{ white-space: normal; overflow-wrap: normal; }}
  td, th {{ font-size: 0.8rem; }}
  td, th {{ padding: 0 0.15em !important; }}
  td:last-child, td:nth-last-child(2) {{ white-space: nowrap; }}
  td:first-child:has(sub), td:has(> span[style*="inline-block"]) {{ white-space: nowrap; }}
  td > span[style*="inline-block"] {{ zoom: 0.6; }}
}}
p {{ margin: 0.5rem 0; }}
a {{ color: inherit; text-decoration: underline dotted; }}
a:focus-visible {{ outline: 2px solid; outline-offset: 2px; }}
summary {{ font-size: 1.15rem; font-weight: bold; margin-top: 1.2rem; }}
dt {{ font-weight: bold; margin-top: 0.6rem; }}
dt:target {{ background: color-mix(in srgb, currentColor 12%, transparent); }}
dd {{ margin-left: 1.2rem; }}"""


def page(title: str, body: str, style: str = STYLE) -> str:
    """A page in UTF-8 for narrow screens too; the empty icon saves a request for one."""
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f"<title>{html.escape(title)}</title>\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<style>\n{BASE}{style}\n</style>\n<main>\n{focusable(body)}\n</main>\n</html>\n"
    )


def focusable(body: str) -> str:
    """Let it take the focus: then the arrow keys scroll it."""
    return SCROLLED.sub(r'\g<0> tabindex="0"', body)
