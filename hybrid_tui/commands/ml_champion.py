"""``hybrid-tui ml promote`` and ``ml rollback``: which model the desk asks, kept in the journal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hybrid_tui.commands.context import CliState, print_json, state_of
from hybrid_tui.commands.ml_data import AsJson, age_words
from hybrid_tui.errors import Refused

if TYPE_CHECKING:
    from hybrid_tui.journal.journal import Journal
    from hybrid_tui.ml.model_files import Market

Reason = Annotated[str, typer.Option(help="why, for the journal")]


def promote(
    context: typer.Context,
    model_id: Annotated[str, typer.Argument(metavar="ID", help="see `ml list`")],
    reason: Reason = "by hand",
    as_json: AsJson = False,
) -> None:
    """Make a model the champion of its market; the desk asks it from its next start on."""
    from hybrid_tui.ml.model_files import find_model, load_model, shipped_models

    state = state_of(context)
    folders = [state.paths.models, shipped_models()]
    # Loaded, not only found: a damaged model is refused here and not by the desk at its start.
    manifest = load_model(find_model(model_id, folders, "real")).manifest
    with _Champions(state) as champions:
        champions.name("promote", manifest.market, manifest.id, reason, as_json)
    if not as_json and (words := age_words(state, manifest)):
        typer.echo(words, err=True)


def rollback(
    context: typer.Context,
    market: Annotated[str, typer.Option(help="real or simulated")] = "real",
    reason: Reason = "by hand",
    as_json: AsJson = False,
) -> None:
    """Take the last promotion back: the champion before it is champion again."""
    from hybrid_tui.errors import ConfigError
    from hybrid_tui.journal.decisions import before_last, decisions

    if market not in ("real", "simulated"):
        raise ConfigError(f"--market {market!r} is not a market", hint="real or simulated")
    chosen: Market = "real" if market == "real" else "simulated"
    with _Champions(state_of(context)) as champions:
        found = before_last(decisions(champions.journal.connection, chosen))
        if found is None:
            raise Refused(f"no promotion for the {chosen} market is left to take back")
        champions.name("rollback", chosen, found, reason, as_json)


def retrain(context: typer.Context, as_json: AsJson = False) -> None:
    """Have the running desk train a new model now; it becomes champion when it has earned it."""
    from hybrid_tui.commands.control import BY, send
    from hybrid_tui.domain.commands import TrainNow

    send(context, TrainNow(by=BY), as_json)


class _Champions:
    """The profile's champions and their journal, held alone: the journal has one writer."""

    journal: Journal

    def __init__(self, state: CliState) -> None:
        from hybrid_tui.engine.endpoint import ProfileLock

        self._state = state
        self._lock = ProfileLock(state.paths)

    def __enter__(self) -> _Champions:
        from hybrid_tui.journal.journal import Journal

        self._lock.acquire()
        try:
            self.journal = Journal(self._state.paths.journal)
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.journal.close()
        finally:
            self._lock.release()

    def name(
        self,
        action: Literal["promote", "rollback"],
        market: Market,
        model_id: str,
        reason: str,
        as_json: bool,
    ) -> None:
        """Write the decision down, then make it so, and tell."""
        from hybrid_tui.journal.decisions import ModelDecision, add_decision
        from hybrid_tui.ml.model_files import CHAMPION, find_model, shipped_models, write_champion

        models = self._state.paths.models
        folders = [models, shipped_models()]
        find_model(model_id, folders, market)
        previous = find_model(CHAMPION, folders, market).name
        if previous == model_id:
            raise Refused(f"{model_id} is the champion of the {market} market already")
        add_decision(
            self.journal.connection,
            ModelDecision(
                at=datetime.now(UTC).replace(microsecond=0),
                market=market,
                action=action,
                model_id=model_id,
                previous=previous,
                reason=reason,
            ),
        )
        models.mkdir(parents=True, exist_ok=True)
        write_champion(models, market, model_id)
        told = {"action": action, "market": market, "champion": model_id, "previous": previous}
        if as_json:
            print_json(told)
        else:
            typer.echo(f"{model_id} is the champion of the {market} market, after {previous}")
