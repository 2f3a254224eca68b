"""The engine's process: one a profile, commands acknowledged, a clean end."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hybrid_tui.config import Paths
from hybrid_tui.domain.commands import Approve, Pause, Resume, SetSpeed, Stop
from hybrid_tui.domain.events import BarsClosed, Event, SignalProposed
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.client import EngineClient, EngineGone, send_command
from hybrid_tui.engine.endpoint import is_held, read_endpoint
from hybrid_tui.engine.spawn import start_engine
from hybrid_tui.journal.reader import latest_run, open_read_only, read_state
from tests.desk import ROOT, begin, command, environment, hybrid_tui, wait_for

QUICK = ("--set", "app.tiers=rules,llm")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths.of(environment={"HYBRID_TUI_HOME": str(tmp_path / "home")})


@pytest.fixture
def engine(tmp_path: Path, paths: Paths) -> Iterator[Paths]:
    """A running engine in mode sim, at speed 600."""
    process = begin(tmp_path / "home", *QUICK, "run", "--headless", "--speed", "600")
    wait_for(lambda: read_endpoint(paths.engine) is not None)
    yield paths
    if is_held(paths):
        process.send_signal(signal.SIGTERM)
    _, complaints = process.communicate(timeout=20)
    assert process.returncode in (0, -signal.SIGKILL), complaints
    assert "Traceback" not in complaints


def state_of(paths: Paths) -> DeskState:
    connection = open_read_only(paths.journal)
    info = latest_run(connection)
    assert info is not None
    state = read_state(connection, info.run)
    connection.close()
    return state


def test_a_second_engine_is_refused_and_told_who_holds_the_profile(
    engine: Paths, tmp_path: Path
) -> None:
    second = hybrid_tui(tmp_path / "home", "run", "--headless")
    holder = read_endpoint(engine.engine)
    assert holder is not None
    assert second.returncode == 1
    assert f"process {holder.pid}" in second.stderr
    assert is_held(engine)


def test_another_profile_runs_beside_it(engine: Paths, tmp_path: Path) -> None:
    words = ("--profile", "two", *QUICK, "run", "--headless", "--speed", "0")
    other = hybrid_tui(tmp_path / "home", *words, "--until", "2026-01-05T09:40:00")
    assert other.returncode == 0, other.stderr
    assert (tmp_path / "home" / "profiles" / "two" / "journal.db").exists()


def test_the_token_file_is_for_this_user_only(engine: Paths) -> None:
    assert stat.S_IMODE(engine.engine.stat().st_mode) == 0o600


def test_a_wrong_token_gets_nothing(engine: Paths) -> None:
    fields = json.loads(engine.engine.read_text())
    engine.engine.write_text(json.dumps(fields | {"token": "guess"}))
    with pytest.raises(EngineGone, match="wrong token"):
        send_command(engine.engine, Pause())
    engine.engine.write_text(json.dumps(fields))


def test_pause_and_resume_are_acknowledged_and_in_the_journal(
    engine: Paths, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    paused = hybrid_tui(home, "pause", "--json")
    assert json.loads(paused.stdout) == {"ok": True, "message": "entries are paused; exits go on"}
    assert state_of(engine).paused
    assert hybrid_tui(home, "resume").returncode == 0
    assert not state_of(engine).paused


def test_refused_commands_exit_1_with_a_reason(engine: Paths, tmp_path: Path) -> None:
    home = tmp_path / "home"
    for words, said in (
        (("approve", "20990101-1000"), "no signal"),
        (("veto", "20990101-1000", "NVDA"), "no signal"),
        (("close", "NVDA", "--yes"), "NVDA is not held"),
    ):
        answer = hybrid_tui(home, *words)
        assert answer.returncode == 1
        assert said in answer.stderr
    assert hybrid_tui(home, "flatten").returncode == 2


def test_a_session_is_held_by_the_running_engine(engine: Paths, tmp_path: Path) -> None:
    assert send_command(engine.engine, SetSpeed(speed=1)).ok
    done = hybrid_tui(tmp_path / "home", "llm", "session", "midday", "--json")
    document = json.loads(done.stdout)
    assert (document["session"], document["id"][-5:]) == ("12:00", "-hand")
    if document["signal"] is not None:
        assert done.returncode == 0
        assert document["signal"]["flags"] == ["asked for by hand"]
        assert document["id"] in state_of(engine).signals
    else:
        assert (done.returncode, bool(document["abstained"])) == (1, True)
    again = hybrid_tui(tmp_path / "home", "llm", "session")
    assert again.returncode == 1
    assert "one was asked for by hand" in again.stderr


async def test_a_client_sees_a_snapshot_then_events_and_decides(engine: Paths) -> None:
    client = await EngineClient.connect(engine.engine)
    assert client.state.started is not None
    assert client.state.started.mode == "sim"
    proposed: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
    last = client.state.last_id

    async def follow() -> None:
        nonlocal last
        async for event in client.events():
            assert event.id > last
            last = event.id
            client.state.apply(event)
            is_useful = isinstance(event, SignalProposed) and event.signal.focus_stocks
            if is_useful and not proposed.done():
                proposed.set_result(event)

    following = asyncio.create_task(follow())
    signal_id, symbol = None, None
    for found in client.state.pending(client.state.now):  # type: ignore[arg-type]
        if found.signal.focus_stocks:
            signal_id, symbol = found.signal.id, found.signal.focus_stocks[0]
    if signal_id is None:
        event = await asyncio.wait_for(proposed, 30)
        assert isinstance(event, SignalProposed)
        signal_id, symbol = event.signal.id, event.signal.focus_stocks[0]
    await client.send(SetSpeed(speed=60))
    assert symbol is not None
    ack = await client.send(Approve(signal_id=signal_id, symbols=(symbol,)))
    assert ack.ok, ack.message
    assert client.state.strategy_id == signal_id
    assert client.state.signals[signal_id].approved() == {symbol}
    again = await client.send(Approve(signal_id=signal_id, symbols=(symbol,)))
    assert not again.ok
    assert "approved" in again.message
    following.cancel()
    await client.close()


async def test_a_client_that_does_not_read_does_not_delay_the_engine(engine: Paths) -> None:
    deaf = await EngineClient.connect(engine.engine)
    attentive = await EngineClient.connect(engine.engine)
    await attentive.close()
    attentive = await EngineClient.connect(engine.engine)
    bars = 0
    async for event in attentive.events():
        bars += isinstance(event, BarsClosed)
        if bars == 30:
            break
    await attentive.close()
    await deaf.close()


def test_stop_is_acknowledged_before_the_engine_goes(engine: Paths) -> None:
    ack = send_command(engine.engine, Stop(by="test"))
    assert ack.ok
    assert "the engine stops" in ack.message
    wait_for(lambda: not is_held(engine))
    assert not state_of(engine).running


def test_sigterm_stops_it_cleanly(tmp_path: Path, paths: Paths) -> None:
    process = begin(tmp_path / "home", *QUICK, "run", "--headless")
    wait_for(lambda: read_endpoint(paths.engine) is not None)
    process.send_signal(signal.SIGTERM)
    _, complaints = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "SIGTERM" in complaints
    assert not paths.engine.exists()
    assert not is_held(paths)
    assert not state_of(paths).running


def test_a_killed_engine_leaves_no_lock_and_the_next_one_goes_on(
    tmp_path: Path, paths: Paths
) -> None:
    process = begin(tmp_path / "home", *QUICK, "run", "--headless", "--speed", "600")
    wait_for(lambda: paths.journal.exists() and read_endpoint(paths.engine) is not None)
    send_command(paths.engine, Pause())
    before = state_of(paths)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=20)
    with pytest.raises(EngineGone):
        send_command(paths.engine, Resume())
    again = begin(tmp_path / "home", *QUICK, "run", "--headless", "--speed", "600")

    def is_listening() -> bool:
        endpoint = read_endpoint(paths.engine)
        return endpoint is not None and endpoint.pid == again.pid

    try:
        wait_for(is_listening)
        after = state_of(paths)
    finally:
        again.send_signal(signal.SIGTERM)
        again.communicate(timeout=20)
    assert after.paused
    assert before.now is not None
    assert after.now is not None
    assert after.now >= before.now
    assert after.started is not None
    assert after.started.resumed


def test_close_without_an_engine_takes_the_lock_and_sells(tmp_path: Path, paths: Paths) -> None:
    home = tmp_path / "home"
    words = ("--set", "app.tiers=rules", "run", "--headless", "--speed", "0")
    hybrid_tui(home, *words, "--until", "2026-01-05T12:00:00")
    held = sorted(state_of(paths).positions)
    assert len(held) >= 2
    sold = hybrid_tui(home, "--set", "app.tiers=rules", "close", held[0], "--yes")
    assert sold.returncode == 0, sold.stderr
    state = state_of(paths)
    assert held[0] not in state.positions
    assert state.trades[-1].exit_reason == "manual"
    assert not is_held(paths)
    flat = hybrid_tui(home, "--set", "app.tiers=rules", "flatten", "--yes")
    assert flat.returncode == 0, flat.stderr
    state = state_of(paths)
    assert not state.positions
    assert state.paused
    assert {trade.exit_reason for trade in list(state.trades)[-len(held) + 1 :]} == {"flatten"}


def test_closing_what_is_not_held_names_what_is(tmp_path: Path) -> None:
    answer = hybrid_tui(tmp_path / "home", "close", "NVDA", "--yes")
    assert answer.returncode in (1, 2)
    assert "journal" in answer.stderr


def test_a_full_disk_ends_the_engine_with_one_message_and_loses_nothing(
    tmp_path: Path, paths: Paths
) -> None:
    words = ["--set", "app.tiers=rules,llm", "--set", "approval.policy=auto"]
    words += ["run", "--headless", "--speed", "0", "--until", "2026-01-06"]
    full = subprocess.run(
        ["bash", "-c", f"ulimit -f 900; exec {shlex.join(command(*words))}"],
        env=environment(tmp_path / "home"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert full.returncode == 2, full.stderr
    assert "journal cannot be written" in full.stderr
    assert "Traceback" not in full.stderr
    before = state_of(paths)
    assert before.now is not None
    roomy = hybrid_tui(tmp_path / "home", *words)
    assert roomy.returncode == 0, roomy.stderr
    after = state_of(paths)
    assert after.now is not None
    assert after.now > before.now
    assert after.cash + after.gross() == pytest.approx(after.equity())


def test_what_waits_for_a_decision_still_waits_after_a_restart_and_then_expires(
    tmp_path: Path, paths: Paths
) -> None:
    def run_until(clock: str) -> DeskState:
        words = (*QUICK, "run", "--headless", "--speed", "0", "--until", f"2026-01-05T{clock}")
        done = hybrid_tui(tmp_path / "home", *words)
        assert done.returncode == 0, done.stderr
        return state_of(paths)

    before = run_until("10:10:00")
    assert before.now is not None
    (waiting,) = before.pending(before.now)
    assert waiting.signal.focus_stocks
    after = run_until("10:29:59")
    assert after.now is not None
    assert [found.signal for found in after.pending(after.now)] == [waiting.signal]
    late = run_until("10:31:00")
    assert late.now is not None
    assert late.pending(late.now) == []
    assert set(late.signals[waiting.signal.id].symbols.values()) == {"expired"}
    assert late.strategy(late.now) is None
    assert not late.orders
    assert not late.positions


async def test_no_client_misses_or_repeats_an_event_whenever_it_connects(engine: Paths) -> None:
    for _ in range(25):
        client = await EngineClient.connect(engine.engine)
        last = client.state.last_id
        async for event in client.events():
            assert event.id == last + 1
            last = event.id
            if last >= client.state.last_id + 20:
                break
        await client.close()


def test_flatten_without_an_engine_leaves_other_accounts_alone(
    tmp_path: Path, paths: Paths
) -> None:
    home = tmp_path / "home"
    settings = ("--set", "app.tiers=rules", "--set", "app.watchlist=NVDA,AMD,SPY,TSLA")
    words = (*settings, "run", "--headless", "--speed", "0", "--until", "2026-01-05T11:00:00")
    assert hybrid_tui(home, *words).returncode == 0
    held = set(state_of(paths).positions)
    assert held
    other = hybrid_tui(home, "flatten", "--yes")
    assert other.returncode == 1
    assert "another market or watchlist" in other.stderr
    assert set(state_of(paths).positions) == held
    same = hybrid_tui(home, *settings, "flatten", "--yes")
    assert same.returncode == 0, same.stderr
    assert not state_of(paths).positions


def test_the_engine_of_a_relative_home_starts_in_the_same_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYBRID_TUI_HOME", "desk")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    paths = Paths.of()
    process = start_engine(paths, list(QUICK), ["--speed", "0", "--until", "2026-01-05T09:40:00"])
    assert process.wait(timeout=60) == 0
    assert (tmp_path / "desk" / "journal.db").exists()


def test_headlines_are_journalled_once_whatever_the_restarts(tmp_path: Path, paths: Paths) -> None:
    for clock in ("09:31:00", "09:33:00", "09:36:00"):
        words = (*QUICK, "run", "--headless", "--speed", "0", "--until", f"2026-01-05T{clock}")
        assert hybrid_tui(tmp_path / "home", *words).returncode == 0
    connection = open_read_only(paths.journal)
    rows = connection.execute(
        "select count(*), count(distinct json_extract(body, '$.item.id')) from events"
        " where kind = 'NewsArrived'"
    ).fetchone()
    connection.close()
    assert rows[0] == rows[1] > 0
