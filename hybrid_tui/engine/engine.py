"""The engine: what happens at one instant, in the fixed order, for every mode.

It is handed ``now``, reads no clock, and its only output is events. What it asks of tiers 2 and 3
it yields as jobs, so that a driver may wait for them (off the wall clock) or go on without (on it).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from hybrid_tui.config import Config
from hybrid_tui.domain import events as ev
from hybrid_tui.domain.bars import DAY_SECONDS, BarSeries, BarSlice, CorporateAction, NewsItem
from hybrid_tui.domain.briefing import EarningsDue
from hybrid_tui.domain.calendar import Session, TradingCalendar
from hybrid_tui.domain.commands import Ack, Command, RunSession
from hybrid_tui.domain.orders import ExitReason
from hybrid_tui.domain.ports import Broker, MarketUpdate
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.agenda import Agenda, next_expiry
from hybrid_tui.engine.approval import Approvals
from hybrid_tui.engine.jobs import Job, JobResult, PredictJob, ScoreJob
from hybrid_tui.engine.lessons import learn
from hybrid_tui.engine.models import LifePlan
from hybrid_tui.engine.moves import MoveWatch
from hybrid_tui.engine.nights import NightWatch
from hybrid_tui.engine.obey import obey
from hybrid_tui.engine.orders import OrderDesk
from hybrid_tui.engine.recorder import Recorder
from hybrid_tui.engine.theses import ThesisWatch
from hybrid_tui.engine.tiers import TierDesk
from hybrid_tui.market.halts import HALTED
from hybrid_tui.market.view import KnownMarket
from hybrid_tui.rules.board import StreamingBoard, TechnicalBoard
from hybrid_tui.rules.checks import EntryRules, stale_symbols
from hybrid_tui.rules.entries import Refusal, decide_entries
from hybrid_tui.rules.exits import decide_exits, in_overnight_window
from hybrid_tui.rules.guardian import day_volatility
from hybrid_tui.rules.protections import hard_daily_loss, locks_at_decision

RECENT_S = 5.0
"""A quote this old or younger counts from the instant at which it was read."""
NOTHING_ENDED: frozenset[str] = frozenset()

Cycle = Generator[Job, JobResult | None, list[Ack]]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSetup:
    """What an engine is made of, chosen once by whoever composes it.

    ``unpaid`` says why no session asked for by hand could be paid for, or None. ``judged`` is told,
    wherever entries were confirmed, how many were decided and what was refused: each one, while
    events tell of a refusal only when its reason is another than a bar before. Where not
    ``holds_sessions``, tier 3 is not asked, and what it said before stands.
    """

    config: Config
    tiers: frozenset[str]
    calendar: TradingCalendar
    symbols: tuple[str, ...]
    interval: int
    feed_name: str
    min_probability: float
    quotes_age: bool = False
    keeps_history: bool = True
    watches_moves: bool = False
    full_briefs: bool = False
    holds_sessions: bool = True
    dead_man: timedelta = timedelta(0)
    halted: Mapping[str, str] = field(default_factory=dict)
    earnings: Callable[[datetime], tuple[EarningsDue, ...]] = lambda now: ()
    unpaid: Callable[[], str | None] = lambda: None
    life: LifePlan | None = None
    judged: Callable[[int, Sequence[Refusal]], None] | None = None


class Engine:
    """Decides, for one account, from what it is told has happened."""

    def __init__(
        self,
        setup: EngineSetup,
        recorder: Recorder,
        broker: Broker,
        board: TechnicalBoard | None = None,
        market: KnownMarket | None = None,
    ) -> None:
        config = setup.config
        self.setup = setup
        self.recorder = recorder
        self.state: DeskState = recorder.state
        self.market = market or KnownMarket(setup.symbols, setup.interval, setup.feed_name)
        self.board = board or StreamingBoard(setup.symbols, config.rules)
        self.orders = OrderDesk(recorder, broker, config)
        self.approvals = Approvals(recorder, policy=config.approval.policy, interval=setup.interval)
        self.agenda = Agenda(
            setup.calendar,
            prediction_minutes=config.ml.interval_minutes if "ml" in setup.tiers else None,
            strategist_clocks=config.llm.sessions if "llm" in setup.tiers else None,
        )
        self.tiers = TierDesk(recorder, self.agenda, self.approvals, setup)
        self.theses = ThesisWatch(recorder.state, setup.calendar, setup.interval)
        self._is_daily = setup.interval >= DAY_SECONDS
        self._entry_rules = EntryRules.of(config, setup.tiers, setup.min_probability)
        self.moves = MoveWatch(recorder, setup, self.market)
        self.nights = NightWatch(recorder, self.market, setup.calendar)
        self._keeps_history = setup.keeps_history or config.risk.loss_budget > 0 or self.moves.is_on
        self._refusals: dict[str, str] = {}
        self._person_at: datetime | None = None
        self._unread: tuple[NewsItem, ...] = ()
        # The last equity that was marked, and the event since which nothing has happened.
        self._marked = (-1, 0.0)
        self._following: tuple[Session, datetime] | None = None

    def warm_up(self, series: Mapping[str, BarSeries], news: Sequence[NewsItem] = ()) -> None:
        """Take in what is known before the first instant; no decision is made on it.

        Headlines that the state does not know yet are read, and scored, with the first cycle.
        """
        for symbol, known in series.items():
            self.market.warm(known)
            if self.board.knows(symbol):
                self.board.warm_up(known)
        read = self.state.news
        seen = {item.id for item in read}
        last = max((item.received_at for item in read), default=None)
        for item in news:
            if item.id in seen or (last is not None and item.received_at <= last):
                self.market.add_news(item)
            else:
                self._unread += (item,)

    def announce(self, now: datetime) -> None:
        """Tell how the tiers are at the start."""
        if "llm" not in self.setup.tiers:
            self.approvals.switch_off(now)
        self.tiers.announce(now)
        self.recorder.commit()

    def upcoming(self, after: datetime) -> datetime:
        """Return the next instant after ``after`` at which something is due without any data."""
        due = self.agenda.upcoming(after)
        others = (
            next_expiry(self.state, after),
            self.tiers.next_arrival(),
            self.tiers.sessions.upcoming(after),
            self.tiers.models.upcoming(after) if self.tiers.models is not None else None,
        )
        return min([due, *(at for at in others if at is not None and at > after)])

    def cycle(
        self,
        now: datetime,
        update: MarketUpdate,
        commands: Sequence[Command] = (),
        answers: Sequence[tuple[Job, JobResult]] = (),
    ) -> Cycle:
        """Run one instant; yields jobs, is sent their results (None: later), returns the acks.

        Order: bars ending, corporate actions, news, LLM answers, commands, predictions, exits,
        entries. What was decided is committed before it is sent.
        """
        self.orders.collect(now)
        self._roll_session(now)
        if self.setup.halted != self.state.halts:
            self._note_halts(now)
        ended = self._bars_end(now, update.bars) if update.bars else NOTHING_ENDED
        closing = self._is_closing(now)
        if closing:
            self.orders.session_closed(now)
        for action in update.actions:
            self._apply_action(now, action)
        if update.quotes:
            self._quote(now, update)
        if update.news or self._unread:
            items, self._unread = (*self._unread, *update.news), ()
            yield from self._receive(now, items)
        if self.state.signals:
            self.approvals.expire(now)
        self.tiers.arrive(now)
        for job, result in answers:
            if not isinstance(job, PredictJob):
                self.tiers.take(now, job, result)
        occasion = self.moves.occasion(now)
        due = self.tiers.sessions.due(now)
        if due is not None:
            yield from self.tiers.ask(now, self.tiers.session(now, self.market.view(now), due))
        elif occasion:
            view = self.market.view(now)
            yield from self.tiers.ask(now, self.tiers.event_session(now, view, occasion))
        if self.setup.dead_man:
            self._watch_person(now, commands)
        acks = []
        for command in commands:
            if isinstance(command, RunSession):
                view = self.market.view(now)
                acks.append((yield from self.tiers.ask_by_hand(now, view, command)))
            else:
                desks = (self.orders, self.approvals, self.tiers.models)
                acks.append(obey(now, command, *desks, self.recorder))
        for job, result in answers:
            if isinstance(job, PredictJob):
                self.tiers.take(now, job, result)
        if self.agenda.predictions_due(now) and self.state.session is not None:
            yield from self.tiers.ask(now, self.tiers.prediction(now, self.market.view(now)))
        if ended and (not closing or self._is_daily):
            self._decide(now, ended)
        if closing:
            self._close_session(now)
        if self.state.flattening is not None:
            self.orders.go_on_flattening(now)
        self.orders.note_hard_stops(now)
        if self.tiers.models is not None:
            self.tiers.models.look(now)
        self.recorder.commit()
        self.orders.send()
        yield from self.tiers.besides(now)
        return acks

    def _watch_person(self, now: datetime, commands: Sequence[Command]) -> None:
        """Pause entries where no person has said anything for too long; exits go on."""
        if self._person_at is None or any(command.by != "policy" for command in commands):
            self._person_at = now
        elif now - self._person_at >= self.setup.dead_man and not self.state.paused:
            hours = self.setup.dead_man.total_seconds() / 3_600
            self.recorder.emit(ev.EntriesPaused, now, by=f"dead man: nobody for {hours:g} hours")

    def _roll_session(self, now: datetime) -> None:
        session = self.state.session
        if session is not None and now > session.close:
            self.orders.session_closed(now)
            self._close_session(now)
        if self.state.session is None:
            opened = self.setup.calendar.session_at(now)
            if opened is not None:
                self.recorder.emit(
                    ev.SessionOpened,
                    now,
                    day=opened.day,
                    open=opened.open,
                    close=opened.close,
                )

    def _is_closing(self, now: datetime) -> bool:
        session = self.state.session
        return session is not None and now >= session.close

    def _close_session(self, now: datetime) -> None:
        session = self.state.session
        assert session is not None
        self.recorder.emit(ev.SessionClosed, now, day=session.day, equity=self.state.equity())
        if self.state.signals and self._keeps_history:
            learn(now, self.recorder, self.market.view(now), self.setup.symbols)
        if self.tiers.models is not None:
            self.tiers.models.session_closed(now, self.market.view(now))

    def _bars_end(self, now: datetime, slices: Sequence[BarSlice]) -> Set[str]:
        ended: Set[str] = NOTHING_ENDED
        event, gross = None, 0.0
        for bars in slices:
            self.orders.trade_through(now, bars)
            event = self.recorder.emit(ev.BarsClosed, now, start=bars.start, bars=bars.bars)
            if self._keeps_history:
                self.market.append(bars)
            self.board.update(bars)
            gross = self.orders.raise_stops(now, bars, cause=event) if self.state.positions else 0.0
            ended = ended | bars.bars.keys() if ended else bars.bars.keys()
        if self.moves.is_on:
            self.moves.look(now, slices)
        if self.state.positions and self._keeps_history:
            self.nights.look(now)
        cash = self.state.cash
        equity = cash + gross
        self.recorder.emit(ev.EquityMarked, now, cause=event, equity=equity, cash=cash, gross=gross)
        self.tiers.rules_alive(now)
        self._marked = (self.state.last_id, equity)
        return ended

    def _apply_action(self, now: datetime, action: CorporateAction) -> None:
        if not self.board.knows(action.symbol):
            return
        if not self.orders.knows_split(action):
            self.orders.adjust(now, action)
        if action.ratio != 1.0:
            self.market.adjust(action)
            self.moves.measure_anew()
            known = self.market.view(now).bars(action.symbol)
            if known is not None:
                self.board.warm_up(known)

    def _quote(self, now: datetime, update: MarketUpdate) -> None:
        if self.recorder.wants(ev.Ticked):
            quotes = {quote.symbol: (quote.bid, quote.ask) for quote in update.quotes}
            ages = {quote.symbol: (now - quote.at).total_seconds() for quote in update.quotes}
            old = {symbol: round(age, 1) for symbol, age in ages.items() if age > RECENT_S}
            self.recorder.emit(ev.Ticked, now, quotes=quotes, ages=old)

    def _note_halts(self, now: datetime) -> None:
        told, halted = dict(self.state.halts), dict(self.setup.halted)
        fresh = {s: why for s, why in sorted(halted.items()) if told.get(s) != why}
        self.recorder.emit(
            ev.HaltsChanged,
            now,
            halted=fresh,
            resumed=tuple(sorted(told.keys() - halted.keys())),
        )
        if self.moves.is_on:
            begun = {s: why for s, why in fresh.items() if why.startswith(HALTED)}
            self.moves.halts(now, {s: why for s, why in begun.items() if s not in told})

    def _receive(
        self, now: datetime, items: tuple[NewsItem, ...]
    ) -> Generator[Job, JobResult | None, None]:
        scores: Sequence[float] | None = None
        if "llm" in self.setup.tiers:
            job = ScoreJob(items=items)
            scores = self.tiers.scores(now, (yield job))
        for index, item in enumerate(items):
            self.market.add_news(item)
            self.recorder.emit(
                ev.NewsArrived, now, item=item, score=scores[index] if scores else None
            )

    def _decide(self, now: datetime, ended: Set[str]) -> None:
        """Decide exits and entries for the symbols that have a bar ending now."""
        state, config = self.state, self.setup.config
        session = state.session
        if session is None:
            return
        last_id, equity = self._marked
        if last_id != state.last_id:
            equity = state.equity()
        following = self._next_open(session)
        for lock in locks_at_decision(state, now, equity, following, config.risk):
            self.recorder.emit(ev.LockSet, now, lock=lock)
        in_window = not self._is_daily and in_overnight_window(state, now, config.rules)
        cause = state.prediction_event
        if state.positions:
            for decision in decide_exits(
                state,
                now,
                symbols=ended,
                leaving=self.board.leaving(),
                invalidated=self._theses_lost(now, ended),
                rules=config.rules,
                in_overnight_window=in_window,
            ):
                self.orders.sell(now, decision.symbol, decision.reason, cause=cause)
        hard = hard_daily_loss(state, now, equity, following, config.risk)
        if hard is not None:
            event = self.recorder.emit(ev.LockSet, now, lock=hard)
            self.orders.flatten(now, ExitReason.DAILY_LOSS, by="risk", cause=event)
        # What is held is not bought: nobody has to know whether it is confirmed.
        is_all_held = ended <= state.positions.keys()
        holds = NOTHING_ENDED if is_all_held else self.board.confirmed() & ended
        if not holds:
            self._refusals.clear()
            return
        entries, refusals = decide_entries(
            state,
            now,
            equity=equity,
            confirmed=holds,
            stale=stale_symbols(state, self.setup.symbols, now, config.rules)
            if self.setup.quotes_age
            else (),
            halted=self.setup.halted,
            in_overnight_window=in_window,
            setup=self._entry_rules,
            volatility_of=partial(self._volatility, now),
        )
        if self.setup.judged is not None:
            self.setup.judged(len(entries), refusals)
        for entry in entries:
            self.orders.buy(now, entry, equity, cause=cause)
        said = {refusal.symbol: refusal.reason for refusal in refusals}
        for symbol, reason in said.items():
            if self._refusals.get(symbol) != reason:
                self.recorder.emit(ev.EntryRefused, now, symbol=symbol, reason=reason)
        self._refusals = said

    def _volatility(self, now: datetime, symbol: str) -> float | None:
        prediction = self.state.prediction(symbol, now) if self._entry_rules.use_ml else None
        bars = self.market.view(now).bars(symbol)
        return day_volatility(prediction, bars, self.setup.calendar)

    def _next_open(self, session: Session) -> datetime:
        if self._following is None or self._following[0] is not session:
            self._following = (session, self.setup.calendar.session_after(session).open)
        return self._following[1]

    def _theses_lost(self, now: datetime, ended: Collection[str]) -> Collection[str]:
        if not self.state.signals:
            return ()
        return self.theses.came_true(now, partial(self.market.view, now), ended)
