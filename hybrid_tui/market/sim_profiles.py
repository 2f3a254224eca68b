"""Who trades on the simulated market, and its dials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from hybrid_tui.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A symbol's nature: dollars, annual volatility, market beta and shares a day."""

    name: str
    sector: str
    price: float
    volatility: float
    beta: float
    daily_volume: float
    is_fund: bool = False


def _stock(
    name: str, sector: str, price: float, volatility: float, beta: float, millions: float
) -> Profile:
    return Profile(
        name=name,
        sector=sector,
        price=price,
        volatility=volatility,
        beta=beta,
        daily_volume=millions * 1e6,
    )


PROFILES: dict[str, Profile] = {
    "AAPL": _stock("Apple", "Technology", 271.0, 0.27, 1.1, 48),
    "AMD": _stock("AMD", "Semiconductors", 214.0, 0.52, 1.7, 38),
    "AMZN": _stock("Amazon", "Consumer", 231.0, 0.32, 1.2, 40),
    "AVGO": _stock("Broadcom", "Semiconductors", 346.0, 0.45, 1.5, 22),
    "COST": _stock("Costco", "Consumer", 862.0, 0.22, 0.8, 2.4),
    "CRM": _stock("Salesforce", "Software", 265.0, 0.36, 1.1, 7.5),
    "DIS": _stock("Disney", "Media", 114.0, 0.28, 0.9, 8.5),
    "GOOG": _stock("Alphabet", "Technology", 314.0, 0.31, 1.1, 21),
    "INTC": _stock("Intel", "Semiconductors", 36.9, 0.55, 1.4, 90),
    "JPM": _stock("JPMorgan Chase", "Financials", 322.0, 0.24, 1.0, 9),
    "META": _stock("Meta", "Technology", 660.0, 0.35, 1.2, 13),
    "MSFT": _stock("Microsoft", "Software", 484.0, 0.24, 1.0, 22),
    "NFLX": _stock("Netflix", "Media", 93.8, 0.34, 1.0, 35),
    "NVDA": _stock("Nvidia", "Semiconductors", 186.5, 0.42, 1.7, 165),
    "ORCL": _stock("Oracle", "Software", 195.0, 0.48, 1.3, 24),
    "QQQ": Profile(
        name="Nasdaq 100",
        sector="Technology",
        price=614.0,
        volatility=0.20,
        beta=1.15,
        daily_volume=55e6,
        is_fund=True,
    ),
    "SPY": Profile(
        name="S&P 500",
        sector="Market",
        price=682.0,
        volatility=0.15,
        beta=1.0,
        daily_volume=75e6,
        is_fund=True,
    ),
    "TSLA": _stock("Tesla", "Consumer", 450.0, 0.56, 1.8, 75),
    "UNH": _stock("UnitedHealth", "Health care", 330.0, 0.33, 0.6, 8),
    "XOM": _stock("Exxon Mobil", "Energy", 120.0, 0.23, 0.7, 16),
}


def profile_of(symbol: str) -> Profile:
    """Return the profile of a symbol; one that is not known has its nature from its letters."""
    if symbol in PROFILES:
        return PROFILES[symbol]
    digest = sha256(symbol.encode()).digest()
    return Profile(
        name=symbol,
        sector="Industrials",
        price=20.0 + 1.2 * digest[0],
        volatility=0.22 + digest[1] / 1000,
        beta=0.7 + digest[2] / 400,
        daily_volume=2e6 + 4e4 * digest[3],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedConfig:
    """The dials of the simulated market.

    ``edge`` is the planted edge: basis points of drift over the ``drift_minutes`` after a headline,
    per unit of its tone, for a symbol of 30 % annual volatility (it scales with volatility); 0
    plants none, and tone then tells nothing. ``swing_bps`` is the standard deviation of the
    mean-reverting swings around fair value, scaled alike, ``dip`` the depth, in such deviations, of
    the weakness into which ``dip_share`` of all headlines fall, whatever their tone.
    """

    seed: int = 7
    symbols: tuple[str, ...] = tuple(PROFILES)
    start_day: date = date(2026, 1, 5)
    edge: float = 75.0
    drift_minutes: int = 60
    swing_bps: float = 22.0
    swing_half_life_minutes: float = 6.0
    dip: float = 2.2
    dip_share: float = 0.6
    headlines_a_day: float = 4.0
    diffusion_share: float = 0.6

    def __post_init__(self) -> None:
        if not self.symbols or len(set(self.symbols)) != len(self.symbols):
            raise ConfigError("the simulated market needs symbols, each once")
        if self.drift_minutes < 1 or self.headlines_a_day < 0 or self.swing_half_life_minutes <= 0:
            raise ConfigError("the simulated market's dials must be positive")


def sectors_of(symbols: Sequence[str]) -> tuple[str, ...]:
    """Return the sectors of some symbols, alphabetically, each once."""
    return tuple(sorted({profile_of(symbol).sector for symbol in symbols}))
