"""What a screen asks of the engine: the same bars and figures that the rules look at."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hybrid_tui.commands.context import CliState, parse_bound
from hybrid_tui.commands.desk import Desk, DeskOptions, compose_desk
from hybrid_tui.commands.process_health import process_health
from hybrid_tui.domain.bars import BarSeries
from hybrid_tui.domain.commands import Ack, Command
from hybrid_tui.domain.inquiries import (
    Chart,
    ChartInquiry,
    HealthInquiry,
    Inquiry,
    PreviewInquiry,
    RulesInquiry,
)
from hybrid_tui.engine.answers import Answers
from hybrid_tui.engine.client import EngineClient
from hybrid_tui.engine.endpoint import Endpoint, publish
from hybrid_tui.engine.server import EngineServer
from hybrid_tui.errors import Refused
from hybrid_tui.journal.codec import load_chart, load_health
from hybrid_tui.journal.reader import dump_state
from hybrid_tui.market.past import StoredPast
from hybrid_tui.market.store import BarStore
from tests.semantics.desk import signal

SYMBOLS = ("NVDA", "AMD")
UNTIL = "2026-01-05T10:17:00-05:00"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """An engine that has run the simulated market until 10:17."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HYBRID_TUI_HOME", str(tmp_path_factory.mktemp("answers") / "home"))
        words = ("app.tiers=rules", f"app.watchlist={','.join(SYMBOLS)}")
        composed = compose_desk(CliState(overrides=words), DeskOptions(speed=0.0))
        asyncio.run(
            composed.runtime.run(composed.begins_at, parse_bound(UNTIL, "until", is_end=True))
        )
        yield composed
        composed.journal.close()


def ask(desk: Desk, inquiry: Inquiry, past: StoredPast | None = None) -> Any:
    """Return the answer as a document."""
    return json.loads(asyncio.run(Answers(desk.runtime, past).tell(inquiry)))


def chart(desk: Desk, interval: int, count: int = 100) -> Chart:
    return load_chart(ask(desk, ChartInquiry(symbol="NVDA", interval=interval, count=count)))


def known(desk: Desk) -> BarSeries:
    now = desk.state.now
    assert now is not None
    found = desk.runtime.engine.market.view(now).bars("NVDA")
    assert found is not None
    return found


def test_a_chart_has_the_bars_that_are_known(desk: Desk) -> None:
    found, bars = chart(desk, 60), known(desk)
    assert len(found) == 100
    assert found.start == tuple(bars.start[-100:].tolist())
    assert found.close == tuple(bars.close[-100:].tolist())
    day_before = bars.start < int(bars.start[-1]) - 60 * 60
    assert found.close_before == bars.close[day_before][-1]


def test_the_figures_are_those_that_the_rules_look_at(desk: Desk) -> None:
    found = chart(desk, 60)
    told = ask(desk, RulesInquiry(symbol="NVDA"))
    values = {
        name: value
        for row in told["entry"]["technical"]
        for name, value in row["values"].items()
        if name in found.lines
    }
    assert {"rsi(14)", "macd(12, 26, 9)"} <= values.keys()
    assert {name: found.lines[name][-1] for name in values} == values
    assert told["entry"]["set"] == "rsi_macd"


@pytest.mark.parametrize("interval", [300, 3_600, 86_400])
def test_longer_bars_are_made_of_the_minutes_since_the_open(desk: Desk, interval: int) -> None:
    found, bars = chart(desk, interval), known(desk)
    minutes = bars.start >= found.start[-1]
    assert found.open[-1] == bars.open[minutes][0]
    assert found.high[-1] == bars.high[minutes].max()
    assert found.low[-1] == bars.low[minutes].min()
    assert found.close[-1] == bars.close[-1]
    assert found.volume[-1] == pytest.approx(bars.volume[minutes].sum())
    assert (np.diff(found.start) >= interval).all()


@pytest.mark.parametrize("days", [3, 20])
def test_bars_from_before_the_engine_come_from_the_store(
    desk: Desk, tmp_path: Path, days: int
) -> None:
    bars, store = known(desk), BarStore(tmp_path)
    shift = 86_400 * days
    store.add(replace(bars, feed="old", start=bars.start - shift, known_at=bars.known_at - shift))
    past = StoredPast(store, desk.runtime.engine.setup.calendar)
    own = load_chart(ask(desk, ChartInquiry(symbol="NVDA", interval=86_400)))
    found = load_chart(ask(desk, ChartInquiry(symbol="NVDA", interval=86_400), past))
    assert len(found) > len(own)
    assert set(own.start) <= set(found.start)
    assert found.close[-1] == own.close[-1]
    assert (np.diff(found.start) > 0).all()
    assert load_chart(ask(desk, ChartInquiry(symbol="AMD", interval=86_400), past)) == load_chart(
        ask(desk, ChartInquiry(symbol="AMD", interval=86_400))
    )


@pytest.mark.parametrize(
    ("inquiry", "said"),
    [
        (ChartInquiry(symbol="ZZZ", interval=60), "ZZZ is not on the watchlist"),
        (ChartInquiry(symbol="NVDA", interval=7), "no bars of 7 s"),
        (ChartInquiry(symbol="NVDA", interval=60, count=0), "from 1 to"),
        (RulesInquiry(symbol="ZZZ"), "ZZZ is not on the watchlist"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_reason(
    desk: Desk, inquiry: Inquiry, said: str
) -> None:
    with pytest.raises(Refused, match=said):
        ask(desk, inquiry)


@asynccontextmanager
async def served(desk: Desk, folder: Path) -> AsyncIterator[EngineClient]:
    """Serve the engine on loopback, and connect a client that listens."""
    runtime = desk.runtime

    async def snapshot() -> bytes:
        return dump_state(desk.state)

    server = EngineServer("secret", snapshot, runtime.obey, Answers(runtime).tell)
    port = await server.start()
    publish(folder / "engine.json", Endpoint(pid=1, port=port, token="secret", mode="sim"))
    client = await EngineClient.connect(folder / "engine.json")

    async def listen() -> None:
        async for _ in client.events():
            pass

    listening = asyncio.create_task(listen())
    yield client
    await client.close()
    await server.stop()
    await listening


async def test_answers_come_over_the_socket(desk: Desk, tmp_path: Path) -> None:
    async with served(desk, tmp_path) as client:
        both = await asyncio.gather(
            client.ask(ChartInquiry(symbol="AMD", interval=300, count=5)),
            client.ask(RulesInquiry(symbol="AMD")),
        )
        assert len(load_chart(both[0].document)) == 5
        assert both[1].document is not None
        assert both[1].document["symbol"] == "AMD"
        refused = await client.ask(ChartInquiry(symbol="ZZZ", interval=60))
        assert refused.document is None
        assert refused.refused == "ZZZ is not on the watchlist"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"inquiry": "RulesInquiry", "symbol": "AMD", "ref": 3}', "could not answer (ValueError"),
        (b'{"inquiry": "RulesInquiry", "ref": 3}', "Field required"),
        (b'{"inquiry": ["RulesInquiry"], "ref": 3}', "unknown inquiry"),
        (b'{"inquiry": "RulesInquiry", "ref": 3', "not JSON"),
        (b'{"inquiry": "\xff", "ref": 3}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'["RulesInquiry"]', "is a JSON object"),
    ],
)
async def test_what_is_no_command_gets_no_acknowledgement(line: bytes, said: str) -> None:
    async def tell(inquiry: Inquiry) -> bytes:
        raise ValueError("an array is empty")

    async def obey(command: Command) -> Ack:
        raise AssertionError(command)

    async def snapshot() -> bytes:
        return b"{}"

    found = json.loads(await EngineServer("secret", snapshot, obey, tell)._answer(line))
    assert "ack" not in found
    assert said in found["refused"]
    assert found.get("answer", 3) == 3


async def test_a_line_that_the_engine_refuses_ends_no_connection(
    desk: Desk, tmp_path: Path
) -> None:
    async with served(desk, tmp_path) as client:
        client._writer.write(b"no JSON\n")
        found = await client.ask(RulesInquiry(symbol="AMD"))
        assert found.document is not None


def test_health_tells_how_long_the_work_took_and_how_the_process_is(desk: Desk) -> None:
    state = CliState(overrides=("rules.rsi_below=30", "app.tiers=rules"))
    answers = Answers(desk.runtime, process=process_health(state, DeskOptions()))
    found = load_health(json.loads(asyncio.run(answers.tell(HealthInquiry()))))
    instants = found.latencies["instant"]
    assert instants.count > 47
    assert 0 < instants.p50 <= instants.p99 <= instants.longest
    assert found.requests_left is None
    assert found.process is not None
    assert found.process.pid == os.getpid()
    assert found.process.resident_bytes > 20_000_000
    assert found.process.journal_bytes >= state.paths.journal.stat().st_size > 0
    told = {setting.key: (setting.value, setting.source) for setting in found.process.settings}
    assert told["rules.rsi_below"] == ("30.0", "--set rules.rsi_below=30")
    assert told["rules.rsi_period"] == ("14", "default")


def test_a_preview_is_what_the_rules_would_buy_if_the_list_were_approved(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = desk.runtime.engine
    state = engine.state
    assert state.now is not None
    assert "NVDA" in state.positions
    engine.approvals.propose(state.now, signal("s", state.now, "NVDA", "ZZZ"))
    told = ask(desk, PreviewInquiry(signal_id="s"))["symbols"]
    assert told["NVDA"] == {"shares": 0, "why": "held: nothing is added"}
    assert told["ZZZ"] == {"shares": 0, "why": "no price is known yet"}
    # Nothing was decided by asking.
    assert state.signals["s"].status == "pending"
    assert state.strategy_id is None
    free = replace(state, positions={}, orders={}, locks=[])
    monkeypatch.setattr(engine, "state", free)
    most = int(0.20 * free.equity() / free.closes["NVDA"])
    told = ask(desk, PreviewInquiry(signal_id="s"))["symbols"]
    assert told["NVDA"] == {"shares": most, "why": ""}
    free.paused = True
    told = ask(desk, PreviewInquiry(signal_id="s"))["symbols"]
    assert told["NVDA"] == {"shares": 0, "why": "entries are paused"}
    with pytest.raises(Refused, match="no signal 'other'"):
        ask(desk, PreviewInquiry(signal_id="other"))
