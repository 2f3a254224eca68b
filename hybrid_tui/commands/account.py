"""The account at Alpaca: which one, whether its money is real, and who said that it may be used."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING

import typer

from hybrid_tui.alpaca_wire import KEY_ID, SECRET_KEY, AlpacaKeys
from hybrid_tui.commands.context import CliState
from hybrid_tui.commands.rehearsal import check_rehearsed
from hybrid_tui.config import Config
from hybrid_tui.errors import ConfigError, Refused
from hybrid_tui.keys import find_keys

if TYPE_CHECKING:
    from filelock import FileLock

    from hybrid_tui.broker.alpaca import AlpacaBroker
    from hybrid_tui.broker.alpaca_gateway import AlpacaGateway
    from hybrid_tui.broker.alpaca_rows import AccountRow
    from hybrid_tui.domain.state import DeskState
    from hybrid_tui.market.halts import Halts

FIRST_WEEK = timedelta(days=7)
LIVE_URL = "https://api.alpaca.markets"
CONFIRMED = "live-accounts.json"
REACH_AGAIN_S = (0.5, 1.0, 2.0)
"""A start is crash recovery: positions may wait for their stops, so one bad answer ends nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAccount:
    """An account that was reached; ``lock`` keeps a second engine from it on this machine."""

    keys: AlpacaKeys
    gateway: AlpacaGateway
    row: AccountRow
    is_live: bool
    lock: FileLock

    @property
    def name(self) -> str:
        """The number that the broker's own pages show."""
        return self.row.account_number or self.row.id


def trades_at_alpaca(config: Config) -> bool:
    """Whether orders go to Alpaca."""
    return config.app.mode == "live" or config.broker.kind == "alpaca"


def check_live_switch(state: CliState, config: Config) -> None:
    """Raise where mode, ``--live`` and the trading URL do not say the same about real money."""
    from hybrid_tui.broker.alpaca_gateway import is_live_url, is_loopback

    mode, url = config.app.mode, config.broker.trading_url
    if state.live and mode != "live":
        raise ConfigError(
            f"--live and app.mode {mode!r} contradict",
            hint="real money needs both: app.mode = 'live' and --live",
        )
    if mode == "live" and not state.live:
        raise ConfigError(
            "app.mode 'live' trades real money and needs --live as well", hint="hybrid-tui --live"
        )
    if not trades_at_alpaca(config):
        return
    if (
        mode == "live"
        and "kind" in config.broker.model_fields_set
        and config.broker.kind == "paper"
    ):
        raise ConfigError(
            "app.mode 'live' and broker.kind 'paper' contradict", hint="leave one out"
        )
    is_live = is_live_url(url, mode)
    if is_live and mode != "live":
        raise ConfigError(
            f"broker.trading_url {url!r} trades real money and app.mode is {mode!r}",
            hint="leave broker.trading_url out: the paper account's is the default",
        )
    if mode == "live" and not is_live:
        raise ConfigError(
            f"app.mode 'live' and broker.trading_url {url!r}, the paper account's, contradict",
            hint="leave broker.trading_url out",
        )
    if mode == "live" and not is_loopback(url):
        check_rehearsed(state.paths)


def open_account(state: CliState, config: Config) -> OpenAccount:
    """Reach the account and lock it; raises ConfigError, Refused, Fatal, Retryable.

    An account of real money must have been confirmed (:func:`confirm_live`).
    """
    account = _reach(state, config)
    if account.is_live and _confirmed(state).get(account.row.id) is None:
        raise Refused(
            f"account {account.name} has real money and was not confirmed yet",
            hint="run hybrid-tui --live in a terminal once, and type the account's number",
        )
    _lock(account)
    return account


def confirm_live(state: CliState, config: Config) -> None:
    """Have the account's number typed on the first use of real money; raises Refused."""
    if config.app.mode != "live":
        return
    account = _reach(state, config)
    known = _confirmed(state)
    if account.row.id in known:
        return
    if not sys.stdin.isatty():
        raise Refused(
            f"account {account.name} has real money and was not confirmed yet",
            hint="run hybrid-tui --live in a terminal once, and type the account's number",
        )
    typer.echo(
        f"REAL MONEY: account {account.name}, ${account.row.equity:,.2f}, up to"
        f" {config.broker.first_week_position:.0%} of it a position in the first week.\n"
        "Orders were tested against an imitation of Alpaca, and by you on your paper account.",
        err=True,
    )
    typed = typer.prompt("Type the account's number to trade it", err=True)
    keep_confirmation(state, account, typed)


def keep_confirmation(state: CliState, account: OpenAccount, typed: str) -> None:
    """Note that a person typed the account's number; raises Refused where it is another."""
    if typed.strip() != account.name:
        raise Refused("that is not the account's number: nothing is traded")
    path = _confirmations(state)
    known = {**_confirmed(state), account.row.id: datetime.now(UTC).isoformat()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(known))


def careful(state: CliState, config: Config, account: OpenAccount) -> Config:
    """Return the configuration with the smaller positions of an account's first live week."""
    confirmed = _confirmed(state).get(account.row.id)
    if not account.is_live or confirmed is None:
        return config
    if datetime.now(UTC) - datetime.fromisoformat(confirmed) >= FIRST_WEEK:
        return config
    most = min(config.risk.max_position, config.broker.first_week_position)
    return config.model_copy(update={"risk": config.risk.model_copy(update={"max_position": most})})


def make_broker(
    account: OpenAccount, config: Config, desk: DeskState, halts: Halts
) -> AlpacaBroker:
    """Return the broker of an account, with its stream; ``halts`` takes why not to buy."""
    from hybrid_tui.broker.alpaca import AlpacaBroker
    from hybrid_tui.broker.alpaca_gateway import stream_url_of
    from hybrid_tui.broker.alpaca_updates import TradeUpdates

    broker = AlpacaBroker(
        account.gateway,
        desk,
        collar_bps=config.broker.collar_bps,
        forbid=halts.note_market,
        forbid_symbol=halts.note,
    )
    url = config.broker.stream_url or stream_url_of(
        config.broker.trading_url, is_live=account.is_live
    )
    broker.stream = TradeUpdates(
        account.keys,
        url,
        on_update=broker.heard,
        on_up=broker.came_up,
        on_down=broker.went_down,
    )
    return broker


def _reach(state: CliState, config: Config) -> OpenAccount:
    from filelock import FileLock

    from hybrid_tui.broker.alpaca_gateway import AlpacaGateway, Lost, Refusal, is_live_url

    check_live_switch(state, config)
    keys = AlpacaKeys.of(find_keys((KEY_ID, SECRET_KEY), os.environ, state.profile))
    is_live = is_live_url(config.broker.trading_url, config.app.mode)
    gateway = AlpacaGateway(keys, config.broker.trading_url, is_live=is_live)
    row = None
    for pause in (*REACH_AGAIN_S, None):
        try:
            row = gateway.account()
            break
        except Lost as error:
            if pause is None:
                raise gateway.explained(error, "the account at Alpaca") from None
            sleep(pause)
        except Refusal as error:
            raise gateway.explained(error, "the account at Alpaca") from None
    assert row is not None
    lock = FileLock(state.paths.cache / f"account-{row.id}.lock", timeout=0.5)
    return OpenAccount(keys=keys, gateway=gateway, row=row, is_live=is_live, lock=lock)


def _lock(account: OpenAccount) -> None:
    from filelock import Timeout

    holder = Path(f"{account.lock.lock_file}.pid")
    try:
        Path(account.lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        account.lock.acquire()
        holder.write_text(str(os.getpid()))
    except Timeout as error:
        pid = holder.read_text() if holder.exists() else "unknown"
        raise Refused(
            f"another engine trades account {account.name}: process {pid}",
            hint="attach to it with its --profile, or stop it first",
        ) from error
    except OSError as error:
        raise ConfigError(f"{account.lock.lock_file}: {error.strerror or error}") from error


def _confirmations(state: CliState) -> Path:
    return state.paths.config.parent / CONFIRMED


def _confirmed(state: CliState) -> dict[str, str]:
    """Return account id to the instant at which a person confirmed it."""
    path = _confirmations(state)
    if not path.exists():
        return {}
    try:
        known = json.loads(path.read_text())
        return {str(key): datetime.fromisoformat(at).isoformat() for key, at in known.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{path}: {error}", hint="remove it: the account is asked anew"
        ) from error
