"""Where secrets come from: the environment first, then the system's keyring.

``keyring`` (MIT, kept since 2009, releases every few months) speaks to the keychains of macOS and
Windows and to the Secret Service; it is asked only where the environment lacks a key, because
loading it takes a tenth of a second of CPU time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from hybrid_tui.errors import ConfigError

SERVICE = "hybrid-tui"
NO_KEYRING = "this system has no keyring that can be used: give the key in the environment"

Origin = Literal["environment", "keyring"]


@dataclass(frozen=True, slots=True)
class Secret:
    """A key that was found; its value is not shown where the object is printed."""

    value: str = field(repr=False)
    origin: Origin


def find_key(
    name: str, environment: Mapping[str, str], profile: str | None = None
) -> Secret | None:
    """Return a key from the environment, else from the keyring, the profile's own before the rest.

    Raises ConfigError where there is a keyring and it cannot be read.
    """
    given = environment.get(name)
    if given:
        return Secret(given, "environment")
    import keyring
    from keyring.errors import KeyringError, NoKeyringError

    try:
        for service in dict.fromkeys((_service(profile), SERVICE)):
            kept = keyring.get_password(service, name)
            if kept:
                return Secret(kept, "keyring")
    except NoKeyringError:
        return None
    except KeyringError as error:
        raise ConfigError(
            f"the keyring cannot be read for {name}: {_reason(error)}",
            hint="unlock it, or give the key in the environment",
        ) from error
    return None


def find_keys(
    names: Iterable[str], environment: Mapping[str, str], profile: str | None = None
) -> dict[str, str]:
    """Return the keys that were found by their names; raises ConfigError as ``find_key`` does."""
    found = {name: find_key(name, environment, profile) for name in names}
    return {name: secret.value for name, secret in found.items() if secret is not None}


def keep_key(name: str, value: str, profile: str | None = None) -> None:
    """Put a key into the keyring; raises ConfigError where there is none or it refuses."""
    import keyring
    from keyring.errors import KeyringError

    try:
        keyring.set_password(_service(profile), name, value)
        kept = keyring.get_password(_service(profile), name)
    except KeyringError as error:
        raise ConfigError(f"{name} was not kept: {_reason(error)}", hint=NO_KEYRING) from error
    if kept != value:
        # As the null backend does: it takes everything and keeps nothing.
        raise ConfigError(f"{name} was not kept: the keyring forgets", hint=NO_KEYRING)


def forget_key(name: str, profile: str | None = None) -> bool:
    """Remove a key from the keyring and return whether it was there; raises ConfigError."""
    import keyring
    from keyring.errors import KeyringError, NoKeyringError

    try:
        if keyring.get_password(_service(profile), name) is None:
            return False
        keyring.delete_password(_service(profile), name)
    except NoKeyringError:
        return False
    except KeyringError as error:
        raise ConfigError(
            f"{name} was not forgotten: {_reason(error)}", hint="unlock the keyring"
        ) from error
    return True


def _service(profile: str | None) -> str:
    return f"{SERVICE}/{profile}" if profile else SERVICE


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
