"""Where a running engine listens, and who holds the profile: a lock and a 0600 file."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from hybrid_tui.config import Paths
from hybrid_tui.errors import ConfigError, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A loopback port, and the token that opens it."""

    pid: int
    port: int
    token: str
    mode: str


def new_token() -> str:
    """Return a token that cannot be guessed."""
    return secrets.token_urlsafe(32)


def publish(path: Path, endpoint: Endpoint) -> None:
    """Write the endpoint so that only this user can read it."""
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(endpoint), file)
    partial.replace(path)


def withdraw(path: Path) -> None:
    """Remove the endpoint's file."""
    path.unlink(missing_ok=True)


def read_endpoint(path: Path) -> Endpoint | None:
    """Return the endpoint that a file names, or None without a readable one."""
    try:
        fields = json.loads(path.read_text())
        return Endpoint(
            pid=int(fields["pid"]),
            port=int(fields["port"]),
            token=str(fields["token"]),
            mode=str(fields["mode"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


class ProfileLock:
    """One engine a profile: held while the process lives, released by the system if it dies."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        # Not 0: whoever asks whether an engine runs holds the lock for a moment.
        self._lock = FileLock(paths.lock, timeout=0.5)

    def acquire(self) -> None:
        """Take the lock; raises Refused naming the holder, or ConfigError where it cannot be."""
        try:
            self._paths.lock.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        except Timeout as error:
            holder = read_endpoint(self._paths.engine)
            who = f"process {holder.pid} ({holder.mode})" if holder else "another process"
            raise Refused(
                f"an engine runs for this profile already: {who}",
                hint="hybrid-tui attaches to it; --profile NAME starts a separate one",
            ) from error
        except OSError as error:
            raise ConfigError(
                f"{self._paths.lock}: cannot be written: {error.strerror or error}",
                hint="check the folder's permissions, or set HYBRID_TUI_HOME",
            ) from error

    def release(self) -> None:
        """Give the lock back."""
        self._lock.release()


def is_held(paths: Paths) -> bool:
    """Whether an engine holds the profile's lock."""
    if not paths.lock.exists():
        return False
    lock = FileLock(paths.lock, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False
