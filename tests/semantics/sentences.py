"""Which tests show which sentence of the design's section 4 (tier semantics).

Names are ``paragraph.sentence`` with a letter where a sentence says several things; the paragraphs
and sentences are counted as they stand. ``module::test`` is relative to ``tests``.
"""

from __future__ import annotations

SHOWN: dict[str, tuple[str, ...]] = {
    "time.1 a bar is labelled by its start": (
        "market/test_sessions::test_a_bar_is_known_at_its_end_or_the_close",
    ),
    "time.2a a bar belongs to the session it overlaps": (
        "market/test_sessions::test_a_bar_is_kept_exactly_when_its_span_meets_a_session",
    ),
    "time.2b it is known at its end or the close": (
        "semantics/test_time::test_the_hour_bar_labelled_nine_is_known_at_ten",
        "semantics/test_time::test_an_hour_bar_that_ends_at_the_close_decides_nothing",
    ),
    "time.3 every read is bounded by now": (
        "market/test_view::test_a_view_shows_exactly_the_bars_that_ended_by_its_instant",
        "market/test_view::test_asking_for_later_is_an_error",
    ),
    "time.4 news counts from its reception": (
        "market/test_view::test_a_view_shows_exactly_the_headlines_received_by_its_instant",
        "ml/test_predictor::test_headlines_change_the_figures_from_their_reception_on",
    ),
    "time.5a the calendar is XNYS": (
        "domain/test_calendar::test_every_session_2011_to_2027_is_the_exchanges",
    ),
    "time.5b sessions after an early close are skipped": (
        "domain/test_calendar::test_strategist_sessions_after_an_early_close_are_skipped",
    ),
    "time.5c daylight saving": (
        "semantics/test_time::test_a_session_after_the_clocks_change_trades_by_new_york_time",
    ),
    "time.6 the order within an instant": (
        "semantics/test_time::test_a_bar_is_traded_before_the_prediction_of_the_same_instant_counts",
        "semantics/test_time::test_a_command_counts_for_the_decisions_of_its_own_instant",
        "semantics/test_time::test_a_strategy_of_an_instant_comes_after_the_bars_ending_then",
        "semantics/test_time::test_exits_are_decided_before_entries",
    ),
    "time.7 time waits for due jobs": (
        "semantics/test_time::test_a_prediction_counts_for_the_decisions_of_its_own_instant",
        "engine/test_drivers::test_live_and_backtest_drivers_agree_with_all_three_tiers",
    ),
    "time.8 predictions every five minutes for ten": (
        "semantics/test_time::test_predictions_are_made_every_five_minutes_inside_the_session",
        "semantics/test_exits::test_a_prediction_holds_for_ten_minutes_the_last_excluded",
    ),
    "time.9 pending for thirty minutes": (
        "semantics/test_approval::test_pending_lasts_for_thirty_minutes_the_last_excluded",
    ),
    "time.10 a strategy ends at half past ten": (
        "semantics/test_approval::test_a_strategy_expires_at_half_past_ten_of_the_next_session",
    ),
    "time.11 an expiry is exclusive": (
        "semantics/test_entries::test_a_prediction_is_fresh_for_ten_minutes",
        "semantics/test_approval::test_pending_lasts_for_thirty_minutes_the_last_excluded",
    ),
    "decisions.0a at a bar's end, for its symbols": (
        "semantics/test_time::test_a_decision_is_taken_when_the_bar_has_ended",
        "semantics/test_time::test_only_symbols_with_a_bar_ending_are_decided_on",
    ),
    "decisions.0b not at the close": (
        "semantics/test_time::test_the_tick_at_the_close_decides_nothing",
        "semantics/test_time::test_the_tick_at_the_close_of_a_half_day_decides_nothing",
    ),
    "decisions.0c daily bars at the close": (
        "semantics/test_time::test_daily_bars_decide_at_the_close_and_fill_at_the_next_open",
    ),
    "decisions.0d indicators run on, warmed up": (
        "semantics/test_time::test_indicators_run_on_across_sessions",
        "semantics/test_time::test_bars_before_the_start_warm_up_and_decide_nothing",
    ),
    "decisions.1 no value, not met": (
        "semantics/test_entries::test_a_condition_whose_indicator_has_no_value_is_not_met",
    ),
    "stop.1 one resting stop": ("semantics/test_kill_switch::"
        "test_a_stop_that_fills_first_takes_the_place_of_the_flatten",),
    "stop.2 the first level": (
        "semantics/test_stops::test_the_first_level_is_the_entry_less_the_hard_stop",
        "semantics/test_stops::test_the_first_level_counts_from_the_fill_price_with_its_slippage",
    ),
    "stop.3a the level at a bar's end": (
        "semantics/test_stops::test_the_high_of_the_entry_bar_is_taken_in",
        "semantics/test_stops::test_a_high_moves_the_level_only_at_the_end_of_its_bar",
    ),
    "stop.3b armed": (
        "semantics/test_stops::test_the_trail_is_armed_when_it_is_just_at_the_entry",
        "semantics/test_stops::test_the_trail_is_not_armed_below_the_entry",
    ),
    "stop.4 never falls": ("semantics/test_stops::test_a_level_never_falls",),
    "stop.5a the reason": (
        "semantics/test_stops::test_the_trail_sells_for_the_reason_trailing_stop",
    ),
    "stop.5b widths by risk level": (
        "semantics/test_stops::test_hard_and_trail_follow_the_risk_level",
    ),
    "stop.6 bad sentiment": (
        "semantics/test_stops::test_bad_sentiment_on_a_held_symbol_trails_at_three_per_cent",
        "semantics/test_entries::test_a_held_symbol_is_not_added_to",
    ),
    "exits.0a thesis": ("rules/test_thesis_fuzz::test_an_hour_ends_an_hour_after_the_open",),
    "exits.0b signal": (
        "semantics/test_exits::test_an_rsi_above_the_limit_sells_at_the_next_open",
        "semantics/test_exits::test_a_fresh_probability_below_the_limit_sells",
        "semantics/test_exits::test_an_rsi_exit_that_is_turned_off_sells_nothing",
        "semantics/test_exits::test_a_probability_exit_that_is_turned_off_sells_nothing",
    ),
    "exits.0c overnight": (
        "semantics/test_exits::test_overnight_begins_fifteen_minutes_before_the_close",
        "semantics/test_exits::"
        "test_overnight_sells_the_lowest_probability_first_until_the_target_is_met",
        "semantics/test_exits::test_overnight_sells_positions_without_a_fresh_prediction_first",
        "semantics/test_exits::test_overnight_breaks_ties_by_symbol",
        "semantics/test_exits::test_overnight_counts_decided_exits_as_sold",
        "semantics/test_exits::test_overnight_needs_a_strategy_in_force",
        "semantics/test_exits::test_overnight_follows_the_close_of_a_half_day",
        "semantics/test_exits::test_no_entries_in_the_overnight_window",
    ),
    "exits.0d manual": (
        "semantics/test_actions::test_close_sells_the_whole_position_at_the_next_open",
    ),
    "exits.0e flatten": (
        "semantics/test_kill_switch::test_flatten_sells_everything_once_at_the_next_open",
    ),
    "exits.0f daily loss": (
        "semantics/test_kill_switch::test_a_hard_daily_loss_sells_everything",
    ),
    "entries.0a a session is open": (
        "semantics/test_time::test_the_tick_at_the_close_decides_nothing",
    ),
    "entries.0b quotes younger than thirty seconds": (
        "semantics/test_halts::test_a_quote_counts_from_when_it_was_made_not_from_when_it_came",
    ),
    "entries.0c not paused": ("semantics/test_entries::"
        "test_paused_entries_are_not_decided_and_resume_takes_the_state_as_it_is",),
    "entries.0d no lock": ("semantics/test_protections::"
        "test_cooldown_locks_a_symbol_for_thirty_minutes_from_the_fill",),
    "entries.0e not held, no open order": (
        "semantics/test_entries::test_a_held_symbol_is_not_added_to",
        "semantics/test_entries::test_a_symbol_with_an_open_order_is_not_ordered_again",
    ),
    "entries.0f a strategy, not bearish, approved": (
        "semantics/test_entries::test_no_strategy_no_entry",
        "semantics/test_entries::test_a_bearish_strategy_buys_nothing",
        "semantics/test_entries::test_a_symbol_off_the_focus_list_is_not_bought",
    ),
    "entries.0g a fresh familiar prediction": (
        "semantics/test_entries::test_no_prediction_no_entry",
        "semantics/test_entries::test_an_unfamiliar_prediction_buys_nothing",
        "semantics/test_entries::test_the_buy_probability_has_to_reach_its_threshold",
        "semantics/test_entries::test_the_confidence_has_to_reach_its_threshold",
    ),
    "entries.1 rsi_macd": (
        "semantics/test_entries::"
        "test_rsi_macd_needs_the_crossing_and_a_low_rsi_among_the_last_ten",
        "semantics/test_entries::test_the_lookback_reaches_into_the_session_before",
    ),
    "entries.2 rsi_macd_strict": (
        "semantics/test_entries::test_rsi_macd_strict_looks_at_the_last_bar_only",
    ),
    "entries.3 bollinger": (
        "semantics/test_entries::test_bollinger_looks_at_ten_closed_bars_the_last_included",
        "semantics/test_entries::test_the_close_has_to_be_back_above_the_band",
    ),
    "entries.4 a tier off drops its own conditions": (
        "semantics/test_entries::test_a_tier_that_is_off_drops_its_own_conditions_only",
    ),
    "sizing.1 quantity, factor, neutral": (
        "semantics/test_sizing::test_the_quantity_is_rounded_down_to_whole_shares",
        "semantics/test_sizing::test_the_size_follows_the_risk_level",
        "semantics/test_sizing::test_a_neutral_direction_halves_the_factor",
        "semantics/test_sizing::test_a_position_is_at_most_the_largest_position",
    ),
    "sizing.2 several entries of one instant": (
        "semantics/test_sizing::test_entries_of_one_instant_each_use_the_equity_of_that_instant",
        "semantics/test_sizing::test_higher_buy_probability_fills_first_and_cash_cuts_the_last",
        "semantics/test_sizing::test_equal_probabilities_fill_in_alphabetical_order",
    ),
    "sizing.3 caps at the fill": (
        "semantics/test_sizing::test_cash_caps_at_the_fill_price",
        "semantics/test_sizing::test_gross_exposure_caps_at_the_fill",
        "semantics/test_fills::test_cash_of_a_stop_at_the_open_pays_for_an_entry_at_the_same_open",
        "semantics/test_sizing::test_an_entry_cut_below_one_share_is_cancelled",
        "semantics/test_sizing::test_an_entry_cut_below_the_smallest_position_is_cancelled",
    ),
    "sizing.4 without tier two": (
        "semantics/test_sizing::test_without_tier_two_the_target_is_the_largest_position",
    ),
    "sizing.5 whole shares": (
        "semantics/test_sizing::test_the_quantity_is_rounded_down_to_whole_shares",
    ),
    "sizing.6 further modifiers only reduce": (
        "rules/test_guardian::test_a_loss_budget_only_reduces",
        "rules/test_guardian::test_a_sector_cap_only_reduces",
        "rules/test_guardian::test_the_first_entries_are_never_larger_with_the_guardian_on",
    ),
    "protections.0a cooldown": ("semantics/test_protections::"
        "test_cooldown_locks_a_symbol_for_thirty_minutes_from_the_fill",),
    "protections.0b stop_guard": (
        "semantics/test_protections::test_stop_guard_counts_sixty_minutes_with_both_ends",
        "semantics/test_protections::test_stop_guard_locks_all_entries_for_sixty_minutes",
    ),
    "protections.0c daily_loss": (
        "semantics/test_protections::"
        "test_daily_loss_locks_at_three_per_cent_below_the_starting_cash",
        "semantics/test_protections::test_daily_loss_counts_from_the_equity_of_the_last_close",
    ),
    "protections.0d max_drawdown, max_entries": (
        "semantics/test_protections::test_max_drawdown_locks_until_it_is_lifted",
        "semantics/test_protections::test_max_entries_lets_so_many_through_a_day",
    ),
    "protections.0e journalled, shown, liftable": (
        "semantics/test_protections::test_a_lock_can_be_lifted_by_hand",
        "engine/test_locks::"
        "test_a_lock_survives_kill_9_and_is_lifted_by_the_engine_that_follows",
        "tui/test_keys::test_locks_are_shown_and_the_chosen_one_is_lifted_after_a_question",
    ),
    "protections.1 an entry decided stands": (
        "semantics/test_protections::test_an_entry_already_decided_stands",
    ),
    "protections.2 a fill's instant is its bar's start": (
        "semantics/test_protections::test_a_daily_bars_stop_is_of_its_start",
    ),
    "protections.4 no day-trade count": (
        "semantics/test_sentences::test_no_day_trade_count_is_anywhere",
    ),
    "fills.0a exits at the open keep their reason": (
        "semantics/test_fills::"
        "test_a_decided_exit_and_a_stop_below_the_same_open_fill_once_as_the_exit",
        "semantics/test_stops::test_an_open_just_at_the_level_fills_at_the_open",
    ),
    "fills.0b entries in their order": (
        "semantics/test_sizing::test_higher_buy_probability_fills_first_and_cash_cuts_the_last",
    ),
    "fills.0c stops at their level, also of this bar": (
        "semantics/test_stops::test_a_low_just_at_the_level_sells",
        "semantics/test_stops::test_the_stop_works_in_the_bar_of_the_entry",
    ),
    "fills.1 slippage, commission, no rounding": (
        "semantics/test_fills::test_slippage_is_against_you_on_both_sides",
        "semantics/test_fills::test_commission_comes_out_of_cash_and_not_into_the_price",
        "semantics/test_fills::test_prices_are_not_rounded",
    ),
    "fills.2 no bar in the session": (
        "semantics/test_fills::test_an_entry_that_finds_no_bar_in_its_session_is_cancelled",
        "semantics/test_fills::test_an_exit_waits_for_the_next_bar_even_in_the_next_session",
    ),
    "fills.3 equity, and cash never negative": (
        "semantics/test_fills::test_equity_is_cash_plus_quantity_times_the_last_known_close",
        "semantics/test_fills::test_cash_that_just_suffices_is_never_overdrawn",
        "engine/test_invariants::test_no_rule_is_broken_whatever_happens",
    ),
    "fills.4 the last bar closes nothing": (
        "semantics/test_fills::test_the_last_bar_closes_nothing",
    ),
    "fills.5 splits and dividends": (
        "semantics/test_fills::"
        "test_a_split_adjusts_quantity_entry_high_and_level_before_anything_else",
        "semantics/test_fills::test_a_dividend_is_credited_on_the_ex_date",
        "market/test_actions::test_a_split_counts_from_its_instant_on",
    ),
    "approval.1 pending, approved, vetoed, expired": (
        "semantics/test_approval::"
        "test_a_vetoed_signal_buys_nothing_and_cannot_be_approved_after",
        "semantics/test_approval::test_a_vetoed_symbol_is_not_bought_while_the_rest_is",
    ),
    "approval.2 one strategy in force": (
        "semantics/test_approval::"
        "test_the_first_approval_puts_the_new_strategy_in_place_of_the_old",
        "semantics/test_approval::test_only_the_approved_symbols_are_bought_and_later_approvals_add",
        "semantics/test_approval::test_vetoing_all_of_the_new_leaves_the_old_in_force",
    ),
    "approval.3 silence expires": (
        "semantics/test_approval::test_silence_expires_into_no_entries",
    ),
    "approval.4 pending lowers risk, raises none": (
        "semantics/test_approval::test_a_pending_stricter_risk_level_binds_unasked",
        "semantics/test_approval::test_a_pending_looser_risk_level_binds_nobody",
        "semantics/test_approval::"
        "test_a_veto_ends_what_a_pending_signal_tightened_and_raised_levels_stay",
    ),
    "approval.6 policies": ("semantics/test_approval::test_the_policy_auto_approves_at_once",),
    "confidence.0 the ensemble's weight": ("ml/test_calibration::"
        "test_confidence_is_the_weight_on_the_ensembles_side_of_the_base_rate",),
    "confidence.1 thresholds": (
        "semantics/test_entries::test_the_confidence_has_to_reach_its_threshold",
        "ml/test_shipped::test_the_real_markets_model_promises_no_more_than_it_measured",
    ),
    "confidence.2 the simulated market's model": (
        "ml/test_training::test_a_card_of_the_simulated_market_says_so_first",
        "ml/test_shipped::test_good_news_on_the_simulated_market_makes_entries_possible",
    ),
    "confidence.3 blocks of 32": ("ml/test_predictor::"
        "test_a_windows_figures_do_not_depend_on_its_neighbours_or_its_place",),
    "modes.0 sequential and parallel": (
        "semantics/test_modes::test_sequential_has_no_list_to_approve",
        "semantics/test_modes::test_sequential_does_not_weigh_sentiment",
        "semantics/test_modes::test_parallel_enters_on_the_weighted_score",
        "semantics/test_modes::test_hierarchical_does_not_add_sentiment_to_the_score",
    ),
    "llm.2 the local analyst where nothing is recorded": (
        "llm/test_local::test_good_news_makes_a_bullish_focus_with_its_evidence",
    ),
    "llm.3 contaminated": (
        "analysis/test_cautions::test_an_llm_that_may_know_what_came",
    ),
    "market.0 the simulated market": (
        "market/test_simulated::test_it_opens_five_minutes_before_the_session",
        "market/test_simulated::test_warm_up_is_the_past_that_was_streamed",
        "market/test_simulated::test_resuming_anywhere_gives_the_same_market",
        "engine/test_crash::test_kills_lose_and_double_nothing_and_change_no_decision_and_no_price_event",
    ),
    "stop.7 the engine sells where no stop rests": (
        "broker/test_alpaca_orders::test_a_touched_stop_is_booked_with_its_reason",
        "broker/test_alpaca_reconcile::test_a_stop_that_the_price_has_passed_sells_at_the_market",
    ),
    "protections.3 deposits": (
        "broker/test_alpaca_reconcile::test_a_deposit_is_cash_and_no_profit",
    ),
    "approval.5 sectors never bind": ("semantics/test_approval::test_sectors_bind_nothing",),
    "approval.7 a veto's reason in the next prompt": ("semantics/test_approval::"
        "test_a_vetos_reason_is_in_the_next_prompt_beside_its_symbols",),
    "llm.1 recorded answers": (
        "engine/test_briefs::test_a_recorded_answer_counts_from_its_arrival",
    ),
    "money.0 reserved and settled": (
        "commands/test_llm_cost::test_a_session_is_reserved_asked_settled_and_shown",
        "llm/test_killed::test_killed_at_each_point_of_the_ledger_the_sum_is_right",
    ),
    "money.1 New York's month": (
        "llm/test_budget::test_the_month_turns_at_new_yorks_midnight",
    ),
    "money.2 the cap": ("commands/test_llm_cost::"
        "test_at_the_cap_the_local_analyst_takes_the_session_and_says_so",),
    "money.3 event sessions' slice": (
        "llm/test_budget::test_event_sessions_leave_the_rest_to_the_others",
        "llm/test_budget::test_no_sequence_of_calls_passes_a_cap",
    ),
    "confidence.0b live calibration error": (
        "domain/test_live_calibration::test_the_error_is_unknown_before_100_outcomes",
        "domain/test_live_calibration::"
        "test_confidence_shrinks_by_three_hundredths_over_the_error",
    ),
}  # fmt: skip

NOT_SHOWN: dict[str, str] = {
    "modes.0b rl": "the mode is refused in this version",
}
"""Sentences without a test of their own, and why; built later, they move up."""

PARAGRAPHS = {
    "time": 12, "decisions": 2, "stop": 8, "exits": 1, "entries": 5, "sizing": 7, "protections": 5,
    "fills": 6, "approval": 8, "confidence": 4, "modes": 1, "llm": 4, "money": 4, "market": 1,
}  # fmt: skip
"""The paragraphs in their order and their sentences, a heading of one word counted as one."""
