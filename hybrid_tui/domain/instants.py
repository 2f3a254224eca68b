"""Instants as text, and the time zone of the market."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")


def iso(instant: datetime) -> str:
    """Return an instant as ISO 8601 in UTC with ``Z``; such texts sort by time."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
