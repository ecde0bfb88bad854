"""Finding and reading `stayhand.toml`.

Nested keys can be set from the environment as `STAYHAND_SERVER__LISTEN`. A section that this version cannot
enforce is refused by name instead of being silently ignored.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ValidationError

from firewall.core.complaints import complaints
from firewall.core.errors import ConfigError
from firewall.settings.folders import default_config_dir
from firewall.settings.settings import Settings


def find_settings(given: str | None, environ: Mapping[str, str] = os.environ) -> Path:
    """Find the configuration: as given, `STAYHAND_CONFIG`, `./stayhand.toml`, the user's configuration folder.

    Raises: ConfigError when there is none.
    """
    named = given or environ.get("STAYHAND_CONFIG")
    if named:
        return Path(named).expanduser().absolute()
    for candidate in (Path("stayhand.toml"), default_config_dir(environ) / "stayhand.toml"):
        if candidate.is_file():
            return candidate.absolute()
    raise ConfigError("there is no stayhand.toml", hint="run `stayhand init`, or name one with --config")


def load_settings(given: str | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read and validate the configuration.

    Raises: ConfigError naming the file and the key.
    """
    path = find_settings(given, environ)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read `{path}`", file=str(path), detail=str(error)) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"`{path}` is not valid TOML: {error}", file=str(path)) from error
    return settings_of(text, path, environ)


def settings_of(text: str, path: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Validate the text of a configuration; `path` is where it lies or will lie.

    Raises: ConfigError naming the file and the key.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"`{path}` is not valid TOML: {error}", file=str(path)) from error
    _from_environment(table, environ)
    table["path"] = str(path)
    try:
        return Settings.model_validate(table)
    except ValidationError as error:
        where, what = complaints(error)[0]
        raise ConfigError(f"`{where}` in `{path}` {what}", file=str(path)) from error


def _from_environment(table: dict[str, object], environ: Mapping[str, str]) -> None:
    """Put `STAYHAND_SECTION__KEY` into the table.

    Raises: ConfigError for a section that is none: a setting that is silently ignored protects nobody.
    """
    lists = {"provider", "route", "budget", "rate", "target", "mcp_server", "approver", "notify"}
    sections = set(Settings.model_fields) - lists - {"path"}
    for name, value in sorted(environ.items()):
        section, found, key = name.removeprefix("STAYHAND_").partition("__")
        if not name.startswith("STAYHAND_") or not found:
            continue
        if section.lower() not in sections:
            known = ", ".join(sorted(sections))
            raise ConfigError(f"the variable `{name}` sets nothing", hint=f"sections are {known}")
        target = table.setdefault(section.lower(), {})
        if isinstance(target, dict):
            target[key.lower()] = _value(section.lower(), key.lower(), value)


def _value(section: str, key: str, text: str) -> object:
    """Read an environment value: lists are comma-separated, everything else is text for pydantic to read."""
    model = Settings.model_fields[section].annotation
    field = model.model_fields.get(key) if isinstance(model, type) and issubclass(model, BaseModel) else None
    if field is not None and "tuple" in str(field.annotation):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text
