"""`policies/models.toml`: what models can do, who approved them, and where calls may go. Pure.

Prices stand in the same `[[model]]` tables and are read elsewhere (`firewall.spend`); a key that neither knows is
refused.
"""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, ValidationError

from firewall.core.complaints import complaints
from firewall.core.errors import ConfigError
from firewall.routing.choosing.compiling import conditions_of
from firewall.routing.choosing.constraints import Constraint
from firewall.routing.choosing.known import Models, Row, Windows
from firewall.settings.routes import Hosting, When, Words
from firewall.settings.values import Section

FILE = "models.toml"
_PRICES = ("_micros_per_million", "_micros_per_thousand", "request_micros", "long_over_tokens", "prices_from")
"""How keys end that are about prices."""
Text = Annotated[str, Field(min_length=1, max_length=200)]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]


class _Model(Section):
    """`[[model]]`, but for its prices."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, strict=True)

    provider: Text = "*"
    name: Text
    context_window: Count | None = None
    max_output_tokens: Count | None = None
    capabilities: Annotated[
        list[Literal["tools", "images", "documents", "audio", "schema", "thinking"]] | None, Field()
    ] = None
    approved_by: Text | None = None
    approved_at: date | None = None
    review_by: date | None = None
    data_classes: list[Text] | None = None


class _Constraint(Section):
    """`[[constraint]]`."""

    name: Text
    when: When = When()
    hosting: tuple[Hosting, ...] = ()
    regions: Words = ()
    providers: Words = ()


def read_models(
    table: Mapping[str, object], file: str = FILE, *, windows: Windows | None = None
) -> tuple[Models, tuple[Constraint, ...]]:
    """Read the file.

    `windows`: what a price list knows of context windows.

    Raises: ConfigError naming the file, the table and the key.
    """
    unknown = set(table) - {"require_approved", "model", "constraint"}
    if unknown:
        raise ConfigError(f"`{min(unknown)}` in `{file}` is no key of ours", file=file)
    require = table.get("require_approved", False)
    if not isinstance(require, bool):
        raise ConfigError(f"`require_approved` in `{file}` must be true or false", file=file)
    rows = [_row(one, place, file) for place, one in enumerate(_tables(table, "model", file), 1)]
    found = [_constraint(one, place, file) for place, one in enumerate(_tables(table, "constraint", file), 1)]
    names = [one.name for one in found]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise ConfigError(f"two constraints in `{file}` are named `{name}`", file=file)
    return Models(tuple(rows), require, windows), tuple(found)


def _tables(table: Mapping[str, object], key: str, file: str) -> list[Mapping[str, object]]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise ConfigError(f"`{key}` in `{file}` is no list of tables", hint=f"write `[[{key}]]`", file=file)
    return found


def _row(table: Mapping[str, object], place: int, file: str) -> Row:
    own = {key: value for key, value in table.items() if not key.endswith(_PRICES)}
    try:
        read = _Model.model_validate(own)
    except ValidationError as error:
        raise _refused(error, f"model {place}", file) from error
    if (read.approved_by is None) != (read.approved_at is None):
        raise ConfigError(f"model {place} in `{file}`: `approved_by` and `approved_at` go together", file=file)
    return Row(
        provider=read.provider,
        name=read.name,
        context_window=read.context_window,
        max_output_tokens=read.max_output_tokens,
        capabilities=None if read.capabilities is None else frozenset(read.capabilities),
        approved_by=read.approved_by,
        approved_at=read.approved_at,
        review_by=read.review_by,
        data_classes=None if read.data_classes is None else tuple(one.lower() for one in read.data_classes),
    )


def _constraint(table: Mapping[str, object], place: int, file: str) -> Constraint:
    try:
        read = _Constraint.model_validate(table)
    except ValidationError as error:
        raise _refused(error, f"constraint {place}", file) from error
    if not (read.hosting or read.regions or read.providers):
        raise ConfigError(
            f"constraint `{read.name}` in `{file}` requires nothing",
            hint="give it `hosting`, `regions` or `providers`",
            file=file,
        )
    return Constraint(
        name=read.name,
        when=conditions_of(read.when, f"constraint `{read.name}`", file),
        hosting=read.hosting,
        regions=read.regions,
        providers=read.providers,
    )


def _refused(error: ValidationError, what: str, file: str) -> ConfigError:
    where, words = complaints(error)[0]
    return ConfigError(f"`{where}` of {what} in `{file}` {words}", file=file)
