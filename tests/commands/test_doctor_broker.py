"""The doctor on an account at Alpaca: one clear line for each thing that keeps it from trading."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from hybrid_tui.commands.context import CliState
from hybrid_tui.commands.doctor_broker import examine_broker
from hybrid_tui.commands.finding import Finding
from hybrid_tui.domain.calendar import TradingCalendar
from tests.servers.alpaca_trading import KEYS, AlpacaTrading, serve_trading


@pytest.fixture
def server(calendar: TradingCalendar, monkeypatch: pytest.MonkeyPatch) -> Iterator[AlpacaTrading]:
    monkeypatch.setenv("APCA_API_KEY_ID", KEYS.key_id)
    monkeypatch.setenv("APCA_API_SECRET_KEY", KEYS.secret)
    with serve_trading(calendar, seed=1) as served:
        yield served


def examined(server: AlpacaTrading, *more: str, mode: str = "paper") -> dict[str, Finding]:
    overrides = (
        f"app.mode={mode}",
        "broker.kind=alpaca",
        f"broker.trading_url={server.url}",
        f"broker.stream_url={server.stream_url}",
        *more,
    )
    state = CliState(overrides=overrides)
    found = list(examine_broker(state, state.config()))
    for finding in found:
        assert len(finding.text.splitlines()) == 1
        assert KEYS.secret not in finding.text
    return {finding.name: finding for finding in found}


def test_an_account_that_may_trade_is_all_well(server: AlpacaTrading) -> None:
    found = examined(server)
    assert all(finding.ok for finding in found.values()), found
    assert "paper account PA" in found["account"].text
    assert "never margin" in found["account"].text
    assert set(found) == {"account", "permission", "time", "order stream"}


def test_another_brokers_account_is_not_asked_about() -> None:
    state = CliState(overrides=("app.mode=paper",))
    assert list(examine_broker(state, state.config())) == []


Ail = Callable[[AlpacaTrading], None]
AILMENTS: list[tuple[Ail, str, tuple[str, ...]]] = [
    (
        lambda server: server.set_flag("trading_blocked", True),
        "account",
        ("blocked trading", "ask Alpaca"),
    ),
    (
        lambda server: server.set_flag("account_blocked", True),
        "account",
        ("blocked the account", "ask Alpaca"),
    ),
    (
        lambda server: server.set_flag("trade_suspended_by_user", True),
        "account",
        ("own settings", "dashboard"),
    ),
    (lambda server: server.set_status("ACCOUNT_CLOSED"), "account", ("ACCOUNT_CLOSED",)),
    (
        lambda server: server.set_read_only(True),
        "permission",
        ("look and not trade", "make a pair"),
    ),
    (lambda server: server.skew(3_600), "time", ("1h00 behind", "NTP")),
    (lambda server: server.skew(-7_205), "time", ("2h00 ahead", "NTP")),
    (
        lambda server: server.outage(True, requests=False),
        "order stream",
        ("503", "asked about instead"),
    ),
    (
        lambda server: server.outage(True),
        "account",
        ("connection to the broker failed", "127.0.0.1", "broker.trading_url"),
    ),
]


@pytest.mark.parametrize(
    ("ail", "name", "said"), AILMENTS, ids=[" ".join(said) for *_, said in AILMENTS]
)
def test_each_ailment_is_one_line_with_what_to_do(
    server: AlpacaTrading, ail: Ail, name: str, said: tuple[str, ...]
) -> None:
    ail(server)
    found = examined(server)
    assert not found[name].ok
    for words in said:
        assert words in found[name].text
    assert [other.name for other in found.values() if not other.ok] == [name]


@pytest.mark.parametrize(
    ("key_id", "mode", "said"),
    [
        ("wrong", "paper", "paper account's URL"),
        ("PKWRONG", "live", "as a paper account's do"),
        ("AKWRONG", "paper", "as a live account's do"),
    ],
)
def test_keys_of_the_wrong_account_are_told_from_wrong_keys(
    server: AlpacaTrading, monkeypatch: pytest.MonkeyPatch, key_id: str, mode: str, said: str
) -> None:
    monkeypatch.setenv("APCA_API_KEY_ID", key_id)
    found = examined(server, mode=mode)
    assert list(found) == ["account"]
    assert not found["account"].ok
    assert said in found["account"].text
    assert "refused" in found["account"].text


def test_the_live_url_in_mode_paper_is_said_without_asking_it(server: AlpacaTrading) -> None:
    found = examined(server, "broker.trading_url=https://api.alpaca.markets")
    assert not found["account"].ok
    assert "trades real money" in found["account"].text
    assert server.asked() == []
