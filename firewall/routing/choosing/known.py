"""What is known of a model at a provider: what it can do, who approved it, for which data. Pure.

Rows are `[[model]]` tables of `policies/models.toml`; of several that speak of one model each field is taken from
the first that says it. What nobody says is unknown: an unknown ability leaves nobody out, an unknown approval does
where approval is required.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

from firewall.core.grant import matches

CAPABILITIES = frozenset({"tools", "images", "documents", "audio", "schema", "thinking"})
"""What a model can be able to do beside text."""
_CACHED = 4096
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One table of models.toml."""

    provider: str = "*"
    """Glob of the provider's name."""
    name: str
    """Glob of the model's name there."""
    context_window: int | None = None
    """Tokens that it reads and writes together."""
    max_output_tokens: int | None = None
    capabilities: frozenset[str] | None = None
    approved_by: str | None = None
    approved_at: date | None = None
    review_by: date | None = None
    data_classes: tuple[str, ...] | None = None
    """Globs of the labels that a call may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One model at one provider."""

    context_window: int | None = None
    own_window: int | None = None
    """The same as far as models.toml says it."""
    max_output_tokens: int | None = None
    capabilities: frozenset[str] | None = None
    """None: nobody says."""
    approved_by: str = ""
    approved_at: date | None = None
    review_by: date | None = None
    data_classes: tuple[str, ...] | None = None
    """None: any."""


Windows = Callable[[str, str], int | None]
"""Provider and model to the context window that a price list knows."""


@dataclass(slots=True)
class Models:
    """All rows, and what they say together of each model that was asked about."""

    rows: Sequence[Row] = ()
    require_approved: bool = False
    """Only models that somebody approved may answer."""
    windows: Windows | None = None
    _found: dict[tuple[str, str], Known] = field(init=False, default_factory=dict, repr=False)

    def of(self, provider: str, model: str) -> Known:
        """Return what is known of a model."""
        key = (provider, model)
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= _CACHED:
                self._found.clear()
            found = self._found[key] = self._look(provider, model)
        return found

    def _look(self, provider: str, model: str) -> Known:
        rows = [row for row in self.rows if matches(row.provider, provider) and matches(row.name, model)]
        window = own_window = _first(row.context_window for row in rows)
        if window is None and self.windows is not None:
            window = self.windows(provider, model)
        return Known(
            context_window=window,
            own_window=own_window,
            max_output_tokens=_first(row.max_output_tokens for row in rows),
            capabilities=_first(row.capabilities for row in rows),
            approved_by=_first(row.approved_by for row in rows) or "",
            approved_at=_first(row.approved_at for row in rows),
            review_by=_first(row.review_by for row in rows),
            data_classes=_first(row.data_classes for row in rows),
        )


def _first(values: Iterable[_T | None]) -> _T | None:
    return next((value for value in values if value is not None), None)
