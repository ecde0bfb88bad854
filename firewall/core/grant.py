"""Grants: what a token permits. A child's grant is never wider than its parent's (DESIGN 6.5).

INVARIANT: `narrow(parent, wish)` permits nothing that `parent` does not permit.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from firewall.core.action import LOCAL, UNRESOLVED, Action
from firewall.core.effect import Effect
from firewall.core.errors import FirewallError
from firewall.core.reason import Reason
from firewall.core.target import TargetSpec

MAX_DEPTH = 3


class GrantError(FirewallError):
    """A wish that no grant can fulfil."""

    code = "grant_invalid"
    status = 400


class Verb(StrEnum):
    """What a grant lets an action do; each a bit of its own, none implied by another."""

    READ = "read"
    WRITE = "write"
    DELETE = "delete"
    ADMIN = "admin"
    SECRET = "secret"  # noqa: S105 - the name of a verb
    SEND = "send"
    EXEC = "exec"


ALL_VERBS = frozenset(Verb)

NEEDS: dict[Effect, Verb] = {
    Effect.READ: Verb.READ,
    Effect.WRITE: Verb.WRITE,
    Effect.DISRUPTIVE: Verb.WRITE,
    Effect.EXEC: Verb.EXEC,
    Effect.UNKNOWN: Verb.EXEC,
    Effect.EXFIL: Verb.SEND,
    Effect.SECRET: Verb.SECRET,
    Effect.PRIVILEGE: Verb.ADMIN,
    Effect.DESTRUCTIVE: Verb.DELETE,
}


@dataclass(frozen=True, slots=True)
class Grant:
    """What one token permits. Zero caps mean: nothing of that kind is capped here."""

    environment: str
    """Exactly one; `local` always comes with a workspace."""
    owner: str
    """The human who answers for the agent."""
    agent: str
    """The agent's stable name; with the owner it is the principal."""
    expires_at: datetime
    role: str = "coding-agent"
    workspace: str = ""
    """Canonical absolute path; empty: nothing is local."""
    verbs: frozenset[Verb] = ALL_VERBS
    tools: tuple[str, ...] = ("*",)
    targets: tuple[str, ...] = ("*",)
    resources: tuple[str, ...] = ("*",)
    models: tuple[str, ...] = ("*",)
    money_cap_micros: int = 0
    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    destructive_per_hour: int = 0
    session: str = ""
    parent: str = ""
    """Token id of the parent; empty for a minted token."""
    depth: int = 0
    profile: str = ""
    team: str = ""
    """Whose calls these are: fixed here, no header changes it."""
    tags: tuple[tuple[str, str], ...] = ()
    """Fixed words for calls, sorted by name; `feature` and `user_tier` among them."""


EVERY = ("*",)
"""Globs that match everything."""


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*|\?)", pattern)
    return re.compile("".join({"*": ".*", "?": "."}.get(part, re.escape(part)) for part in parts), re.DOTALL)


def matches(pattern: str, text: str) -> bool:
    """Match a whole text against a glob: `*` any characters, `?` one; everything else is itself."""
    return pattern == "*" or _compiled(pattern).fullmatch(text) is not None


def any_matches(patterns: tuple[str, ...], text: str) -> bool:
    """Tell whether one of the globs matches the whole text."""
    if patterns == EVERY:
        return True
    for pattern in patterns:  # noqa: SIM110  # `any` of a generator costs more than the matches
        if matches(pattern, text):
            return True
    return False


def breach(grant: Grant, action: Action) -> Reason | None:
    """Return why an action lies outside a grant, or None when it lies within.

    An unresolved environment alone is no breach (DESIGN 4); one that is resolved and not the grant's is.
    """
    if action.environment not in (LOCAL, UNRESOLVED, grant.environment):
        return Reason.GRANT_ENVIRONMENT
    for effect in action.effects:
        if NEEDS[effect] not in grant.verbs:
            return Reason.GRANT_VERB
    if action.target and not any_matches(grant.targets, action.target):
        return Reason.GRANT_TARGET
    if not action.target and not any_matches(grant.tools, action.tool):
        return Reason.GRANT_TOOL
    if not any_matches(grant.resources, action.resource):
        return Reason.GRANT_RESOURCE
    return None


def permits_target(grant: Grant, target: TargetSpec) -> bool:
    """Tell whether a grant may know of a target: one of its environment that its globs name."""
    return target.environment == grant.environment and any_matches(grant.targets, target.name)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a narrowing asks for; None leaves the parent's value."""

    agent: str | None = None
    expires_at: datetime | None = None
    workspace: str | None = None
    verbs: frozenset[Verb] | None = None
    tools: tuple[str, ...] | None = None
    targets: tuple[str, ...] | None = None
    resources: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    money_cap_micros: int | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    destructive_per_hour: int | None = None
    session: str | None = None


def narrow(parent: Grant, parent_id: str, wish: Wish) -> Grant:
    """Intersect a parent's grant with a wish.

    Raises: GrantError when the wish is wider than the parent in a way that no intersection expresses (a glob
    that the parent does not cover, a workspace outside the parent's), or the parent is too deep.
    """
    if parent.depth >= MAX_DEPTH:
        raise GrantError(f"a token can be narrowed {MAX_DEPTH} times, this one has been")
    return replace(
        parent,
        agent=f"{parent.agent}/{wish.agent}" if wish.agent else parent.agent,
        expires_at=min(parent.expires_at, wish.expires_at) if wish.expires_at else parent.expires_at,
        workspace=_within(parent.workspace, wish.workspace),
        verbs=parent.verbs & wish.verbs if wish.verbs is not None else parent.verbs,
        tools=_covered("tools", parent.tools, wish.tools),
        targets=_covered("targets", parent.targets, wish.targets),
        resources=_covered("resources", parent.resources, wish.resources),
        models=_covered("models", parent.models, wish.models),
        money_cap_micros=_cap(parent.money_cap_micros, wish.money_cap_micros),
        requests_per_minute=_cap(parent.requests_per_minute, wish.requests_per_minute),
        tokens_per_minute=_cap(parent.tokens_per_minute, wish.tokens_per_minute),
        destructive_per_hour=_cap(parent.destructive_per_hour, wish.destructive_per_hour),
        session=parent.session or wish.session or "",
        parent=parent_id,
        depth=parent.depth + 1,
    )


def _cap(parent: int, wish: int | None) -> int:
    if wish is None or wish <= 0:
        return parent
    return min(parent, wish) if parent else wish


def _within(parent: str, wish: str | None) -> str:
    if wish is None or wish == parent:
        return parent
    if not parent or not wish.startswith(parent.rstrip("/") + "/") or "/../" in f"{wish}/":
        raise GrantError(f"the workspace `{wish}` does not lie under the parent's")
    return wish


def _covered(what: str, parent: tuple[str, ...], wish: tuple[str, ...] | None) -> tuple[str, ...]:
    if wish is None:
        return parent
    for pattern in wish:
        if not any(_covers(wide, pattern) for wide in parent):
            raise GrantError(f"the {what} glob `{pattern}` is wider than the parent's")
    return wish


def _covers(wide: str, narrow_one: str) -> bool:
    """Tell whether `wide` surely matches all that `narrow_one` matches; False where that cannot be shown."""
    if wide in ("*", narrow_one):
        return True
    if "*" in narrow_one or "?" in narrow_one:
        stem = wide.removesuffix("*")
        return wide.endswith("*") and "*" not in stem and "?" not in stem and narrow_one.startswith(stem)
    return matches(wide, narrow_one)
