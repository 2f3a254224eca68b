"""Protection within 5 s of a fill, when everything happens at once and the requests are few."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

from hybrid_tui.domain.calendar import TradingCalendar
from tests.servers.trading.virtual import VirtualTrading
from tests.survival.checks import LONGEST_BARE_S, check
from tests.survival.forge import Forge
from tests.survival.matrix import live_through, prepare
from tests.survival.script import Script, at

SYMBOLS = 28
ALLOWED = 200


def test_many_fills_raised_stops_and_sales_at_once_leave_nothing_bare(
    calendar: TradingCalendar, tmp_path: Path
) -> None:
    # Half of the symbols are bought at one instant, half at the next bar's end; then every stop is
    # to be raised with every bar, which is about what a minute allows; then all is sold at once.
    script = Script.of(4, SYMBOLS)
    home = tmp_path / "home"
    home.mkdir()
    settings = ("risk.max_position=0.03",)
    with Forge(tmp_path) as forge:
        server = VirtualTrading(calendar, forge.time, at(0), seed=4, latency_s=0.03)
        prepare(server, script, "none", random.Random(4))
        server.start()
        try:
            lived = live_through(forge, server, script, home, (), 4, random.Random(4), settings)
            problems, bare = check(server, home / "journal.db", lived)
        finally:
            server.stop()
    assert problems == []
    assert 0 < bare < LONGEST_BARE_S
    asked = server.asked()
    bought = {one.body["symbol"] for one in asked if one.body.get("side") == "buy"}
    assert len(bought) == SYMBOLS
    assert sum(one.method == "PATCH" for one in asked) > SYMBOLS
    minutes = Counter(int(one.at.timestamp()) // 60 for one in asked)
    assert max(minutes.values()) <= ALLOWED
    assert not [one for one in asked if one.status == 429]
