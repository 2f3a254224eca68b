"""The screen in a browser's tab: only for whoever has the address, and over the same engine."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from hybrid_tui.config import Paths
from hybrid_tui.domain.commands import Stop
from hybrid_tui.engine.client import EngineGone, send_command
from hybrid_tui.engine.endpoint import is_held, read_endpoint
from tests.desk import hybrid_tui, start, wait_for

WORDS = ("--set", "app.tiers=rules", "--set", "app.watchlist=NVDA", "--speed", "60")


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A running ``serve``: its address without the token, the token, its paths and process."""

    base: str
    token: str
    paths: Paths
    process: subprocess.Popen[str]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("browser") / "home"
    home.mkdir()
    (home / "config.toml").touch()
    paths = Paths.of(environment={"HYBRID_TUI_HOME": str(home)})
    process = start(home, *WORDS, "serve", "--port", "0")
    assert process.stdout is not None
    address = urlsplit(process.stdout.readline().strip())
    assert address.hostname == "127.0.0.1"
    (token,) = parse_qs(address.query)["token"]
    yield Served(base=f"http://{address.netloc}", token=token, paths=paths, process=process)
    if process.poll() is None:
        process.kill()
    process.communicate()
    if is_held(paths):
        with contextlib.suppress(EngineGone):
            send_command(paths.engine, Stop(by="test"), 10.0)
        wait_for(lambda: not is_held(paths))


@pytest.fixture
async def visitor(served: Served) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


async def opened(visitor: aiohttp.ClientSession, served: Served) -> None:
    """Open the page, as a browser does, and keep its cookie."""
    async with visitor.get(served.base, params={"token": served.token}) as answer:
        page = await answer.text()
        assert answer.status == 200
        assert served.base.replace("http", "ws") + "/ws" in page
        assert page.count("keys.focus()") == 1, "keys would wait for a click"
        assert "font-src 'self'" in answer.headers["Content-Security-Policy"]


async def words_on(tab: aiohttp.ClientWebSocketResponse, *words: str) -> None:
    """Receive what a tab paints until it has said these words."""
    painted = ""
    while not all(word in painted for word in words):
        message = await tab.receive(timeout=40)
        assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), message
        if message.type is aiohttp.WSMsgType.BINARY:
            painted += message.data.decode(errors="replace")


async def test_strangers_get_nothing(served: Served, visitor: aiohttp.ClientSession) -> None:
    good = {"token": served.token}
    for path, query, headers in (
        ("/", {}, {}),
        ("/", {"token": "guess"}, {}),
        ("/ws", {}, {}),
        ("/static/js/textual.js", {}, {}),
        ("/", good, {"Host": "evil.example"}),
        ("/ws", good, {"Origin": "http://evil.example"}),
    ):
        async with visitor.get(served.base + path, params=query, headers=headers) as answer:
            assert answer.status == 403, (path, query, headers)
        visitor.cookie_jar.clear()


async def test_each_tab_is_a_screen_of_the_same_engine(
    served: Served, visitor: aiohttp.ClientSession
) -> None:
    await opened(visitor, served)
    origin = {"Origin": served.base}
    url = f"{served.base}/ws?width=120&height=40"
    async with visitor.ws_connect(url, headers=origin) as first:
        await words_on(first, "Positions", "NVDA", "SIM")
        engine = read_endpoint(served.paths.engine)
        assert engine is not None
        async with visitor.ws_connect(url, headers=origin) as second:
            await words_on(second, "Positions", "NVDA", "SIM")
            await second.send_str(json.dumps(["stdin", "p"]))
            await words_on(first, "PAUSED")
        assert read_endpoint(served.paths.engine) == engine
    served.process.send_signal(signal.SIGINT)
    wait_for(lambda: served.process.poll() is not None, 15)
    assert served.process.returncode == 0
    assert is_held(served.paths), "the engine ended with the pages"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--host", "0.0.0.0"), "this machine only"),
        (("--host", "192.168.1.5"), "this machine only"),
        (("--port", "{taken}"), "--port 0 takes a free one"),
    ],
)
def test_what_is_refused(tmp_path: Path, words: tuple[str, str], said: str) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        done = hybrid_tui(tmp_path / "home", "serve", words[0], words[1].format(taken=taken))
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_without_the_extra_it_says_how_to_get_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from hybrid_tui.cli import app
    from hybrid_tui.errors import ConfigError

    monkeypatch.setitem(sys.modules, "textual_serve.server", None)
    monkeypatch.delitem(sys.modules, "hybrid_tui.tui.browser", raising=False)
    done = CliRunner().invoke(app, ["serve"])
    assert isinstance(done.exception, ConfigError)
    assert done.exception.hint == "pip install 'hybrid-tui[web]'"
