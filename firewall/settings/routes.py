"""`[[route]]`: which providers may answer which model calls, and in which order (DESIGN 6.2, docs/routing.md)."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from firewall.settings.surviving import RouteSurvival
from firewall.settings.values import Section

Words = tuple[Annotated[str, Field(min_length=1, max_length=200)], ...]
Hosting = Literal["saas", "vpc", "self"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"`{text}` is no name: letters, digits, `.`, `_`, `:` and `-`, at most 64")
    return text


def _hours(text: str) -> str:
    found = _HOURS.fullmatch(text)
    if text and (found is None or (found[3] == "24" and found[4] != "00")):
        raise ValueError(f"`{text}` is no time of the day, write for example `08:00-18:00`")
    return text


class When(Section):
    """What a route asks of a call beside the model's name; all that is said must hold, lists hold globs."""

    feature: Words = ()
    user_tier: Words = ()
    team: Words = ()
    owner: Words = ()
    region: Words = ()
    """Where the call's data belongs, as its token or its tag `region` says."""
    environment: Words = ()
    """Of the token."""
    sensitivity: Words = ()
    """Labels of which the call has one: `credentials`, `personal`, `personal:iban`, or a word of the tag."""
    input_tokens_over: Annotated[int, Field(ge=0)] | None = None
    input_tokens_up_to: Annotated[int, Field(ge=0)] | None = None
    tools: bool | None = None
    """True: the call declares tools; false: it does not."""
    images: bool | None = None
    hours: Annotated[str, AfterValidator(_hours)] = ""
    """`08:00-18:00`; the end is not within it, and may lie on the next day (`22:00-06:00`)."""
    days: tuple[Day, ...] = ()
    timezone: str = "UTC"
    """In which `hours` and `days` are meant, e.g. `Europe/Berlin`."""


class Checks(Section):
    """What an answer must be like; one that is not is never given, and the next of the route is asked."""

    json_schema: str = ""
    """File beside the configuration: the answer's text is JSON that fits it."""
    matches: Annotated[str, Field(max_length=1000)] = ""
    """Regular expression (Rust's: linear time, no look-around) that the text must match somewhere."""
    min_chars: int = Field(default=0, ge=0)
    max_chars: int = Field(default=0, ge=0)
    """0: any length."""
    refusals: bool = False
    """True: an answer that only declines does not pass."""
    judge: Annotated[str, Field(max_length=200)] = ""
    """`provider/model` that is asked whether the answer meets `criterion`; its call is charged as well."""
    criterion: Annotated[str, Field(max_length=2000)] = ""
    none_passes: Literal["error", "last"] = "error"
    """What is given when no answer passes: an error (502 `checks_failed`), or the last answer."""

    @model_validator(mode="after")
    def _asks(self) -> "Checks":
        if bool(self.judge) != bool(self.criterion):
            raise ValueError("`judge` and `criterion` go together")
        asked = (self.json_schema, self.matches, self.min_chars, self.max_chars, self.refusals, self.judge)
        if not any(asked):
            raise ValueError("checks nothing")
        if self.max_chars and self.max_chars < self.min_chars:
            raise ValueError("`max_chars` is less than `min_chars`")
        return self


class Route(RouteSurvival):
    """A rule that picks who answers; the first that fits decides."""

    name: Annotated[str, AfterValidator(_name)]
    models: Words = ()
    """Globs of the names that callers ask for; none: the route's own name."""
    when: When = When()
    chain: Words = ()
    """`provider/model` or another route's name, in order of preference."""
    cascade: Words = ()
    """Instead of `chain`: the cheapest first; the next one is asked when an answer does not pass `checks`."""
    checks: Checks | None = None
    """Held against every answer of `chain` or `cascade` before any of it is given."""
    strategy: Literal["priority", "weighted", "latency", "cost", "least_busy", "complexity"] = "priority"
    """Who of the chain is asked first; the others follow in case it fails."""
    weights: tuple[Annotated[int, Field(ge=0, le=1_000_000)], ...] = ()
    """For `weighted`: one for each member of the chain; 0: only when others fail."""
    levels: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()
    """For `complexity`, whose chain goes from simple to hard: from which grade on the next member comes first."""
    grader: Annotated[str, Field(max_length=200)] = ""
    """For `complexity`: `provider/model` that grades a conversation's first turn; none: its words alone."""
    sticky: bool = True
    """`weighted`: a session, or else a conversation, stays with who was drawn for it."""
    planner: Words = ()
    """A chain for calls marked `x-stayhand-phase: plan`."""
    executor: Words = ()
    """A chain for calls marked `x-stayhand-phase: execute`."""
    hosting: tuple[Hosting, ...] = ()
    """Only providers hosted like this may answer; none: any."""
    regions: Words = ()
    """Only providers of these regions may answer (globs); none: any."""
    mask: tuple[Literal["credentials"], ...] = ()
    """What is hidden in prompts and tool results before they leave; answers are not changed back."""
    max_micros: int = Field(default=0, ge=0)
    """The most that one call may cost at its worst, in micro-USD; 0: anything."""

    @model_validator(mode="after")
    def _reaches_somebody(self) -> "Route":
        if not (self.chain or self.cascade or (self.planner and self.executor)):
            raise ValueError("names nobody who answers: give it a `chain`")
        if self.cascade and (self.chain or self.checks is None):
            raise ValueError("has a `cascade`: give it `checks`, and no `chain` beside it")
        if self.weights and self.strategy != "weighted":
            raise ValueError('has `weights` without `strategy = "weighted"`')
        self._check_levels()
        if self.strategy == "weighted" and (len(self.weights) != len(self.chain) or not sum(self.weights)):
            raise ValueError("needs one weight for each member of `chain`, one of them above 0")
        return self

    def _check_levels(self) -> None:
        if self.strategy != "complexity":
            if self.levels or self.grader:
                raise ValueError('has `levels` or a `grader` without `strategy = "complexity"`')
        elif len(self.levels) != len(self.chain) - 1 or list(self.levels) != sorted(set(self.levels)):
            raise ValueError("needs `levels`: one less than the chain has members, each above the one before")
