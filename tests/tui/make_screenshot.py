"""Render the builder's desk to an SVG: ``python -m tests.tui.make_screenshot FILE [W H]``."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.tui.builders import desk_app, normal, settled


async def render(size: tuple[int, int]) -> str:
    """Return the desk in its normal state as SVG."""
    app, _, _ = desk_app(normal())
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        return app.export_screenshot(title="hybrid-tui")


if __name__ == "__main__":
    given = sys.argv[1:]
    wanted = (int(given[1]), int(given[2])) if len(given) >= 3 else (140, 44)
    Path(given[0] if given else "screen.svg").write_text(
        asyncio.run(render(wanted)), encoding="utf-8"
    )
