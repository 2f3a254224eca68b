"""Where a profile keeps its things."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hybrid_tui.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where a profile keeps its things."""

    config: Path
    journal: Path
    engine: Path
    lock: Path
    logs: Path
    bars: Path
    models: Path
    cache: Path

    @staticmethod
    def of(profile: str | None = None, environment: Mapping[str, str] | None = None) -> Paths:
        """Return the paths under HYBRID_TUI_HOME, or under the user's folders where it is unset."""
        env = os.environ if environment is None else environment
        home = env.get("HYBRID_TUI_HOME")
        if home:
            config_root = data_root = state_root = Path(home).expanduser().absolute()
            if config_root.exists() and not config_root.is_dir():
                raise ConfigError(f"HYBRID_TUI_HOME: {config_root} is not a folder")
            cache_root = config_root / "cache"
        else:
            import platformdirs

            folders = platformdirs.PlatformDirs("hybrid-tui", appauthor=False)
            config_root, data_root = folders.user_config_path, folders.user_data_path
            state_root, cache_root = folders.user_state_path, folders.user_cache_path
        if profile is not None:
            if not profile.replace("-", "").replace("_", "").isalnum():
                raise ConfigError(
                    f"--profile {profile!r} is not a name", hint="use letters, digits, - and _"
                )
            own_config = config_root / "profiles" / profile
            own_data = data_root / "profiles" / profile
            own_state = state_root / "profiles" / profile
        else:
            own_config, own_data, own_state = config_root, data_root, state_root
        return Paths(
            config=own_config / "config.toml",
            journal=own_data / "journal.db",
            engine=own_state / "engine.json",
            lock=own_state / "engine.lock",
            logs=own_state / "logs",
            bars=data_root / "bars",
            models=data_root / "models",
            cache=cache_root,
        )
