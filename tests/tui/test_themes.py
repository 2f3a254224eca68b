"""The colours of a terminal that has sixteen."""

from __future__ import annotations

from rich.color import Color, ColorSystem

from hybrid_tui.tui.themes import DARK, LIGHT, SIXTEEN, theme_for


def test_sixteen_colours_keep_good_bad_and_wanted_apart() -> None:
    def shown(colour: str | None) -> int | None:
        assert colour is not None
        return Color.parse(colour).downgrade(ColorSystem.STANDARD).number

    said = [SIXTEEN.success, SIXTEEN.error, SIXTEEN.accent, SIXTEEN.primary, SIXTEEN.foreground]
    said += [SIXTEEN.variables["muted"], SIXTEEN.variables["cursor-line"], SIXTEEN.background]
    assert len({shown(colour) for colour in said}) == len(said)
    assert shown(SIXTEEN.variables["up"]) != shown(SIXTEEN.variables["down"])


def test_the_default_theme_gives_way_to_sixteen_colours_and_a_chosen_one_does_not() -> None:
    assert theme_for(DARK.name, "standard", is_chosen=False) == SIXTEEN.name
    assert theme_for(DARK.name, "256", is_chosen=False) == DARK.name
    assert theme_for(DARK.name, "truecolor", is_chosen=False) == DARK.name
    assert theme_for(DARK.name, "standard", is_chosen=True) == DARK.name
    assert theme_for(LIGHT.name, "standard", is_chosen=True) == LIGHT.name
