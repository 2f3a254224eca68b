"""The colours: four themes with the desk's own variables, and one for terminals of 16 colours.

Gains and losses can be swapped. No sign is told by its colour alone, so that every theme, 16
colours and ``NO_COLOR`` say the same.
"""

from __future__ import annotations

from dataclasses import replace

from textual.theme import Theme

DARK = Theme(
    name="dark",
    primary="#7aa2c9",
    secondary="#5a6f86",
    accent="#e0af68",
    warning="#e0a458",
    error="#e0705a",
    success="#6fb7a3",
    foreground="#d5d9e0",
    background="#12151a",
    surface="#181c23",
    panel="#1f242c",
    dark=True,
    variables={"up": "#62b5a0", "down": "#e58a6c", "muted": "#8d95a1", "cursor-line": "#2b3440"},
)
LIGHT = Theme(
    name="light",
    primary="#2a5d8f",
    secondary="#6b7f94",
    accent="#9a5b00",
    warning="#9a5b00",
    error="#b3301c",
    success="#1d6f58",
    foreground="#1d232b",
    background="#fafaf7",
    surface="#f0f0ea",
    panel="#e5e5dd",
    dark=False,
    variables={"up": "#1d6f58", "down": "#b3401c", "muted": "#626b76", "cursor-line": "#dbe4ee"},
)
# Blue and orange of Okabe and Ito's palette: told apart with every common colour blindness.
COLOUR_BLIND = Theme(
    name="colour-blind",
    primary="#56b4e9",
    secondary="#5a6f86",
    accent="#f0e442",
    warning="#f0e442",
    error="#e69f00",
    success="#56b4e9",
    foreground="#e2e5ea",
    background="#101318",
    surface="#171b21",
    panel="#20252d",
    dark=True,
    variables={"up": "#56b4e9", "down": "#e69f00", "muted": "#9aa2ad", "cursor-line": "#2c3745"},
)
HIGH_CONTRAST = Theme(
    name="high-contrast",
    primary="#00d7ff",
    secondary="#ffffff",
    accent="#ffff00",
    warning="#ffff00",
    error="#ff6b5e",
    success="#5fff5f",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#1a1a1a",
    dark=True,
    variables={"up": "#5fff5f", "down": "#ff6b5e", "muted": "#d0d0d0", "cursor-line": "#00395a"},
)
# A terminal of 16 colours shows the nearest it has: of the calm ones above, all that is a grey.
SIXTEEN = Theme(
    name="sixteen",
    primary="#55ffff",
    secondary="#aaaaaa",
    accent="#ffff55",
    warning="#ffff55",
    error="#ff5555",
    success="#55ff55",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#555555",
    dark=True,
    variables={"up": "#55ff55", "down": "#ff5555", "muted": "#aaaaaa", "cursor-line": "#0000aa"},
)
THEMES = (DARK, LIGHT, COLOUR_BLIND, HIGH_CONTRAST)


def themes(*, up_is_red: bool) -> tuple[Theme, ...]:
    """Return the themes; with ``up_is_red`` gains have the colour of losses and the reverse."""
    found = (*THEMES, SIXTEEN)
    if not up_is_red:
        return found
    return tuple(replace(theme, variables=_swapped(theme.variables)) for theme in found)


def theme_for(theme: str, color_system: str | None, *, is_chosen: bool) -> str:
    """Return the theme to show: of 16 colours, those that are there, unless one was chosen."""
    return SIXTEEN.name if color_system == "standard" and not is_chosen else theme


def _swapped(variables: dict[str, str]) -> dict[str, str]:
    return {**variables, "up": variables["down"], "down": variables["up"]}
