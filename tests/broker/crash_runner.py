"""One life of a trading process: buy once, be protected, sell, end; whatever came before.

Arguments: the journal's path, the trading URL and the stream's. It goes on where the journal ends.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from hybrid_tui.broker.alpaca import AlpacaBroker
from hybrid_tui.broker.alpaca_gateway import AlpacaGateway
from hybrid_tui.broker.alpaca_updates import TradeUpdates
from hybrid_tui.config import Config
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.orders import ExitReason
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.orders import OrderDesk
from hybrid_tui.engine.recorder import Recorder
from hybrid_tui.journal.journal import Journal
from hybrid_tui.journal.reader import read_state
from hybrid_tui.rules.entries import EntryDecision
from tests.servers.alpaca_data import KEYS

RUN, SHARES = "crash", 10


async def live(path: Path, url: str, stream_url: str, *, is_new: bool) -> None:
    """Trade until the one position was bought and sold."""
    journal = Journal(path)
    now = datetime.now(UTC)
    if is_new:
        journal.start_run(RUN, "paper", "account test", now)
    state = DeskState() if is_new else read_state(journal.connection, RUN)
    resumed = state.started is not None
    journal.follow(RUN, state)
    recorder = Recorder(state, journal)
    gateway = AlpacaGateway(KEYS, url, is_live=False, timeout_s=(0.5, 0.6))
    recorder.emit(
        ev.EngineStarted, now, run=RUN, mode="paper", hybrid="hierarchical", tiers=("rules",),
        policy="auto", watchlist=("AAPL",), cash=float(gateway.account().cash), resumed=resumed,
        speed=1.0, sources={}, settings={},
    )  # fmt: skip
    recorder.emit(ev.Ticked, now, quotes={"AAPL": (99.99, 100.01)})
    recorder.commit()
    broker = AlpacaBroker(
        gateway, state, collar_bps=20.0, forbid=lambda *_: None, forbid_symbol=lambda *_: None
    )
    broker.stream = TradeUpdates(
        KEYS,
        stream_url,
        on_update=broker.heard,
        on_up=broker.came_up,
        on_down=broker.went_down,
    )
    if resumed:
        broker.restore()
    orders = OrderDesk(recorder, broker, Config.model_validate({"app": {"mode": "paper"}}))
    trading = asyncio.create_task(broker.run(lambda: None))
    while not (state.trades_closed and not state.positions and not state.orders):
        await asyncio.sleep(0.01)
        now = datetime.now(UTC)
        orders.collect(now)
        if state.account is not None and not state.orders:
            if not state.positions:
                entry = EntryDecision(
                    symbol="AAPL", quantity=SHARES, priority=0.8, prediction=None, strategy_id=None
                )
                if not state.trades_closed:
                    orders.buy(now, entry, state.equity(), cause=None)
            elif broker.book.lane("AAPL").working_stop is not None:
                orders.sell(now, "AAPL", ExitReason.SIGNAL_EXIT)
        recorder.commit()
        orders.send()
    trading.cancel()
    await asyncio.gather(trading, return_exceptions=True)
    journal.close()


if __name__ == "__main__":
    kept = Path(sys.argv[1])
    asyncio.run(live(kept, sys.argv[2], sys.argv[3], is_new=not kept.exists()))
