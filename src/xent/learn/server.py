"""Serves the course on this machine, to this machine only."""

from __future__ import annotations

import threading
import webbrowser
from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from xent.learn import COURSE, pages

HOST = "127.0.0.1"
ABSENT = f"No such page. There are / and {', '.join(f'/{each.name}.html' for each in COURSE)}.\n"


@cache
def document(path: str) -> bytes | None:
    """The page at an address, made when it is first asked for."""
    name = path.strip("/").removesuffix(".html")
    if name in ("", "index"):
        return pages.contents().encode()
    found = [pages.page(each) for each in COURSE if each.name == name]
    return found[0].encode() if found else None


class Handler(BaseHTTPRequestHandler):
    """Answers requests for the contents and the lessons."""

    def do_GET(self) -> None:
        """Send a page."""
        self._answer(whole=True)

    def do_HEAD(self) -> None:
        """Send what a page's head says."""
        self._answer(whole=False)

    def _answer(self, *, whole: bool) -> None:
        found = document(self.path.partition("?")[0])
        body = ABSENT.encode() if found is None else found
        kind = "text/plain" if found is None else "text/html"
        self.send_response(HTTPStatus.NOT_FOUND if found is None else HTTPStatus.OK)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if whole:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
        """Print nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader who closes a page early is no error."""


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
    try:
        server = _Server((HOST, port), Handler)
    except OSError as error:
        why = f"port {port} of {HOST} cannot be used ({error.strerror})"
        msg = f"{why}; leave --port out for a free one."
        raise ValueError(msg) from None
    address = f"http://{HOST}:{server.server_port}/{name}{'.html' * bool(name)}"
    with server:
        said(address)
        if browser:  # some browsers block the caller until they are closed
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        server.serve_forever()
