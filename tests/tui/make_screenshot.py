"""Render the builder's desk to an SVG: ``python -m tests.tui.make_screenshot FILE [W H]``."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from hybrid_tui.domain import events as ev
from tests.tui.builders import Story, desk_app, normal, prediction, settled, signal

MORE = {"AAPL": 0.58, "MSFT": 0.74, "AMZN": 0.44, "GOOG": 0.52, "AVGO": 0.63, "JPM": 0.39}
REASONING = (
    "Local analyst, no LLM. The tone is bullish at +0.31 over 9 symbols, breadth +0.40. NVDA is in"
    " focus: sentiment +0.80 and buy probability 0.71 (h3, h9). AMD follows with +0.35. META reads"
    " worst at -0.55 (h7). Risk is moderate, and 60% of equity may stay overnight."
)


def morning() -> Story:
    """Return the builder's morning with more symbols, as the local analyst would put it."""
    story = normal(
        proposal=signal("10:41", reasoning=REASONING, source="local", cost_usd=0.0, flags=())
    )
    made = tuple(prediction(symbol, "10:40", p) for symbol, p in MORE.items())
    story.tell(ev.PredictionsMade, "10:42:07", predictions=made)
    return story


async def render(size: tuple[int, int]) -> str:
    """Return the desk in its normal state as SVG."""
    app, _, _ = desk_app(morning())
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        return app.export_screenshot(title="hybrid-tui")


if __name__ == "__main__":
    given = sys.argv[1:]
    wanted = (int(given[1]), int(given[2])) if len(given) >= 3 else (140, 44)
    Path(given[0] if given else "screen.svg").write_text(
        asyncio.run(render(wanted)), encoding="utf-8"
    )
