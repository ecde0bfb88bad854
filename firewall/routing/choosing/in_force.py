"""The routes in force: `[[route]]` and models.toml as one table, swapped as a whole and only for a good one.

INVARIANT: the bytes that are hashed are the bytes that are compiled.
"""

import hashlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from firewall.core.errors import ConfigError
from firewall.policy.defaults import shipped
from firewall.routing.call import Candidate
from firewall.routing.choosing.compiling import rules_of
from firewall.routing.choosing.modelfile import FILE, read_models
from firewall.routing.choosing.table import Table, table_of
from firewall.routing.providers import Providers
from firewall.settings.load import load_settings
from firewall.settings.settings import Settings
from firewall.spend.overrides import overrides_of
from firewall.spend.prices import Prices, Sold

_MOST_BYTES = 8 << 20


@dataclass(slots=True)
class Routes:
    """The table in force, and the prices that belong to it."""

    providers: Providers
    table: Table
    prices: Prices
    settings: Settings
    """Those that the table was made of; only its routes and models follow a load."""

    def __call__(self) -> Table:
        """Return the table in force."""
        return self.table

    def load(self) -> str:
        """Read stayhand.toml and models.toml again and put them in force; returns the digest.

        Raises: ConfigError with file and key; the last good table stays.
        """
        return self.use(load_settings(self.settings.path))

    def use(self, settings: Settings, *, before: Callable[[], None] = lambda: None) -> str:
        """Put the routes of these settings in force, with models.toml as it lies there now; returns the digest.

        `before` is called when they are known to be good; what it raises leaves the old ones in force.

        Raises: ConfigError as `load`.
        """
        made = routes_of(settings, self.providers)
        before()
        self.table, self.prices, self.settings = made.table, made.prices, settings
        return self.table.digest

    def sold(self, candidate: Candidate) -> Sold:
        """Return what prices know a candidate by."""
        return candidate.sold

    def is_priced(self, candidate: Candidate, at_us: int) -> bool:
        """Tell whether `worst_micros` knows the price."""
        return self.prices.ceiling(candidate.sold, at_us) is not None

    def worst_micros(self, candidate: Candidate, tokens_in: int, tokens_out: int, at_us: int) -> int | None:
        """Return the most that a call may cost, in micro-USD; None where the price is not known."""
        ceiling = self.prices.ceiling(self.sold(candidate), at_us)
        return None if ceiling is None else ceiling.most(tokens_in, tokens_out)


def routes_of(settings: Settings, providers: Providers) -> Routes:
    """Compile the routes of a configuration; with any, the price list is read (half a second): not in the loop.

    Raises: ConfigError naming the file and the key.
    """
    table, data = _model_table(settings)
    prices = Prices(overrides_of(table.get("model", []), FILE))
    sellers = {one.name: (one.endpoint.base_url, one.seller) for one in providers}

    def windows(provider: str, model: str) -> int | None:
        return prices.context_window(Sold(provider, model, *sellers.get(provider, ("", ""))))

    # Without a route nobody is chosen: the price list need not be loaded for it.
    models, constraints = read_models(table, FILE, windows=windows if settings.route else None)
    files = _schema_files(settings)
    schemas = {name: _parsed(name, data_there) for name, data_there in files.items()}
    rules = rules_of(settings.route, providers, settings.path or "stayhand.toml", schemas)
    said = "\n".join(route.model_dump_json() for route in settings.route).encode()
    hashed = hashlib.sha256()
    for part in (said, data, *files.values()):
        hashed.update(len(part).to_bytes(8, "big") + part)
    digest = hashed.hexdigest()
    for rule in rules:
        for candidate in rule.candidates:
            models.of(candidate.provider.name, candidate.model)  # nobody's first call waits for the list
    return Routes(providers, table_of(rules, constraints, models, digest), prices, settings)


def _model_table(settings: Settings) -> tuple[Mapping[str, object], bytes]:
    path = model_file(settings)
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise ConfigError(f"`{path}` is larger than {_MOST_BYTES} bytes", file=str(path))
        return tomllib.loads(data.decode("utf-8")), data
    except OSError as error:
        raise ConfigError(f"cannot read `{path}`", file=str(path), detail=str(error)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"`{path}` is not valid TOML: {str(error)[:200]}", file=str(path)) from error


def _schema_files(settings: Settings) -> dict[str, bytes]:
    """Return the bytes of every schema that checks name, by that name."""
    named = {one.checks.json_schema: "" for one in settings.route if one.checks and one.checks.json_schema}
    found: dict[str, bytes] = {}
    for name in named:
        path = settings.anchored(name)
        try:
            found[name] = path.read_bytes()
        except OSError as error:
            raise ConfigError(f"cannot read `{path}`", file=str(path), detail=str(error)) from error
    return found


def _parsed(name: str, data: bytes) -> object:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"`{name}` is not valid JSON: {error}", file=name) from error


def model_file(settings: Settings) -> Path:
    """Return where models.toml lies; a policies folder made before there was one uses the shipped file."""
    path = settings.policy_dir / FILE
    return path if path.exists() else shipped() / FILE
