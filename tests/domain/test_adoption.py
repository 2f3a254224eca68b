"""Shares of the account that become the desk's own: their past is no gain or loss of the day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.bars import Bar
from hybrid_tui.domain.state import DeskState

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def closed(state: DeskState, at: datetime, price: float) -> None:
    bar = Bar(price, price, price, price, 1.0)
    state.apply(ev.BarsClosed(id=state.last_id + 1, at=at, start=at - MINUTE, bars={"AAPL": bar}))


def of_the_day(state: DeskState) -> float:
    return state.equity() - state.reference_equity


@pytest.mark.parametrize("last_close", [None, 80.0, 100.0, 130.0])
def test_adopting_moves_the_days_result_by_nothing_whatever_the_last_close(
    last_close: float | None,
) -> None:
    state = DeskState(cash=1_000.0, reference_equity=1_200.0, peak_equity=1_500.0)
    if last_close is not None:
        closed(state, NOW, last_close)
    state.apply(
        ev.PositionAdopted(
            id=state.last_id + 1,
            at=NOW + MINUTE / 2,
            symbol="AAPL",
            quantity=7.0,
            price=100.0,
            order_id="adopted",
            by="test",
        )
    )
    assert of_the_day(state) == -200.0
    assert state.peak_equity - state.equity() == 500.0
    closed(state, NOW + MINUTE, 101.0)
    assert of_the_day(state) == -193.0
