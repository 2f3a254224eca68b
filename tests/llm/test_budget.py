"""Caps hold whatever is asked, and a month is New York's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_tui.commands.model import caps_of, unpaid_by_hand
from hybrid_tui.config import Config
from hybrid_tui.domain.charges import Booked, Charge, Purpose
from hybrid_tui.domain.state import DeskState
from hybrid_tui.engine.backtest import Ledger
from hybrid_tui.engine.ledger import EngineLedger, Handover, reserved
from hybrid_tui.engine.publisher import Publisher
from hybrid_tui.engine.recorder import Recorder
from hybrid_tui.llm.budget import Caps, month_start, next_month, refusal, spent, up_to_micro
from hybrid_tui.llm.local import LocalAnalyst
from hybrid_tui.llm.strategist import OpenAIStrategist
from tests.llm.asking import NOW, Books, provider
from tests.servers.llm import LlmServer

CAPS = Caps(month_usd=1.50, session_usd=0.10, event_usd=0.30)


def charge(number: int, usd: float, purpose: Purpose = "session", decision: str = "") -> Charge:
    """Return a charge of a decision of its own."""
    return Charge(
        call_id=f"c{number}",
        decision=decision or f"d{number}",
        model="m",
        usd=usd,
        purpose=purpose,
    )


asked = st.tuples(
    st.floats(0.0001, 0.2),
    st.floats(0, 1),
    st.sampled_from(["session", "event", "label"]),
    st.integers(0, 5),
)


@given(st.lists(asked, max_size=80))
def test_no_sequence_of_calls_passes_a_cap(calls: list[tuple[float, float, Purpose, int]]) -> None:
    books = Books(caps=CAPS)
    for number, (usd, used, purpose, decision) in enumerate(calls):
        one = charge(number, up_to_micro(usd), purpose, f"d{decision}")
        if books.reserve(one) is None and used < 0.9:
            books.settle(one.call_id, up_to_micro(one.usd * used))
        booked = list(books.booked.values())
        sums = spent(booked, NOW)
        assert sums.month_usd <= 1.50 + 1e-6
        assert sums.event_usd <= 0.30 + 1e-6
        assert sums.month_usd - sums.event_usd <= 1.20 + 1e-6


def test_each_cap_says_which_it_is() -> None:
    for one, name in (
        (charge(1, 2.0, "label"), "the month's cap of $1.50"),
        (charge(2, 0.11), "the session's cap of $0.10"),
        (charge(3, 0.31, "event"), "the event sessions' cap of $0.30"),
    ):
        why = refusal(one, [], CAPS, NOW)
        assert why is not None
        assert name in why


def test_event_sessions_leave_the_rest_to_the_others() -> None:
    books = Books(caps=CAPS)
    for number in range(10):
        books.reserve(charge(number, 0.05, "event"))
    assert spent(list(books.booked.values()), NOW).event_usd == pytest.approx(0.30)
    assert books.reserve(charge(99, 0.05)) is None


@pytest.mark.parametrize("purpose", ["session", "label"])
def test_the_slice_of_event_sessions_is_left_to_them(purpose: Purpose) -> None:
    books = Books(caps=CAPS)
    refused = [books.reserve(charge(number, 0.05, purpose)) for number in range(40)]
    assert refused[:24] == [None] * 24
    assert all("the regular sessions' cap of $1.20" in (why or "") for why in refused[24:])
    events = [books.reserve(charge(100 + number, 0.05, "event")) for number in range(7)]
    assert events[:6] == [None] * 6
    assert "the month's cap of $1.50" in (events[6] or "")


def test_the_slice_that_nobody_chose_is_at_most_a_fifth_of_the_month() -> None:
    def caps(**llm: float) -> Caps:
        return caps_of(Config.model_validate({"llm": llm}))

    assert caps().event_usd == 0.30
    assert caps().regular_usd == pytest.approx(1.20)
    assert caps(monthly_cap_usd=10.0).event_usd == 0.30
    assert caps(monthly_cap_usd=0.5).event_usd == pytest.approx(0.10)
    assert caps(monthly_cap_usd=0.5, event_cap_usd=0.3).event_usd == 0.3
    assert caps(monthly_cap_usd=0.5, event_cap_usd=2.0).regular_usd == 0.0


def test_a_session_by_hand_is_refused_where_no_call_can_be_paid() -> None:
    booked: list[Booked] = []
    server = LlmServer()
    server.price_in, server.price_out = 1.0, 50.0
    ledger = EngineLedger(
        Recorder(DeskState(), Publisher(Ledger(DeskState()))),
        Handover(),
        CAPS,
        lambda since: booked,
        lambda: NOW,
    )
    with server.running():
        strategist: OpenAIStrategist[Any, Any] = OpenAIStrategist(
            [provider(server)], [], build=_never, read=_never, local=LocalAnalyst(), desk=Books()
        )
    _, least = strategist.least_usd()
    assert 0.05 < least < 0.0502, "the answer's 1,000 tokens and hardly a prompt"
    booked.append(reserved(charge(1, 0.30 - least, "event"), NOW))
    assert unpaid_by_hand(strategist, ledger) is None
    booked.append(reserved(charge(2, 1e-6, "event"), NOW))
    assert "the event sessions' cap of $0.30" in (unpaid_by_hand(strategist, ledger) or "")
    assert unpaid_by_hand(LocalAnalyst(), ledger) is None


def _never(*_: object) -> Any:
    raise AssertionError("nothing is asked")


@given(st.integers(0, 10 * 365 * 86_400))
def test_an_instant_lies_in_its_new_york_month(seconds: int) -> None:
    now = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    first, following = month_start(now), next_month(now)
    assert first <= now < following
    assert first.day == following.day == 1
    assert month_start(following) == following
    assert month_start(following - timedelta(seconds=1)) == first


def test_the_month_turns_at_new_yorks_midnight() -> None:
    books = Books(caps=CAPS)
    books.reserve(charge(1, 0.1))
    booked = list(books.booked.values())
    assert spent(booked, NOW).month_usd == 0.1
    before = datetime(2026, 12, 1, 4, 59, tzinfo=UTC)
    assert spent(booked, before).month_usd == 0.1
    assert spent(booked, before).today_usd == 0
    assert spent(booked, before + timedelta(minutes=1)).month_usd == 0


def test_the_forecast_goes_on_as_the_month_began() -> None:
    books = Books(caps=CAPS)
    books.reserve(charge(1, 0.1))
    tenth = datetime(2026, 11, 11, 5, 0, tzinfo=UTC)
    moved = [
        type(one)(
            **{
                **{name: getattr(one, name) for name in one.__dataclass_fields__},
                "paid_at": tenth - timedelta(days=1),
            }
        )
        for one in books.booked.values()
    ]
    # Ten days of thirty (November has an hour more, of the end of daylight-saving time).
    assert spent(moved, tenth).forecast_usd == pytest.approx(0.3, rel=0.01)


@given(st.floats(0, 10))
def test_rounding_never_understates(usd: float) -> None:
    up = up_to_micro(usd)
    assert usd - 1e-11 <= up < usd + 1.1e-6
