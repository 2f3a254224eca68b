"""What [ui] and [keys] change: the theme, the colours of gains, and which key does what."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from hybrid_tui.commands.context import CliState
from hybrid_tui.commands.screen import settings_of
from hybrid_tui.config_edit import set_key
from hybrid_tui.domain.commands import Pause
from hybrid_tui.errors import ConfigError
from hybrid_tui.tui.bindings import bindings_of
from hybrid_tui.tui.desk.page import DeskPage
from hybrid_tui.tui.settings import ScreenSettings, check_keys
from hybrid_tui.tui.themes import THEMES, themes
from hybrid_tui.tui.widgets.lines import text_of
from hybrid_tui.tui.widgets.rows_view import RowsView
from tests.tui.builders import desk_app, normal, press, settled


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours (WCAG 2.1, relative luminance)."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_every_text_can_be_read_on_its_background(theme: object) -> None:
    from textual.theme import Theme

    assert isinstance(theme, Theme)
    least = 7.0 if theme.name == "high-contrast" else 4.5
    colours = [theme.foreground, theme.accent, theme.warning, theme.error, theme.success]
    colours += [theme.variables[name] for name in ("up", "down", "muted")]
    for colour in colours:
        assert colour is not None
        assert theme.background is not None
        assert contrast(colour, theme.background) >= least, colour
        assert contrast(colour, theme.variables["cursor-line"]) >= 3.0, colour


async def test_a_remapped_key_acts_is_shown_and_the_old_one_rests() -> None:
    settings = ScreenSettings(
        theme="light", up_is_red=True, keys={"safety.pause": "f9", "page.health": "9"}
    )
    app, engine, _ = desk_app(normal(), settings=settings)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        plain = {theme.name: theme for theme in THEMES}["light"]
        assert app.get_css_variables()["up"] == plain.variables["down"]
        keys = text_of(app.page.query_one("#keys", RowsView).rows[0].line)
        assert "f9 pause" in keys
        assert " 9 " in keys
        await press(pilot, "p")
        assert engine.sent == []
        await press(pilot, "f9")
        assert engine.sent == [Pause()]


async def test_a_chosen_theme_is_kept_and_a_failure_to_keep_it_is_told() -> None:
    kept: list[tuple[str, object]] = []

    def save(key: str, value: object) -> None:
        kept.append((key, value))
        if value == "colour-blind":
            raise ConfigError("config.toml: no room")

    app, _, _ = desk_app(normal(), settings=ScreenSettings(save=save))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert kept == []
        app.theme = "high-contrast"
        await settled(pilot)
        assert kept == [("ui.theme", "high-contrast")]
        app.theme = "colour-blind"
        await settled(pilot)
        await settled(pilot)
        assert app.notice is not None
        assert "not kept" in app.notice[0]


async def test_without_colours_every_sign_is_still_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app, _, _ = desk_app(normal())
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        shown = "".join(
            text_of(row.line) for row in app.page.query_one("#positions", RowsView).rows
        )
        assert "▼ -0.4" in shown
        assert "▲ +1.1" in shown
        colours = {
            segment.style.color.get_truecolor()
            for strip in app.screen._compositor.render_strips()
            for segment in strip
            if segment.style is not None and segment.style.color is not None
        }
        assert all(c.red == c.green == c.blue for c in colours)


def test_gains_can_have_the_colour_of_losses() -> None:
    for plain, swapped in zip(themes(up_is_red=False), themes(up_is_red=True), strict=True):
        assert plain.variables["up"] == swapped.variables["down"]
        assert plain.variables["down"] == swapped.variables["up"]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"safety.pauze": "f9"}, "safety.pause"),
        ({"safety.pause": "X"}, "safety.flatten"),
        ({"safety.pause": "f9", "safety.flatten": "f9"}, "f9"),
    ],
)
def test_wrong_keys_are_refused_with_what_is_wrong(keys: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        check_keys(keys, [bindings_of(DeskPage)])
    assert said in raised.value.render()


def test_keys_can_be_exchanged() -> None:
    check_keys({"decide.approve": "v", "decide.veto": "a"}, [bindings_of(DeskPage)])


def test_settings_come_from_the_configuration_and_go_back_into_it(home: Path) -> None:
    home.mkdir()
    state = CliState()
    assert settings_of(state, state.config()).is_first
    config = home / "config.toml"
    config.write_text('# mine\n[ui]\nup_is_red = true # as at home\n[keys]\nsafety.pause = "f9"\n')
    settings = settings_of(state, state.config())
    assert settings.up_is_red
    assert settings.keys == {"safety.pause": "f9"}
    assert not settings.is_first
    assert settings.save is not None
    settings.save("ui.theme", "light")
    text = config.read_text()
    assert "# mine" in text
    assert "# as at home" in text
    assert state.config().ui.theme == "light"
    assert tomllib.loads(text)["ui"] == {"up_is_red": True, "theme": "light"}


def test_a_configuration_that_cannot_be_changed_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("ui = 3\n")
    with pytest.raises(ConfigError, match="not a table"):
        set_key(path, "ui.theme", "light")
    path.write_text("[ui\n")
    with pytest.raises(ConfigError, match=r"config\.toml"):
        set_key(path, "ui.theme", "light")
    assert path.read_text() == "[ui\n"
