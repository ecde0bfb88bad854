"""`[[budget]]` and `[[rate]]`: what calls may cost, and how many there may be (DESIGN 6.2, docs/spend.md)."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from firewall.core.budget import Scope, Window
from firewall.settings.values import Section

Micros = Annotated[int, Field(ge=0, le=10**15)]
PerMinute = Annotated[int, Field(ge=0, le=60_000_000)]


class Budget(Section):
    """What each holder of a scope may spend in a window."""

    scope: Scope
    """Whose: `token`, `session`, `owner`, `team`, `feature`, `user_tier`, `route`, `model` or `provider`."""
    window: Literal[Window.DAY, Window.MONTH]
    """`day` or `month`, in UTC."""
    holders: str = Field(default="*", min_length=1, max_length=200)
    """Glob of the holders' names, e.g. one team; `-` is who names none."""
    soft_micros: Micros = 0
    """Above this people are told, in micro-USD; 0: never."""
    hard_micros: Micros = 0
    """Above this calls are refused, in micro-USD; 0: never."""

    @model_validator(mode="after")
    def _says_something(self) -> "Budget":
        if not (self.soft_micros or self.hard_micros):
            raise ValueError("limits nothing: give it `hard_micros` or `soft_micros`")
        if self.soft_micros and self.hard_micros and self.soft_micros >= self.hard_micros:
            raise ValueError("`soft_micros` must be less than `hard_micros`")
        return self


class Rate(Section):
    """How much each holder of a scope may ask in a minute."""

    scope: Literal[Scope.TOKEN, Scope.OWNER, Scope.TEAM, Scope.MODEL, Scope.PROVIDER]
    """Whose: `token`, `owner`, `team`, `model`, `provider`."""
    holders: str = Field(default="*", min_length=1, max_length=200)
    """Glob of the holders' names."""
    requests_per_minute: PerMinute = 0
    """0: any number."""
    tokens_per_minute: PerMinute = 0
    """0: any number."""

    @model_validator(mode="after")
    def _says_something(self) -> "Rate":
        if not (self.requests_per_minute or self.tokens_per_minute):
            raise ValueError("limits nothing: give it `requests_per_minute` or `tokens_per_minute`")
        return self


class SpendSettings(Section):
    """How money is held."""

    slice_output_tokens: int = Field(default=0, ge=0, le=1_000_000)
    """Of a stream's output, how much is held at a time; 0: all that it may be, which no provider can pass."""
    keep_days: int = Field(default=400, ge=32, le=4000)
    """How long the ledger keeps a line for each call."""
