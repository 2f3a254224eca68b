"""The error tree: what happened, where, and what to do about it."""

from __future__ import annotations


class HybridError(Exception):
    """An error that a person is meant to read: a message, and a hint of what to do."""

    exit_code = 2

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def render(self) -> str:
        """Return the one rendering that the command line and the screen share."""
        return f"{self.message} ({self.hint})" if self.hint else self.message


class ConfigError(HybridError):
    """A configuration file, key, option or path is not usable."""


class DataError(HybridError):
    """Input data cannot be what it claims to be."""


class ModelError(HybridError):
    """A model file is missing, damaged or not what its manifest says."""


class LookAheadError(HybridError):
    """Something asked for data that was not known at the instant of the view."""


class Refused(HybridError):
    """A command was understood and refused: the answer is no."""

    exit_code = 1


class Retryable(HybridError):
    """An outside service failed in a way that may pass."""

    exit_code = 3


class Fatal(HybridError):
    """An outside service failed in a way that only a person can mend."""

    exit_code = 3


class Interrupted(HybridError):
    """The person stopped the work; the message says how far it had come."""

    exit_code = 130
