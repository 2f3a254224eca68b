"""``hybrid-tui`` alone: the screen, a client of the engine's process."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hybrid_tui.commands.context import CliState
from hybrid_tui.commands.run import parse_day

if TYPE_CHECKING:
    from hybrid_tui.config import Config
    from hybrid_tui.tui.settings import ScreenSettings


def screen(state: CliState) -> None:
    """Open the screen; it attaches to the profile's engine, or starts one.

    The configuration is checked first, so that a mistake in it is a message and not a dead screen.
    """
    from hybrid_tui.commands.desk import DeskOptions, check_supported, forced_by
    from hybrid_tui.commands.garbage import keep_loaded_out_of_collections
    from hybrid_tui.tui.start import run_screen

    day = parse_day(state.recorded)
    config = state.config(forced=forced_by(DeskOptions(recorded_day=day)))
    check_supported(state, config)
    global_options: list[str] = []
    if config.app.mode == "live":
        from hybrid_tui.commands.account import confirm_live

        confirm_live(state, config)
        global_options.append("--live")
    if state.profile is not None:
        global_options += ["--profile", state.profile]
    for setting in state.overrides:
        global_options += ["--set", setting]
    options: list[str] = []
    if day is not None:
        options += ["--recorded", day.isoformat()]
    if state.speed is not None:
        options += ["--speed", f"{state.speed:g}"]
    run_screen(
        state.paths,
        global_options=global_options,
        options=options,
        read_only=state.read_only,
        settings=settings_of(state, config),
        once_settled=keep_loaded_out_of_collections,
    )


def settings_of(state: CliState, config: Config) -> ScreenSettings:
    """Return how the screen looks and which keys it has; raises ConfigError for wrong keys."""
    from hybrid_tui.config_edit import set_key
    from hybrid_tui.tui.settings import ScreenSettings

    paths = state.paths
    return ScreenSettings(
        theme=config.ui.theme,
        is_theme_chosen="theme" in config.ui.model_fields_set,
        up_is_red=config.ui.up_is_red,
        bell=config.ui.bell,
        keys=config.keys,
        save=None if state.read_only else partial(set_key, paths.config),
        is_first=not paths.config.exists() and not paths.journal.exists(),
    )
