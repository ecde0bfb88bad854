"""Recovery points: what brings data back. An action that deletes or ends one is about a `backup:`, of any kind.

policies/recovery.toml says by which operations, addresses and words that is seen; policy rows then speak of
`backup:*` for every provider, program, server and cluster alike.

INVARIANT: marking only ever makes an action stricter: effects stay, and nothing that was a `backup:` ceases to be.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from firewall.classify.reader import Reader
from firewall.core.action import Action
from firewall.core.effect import Effect
from firewall.core.errors import ConfigError

FILE = "recovery.toml"
KIND = "backup"
_MOST_CHARS = 500
"""Of each text that is searched: an agent writes part of them."""
_ENDING = frozenset({Effect.DESTRUCTIVE})
_PLAIN = frozenset({"url", "backup", "program", "unknown"})
"""Kinds of resources that say nothing beside what follows."""


@dataclass(frozen=True, slots=True)
class RecoveryRule:
    """One way to see it; every pattern that is given must be found."""

    operation: "re.Pattern[str] | None"
    but: "re.Pattern[str] | None"
    """An operation in which this is found is another thing (restoring is no deleting)."""
    resource: "re.Pattern[str] | None"
    said: "re.Pattern[str] | None"
    """Of the sentence that the catalogues give."""

    def fits(self, action: Action) -> bool:
        """Tell whether an action ends what brings data back."""
        operation = action.operation[:_MOST_CHARS]
        if self.but is not None and self.but.search(operation):
            return False
        searched = (
            (self.operation, operation),
            (self.resource, action.resource[:_MOST_CHARS]),
            (self.said, action.summary[:_MOST_CHARS]),
        )
        return all(pattern is None or pattern.search(text) is not None for pattern, text in searched)


def read_recovery(table: Reader) -> tuple[RecoveryRule, ...]:
    """Compile recovery.toml.

    Raises: ConfigError naming the row.
    """
    found = tuple(_rule(row) for row in table.rows("recovery"))
    table.finish()
    return found


def _rule(row: Reader) -> RecoveryRule:
    rule = RecoveryRule(*(_pattern(row, key) for key in ("operation", "but", "resource", "said")))
    row.finish()
    if rule.operation is None and rule.resource is None and rule.said is None:
        raise ConfigError(f"{row.where} needs `operation`, `resource` or `said`")
    return rule


def _pattern(row: Reader, key: str) -> "re.Pattern[str] | None":
    text = row.string(key)
    try:
        return re.compile(text) if text else None
    except re.error as error:
        raise row.wrong(key, "a pattern that compiles") from error


def with_recovery(actions: Sequence[Action], rules: Sequence[RecoveryRule]) -> tuple[Action, ...]:
    """Return actions, those that end a recovery point with the resource `backup:PROVIDER/…`."""
    return tuple(_marked(action) if _ends_one(action, rules) else action for action in actions)


def _ends_one(action: Action, rules: Sequence[RecoveryRule]) -> bool:
    if not _ENDING.intersection(action.effects):
        return False
    return any(rule.fits(action) for rule in rules)


def _marked(action: Action) -> Action:
    kind, _, rest = action.resource.partition(":")
    place = rest if kind in _PLAIN else f"{kind}/{rest}"
    return replace(
        action, resource=f"{KIND}:{place or '?'}", attributes={**action.attributes, "recovery_point": True}
    )
