"""Changes keys of config.toml and leaves everything else in it as it is, comments included."""

from __future__ import annotations

from pathlib import Path

from hybrid_tui.atomic import written_whole
from hybrid_tui.errors import ConfigError


def set_key(path: Path, key: str, value: object) -> None:
    """Set a dotted key (``ui.theme``) in a configuration file, which is made where it is missing.

    tomlkit keeps comments and order (MIT, by the authors of Poetry, pure Python, 25 ms to import).
    Raises ConfigError where the file cannot be read or written.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError
    from tomlkit.items import Table

    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        document = tomlkit.parse(text)
        *tables, last = key.split(".")
        node: tomlkit.TOMLDocument | Table = document
        for name in tables:
            if name not in node:
                node[name] = tomlkit.table()
            found = node[name]
            if not isinstance(found, Table):
                raise ConfigError(f"{path}: {name!r} is a value, not a table")
            node = found
        node[last] = value
        with written_whole(path) as partial:
            partial.write_text(tomlkit.dumps(document), encoding="utf-8")
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise ConfigError(f"{path}: {error}") from error
