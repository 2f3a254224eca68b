"""The screen in a browser: one process of the screen for each tab, all clients of one engine.

textual-serve (MIT, by Textual's authors, 1 MB beside aiohttp's 8) turns a screen into a web page.
It lets everybody in; a page that can trade needs more, so here every request carries a token that
only the printed address has, names this very host, and comes from this very page: another site in
the same browser can open a socket to loopback as well.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import shlex
import socket
from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from textual_serve.server import Server

log = logging.getLogger(__name__)

FAREWELL_SECONDS = 3.0
# The page begins without the focus on its terminal: keys would go nowhere until a click.
OPENING = """<script>
  document.title = "hybrid-tui";
  new MutationObserver((_, watch) => {
    const keys = document.querySelector("#terminal textarea");
    if (keys) { watch.disconnect(); keys.focus(); }
  }).observe(document.getElementById("terminal"), { childList: true, subtree: true });
</script>
"""


class DeskServer(Server):
    """Serves the desk's screen on a socket that listens already."""

    def __init__(self, words: Sequence[str], host: str, port: int, *, complaints: str) -> None:
        """Serve the command ``words``; what it writes to stderr is added to ``complaints``."""
        command = f"exec {shlex.join(words)} 2>>{shlex.quote(complaints)}"
        shown = f"[{host}]" if ":" in host else host
        super().__init__(
            command, host=host, port=port, title="hybrid-tui", public_url=f"http://{shown}:{port}"
        )
        self._hosts = {f"{name}:{port}" for name in (shown, "localhost")}
        self._token = secrets.token_urlsafe(24)
        self._cookie = f"hybrid-tui-{port}"

    @property
    def address(self) -> str:
        """The address to open, with the token."""
        return f"{self.public_url}/?token={self._token}"

    def run(self, listening: socket.socket) -> None:
        """Serve until SIGINT or SIGTERM; the tabs' screens end with it, the engine does not."""
        web.run_app(
            self._make_app(),
            sock=listening,
            print=None,
            access_log=None,
            shutdown_timeout=FAREWELL_SECONDS,
        )

    async def on_startup(self, app: web.Application) -> None:
        """Say nothing: the command has printed the address."""

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._guard())
        return app

    def _guard(self) -> Middleware:
        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            origin = request.headers.get("Origin")
            origins = {f"http://{host}" for host in self._hosts}
            if request.headers.get("Host") not in self._hosts or origin not in (None, *origins):
                log.warning("refused: host %r, origin %r", request.headers.get("Host"), origin)
                raise web.HTTPForbidden(text="not from this page")
            given = request.query.get("token") or request.cookies.get(self._cookie, "")
            if not hmac.compare_digest(given.encode(), self._token.encode()):
                raise web.HTTPForbidden(text="open the address that hybrid-tui serve printed")
            if request.path == "/ws":
                return await handler(request)
            response = await handler(request)
            if request.path == "/" and isinstance(response, web.Response):
                response.text = (response.text or "").replace("</body>", f"{OPENING}</body>")
            response.set_cookie(self._cookie, self._token, httponly=True, samesite="Strict")
            response.headers["Content-Security-Policy"] = self._policy
            response.headers["Referrer-Policy"] = "no-referrer"
            return response

        return guard

    @property
    def _policy(self) -> str:
        """What the page may load: nothing from elsewhere (its template asks for a web font)."""
        sockets = " ".join(f"ws://{host}" for host in sorted(self._hosts))
        return (
            "style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' data:;"
            f" connect-src 'self' {sockets}; frame-ancestors 'none'"
        )
