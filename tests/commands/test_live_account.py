"""Real money: the account's number is typed once, and the first week's positions are small."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hybrid_tui.commands.account import (
    CONFIRMED,
    careful,
    confirm_live,
    open_account,
)
from hybrid_tui.commands.context import CliState
from hybrid_tui.config import Config
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.errors import ConfigError, Refused
from tests.servers.alpaca_trading import KEYS, AlpacaTrading, serve_trading

NUMBER = "PA000LOCAL01"


@pytest.fixture
def server(
    calendar: TradingCalendar, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AlpacaTrading]:
    home.mkdir()
    monkeypatch.setenv("APCA_API_KEY_ID", KEYS.key_id)
    monkeypatch.setenv("APCA_API_SECRET_KEY", KEYS.secret)
    with serve_trading(calendar, seed=1) as served:
        yield served


def live(server: AlpacaTrading, *more: str) -> tuple[CliState, Config]:
    state = CliState(
        overrides=("app.mode=live", f"broker.trading_url={server.url}", *more), live=True
    )
    return state, state.config()


class Terminal(io.StringIO):
    """A person at a terminal, who types what it holds."""

    def isatty(self) -> bool:
        return True


def types(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(f"{text}\n"))


def confirmed_at(home: Path, account: str, at: datetime) -> None:
    (home / CONFIRMED).write_text(json.dumps({account: at.isoformat()}))


def test_the_number_is_typed_once_and_the_account_then_opens(
    server: AlpacaTrading, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state, config = live(server)
    with pytest.raises(Refused, match="was not confirmed yet"):
        open_account(state, config)
    types(monkeypatch, NUMBER)
    confirm_live(state, config)
    assert f"REAL MONEY: account {NUMBER}" in capsys.readouterr().err
    # Asked no more: nobody types anything now.
    types(monkeypatch, "")
    confirm_live(state, config)
    account = open_account(state, config)
    account.lock.release()
    assert account.is_live


def test_another_number_trades_nothing(
    server: AlpacaTrading, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    state, config = live(server)
    types(monkeypatch, "PA999")
    with pytest.raises(Refused, match="not the account's number"):
        confirm_live(state, config)
    assert not (home / CONFIRMED).exists()


def test_without_a_terminal_nobody_can_confirm(
    server: AlpacaTrading, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, config = live(server)
    monkeypatch.setattr("sys.stdin", io.StringIO(NUMBER))
    with pytest.raises(Refused) as caught:
        confirm_live(state, config)
    assert "in a terminal once" in caught.value.render()


@pytest.mark.parametrize(
    ("days", "more", "most"),
    [
        (0, (), 0.05),
        (6, (), 0.05),
        (8, (), 0.20),
        (1, ("broker.first_week_position=0.02",), 0.02),
        (1, ("risk.max_position=0.03",), 0.03),
    ],
)
def test_the_first_weeks_positions_are_the_smaller_ones(
    server: AlpacaTrading, home: Path, days: int, more: tuple[str, ...], most: float
) -> None:
    state, config = live(server, *more)
    confirmed_at(home, server_account(server), datetime.now(UTC) - timedelta(days=days))
    account = open_account(state, config)
    account.lock.release()
    assert careful(state, config, account).risk.max_position == most


def test_a_paper_account_has_no_first_week(server: AlpacaTrading) -> None:
    overrides = ("app.mode=paper", "broker.kind=alpaca", f"broker.trading_url={server.url}")
    state = CliState(overrides=overrides)
    account = open_account(state, state.config())
    account.lock.release()
    assert not account.is_live
    assert careful(state, state.config(), account).risk.max_position == 0.20


def test_a_damaged_note_of_confirmations_is_named(server: AlpacaTrading, home: Path) -> None:
    state, config = live(server)
    (home / CONFIRMED).write_text("{not json")
    with pytest.raises(ConfigError, match=CONFIRMED):
        open_account(state, config)


def server_account(server: AlpacaTrading) -> str:
    """Return the id that the server's account has."""
    status, row = server.answer("GET", "/v2/account", {}, {})
    assert status == 200
    return str(row["id"])
