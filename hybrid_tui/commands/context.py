"""What every command starts from: the profile's paths, its configuration and the calendar."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import typer

from hybrid_tui.domain.instants import iso
from hybrid_tui.errors import ConfigError

if TYPE_CHECKING:
    from hybrid_tui.config import Config, Paths
    from hybrid_tui.domain.calendar import TradingCalendar
    from hybrid_tui.domain.inquiries import Setting


@dataclass(slots=True, kw_only=True)
class CliState:
    """The global options of one invocation."""

    profile: str | None = None
    overrides: tuple[str, ...] = ()
    recorded: str | None = None
    speed: float | None = None
    read_only: bool = False
    live: bool = False
    _paths: Paths | None = field(default=None, repr=False)
    _calendar: TradingCalendar | None = field(default=None, repr=False)

    @property
    def paths(self) -> Paths:
        """The profile's paths."""
        if self._paths is None:
            from hybrid_tui.config import Paths

            self._paths = Paths.of(self.profile)
        return self._paths

    def config(
        self, overrides: Sequence[str] = (), forced: Mapping[str, object] | None = None
    ) -> Config:
        """Return the effective configuration; raises ConfigError."""
        from hybrid_tui.config_file import load_config

        return load_config(
            self.paths.config, overrides=(*self.overrides, *overrides), forced=forced
        )

    def settings(self, forced: Mapping[str, object] | None = None) -> list[Setting]:
        """Return every effective setting, and where it comes from; raises ConfigError."""
        from hybrid_tui.config_file import sources_of
        from hybrid_tui.domain.inquiries import Setting

        sources = sources_of(self.paths.config, overrides=self.overrides, forced=forced)
        return [
            Setting(key=key, value=json.dumps(value), source=sources.get(key, "default"))
            for key, value in self.config(forced=forced).flat().items()
        ]

    def calendar(self) -> TradingCalendar:
        """Return the XNYS calendar."""
        if self._calendar is None:
            from hybrid_tui.market.calendar import xnys

            self._calendar = xnys(self.paths.cache)
        return self._calendar


def state_of(context: typer.Context) -> CliState:
    """Return the invocation's global options."""
    state = context.obj
    return state if isinstance(state, CliState) else CliState()


__all__ = ["CliState", "check_speed", "iso", "parse_bound", "print_json", "state_of"]


def print_json(document: Any) -> None:
    """Print one JSON document on stdout."""
    typer.echo(json.dumps(document, ensure_ascii=False, allow_nan=False))


def check_speed(speed: float | None) -> None:
    """Raise ConfigError for what is not a speed."""
    if speed is not None and not 0 <= speed < math.inf:
        raise ConfigError(
            f"--speed {speed:g} is negative or endless", hint="0 is as fast as it goes"
        )


def parse_bound(text: str | None, option: str, *, is_end: bool) -> datetime | None:
    """Return a New York date (both ends included) or an instant as a UTC instant.

    An end bound is exclusive: a date means the following midnight in New York.
    """
    if text is None:
        return None
    from hybrid_tui.domain.calendar import NEW_YORK

    try:
        day = date.fromisoformat(text)
    except ValueError:
        pass
    else:
        try:
            day += timedelta(days=1 if is_end else 0)
            return datetime(day.year, day.month, day.day, tzinfo=NEW_YORK).astimezone(UTC)
        except OverflowError as error:
            raise ConfigError(f"{option} {text!r} is out of the calendar") from error
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=NEW_YORK)
        return instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ConfigError(
            f"{option} {text!r} is neither a date nor an instant",
            hint="e.g. 2026-03-20 or 2026-03-20T10:00:00-04:00",
        ) from error
