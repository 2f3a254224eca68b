"""The README's pictures are what the replayed real day looks like, and show what it says of them.

After a wanted change: ``python -m tests.tui.make_screenshots``, and look at them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.desk import ROOT, environment
from tests.forked import Forked
from tests.tui.make_screenshots import FOLDER, MORNING, lines_of

NAMES = ("desk", "symbol", "strategy")
LARGEST = 150_000
AGAIN = "python -m tests.tui.make_screenshots draws the README's pictures again"
Screens = dict[str, list[str]]


@pytest.fixture(scope="module")
def drawn(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures, made anew."""
    folder = tmp_path_factory.mktemp("pictures")
    program = "tests.tui.make_screenshots"
    making = Forked([str(folder)], environment=environment(folder / "home"), program=program)
    done = making.wait()
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def screens() -> Screens:
    """What stands on the pictures in the repository, line by line."""
    return {name: lines_of((FOLDER / f"{name}.svg").read_text()) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_what_the_screen_shows(drawn: Path, screens: Screens, name: str) -> None:
    assert lines_of((drawn / f"{name}.svg").read_text()) == screens[name], AGAIN


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_small_and_loads_nothing(name: str) -> None:
    picture = (FOLDER / f"{name}.svg").read_text()
    assert len(picture.encode()) < LARGEST
    assert set(re.findall(r"\w+://[^\"\s]+", picture)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"/(home|tmp|root|Users|work)/", picture)


def on(name: str, *patterns: str) -> Callable[[Screens], bool]:
    """Return whether a line of a picture matches each pattern."""
    return lambda screens: all(any(re.search(p, line) for line in screens[name]) for p in patterns)


def counted(name: str, pattern: str, number: int) -> Callable[[Screens], bool]:
    """Return whether so many lines of a picture match a pattern."""
    return lambda screens: sum(bool(re.search(pattern, line)) for line in screens[name]) == number


def marked(sign: str, clock: str) -> Callable[[Screens], bool]:
    """Return whether a mark stands under the bar of a time, counted from a label of the axis."""

    def holds(screens: Screens) -> bool:
        lines = screens["symbol"]
        (axis,) = (line for line in lines if re.search(r"─┴10:00─", line))
        marks = lines[lines.index(axis) - 1]
        hour, minute = map(int, clock.split(":"))
        return marks[axis.index("┴10:00") + (hour - 10) * 60 + minute] == sign

    return holds


def begins(part: int, settings: tuple[str, ...], until: str) -> Callable[[Screens], bool]:
    """Return whether a part of the morning ran with these settings, up to then."""
    return lambda _: (MORNING[part].settings, MORNING[part].until) == (settings, until)


POSITION = r"^│[▸ ][A-Z]+ +\d+ .* (hard|trail) "
PREDICTION = r"^│[▸ ][A-Z]+ +\.\d\d ▕"
CLAIMS: dict[str, Callable[[Screens], bool]] = {
    "Tuesday 24 March 2026, a real day, replayed": on("strategy", "^ RECORDED ", r" Tue 24 Mar\b"),
    "8 symbols": counted("desk", PREDICTION, 8),
    "headlines, at 11:21": on("desk", r"^ RECORDED +11:21:00 New York", r"^│ 11:20:00 +news "),
    "the rules alone (`--set app.tiers=rules`)": begins(0, ("app.tiers=rules",), "09:58"),
    "joined at 09:58 (`--set app.tiers=rules,llm`)": begins(1, ("app.tiers=rules,llm",), "10:12"),
    "tier 2 at 10:12": begins(2, (), "11:21"),
    "Four positions are open": on("desk", "^╭─ Positions · 4 ─"),
    "each with its stop": counted("desk", POSITION, 4),
    "0 of 8 reached 0.70": on("desk", r"─ .*\b0 of 8 reached \.70 ─"),
    "it lets nothing in": on("symbol", r"^ no entry: buy probability 0\.\d\d < 0\.70"),
    "the list of 2 symbols that waits for approval until 11:30": on(
        "desk", r"Strategy · event · PENDING 9:", r" 2 symbols wait for you until 11:30 "
    ),
    "says so": counted("desk", r"→ no entry: buy probability 0\.\d\d < 0\.70", 2),
    "AAPL": on("symbol", r"^ AAPL +\d+\.\d\d .* not held "),
    "bought (`B`) at 09:37": marked("B", "09:37"),
    "sold (`S`) at 10:10": marked("S", "10:10"),
    "13 of 16 conditions of another entry hold": on("symbol", r"Entry · \w+ · 13 of 16 hold "),
    "`2` shows the strategist's sessions": on("strategy", r"\[2 Strategy\]", "─ Sessions ─"),
    "of 2 proposals": on("strategy", "─ 2 proposals ─"),
    "that of 10:00 is in force with 1 symbol approved": on("strategy", r" 10:00 .* in force ✓1 "),
    "asked for by hand at 11:00": on("strategy", r" · Tue 24 Mar 11:00 · ", "! asked for by hand"),
    "cites 17 headlines": on("strategy", "Evidence · 17 headlines cited"),
}


def captions() -> str:
    """Return what the README says of its pictures, in one line."""
    found = re.search(
        r"<!-- screens: .*?-->(.*?)<!-- /screens -->", (ROOT / "README.md").read_text(), re.DOTALL
    )
    assert found is not None
    return " ".join(re.sub(r"!\[.*?\]\(.*?\)", "", found[1]).split())


def test_the_readme_shows_each_picture() -> None:
    text = (ROOT / "README.md").read_text()
    assert re.findall(r"!\[[^]]*\]\(\.assets/(\w+)\.svg\)", text) == list(NAMES)


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_picture_shows_what_the_readme_says(screens: Screens, claim: str) -> None:
    assert claim in captions(), "the README does not say so any more: take the claim out here too"
    assert CLAIMS[claim](screens), claim


def test_no_figure_in_the_captions_goes_unchecked() -> None:
    left = captions()
    for claim in sorted(CLAIMS, key=len, reverse=True):
        left = left.replace(claim, "")
    # The names of the tiers are no figures.
    assert not re.findall(r"\d", left.replace("tier 2's", "")), left
