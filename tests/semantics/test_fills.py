"""Fills in simulation, sentence by sentence."""

from __future__ import annotations

from datetime import date

from hybrid_tui.domain import events as ev
from hybrid_tui.domain.bars import CorporateAction

from .desk import at, bars, calendar, prediction, run_desk
from .warm import BAND, warm

NEXT = date(2025, 10, 2)


def test_an_entry_fills_at_the_open_after_its_decision() -> None:
    # Decided at 09:52 on the close of 100: floor(0.20 x 100,000 / 100) = 200, bought at 101.
    out = run_desk({"AAA": [*warm(), *bars("09:52", (101.0, 102.0, 100.5, 101.5))]}, BAND)
    assert out.decided()[0] == ("AAA", at("09:52"), 200)
    assert out.bought() == [("AAA", at("09:52"), 101.0, 200)]


def test_slippage_is_against_you_on_both_sides() -> None:
    # 10 bp: buy 100 x 1.001 = 100.1; level 100.1 x 0.9 = 90.09; sold at 90.09 x 0.999 = 89.99991.
    rows = [*warm(), *bars("09:52", 100.0, (95.0, 95.0, 80.0, 95.0))]
    out = run_desk({"AAA": rows}, BAND | {"broker.slippage_bps": 10.0})
    assert out.bought()[0][2] == 100.1
    assert out.sold()[0][2] == 89.99991


def test_commission_comes_out_of_cash_and_not_into_the_price() -> None:
    # 200 at 100, sold at 90, 5 dollars a fill: 100,000 - 20,000 - 5 + 18,000 - 5 = 97,990.
    rows = [*warm(), *bars("09:52", 100.0, (95.0, 95.0, 89.0, 89.0))]
    out = run_desk({"AAA": rows}, BAND | {"broker.commission": 5.0})
    assert (out.buys[0].price, out.sells[0].price) == (100.0, 90.0)
    assert out.state.cash == 97_990.0
    assert out.trades[0].pnl == -2_010.0


def test_prices_are_not_rounded() -> None:
    rows = [*warm(), *bars("09:52", (100.123456789, 101.0, 100.0, 100.0))]
    assert run_desk({"AAA": rows}, BAND).buys[0].price == 100.123456789


def test_an_entry_waits_for_the_symbols_next_bar_in_its_session() -> None:
    # Decided at 09:52; the next bar of AAA is that of 11:00.
    rows = {"AAA": [*warm(), *bars("11:00", 103.0)], "BBB": bars("09:30", *[50.0] * 120)}
    assert run_desk(rows, BAND).bought() == [("AAA", at("11:00"), 103.0, 200)]


def test_an_entry_that_finds_no_bar_in_its_session_is_cancelled() -> None:
    rows = {"AAA": [*warm(), *bars("09:30", 100.0, 100.0, day=NEXT)], "BBB": bars("09:30", 50.0)}
    out = run_desk(rows, BAND)
    assert out.decided()[0][1] == at("09:52")
    assert out.of(ev.OrderCancelled)[0].at == at("16:00")
    assert at("09:30", NEXT) not in [fill.at for fill in out.buys]


def test_a_decided_exit_and_a_stop_below_the_same_open_fill_once_as_the_exit() -> None:
    # Probability 0.2 at 09:55 sells at the next open, 80, which is also below the stop of 90.
    rows = [*warm(), *bars("09:52", 100.0, 100.0, 100.0), *bars("09:55", (80.0, 81.0, 79.0, 80.0))]
    script = [prediction("AAA", at("09:50")), prediction("AAA", at("09:55"), 0.2)]
    out = run_desk({"AAA": rows}, BAND, tiers=("rules", "ml"), predictions=script)
    assert out.sold() == [("AAA", at("09:55"), 80.0, "signal_exit")]


def test_a_decided_exit_comes_before_the_stop_within_its_bar() -> None:
    # The exit fills at the open of 99; the low of 85 finds nothing to sell.
    rows = [*warm(), *bars("09:52", 100.0, 100.0, 100.0), *bars("09:55", (99.0, 99.0, 85.0, 86.0))]
    script = [prediction("AAA", at("09:50")), prediction("AAA", at("09:55"), 0.2)]
    out = run_desk({"AAA": rows}, BAND, tiers=("rules", "ml"), predictions=script)
    assert out.sold() == [("AAA", at("09:55"), 99.0, "signal_exit")]


def test_cash_of_a_stop_at_the_open_pays_for_an_entry_at_the_same_open() -> None:
    # All 100,000 in AAA (1,000 at 100). BBB confirms at 10:10 and wants 891 (0.99 of equity at
    # 100). AAA gaps to 90 at 10:10 and is sold there for 90,000: BBB gets 90,000 / 100 = 900 by
    # cash, so its full quantity floor(1.0 x equity 100,000 / 100) = 1,000 is cut to 900.
    first = [*warm(), *bars("09:52", *[100.0] * 18), *bars("10:10", (90.0, 90.0, 90.0, 90.0))]
    second = [*warm("10:10"), *bars("10:10", 100.0)]
    settings = BAND | {"risk.max_position": 1.0}
    out = run_desk({"AAA": first, "BBB": second}, settings)
    assert out.sold() == [("AAA", at("10:10"), 90.0, "hard_stop")]
    assert out.bought()[-1] == ("BBB", at("10:10"), 100.0, 900)


def test_cash_of_a_stop_within_the_bar_comes_too_late_for_an_entry() -> None:
    # The same, but AAA opens at 95 and falls through 90 within the bar: no cash at the open.
    first = [*warm(), *bars("09:52", *[100.0] * 18), *bars("10:10", (95.0, 95.0, 89.0, 90.0))]
    second = [*warm("10:10"), *bars("10:10", 100.0)]
    out = run_desk({"AAA": first, "BBB": second}, BAND | {"risk.max_position": 1.0})
    assert out.sold() == [("AAA", at("10:10"), 90.0, "hard_stop")]
    assert [fill.symbol for fill in out.buys] == ["AAA"]


def test_equity_is_cash_plus_quantity_times_the_last_known_close() -> None:
    # 200 AAA at 100; at 09:54 only BBB has a bar, AAA is still worth its close of 104.
    rows = {
        "AAA": [*warm(), *bars("09:52", (100.0, 105.0, 99.0, 104.0))],
        "BBB": bars("09:30", *[50.0] * 24),
    }
    equity = dict(run_desk(rows, BAND).equity)
    assert equity[at("09:53")] == equity[at("09:54")] == 80_000 + 200 * 104.0


def test_the_last_bar_closes_nothing() -> None:
    out = run_desk({"AAA": [*warm(), *bars("09:52", (100.0, 110.0, 100.0, 108.0))]}, BAND)
    assert out.trades == []
    assert out.state.positions["AAA"].quantity == 200
    assert out.state.equity() == 80_000 + 200 * 108.0


def test_cash_that_just_suffices_is_never_overdrawn() -> None:
    # All of 777.77 at 7.7777 is 100 shares on paper; no rounding may take cash below zero.
    out = run_desk(
        {"AAA": [*warm(price=7.7777), *bars("09:52", 7.7777, 7.7777)]},
        BAND | {"broker.cash": 777.77, "risk.max_position": 1.0},
    )
    assert out.state.cash >= 0
    assert out.buys[0].quantity in (99, 100)


def test_a_split_adjusts_quantity_entry_high_and_level_before_anything_else() -> None:
    # 200 at 100, high 120, level 114. Four for one: 800 at 25, high 30, level 28.5. The first bar
    # of the day, at 29, is above the level; its low of 28 is through it.
    rows = [
        *warm(),
        *bars("09:52", 100.0, (100.0, 120.0, 100.0, 119.0)),
        *bars("09:30", (29.0, 29.0, 28.8, 29.0), (29.0, 29.0, 28.0, 28.2), day=NEXT),
    ]
    opened = calendar().session_on(NEXT)
    assert opened is not None
    split = CorporateAction(symbol="AAA", ex_at=opened.open, ratio=4.0)
    out = run_desk({"AAA": rows}, BAND, actions=[split])
    assert out.sold() == [("AAA", at("09:31", NEXT), 28.5, "trailing_stop")]
    assert out.trades[0].quantity == 800
    assert out.trades[0].entry_price == 25.0
    assert out.trades[0].pnl == 800 * 3.5


def test_a_dividend_is_credited_on_the_ex_date() -> None:
    # 200 shares x 0.50 = 100 dollars.
    rows = [*warm(), *bars("09:52", 100.0), *bars("09:30", 99.5, day=NEXT)]
    opened = calendar().session_on(NEXT)
    assert opened is not None
    paid = CorporateAction(symbol="AAA", ex_at=opened.open, amount=0.5)
    out = run_desk({"AAA": rows}, BAND, actions=[paid])
    assert out.state.cash == 80_100.0


def test_an_exit_waits_for_the_next_bar_even_in_the_next_session() -> None:
    # The probability falls at 15:55 while AAA's only later bar is tomorrow's first.
    rows = {
        "AAA": [
            *warm(),
            *bars("09:52", 100.0),
            *bars("15:54", 100.0),
            *bars("09:30", 97.0, day=NEXT),
        ],
        "BBB": bars("15:55", 50.0, 50.0),
    }
    script = [prediction("AAA", at("09:50")), prediction("AAA", at("15:55"), 0.2)]
    out = run_desk(rows, BAND, tiers=("rules", "ml"), predictions=script)
    assert out.sold() == [("AAA", at("09:30", NEXT), 97.0, "signal_exit")]
