"""A naive second reading of the trading semantics, against which the desk is checked.

Written from the design alone, bar by bar, with plain dicts and floats and nothing of the product:
slow, literal and short. What it does not know: corporate actions, pending signals, commands, news.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import talib

MINUTE = 60
DAY = 86_400
STOPS = ("hard_stop", "trailing_stop")


class Oracle:
    """One run: ``bars`` is symbol to [{start, known, open, high, low, close}], oldest first.

    Instants are epoch seconds; ``sessions`` are (open, close); ``settings`` has the configuration's
    dotted keys plus ``interval`` in seconds. ``predictions`` are {at, until, symbol, probability,
    confidence, target, familiar}; ``strategies`` are {start, until, symbols, direction, risk_level,
    overnight_target, sentiment} as approved at ``start``, each in place of the one before. Bars
    that start before ``first`` only warm the indicators up.
    """

    def __init__(
        self,
        bars: Mapping[str, Sequence[Mapping[str, float]]],
        sessions: Sequence[tuple[int, int]],
        settings: Mapping[str, Any],
        *,
        tiers: Sequence[str] = ("rules",),
        predictions: Sequence[Mapping[str, Any]] = (),
        strategies: Sequence[Mapping[str, Any]] = (),
        first: int = 0,
    ) -> None:
        self.bars, self.sessions, self.settings = bars, sessions, settings
        self.ml, self.llm = "ml" in tiers, "llm" in tiers
        self.predictions: dict[str, list[Mapping[str, Any]]] = {symbol: [] for symbol in bars}
        for prediction in sorted(predictions, key=lambda p: float(p["at"])):
            self.predictions[prediction["symbol"]].append(prediction)
        self.strategies = sorted(strategies, key=lambda s: s["start"])
        self.first = first
        self.slip = settings["broker.slippage_bps"] / 10_000
        self.commission = settings["broker.commission"]
        self.cash = self.reference = self.peak = float(settings["broker.cash"])
        self.closes: dict[str, float] = {}
        self.held: dict[str, dict[str, Any]] = {}
        self.selling: dict[str, str] = {}
        self.buying: list[dict[str, Any]] = []
        self.locks: list[tuple[str, float, float]] = []
        self.stop_fills: list[float] = []
        self.session: Any = None
        self.entries_today = 0
        self.trades: list[dict[str, Any]] = []
        self.equity: list[tuple[int, float]] = []
        self.indicators = {symbol: self._indicators(rows) for symbol, rows in bars.items()}

    def run(self) -> Oracle:
        """Go through all instants at which a bar became known."""
        at: dict[int, list[tuple[int, str, int]]] = {}
        for symbol, rows in self.bars.items():
            for index, bar in enumerate(rows):
                if bar["start"] >= self.first:
                    moment = (int(bar["start"]), symbol, index)
                    at.setdefault(int(bar["known"]), []).append(moment)
        for now in sorted(at):
            current = next(s for s in self.sessions if s[0] < now <= s[1])
            if current != self.session:
                if self.session is not None:
                    self.reference = self.worth()
                self.session = session = current
                self.entries_today = 0
                self.buying = [e for e in self.buying if e["session"] == current]
            ended = {symbol: index for _, symbol, index in at[now]}
            for start in sorted({start for start, _, _ in at[now]}):
                self._trade(start, sorted(s for b, s, _ in at[now] if b == start), ended)
            for symbol, index in ended.items():
                self.closes[symbol] = self.bars[symbol][index]["close"]
                if symbol in self.held:
                    high = self.bars[symbol][index]["high"]
                    self._raise_stop(symbol, high, self._strategy(now, before=True))
            self.equity.append((now, self.worth()))
            self.peak = max(self.peak, self.worth())
            daily = self.settings["interval"] >= DAY
            if daily or now < session[1]:
                following = next((s for s in self.sessions if s[0] > now), None)
                self._decide(now, session, ended, following if daily else session)
        for symbol, position in self.held.items():
            self._row(symbol, position, None, None, None)
        self.trades.sort(key=lambda t: (t["entry_at"], t["symbol"]))
        return self

    def worth(self) -> float:
        """Cash plus quantity x last known close."""
        return self.cash + self.gross()

    def gross(self) -> float:
        """Quantity x last known close."""
        return float(sum(p["quantity"] * self.closes[s] for s, p in self.held.items()))

    def _trade(self, start: int, symbols: list[str], ended: dict[str, int]) -> None:
        bar = {symbol: self.bars[symbol][ended[symbol]] for symbol in symbols}
        for symbol in symbols:  # (1) decided exits at the open, then stops through which it gapped
            if symbol not in self.held:
                continue
            if symbol in self.selling:
                self._sell(symbol, start, bar[symbol]["open"], self.selling.pop(symbol))
            elif bar[symbol]["open"] <= self.held[symbol]["level"]:
                self._sell(symbol, start, bar[symbol]["open"], self.held[symbol]["from"])
        for entry in list(self.buying):  # (2) decided entries at the open
            if entry["symbol"] in bar:
                self.buying.remove(entry)
                self._buy(entry, start, bar[entry["symbol"]]["open"])
        for symbol in symbols:  # (3) stops within the bar
            position = self.held.get(symbol)
            if position is not None and bar[symbol]["low"] <= position["level"]:
                self._sell(symbol, start, position["level"], position["from"])

    def _buy(self, entry: dict[str, Any], start: int, price: float) -> None:
        price *= 1 + self.slip
        room = self.settings["risk.max_gross"] * self.worth() - self.gross()
        quantity = min(
            entry["quantity"],
            math.floor((self.cash - self.commission) / price),
            math.floor(room / price),
        )
        if quantity < 1 or quantity * price < self.settings["risk.min_position"] * entry["equity"]:
            self.entries_today -= entry["decided_in"] == self.session
            return
        self.cash -= quantity * price + self.commission
        hard, _, _ = self._levels(self._strategy(start))
        held = {"quantity": quantity, "entry": price, "at": start, "high": price}
        self.held[entry["symbol"]] = held | {"level": price * (1 - hard), "from": "hard_stop"}
        self.closes.setdefault(entry["symbol"], price)

    def _sell(self, symbol: str, start: int, price: float, reason: str) -> None:
        price *= 1 - self.slip
        position = self.held.pop(symbol)
        self.cash += position["quantity"] * price - self.commission
        self._row(symbol, position, start, price, reason)
        if reason not in STOPS:
            return
        named, settings = self.settings["risk.protections"], self.settings
        if "cooldown" in named:
            until = start + settings["risk.cooldown_minutes"] * MINUTE
            self.locks.append((symbol, start, until))
        self.stop_fills.append(start)
        span = settings["risk.stop_guard_minutes"] * MINUTE
        recent = [at for at in self.stop_fills if start - span <= at <= start]
        if "stop_guard" in named and len(recent) >= settings["risk.stop_guard_count"]:
            self.locks.append(("*", start, start + span))

    def _row(self, symbol: str, position: dict[str, Any], at: Any, price: Any, reason: Any) -> None:
        fees = self.commission * (1 if at is None else 2)
        last = self.closes[symbol] if price is None else price
        self.trades.append(
            {
                "symbol": symbol,
                "quantity": position["quantity"],
                "entry_at": position["at"],
                "entry_price": position["entry"],
                "exit_at": at,
                "exit_price": price,
                "exit_reason": reason,
                "pnl": (last - position["entry"]) * position["quantity"] - fees,
            }
        )

    def _raise_stop(self, symbol: str, high: float, strategy: Any) -> None:
        hard, trail, _ = self._levels(strategy)
        position = self.held[symbol]
        if strategy is not None and strategy["sentiment"].get(symbol, 0.0) <= -0.5:
            trail = min(trail, 0.03)  # bad sentiment never loosens a stop that is set tighter
        position["high"] = max(position["high"], high)
        entry = position["entry"]
        trailed = position["high"] * (1 - trail)
        position["level"] = max(position["level"], entry * (1 - hard))
        if trailed >= entry and trailed > position["level"]:
            position["level"], position["from"] = trailed, "trailing_stop"

    def _decide(self, now: int, session: Any, ended: dict[str, int], fills_in: Any) -> None:
        settings, worth, strategy = self.settings, self.worth(), self._strategy(now)
        closing = now >= session[1] - settings["rules.overnight_minutes"] * MINUTE
        for symbol in sorted(ended):
            if symbol in self.held and symbol not in self.selling:
                rsi = self.indicators[symbol]["rsi"][ended[symbol]]
                fresh = self._prediction(symbol, now)
                limit, floor = settings["rules.rsi_exit"], settings["rules.exit_probability"]
                if (limit and rsi > limit) or (floor and fresh and fresh["probability"] < floor):
                    self.selling[symbol] = "signal_exit"
        if closing and strategy is not None:
            self._overnight(now, strategy["overnight_target"] * worth, ended)
        named = settings["risk.protections"]
        self.locks = [lock for lock in self.locks if now < lock[2]]
        if "daily_loss" in named and worth <= (1 - settings["risk.daily_loss"]) * self.reference:
            self.locks.append(("*", now, session[1] + 1))
        if "max_drawdown" in named and worth <= (1 - settings["risk.max_drawdown"]) * self.peak:
            self.locks.append(("*", now, math.inf))
        if "max_entries" in named and self.entries_today >= settings["risk.max_entries"]:
            self.locks.append(("*", now, session[1] + 1))
        if strategy is not None and (closing or strategy["direction"] == "bearish"):
            return
        if self.llm and strategy is None:
            return
        wanted = [
            (-(fresh["probability"] if fresh else 0.0), symbol, fresh)
            for symbol in sorted(ended)
            for fresh in [self._prediction(symbol, now)]
            if self._wanted(symbol, now, ended[symbol], fresh, strategy)
        ]
        for _, symbol, fresh in sorted(wanted, key=lambda each: each[:2]):
            if "max_entries" in named and self.entries_today >= settings["risk.max_entries"]:
                break
            close = self.closes[symbol]
            _, _, factor = self._levels(strategy)
            if strategy is not None and strategy["direction"] == "neutral":
                factor /= 2
            limit = settings["risk.max_position"]
            target = fresh["target"] if self.ml and fresh else limit
            quantity = min(
                math.floor(target * factor * worth / close), math.floor(limit * worth / close)
            )
            if quantity >= 1 and fills_in is not None:
                self.entries_today += 1
                entry = {"symbol": symbol, "quantity": quantity, "equity": worth}
                self.buying.append(entry | {"session": fills_in, "decided_in": session})

    def _wanted(self, symbol: str, now: int, index: int, fresh: Any, strategy: Any) -> bool:
        if symbol in self.held or any(e["symbol"] == symbol for e in self.buying):
            return False
        if any(name in ("*", symbol) and a <= now < b for name, a, b in self.locks):
            return False
        if self.llm and symbol not in strategy["symbols"]:
            return False
        if self.ml and not (
            fresh
            and fresh["familiar"]
            and fresh["probability"] >= self.settings["rules.min_buy_probability"]
            and fresh["confidence"] >= self.settings["rules.min_confidence"]
        ):
            return False
        return self._confirmed(symbol, index)

    def _overnight(self, now: int, target: float, ended: dict[str, int]) -> None:
        def rank(symbol: str) -> tuple[bool, float, str]:
            fresh = self._prediction(symbol, now)
            return (fresh is not None, fresh["probability"] if fresh else 0.0, symbol)

        for symbol in sorted((s for s in self.held if s in ended), key=rank):
            staying = [s for s in self.held if s not in self.selling]
            gross = sum(self.held[s]["quantity"] * self.closes[s] for s in staying)
            if gross <= target:
                return
            self.selling.setdefault(symbol, "overnight")

    def _strategy(self, now: int, *, before: bool = False) -> Any:
        """The one in force; ``before`` the commands of this instant, or after them."""
        begun = [
            s for s in self.strategies if s["start"] < now or (s["start"] == now and not before)
        ]
        return begun[-1] if begun and now < begun[-1]["until"] else None

    def _prediction(self, symbol: str, now: int) -> Any:
        if not self.ml:
            return None
        known = [p for p in self.predictions[symbol] if p["at"] <= now]
        return known[-1] if known and now < known[-1]["until"] else None

    def _levels(self, strategy: Any) -> Any:
        name = strategy["risk_level"] if strategy is not None else "moderate"
        return self.settings[f"risk.levels.{name}"]

    def _indicators(self, rows: Sequence[Mapping[str, float]]) -> dict[str, Any]:
        close = np.array([bar["close"] for bar in rows], dtype=float)
        macd, signal, _ = talib.MACD(close, 12, 26, 9)
        _, _, lower = talib.BBANDS(close, 20, 2.0, 2.0)
        found = {"close": close, "macd": macd, "signal": signal, "lower": lower}
        found["rsi"] = talib.RSI(close, self.settings["rules.rsi_period"])
        return {name: values.tolist() for name, values in found.items()}

    def _confirmed(self, symbol: str, now: int) -> bool:
        have, name = self.indicators[symbol], self.settings["rules.entry"]
        bars = {"bollinger": 10, "rsi_macd_strict": 1}.get(
            name, self.settings["rules.rsi_lookback"]
        )
        last = range(max(0, now - bars + 1), now + 1)
        if name == "bollinger":
            below = any(have["close"][i] < have["lower"][i] for i in last)
            return below and bool(have["close"][now] > have["lower"][now])
        dipped = any(have["rsi"][i] < self.settings["rules.rsi_below"] for i in last)
        crossed = now > 0 and have["macd"][now] > have["signal"][now]
        return bool(dipped and crossed and have["macd"][now - 1] <= have["signal"][now - 1])
