"""The configuration: one validated tree; ``config_file.py`` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)
from pydantic_core import PydanticCustomError

from hybrid_tui.config_fields import (
    Conditions,
    Fraction,
    Keys,
    Level,
    Sectors,
    SetName,
    Symbols,
    listed,
    weekly,
)
from hybrid_tui.domain.rulesets import Join, RuleSet, RuleSetError, check_names, read_set
from hybrid_tui.domain.signals import Hybrid, RiskLevel
from hybrid_tui.paths import Paths as Paths

PROTECTIONS = ("cooldown", "stop_guard", "daily_loss", "max_drawdown", "max_entries")
Protection = Literal["cooldown", "stop_guard", "daily_loss", "max_drawdown", "max_entries"]
WATCHLIST = (
    "SPY", "QQQ", "AAPL", "MSFT", "NVDA", "AMZN", "GOOG", "META", "TSLA", "AMD",
    "AVGO", "JPM", "XOM", "UNH", "COST", "NFLX", "CRM", "ORCL", "INTC", "DIS",
)  # fmt: skip


class Section(BaseModel):
    """A table of the configuration: frozen, and closed to unknown keys."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )


class AppConfig(Section):
    """[app]: what the desk runs on."""

    mode: Literal["sim", "recorded", "paper", "live"] = "sim"
    watchlist: Symbols = WATCHLIST
    hybrid: Hybrid = Hybrid.HIERARCHICAL
    tiers: Annotated[tuple[Literal["rules", "ml", "llm"], ...], BeforeValidator(listed)] = (
        "rules",
        "ml",
        "llm",
    )


class BrokerConfig(Section):
    """[broker]: where orders go, and what a simulated fill costs."""

    kind: Literal["paper", "alpaca"] = "paper"
    trading_url: str | None = None
    stream_url: str | None = None
    cash: float = Field(100_000.0, gt=0, le=1e12)
    slippage_bps: float = Field(1.0, ge=0, lt=1000)
    commission: float = Field(0.0, ge=0)
    slippage_model: Literal["fixed", "half_spread"] = "fixed"
    participation: float | None = Field(None, gt=0, le=1)
    collar_bps: float = Field(20.0, ge=0, le=500)
    first_week_position: float = Field(0.05, gt=0, le=1)
    dead_man_hours: float = Field(0.0, ge=0)


class MarketConfig(Section):
    """[market]: where prices and news come from; the defaults follow the mode."""

    provider: Literal["sim", "recorded", "yahoo", "alpaca"] | None = None
    data_url: str | None = None
    stream_url: str | None = None
    feed: Literal["iex", "sip"] = "iex"


class SimConfig(Section):
    """[sim]: the simulated market."""

    seed: int = Field(7, ge=0)
    edge_bps: float | None = Field(None, ge=0)
    speed: float = Field(60.0, ge=0)


class LlmConfig(Section):
    """[llm]: the strategist and what it may cost."""

    provider: Literal["local", "openai"] = "local"
    base_url: str | None = None
    model: str = "gpt-6-luna"
    api_key_env: str = "OPENAI_API_KEY"
    monthly_cap_usd: float = Field(1.50, ge=0)
    event_cap_usd: float = Field(0.30, ge=0)
    session_cap_usd: float = Field(0.10, ge=0)
    cheaper_model: str | None = None
    max_output_tokens: int = Field(4_000, ge=200, le=100_000)
    sessions: Annotated[tuple[time, ...], BeforeValidator(listed)] = (
        time(10, 0),
        time(12, 0),
        time(15, 0),
        time(15, 30),
    )
    language: str = "en"
    price_in: float | None = Field(None, ge=0)
    price_out: float | None = Field(None, ge=0)
    training_cutoff: date | None = None
    event_sessions: bool = False
    event_minutes: float = Field(30, ge=0)
    events_a_day: int = Field(2, ge=0)


class EventsConfig(Section):
    """[events]: which moves are unusual (0: that kind is off), and which of them tier 3 may see."""

    watch: bool = True
    move_sigma: float = Field(6.0, ge=0)
    gap_sigma: float = Field(1.5, ge=0)
    volume_times: float = Field(10.0, ge=0)
    quiet_minutes: float = Field(30.0, ge=0)
    ask_tier3: Annotated[
        tuple[Literal["move", "gap", "volume", "halt"], ...], BeforeValidator(listed)
    ] = ("move", "gap", "halt")


class ApprovalConfig(Section):
    """[approval]: who decides on the focus list."""

    policy: Literal["ask", "auto"] = "ask"


class SetConfig(Section):
    """[rules.sets.NAME]: conditions of which all, any or none must hold."""

    model_config = ConfigDict(serialize_by_alias=True)

    all: Conditions = ()
    any: Conditions = ()
    none: Conditions = Field((), alias="not")

    def texts(self, join: Join) -> tuple[str, ...]:
        """Return the conditions, and names of sets, under ``all``, ``any`` or ``not``."""
        return {"all": self.all, "any": self.any, "not": self.none}[join]


class RulesConfig(Section):
    """[rules]: technical confirmation and decided exits."""

    entry: str = "rsi_macd"
    exit: str | None = None
    sets: dict[SetName, SetConfig] = Field(default_factory=dict, max_length=50)
    rsi_period: int = Field(14, ge=2, le=500)
    rsi_below: float = Field(35.0, ge=0, le=100)
    rsi_lookback: int = Field(10, ge=1, le=500)
    rsi_exit: float = Field(70.0, ge=0, le=100)
    exit_probability: Fraction = 0.40
    min_buy_probability: Fraction | Literal["auto"] = 0.70
    min_confidence: Fraction = 0.70
    max_quote_age_s: float = Field(30.0, gt=0)
    overnight_minutes: int = Field(15, ge=0, le=390)

    def rule_set(self, name: str, asked_by: str = "entry") -> RuleSet:
        """Return a named rule set, built in or configured; raises RuleSetError."""
        return read_set(name, self.sets, dict(self), asked_by)

    @model_validator(mode="after")
    def _sets_can_be_read(self) -> RulesConfig:
        try:
            check_names(self.sets)
            for name in self.sets:
                self.rule_set(name, f"sets.{name}")
            self.rule_set(self.entry, "entry")
            if self.exit is not None:
                self.rule_set(self.exit, "exit")
        except RuleSetError as error:
            context = {"key": f"rules.{error.key}", "said": error.message, "hint": error.hint}
            raise PydanticCustomError("rule_set", "{said}", context) from error
        return self


class LevelsConfig(Section):
    """[risk.levels]: hard stop, trailing stop and size factor of each risk level."""

    conservative: Level = (0.07, 0.04, 0.5)
    moderate: Level = (0.10, 0.05, 1.0)
    aggressive: Level = (0.10, 0.07, 1.25)

    def of(self, level: RiskLevel) -> tuple[float, float, float]:
        """Return (hard, trail, size) of a level."""
        found: tuple[float, float, float] = getattr(self, level.value)
        return found


class RiskConfig(Section):
    """[risk]: stops, sizes and protections."""

    levels: LevelsConfig = LevelsConfig()
    max_position: float = Field(0.20, gt=0, le=1)
    min_position: Fraction = 0.01
    max_gross: float = Field(1.0, gt=0, le=1)
    protections: Annotated[tuple[Protection, ...], BeforeValidator(listed)] = (
        "cooldown",
        "stop_guard",
        "daily_loss",
    )
    cooldown_minutes: float = Field(30, ge=0, le=100_000)
    stop_guard_count: int = Field(3, ge=1)
    stop_guard_minutes: float = Field(60, gt=0, le=1_440)
    daily_loss: float = Field(0.03, gt=0, lt=1)
    max_drawdown: float = Field(0.15, gt=0, lt=1)
    max_entries: int = Field(20, ge=1)
    loss_budget: float = Field(0.0, ge=0, lt=1)
    max_sector: Fraction = 0.0
    flatten_at_daily_loss: float = Field(0.0, ge=0, lt=1)


class MlConfig(Section):
    """[ml]: the ensemble, and when a new one is trained (New York; by default live only)."""

    model: str = "champion"
    max_age_days: float = Field(14, gt=0)
    interval_minutes: int = Field(5, ge=1, le=120)
    retrain: Literal["off", "weekly"] | None = None
    retrain_at: Annotated[str, AfterValidator(weekly)] = "Sat 06:00"
    shadow_days: int = Field(5, ge=1, le=20)


class UiConfig(Section):
    """[ui]: how the screen looks and sounds."""

    theme: Literal["dark", "light", "colour-blind", "high-contrast"] = "dark"
    up_is_red: bool = False
    bell: bool = False


class NotifyConfig(Section):
    """[notify]: what a person who is away is told, and where (addresses hold secrets)."""

    urls: Annotated[tuple[SecretStr, ...], BeforeValidator(listed)] = ()
    on: Annotated[
        tuple[Literal["fill", "stop", "veto_needed", "failure"], ...], BeforeValidator(listed)
    ] = ("fill", "stop", "veto_needed", "failure")


class Config(Section):
    """The whole configuration; ``keys`` gives bindings of the screen, by their ids, other keys."""

    app: AppConfig = AppConfig()
    broker: BrokerConfig = BrokerConfig()
    market: MarketConfig = MarketConfig()
    sim: SimConfig = SimConfig()
    llm: LlmConfig = LlmConfig()
    approval: ApprovalConfig = ApprovalConfig()
    rules: RulesConfig = RulesConfig()
    risk: RiskConfig = RiskConfig()
    ml: MlConfig = MlConfig()
    events: EventsConfig = EventsConfig()
    sectors: Sectors = {}
    ui: UiConfig = UiConfig()
    notify: NotifyConfig = NotifyConfig()
    keys: Keys = {}

    @model_validator(mode="after")
    def _sector_cap_has_sectors(self) -> Config:
        if self.risk.max_sector and not self.sectors:
            raise ValueError(
                "risk.max_sector needs [sectors]: NVDA = 'semiconductors', or"
                " semiconductors = ['NVDA', 'AMD']"
            )
        return self

    @model_validator(mode="after")
    def _mode_and_broker_agree(self) -> Config:
        if self.app.mode in ("sim", "recorded") and self.broker.kind == "alpaca":
            raise ValueError(
                f"app.mode {self.app.mode!r} trades on the paper broker; broker.kind 'alpaca' needs"
                " app.mode 'paper' or 'live'"
            )
        return self

    @model_validator(mode="after")
    def _rules_are_on(self) -> Config:
        if "rules" not in self.app.tiers:
            raise ValueError("app.tiers needs 'rules': nothing else can trade or protect")
        return self

    def figures(self) -> dict[str, Any]:
        """Return what a result depends on, as dotted key to JSON value: not how it is shown."""
        return {
            key: value
            for key, value in self.flat().items()
            if key.partition(".")[0] not in ("ui", "keys", "notify")
        }

    def flat(self) -> dict[str, Any]:
        """Return every effective figure as dotted key to JSON value."""
        flat: dict[str, Any] = {}

        def walk(prefix: str, tree: Mapping[str, Any]) -> None:
            for key, value in tree.items():
                if isinstance(value, Mapping):
                    walk(f"{prefix}{key}.", value)
                else:
                    flat[prefix + key] = value

        walk("", self.model_dump(mode="json"))
        return flat
