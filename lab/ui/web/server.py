"""`lab web`: the app in a browser on this machine, one process of it per tab.

Whoever reaches the port could do all that the user can, so everything asks for a secret that only the printed address
holds; and pages of other sites, which a browser would carry there, are told apart by Host and Origin. The address is
given to the page once and is replaced by a cookie that scripts cannot read.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import shlex
import socket
import sys
import webbrowser
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp_jinja2
import jinja2
import textual_serve.server
from aiohttp import web

from lab.errors import ConflictError

#: The port, if it is free and no other was asked for.
PORT = 8717
_LOOPBACK = "127.0.0.1"
_COOKIE = "lab-web"
#: Tabs at a time: each is a process.
_MOST_TABS = 8

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LabServer(textual_serve.server.Server):
    """Serves `command` on `port` of loopback to those who know `token`."""

    def __init__(self, command: str, port: int, token: str) -> None:
        super().__init__(command, _LOOPBACK, port, "Lab", templates_path=Path(__file__).parent)
        self._token = token
        self._hosts = {f"{name}:{port}" for name in (_LOOPBACK, "localhost")}
        self._tabs = 0

    async def _make_app(self) -> web.Application:
        """The pages; in place of the base's, which would also list folders."""
        app = web.Application(middlewares=[self._guard])
        aiohttp_jinja2.setup(app, loader=jinja2.FileSystemLoader(self.templates_path))
        app.add_routes(
            [
                web.get("/", self.handle_index, name="index"),
                web.get("/ws", self.handle_websocket, name="websocket"),
                web.get("/download/{key}", self.handle_download, name="download"),
                web.get("/page.js", self._script),
                web.static("/static", self.statics_path, name="static"),
            ]
        )
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        answer = self._refusal(request) or self._entrance(request) or await handler(request)
        if not answer.prepared:
            answer.headers.update(_HEADERS)
        return answer

    def _refusal(self, request: web.Request) -> web.Response | None:
        """Why a request is not answered: another site's page, or no token."""
        if request.host not in self._hosts:
            return web.Response(status=421, text="this address is not served here\n")
        origin = request.headers.get("Origin")
        # A page of this server says so; a websocket without an Origin comes from no browser's page.
        if origin not in (None, f"http://{request.host}") or (request.path == "/ws" and origin is None):
            return web.Response(status=403, text="pages of other sites have no business here\n")
        if self._knows(request.cookies.get(_COOKIE, "")) or self._knows(request.query.get("token", "")):
            return None
        return web.Response(status=403, text="open the address that lab web has printed, with its token\n")

    def _knows(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._token.encode())

    def _entrance(self, request: web.Request) -> web.Response | None:
        """Who comes with the token gets a cookie, and an address without it, which no history or screen keeps."""
        if "token" not in request.query or request.path != "/":
            return None
        answer = web.Response(status=303, headers={"Location": "/"})
        answer.set_cookie(_COOKIE, self._token, httponly=True, samesite="Strict")
        return answer

    @aiohttp_jinja2.template("index.html")
    async def handle_index(self, request: web.Request) -> dict[str, object]:
        size = request.query.get("fontsize", "")
        return {"host": request.host, "font_size": size if size.isascii() and size.isdigit() else "16"}

    async def _script(self, _: web.Request) -> web.FileResponse:
        return web.FileResponse(Path(__file__).with_name("page.js"))

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        if self._tabs >= _MOST_TABS:
            raise web.HTTPServiceUnavailable(text="too many tabs are open: close one\n")
        self._tabs += 1
        try:
            return await super().handle_websocket(request)
        finally:
            self._tabs -= 1

    def listen(self, listener: socket.socket) -> None:
        """Serve until Ctrl-C or SIGTERM."""
        log = logging.getLogger("textual-serve")
        log.propagate = False
        log.addHandler(logging.NullHandler())
        web.run_app(self._make_app(), sock=listener, print=None, access_log=None, shutdown_timeout=2.0)


def bind(port: int) -> socket.socket:
    """A listening socket on loopback: on `port`, or with 0 on the usual one or any that is free.

    Raises ConflictError for a port that is taken.
    """
    for wanted in (port,) if port else (PORT, 0):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_LOOPBACK, wanted))
            listener.listen()  # who comes early waits
        except OSError:
            listener.close()
            continue
        return listener
    raise ConflictError(f"port {port} is taken", "give another one, or none: lab web")


def serve(
    home: Path | None, project_dir: Path, *, port: int, read_only: bool, browse: bool, tell: Callable[[str, int], None]
) -> None:
    """Serve the app until it is interrupted; `tell` hears the address, which holds the token, and the port.

    Raises ConflictError for a port that is taken.
    """
    listener = bind(port)
    chosen = int(listener.getsockname()[1])
    token = secrets.token_urlsafe(32)
    words = [sys.executable, "-m", "lab", "--project-dir", str(project_dir)]
    words += ["--home", str(home)] if home else []
    words += ["--readonly"] if read_only else []
    address = f"http://{_LOOPBACK}:{chosen}/?token={token}"
    tell(address, chosen)
    if browse:
        webbrowser.open(address)
    LabServer(shlex.join(words), chosen, token).listen(listener)
