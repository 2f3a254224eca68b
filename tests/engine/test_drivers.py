"""One engine, several drivers: the same decisions whatever steps it."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from hybrid_tui.broker.paper import PaperBroker
from hybrid_tui.config import Config
from hybrid_tui.domain.bars import BarSeries, NewsItem
from hybrid_tui.domain.calendar import TradingCalendar
from hybrid_tui.domain.events import EngineStarted
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.backtest import Ledger, run_backtest
from hybrid_tui.engine.clock import ScaledClock
from hybrid_tui.engine.engine import Engine, EngineSetup
from hybrid_tui.engine.publisher import Publisher
from hybrid_tui.engine.recorder import Recorder
from hybrid_tui.engine.runtime import Runtime
from hybrid_tui.engine.tier_host import TierHost
from hybrid_tui.journal.reader import fingerprint, latest_run, open_read_only
from hybrid_tui.llm.local import LocalAnalyst
from hybrid_tui.market.files import read_bars
from hybrid_tui.market.recorded import RecordedMarket
from hybrid_tui.market.sim_profiles import SimulatedConfig
from hybrid_tui.market.simulated import SimulatedMarket
from hybrid_tui.ml.model_files import find_model, load_model, shipped_models
from hybrid_tui.ml.predictor import EnsemblePredictor
from tests.conftest import SHARED_DATA
from tests.desk import hybrid_tui

LOOSE = {
    "approval": {"policy": "auto"},
    "rules": {"min_buy_probability": 0.45, "min_confidence": 0.0},
}


def compose(
    series: dict[str, BarSeries],
    news: list[NewsItem],
    calendar: TradingCalendar,
    tiers: frozenset[str],
) -> tuple[Engine, Ledger, TierHost, RecordedMarket]:
    config = Config.model_validate(LOOSE)
    state = DeskState()
    ledger = Ledger(state)
    recorder = Recorder(state, Publisher(ledger))
    setup = EngineSetup(
        config=config,
        tiers=tiers,
        calendar=calendar,
        symbols=tuple(sorted(series)),
        interval=60,
        feed_name="file",
        min_probability=0.45,
    )
    first = min(int(found.start[0]) for found in series.values())
    begins_at = datetime.fromtimestamp(first, UTC) - timedelta(seconds=1)
    recorder.emit(
        EngineStarted,
        begins_at,
        run="test",
        mode="recorded",
        hybrid="hierarchical",
        tiers=tuple(sorted(tiers)),
        policy="auto",
        watchlist=setup.symbols,
        cash=100_000.0,
        resumed=False,
        speed=0.0,
        sources={},
        settings={},
    )
    analyst = LocalAnalyst() if "llm" in tiers else None
    host = TierHost(None, analyst)
    if "ml" in tiers:
        model = load_model(find_model("champion", [shipped_models()], "simulated"))
        score = analyst.score if analyst else None
        host = TierHost(lambda: EnsemblePredictor(model, calendar, score), analyst)
    broker = PaperBroker(cash=100_000.0)
    feed = RecordedMarket(series, news, calendar=calendar, begins_at=begins_at)
    return Engine(setup, recorder, broker), ledger, host, feed


def both(
    series: dict[str, BarSeries],
    news: list[NewsItem],
    calendar: TradingCalendar,
    tiers: frozenset[str],
) -> tuple[Ledger, Ledger]:
    """Run the backtest driver, and the live driver on a stepped clock."""
    engine, stepped, host, feed = compose(series, news, calendar, tiers)
    begins_at = feed.begins_at
    run_backtest(engine, feed, begins_at, feed.ends_at, host.run)
    engine, live, host, feed = compose(series, news, calendar, tiers)
    runtime = Runtime(
        engine,
        feed,
        ScaledClock(calendar, 0.0),
        host,
        checkpoint=lambda: None,
        flush=lambda: None,
    )
    loaded: list[bool] = []
    asyncio.run(runtime.run(begins_at, on_loaded=lambda: loaded.append(True)))
    assert loaded == [True]
    return stepped, live


def check_equal(stepped: Ledger, live: Ledger) -> None:
    assert live.trades == stepped.trades
    assert live.equity == stepped.equity
    assert live.daily == stepped.daily
    assert live.state.positions == stepped.state.positions


def days(series: dict[str, BarSeries], first: int, count: int) -> dict[str, BarSeries]:
    return {symbol: found.slice(first, first + count * 390) for symbol, found in series.items()}


def test_live_and_backtest_drivers_agree_on_real_days(
    shared_data: Path, calendar: TradingCalendar
) -> None:
    folder = shared_data / "bars_1min_2025"
    paths = [folder / f"{name}.csv.gz" for name in ("NVDA", "SPY", "COIN")]
    whole = read_bars(paths, calendar=calendar).series
    stepped, live = both(days(whole, 35_000, 8), [], calendar, frozenset({"rules"}))
    check_equal(stepped, live)
    assert len(stepped.trades) >= 3


def test_live_and_backtest_drivers_agree_with_all_three_tiers(calendar: TradingCalendar) -> None:
    symbols = ("SPY", "NVDA", "AMD", "ORCL")
    market = SimulatedMarket(SimulatedConfig(seed=3, symbols=symbols), calendar)
    series, news = market.history(date(2026, 2, 2), 2)
    stepped, live = both(series, news, calendar, frozenset({"rules", "ml", "llm"}))
    check_equal(stepped, live)
    assert len(stepped.trades) >= 2


@pytest.mark.full
def test_live_and_backtest_drivers_agree_on_all_real_bars(
    shared_data: Path, calendar: TradingCalendar
) -> None:
    whole = read_bars([shared_data / "bars_1min_2025"], calendar=calendar).series
    stepped, live = both(whole, [], calendar, frozenset({"rules"}))
    check_equal(stepped, live)
    print(f"{len(stepped.trades)} trades, {stepped.bars} bars")  # noqa: T201


@pytest.fixture(scope="module")
def stocked_home(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the real bars and headlines of March 2026."""
    home = tmp_path_factory.mktemp("recorded") / "home"
    bars = hybrid_tui(home, "data", "import", str(shared_data / "yahoo_1m_2026"))
    assert bars.returncode == 0, bars.stderr
    news = str(shared_data / "news_2026" / "headlines.jsonl.gz")
    read = hybrid_tui(home, "news", "import", news, "--received-from", "published_at")
    assert read.returncode == 0, read.stderr
    return home


def recorded_day(home: Path, profile: str, speed: str, tiers: str) -> list[dict[str, object]]:
    """Run 20 March 2026; return the events it streamed."""
    words = ["--profile", profile, "--set", "approval.policy=auto", "--set", f"app.tiers={tiers}"]
    words += ["run", "--headless", "--recorded", "2026-03-20", "--speed", speed]
    done = hybrid_tui(home, *words, "--until", "2026-03-20", "--json", seconds=600)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


KEPT = {
    "SignalProposed", "SignalDecided", "PredictionsMade", "OrderIntended", "OrderFilled",
    "OrderCancelled", "StopMoved", "HighsRose", "LockSet", "EquityMarked", "SessionOpened",
    "SessionClosed",
}  # fmt: skip


def decisions(events: list[dict[str, object]]) -> list[dict[str, object]]:
    return [
        {name: value for name, value in event.items() if name not in ("id", "cause")}
        for event in events
        if event["event"] in KEPT
    ]


def fingerprint_of(home: Path, profile: str) -> str:
    connection = open_read_only(home / "profiles" / profile / "journal.db")
    info = latest_run(connection)
    assert info is not None
    found = fingerprint(connection, info.run)
    connection.close()
    return found


def stock(home: Path, profile: str) -> None:
    """Give a profile the headlines (bars are shared, journals are not)."""
    news = str(SHARED_DATA / "news_2026" / "headlines.jsonl.gz")
    words = ("--profile", profile, "news", "import", news, "--received-from", "published_at")
    assert hybrid_tui(home, *words).returncode == 0


def check_same_day(home: Path, paced_speed: str, tiers: str) -> set[object]:
    """Run the day flat out and paced; return the kinds of events there were."""
    for profile in (f"flat-{paced_speed}", f"paced-{paced_speed}"):
        stock(home, profile)
    flat_out = recorded_day(home, f"flat-{paced_speed}", "0", tiers)
    paced = recorded_day(home, f"paced-{paced_speed}", paced_speed, tiers)
    assert decisions(paced) == decisions(flat_out)
    assert fingerprint_of(home, f"paced-{paced_speed}") == fingerprint_of(
        home, f"flat-{paced_speed}"
    )
    assert sum(event["event"] == "BarsClosed" for event in flat_out) == 390
    return {event["event"] for event in flat_out}


def test_a_recorded_real_day_is_the_same_day_at_any_speed(stocked_home: Path) -> None:
    kinds = check_same_day(stocked_home, "7200", "rules")
    assert {"NewsArrived", "OrderFilled", "StopMoved"} <= kinds


def test_a_recorded_real_day_with_all_tiers_is_the_same_day(stocked_home: Path) -> None:
    kinds = check_same_day(stocked_home, "14400", "rules,ml,llm")
    assert {"NewsArrived", "SignalProposed", "PredictionsMade"} <= kinds


@pytest.mark.full
@pytest.mark.timeout(1200)
def test_a_recorded_real_day_is_the_same_day_at_speed_60(stocked_home: Path) -> None:
    check_same_day(stocked_home, "60", "rules,ml,llm")
