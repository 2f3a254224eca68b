"""The broker's part of ``hybrid-tui doctor``: may the account be traded, and if not, why."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from hybrid_tui.commands.account import check_live_switch, trades_at_alpaca
from hybrid_tui.commands.context import CliState
from hybrid_tui.commands.finding import Finding
from hybrid_tui.errors import HybridError
from hybrid_tui.keys import find_keys

if TYPE_CHECKING:
    from hybrid_tui.alpaca_wire import AlpacaKeys
    from hybrid_tui.broker.alpaca_gateway import AlpacaGateway
    from hybrid_tui.broker.alpaca_rows import AccountRow
    from hybrid_tui.config import Config

LARGEST_SKEW = timedelta(seconds=5)
SIGN_ON_S = 5.0
NO_ORDER = "00000000-0000-4000-8000-000000000000"
"""The id of no order: to cancel it changes nothing, and only who may trade is told so (404)."""
PAPER_KEY, LIVE_KEY = "PK", "AK"
"""What Alpaca's key ids begin with."""


def examine_broker(state: CliState, config: Config) -> Iterator[Finding]:
    """Yield whether orders would be taken at Alpaca; nothing where the broker is the paper one."""
    from hybrid_tui.alpaca_wire import KEY_ID, SECRET_KEY, AlpacaKeys

    if not trades_at_alpaca(config):
        return
    try:
        # A doctor trades nothing: it need not be told --live to look at what would be.
        check_live_switch(replace(state, live=config.app.mode == "live"), config)
        keys = AlpacaKeys.of(find_keys((KEY_ID, SECRET_KEY), os.environ, state.profile))
    except HybridError as error:
        yield Finding(name="account", ok=False, text=error.render())
        return
    yield from _examine(config, keys)


def _examine(config: Config, keys: AlpacaKeys) -> Iterator[Finding]:
    from hybrid_tui.broker.alpaca_gateway import (
        AlpacaGateway,
        Lost,
        Refusal,
        is_live_url,
        stream_url_of,
    )

    url, is_live = (
        config.broker.trading_url,
        is_live_url(config.broker.trading_url, config.app.mode),
    )
    gateway = AlpacaGateway(keys, url, is_live=is_live)
    try:
        row = gateway.account()
    except (Refusal, Lost) as error:
        said = gateway.explained(error, "the account at Alpaca").render()
        yield Finding(name="account", ok=False, text=said + _other_side(keys, is_live=is_live))
        return
    yield _account(row, is_live=is_live)
    yield _permission(gateway)
    yield _clocks(gateway)
    stream_url = config.broker.stream_url or stream_url_of(url, is_live=is_live)
    yield asyncio.run(_sign_on(keys, stream_url))


def _other_side(keys: AlpacaKeys, *, is_live: bool) -> str:
    """Return that the keys look like those of the other kind of account, where they do."""
    if keys.key_id.startswith(PAPER_KEY) and is_live:
        return "; the key begins with PK, as a paper account's do: app.mode = 'paper' uses it"
    if keys.key_id.startswith(LIVE_KEY) and not is_live:
        return "; the key begins with AK, as a live account's do: make a pair for the paper account"
    return ""


def _account(row: AccountRow, *, is_live: bool) -> Finding:
    name = f"{'LIVE' if is_live else 'paper'} account {row.account_number or row.id}"
    if row.blocked:
        hint = "nothing is bought; exits and stops go on where Alpaca takes them: ask Alpaca why"
        if row.trade_suspended_by_user:
            hint = "nothing is bought: allow trading again in Alpaca's dashboard"
        return Finding(name="account", ok=False, text=f"{name}: {row.blocked} ({hint})")
    if row.currency != "USD":
        text = f"{name} is kept in {row.currency}; this desk counts in dollars (use a USD account)"
        return Finding(name="account", ok=False, text=text)
    text = (
        f"{name} is open: equity ${row.equity:,.2f}, cash ${row.cash:,.2f} (all that is spent:"
        f" never margin), buying power ${row.buying_power:,.2f}"
    )
    return Finding(name="account", ok=True, text=text)


def _permission(gateway: AlpacaGateway) -> Finding:
    """Return whether the keys may trade, and not only look."""
    from hybrid_tui.broker.alpaca_gateway import Lost, No, Refusal

    try:
        gateway.cancel(NO_ORDER)
    except Refusal as refusal:
        if refusal.kind is No.NOT_FOUND:
            return Finding(name="permission", ok=True, text="the keys may trade")
        text = (
            f"the keys may look and not trade: {refusal.text} (make a pair with trading allowed in"
            " Alpaca's dashboard)"
        )
        return Finding(name="permission", ok=False, text=text)
    except Lost as lost:
        text = f"whether the keys may trade is not known: {lost.text} (try again later)"
        return Finding(name="permission", ok=False, text=text)
    return Finding(name="permission", ok=True, text="the keys may trade")


def _clocks(gateway: AlpacaGateway) -> Finding:
    """Return how far this machine's clock is from the broker's, by the Date of its answers."""
    from hybrid_tui.tui.format import span

    skew = gateway.skew
    if abs(skew) < LARGEST_SKEW:
        return Finding(name="time", ok=True, text="this machine's clock is the broker's")
    side = "behind" if skew > timedelta(0) else "ahead of"
    # A Date header leaves out the fraction of its second.
    skew = timedelta(seconds=round(skew.total_seconds() + 0.5))
    text = (
        f"this machine's clock is {span(abs(skew))} {side} the broker's (set it by NTP: sessions,"
        " quotes' ages and fills are judged by it)"
    )
    return Finding(name="time", ok=False, text=text)


async def _sign_on(keys: AlpacaKeys, url: str) -> Finding:
    """Return whether the stream of order updates takes the keys."""
    from hybrid_tui.broker.alpaca_updates import TradeUpdates

    up: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def settle(why: str) -> None:
        if not up.done():
            up.set_result(why)

    stream = TradeUpdates(
        keys, url, on_update=lambda _: None, on_up=lambda: settle(""), on_down=settle
    )

    async def listen() -> str:
        listening = asyncio.create_task(stream.run())
        listening.add_done_callback(lambda _: settle(""))
        try:
            why = await up
            if listening.done():
                await listening
            return why
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    try:
        why = await asyncio.wait_for(listen(), SIGN_ON_S)
    except HybridError as error:
        return Finding(name="order stream", ok=False, text=error.render())
    except TimeoutError:
        why = f"no answer in {SIGN_ON_S:g} s"
    if why:
        text = f"{url}: {why} (orders are asked about instead, more slowly)"
        return Finding(name="order stream", ok=False, text=text)
    return Finding(name="order stream", ok=True, text="order updates are streamed")
