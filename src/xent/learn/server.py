"""Serves the course on this machine, to this machine only."""

from __future__ import annotations

import html
import socket
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

try:
    import marimo
    import uvicorn
    from starlette.applications import Starlette
    from starlette.responses import HTMLResponse
    from starlette.routing import Mount, Route
except ModuleNotFoundError as error:
    how = f"pip install {error.name}, or xent with its extra learn"
    message = f"the course needs {error.name}: {how}"
    raise ModuleNotFoundError(message, name=error.name) from None

from xent._report import page
from xent._report.roles import variables
from xent.learn import COURSE

HOST = "127.0.0.1"
STYLE = """
body { font: 1.1rem/1.5 system-ui, sans-serif }
main { max-width: 44rem; margin: 3rem auto; padding: 0 1rem }
li { margin: 0.8rem 0 } a { font-weight: 600 }
"""


def contents() -> str:
    """The page that lists the lessons."""
    items = "".join(
        f'<li><a href="{each.name}/">{html.escape(each.title)}</a><br>'
        f"{html.escape(each.about)}</li>"
        for each in COURSE
    )
    body = (
        "<h1>Cross-entropy, live</h1>"
        "<p>Six notebooks. Move a slider, and every number, curve and formula that depends on it "
        "changes too. Everything is computed on this machine.</p>"
        f"<ol>{items}</ol>"
    )
    return page("xent: the course", body, STYLE)


def application() -> Any:
    """The web application: the contents and the lessons."""
    script = Path(__file__).with_name("in_order.js").read_text("utf-8")
    light, dark = variables(dark=False), variables(dark=True)
    colours = f"<style>:root {{ {light} }} .dark {{ {dark} }}</style>"  # a class of marimo's
    head = f"{colours}<script>{{{script}}}</script>"
    live = marimo.create_asgi_app(quiet=True, session_ttl=30, html_head=head)
    for each in COURSE:
        live = live.with_app(path=f"/{each.name}", root=str(each.path))
    first_page = HTMLResponse(contents())

    async def first(_: Any) -> HTMLResponse:
        return first_page

    return Starlette(routes=[Route("/", first), Mount("/", live.build())])


def serve(
    name: str = "", port: int = 0, *, browser: bool = True, said: Callable[[str], Any]
) -> None:
    """Serve the course until interrupted, and say where it is.

    Parameters
    ----------
    name : str, default ""
        The lesson to open; the contents if empty.
    port : int, default 0
        Port of 127.0.0.1; any free one if 0.
    browser : bool, default True
        Whether to open it.
    said : callable
        Called with the address once the server answers.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        why = f"port {port} of {HOST} cannot be used ({error.strerror})"
        msg = f"{why}; leave --port out for a free one."
        raise ValueError(msg) from None
    address = f"http://{HOST}:{listener.getsockname()[1]}/{name}{'/' * bool(name)}"
    server = _Server(uvicorn.Config(application(), log_level="warning", access_log=False))
    server.ready = lambda: _announce(address, said, browser=browser)
    with listener:
        server.run(sockets=[listener])


class _Server(uvicorn.Server):
    """A server that calls `ready` once it answers."""

    ready: Callable[[], Any]

    async def startup(self, sockets: Any = None) -> None:
        """Start, then call `ready`."""
        await super().startup(sockets)
        self.ready()


def _announce(address: str, said: Callable[[str], Any], *, browser: bool) -> None:
    said(address)
    if browser:  # some browsers block the caller until they are closed
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
