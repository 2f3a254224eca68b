"""What a person asks of the running engine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """The base of all commands. ``by`` says who asks: ``person``, ``policy`` or ``cli``."""

    by: str = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approve(Command):
    """Approve symbols of a pending signal; no symbols means all that are still pending."""

    signal_id: str
    symbols: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Veto(Command):
    """Veto symbols of a pending signal; no symbols means all that are still pending."""

    signal_id: str
    symbols: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo(Command):
    """Take back the last decision on a signal, as far as nothing has been bought on it."""

    signal_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TightenStop(Command):
    """Raise the protective stop of a position to ``level`` dollars; it is never lowered."""

    symbol: str
    level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptPosition(Command):
    """Take a position of the account that is not this desk's over: it gets a stop, and exits."""

    symbol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause(Command):
    """Stop entries. Exits go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume(Command):
    """Allow entries again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosePosition(Command):
    """Sell one whole position at the next opportunity."""

    symbol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flatten(Command):
    """Pause entries, cancel open entries and sell everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftLock(Command):
    """Lift a lock by name, and by symbol where it has one."""

    name: str
    symbol: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSession(Command):
    """Have tier 3 hold a session now; ``session`` (HH:MM New York) says which one's question."""

    session: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainNow(Command):
    """Train a new model now, in a process of its own; refused while one is being trained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromoteModel(Command):
    """Make a model the champion: it is asked from the next prediction on."""

    model_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RollBackModel(Command):
    """Make the champion before the last promotion champion again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSpeed(Command):
    """Run the simulated or recorded clock at another speed; 0 is as fast as it goes."""

    speed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop(Command):
    """Stop the engine cleanly. Positions and their stops stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """The engine's answer to a command."""

    ok: bool
    message: str


COMMANDS: dict[str, type[Command]] = {
    kind.__name__: kind
    for kind in (
        Approve,
        Veto,
        Undo,
        TightenStop,
        AdoptPosition,
        Pause,
        Resume,
        ClosePosition,
        Flatten,
        LiftLock,
        RunSession,
        TrainNow,
        PromoteModel,
        RollBackModel,
        SetSpeed,
        Stop,
    )
}
