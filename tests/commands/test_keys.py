"""``hybrid-tui keys``: secrets go into the keyring and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
import typer
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from keyring.errors import KeyringLocked, PasswordDeleteError
from typer.testing import CliRunner, Result

from hybrid_tui.commands.context import CliState
from hybrid_tui.commands.doctor import doctor
from hybrid_tui.commands.keys import app
from hybrid_tui.errors import ConfigError
from hybrid_tui.keys import find_key, find_keys
from tests.desk import hybrid_tui

NAME = "APCA_API_SECRET_KEY"
SECRET = "s3cr3tValueOfAKey"


class Memory(KeyringBackend):
    """A keyring that keeps its entries in memory; ``is_locked`` makes it refuse."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}
        self.is_locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.is_locked:
            raise KeyringLocked("the collection is locked")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.is_locked:
            raise KeyringLocked("the collection is locked")
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("not there")


@pytest.fixture(autouse=True)
def ring(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Memory]:
    monkeypatch.delenv(NAME, raising=False)
    before = keyring.get_keyring()
    memory = Memory()
    keyring.set_keyring(memory)
    yield memory
    keyring.set_keyring(before)


def run(*words: str, stdin: str = "", profile: str | None = None) -> Result:
    return CliRunner().invoke(app, list(words), input=stdin, obj=CliState(profile=profile))


def examined() -> str:
    one = typer.Typer()
    one.command("doctor")(doctor)
    return CliRunner().invoke(one, [], obj=CliState()).stdout


def test_a_key_from_stdin_is_kept_and_found_and_forgotten(ring: Memory) -> None:
    kept = run("set", NAME, stdin=f"{SECRET}\n")
    assert kept.exit_code == 0
    assert ring.kept == {("hybrid-tui", NAME): SECRET}
    assert find_keys([NAME, "OTHER"], {}) == {NAME: SECRET}
    assert run("forget", NAME.lower()).exit_code == 0
    assert ring.kept == {}
    assert run("forget", NAME).exit_code == 1


def test_the_environment_comes_first(ring: Memory) -> None:
    ring.kept["hybrid-tui", NAME] = SECRET
    secret = find_key(NAME, {NAME: "other"})
    assert secret is not None
    assert (secret.value, secret.origin) == ("other", "environment")
    ring.is_locked = True
    assert find_key(NAME, {NAME: "other"}) == secret


def test_a_profile_has_its_own_key_before_the_common_one(ring: Memory) -> None:
    run("set", NAME, stdin=SECRET)
    run("set", NAME, stdin="ofLive", profile="live")
    assert find_keys([NAME], {}, "live") == {NAME: "ofLive"}
    assert find_keys([NAME], {}, "else") == find_keys([NAME], {}) == {NAME: SECRET}
    assert run("forget", NAME, profile="live").exit_code == 0
    assert find_keys([NAME], {}, "live") == {NAME: SECRET}


def test_doctor_says_where_from_and_never_what(
    ring: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert f"{NAME} is not set" in examined()
    ring.kept["hybrid-tui", NAME] = SECRET
    assert f"{NAME} is set, in the keyring" in examined()
    monkeypatch.setenv(NAME, SECRET)
    told = examined()
    assert f"{NAME} is set, in the environment" in told
    assert SECRET not in told
    monkeypatch.delenv(NAME)
    ring.is_locked = True
    assert "the keyring cannot be read" in examined()


def test_no_message_and_no_object_shows_a_secret(ring: Memory) -> None:
    ring.kept["hybrid-tui", NAME] = SECRET
    assert SECRET not in repr(find_key(NAME, {}))
    given = run("set", NAME, SECRET)
    assert isinstance(given.exception, ConfigError)
    for result in (given, run("set", NAME, stdin=f"{SECRET} {SECRET}"), run("set", NAME, stdin="")):
        assert isinstance(result.exception, ConfigError)
        assert SECRET not in f"{result.output}{result.exception.render()}"


@pytest.mark.parametrize("backend", [null.Keyring, fail.Keyring])
def test_without_a_keyring_keys_come_from_the_environment_alone(
    backend: type[KeyringBackend],
) -> None:
    keyring.set_keyring(backend())
    assert find_key(NAME, {}) is None
    result = run("set", NAME, stdin=SECRET)
    assert isinstance(result.exception, ConfigError)
    assert "in the environment" in result.exception.render()
    assert run("forget", NAME).exit_code == 1


def test_a_locked_keyring_is_told(ring: Memory) -> None:
    ring.is_locked = True
    for result in (run("set", NAME, stdin=SECRET), run("forget", NAME)):
        assert isinstance(result.exception, ConfigError)
        assert "locked" in result.exception.render()
    with pytest.raises(ConfigError, match="cannot be read"):
        find_key(NAME, {})


def test_names_are_those_of_this_program() -> None:
    result = run("set", "APCA_API_SECRET", stdin=SECRET)
    assert isinstance(result.exception, ConfigError)
    assert f"did you mean {NAME}" in result.exception.render()


def test_the_command_ends_with_2_where_nothing_is_kept(home: Path) -> None:
    done = hybrid_tui(home, "keys", "set", NAME, stdin=SECRET)
    assert done.returncode == 2
    assert SECRET not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
