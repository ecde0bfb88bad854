"""What the words of an operation's name say: `volumes delete`, `DeleteDBSnapshot`, `volumeBackupDelete`."""

import re
from collections.abc import Sequence

from firewall.classify.catalogue import Words
from firewall.core.effect import Effect

_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def tokens_of(name: str) -> list[str]:
    """Split `delete-db-snapshot`, `volumeDelete`, `apps:destroy`, `delete_all` into lower-case words."""
    return [token.lower() for token in _CAMEL.findall(name[:200])]


def effects_of_names(names: Sequence[str], words: Words) -> set[Effect]:
    """Return the effects that the words of an operation say; empty when no verb is among them.

    A word that removes counts wherever it stands; otherwise the first verb decides, one that is as often a
    thing (`backup get`, `tag list`) only where no other follows.
    """
    tokens = [token for name in names for token in tokens_of(name)]
    everything = set(tokens)
    found: set[Effect] = set()
    verbs = [token for token in tokens if token in words.read or token in words.write]
    verb = next((token for token in verbs if token not in words.things), verbs[0] if verbs else "")
    if everything & words.destructive and not (verb in words.read and tokens and tokens[0] == verb):
        found.add(Effect.DESTRUCTIVE)
    if everything & words.execute and verb not in words.read:
        found.add(Effect.EXEC)
    if everything & words.disruptive and verb not in words.read:
        found.add(Effect.DISRUPTIVE)
    if not found and not verb:
        return set()
    changes = bool(found) or verb in words.write
    if changes and not found:
        found.add(Effect.WRITE)
    if everything & words.privilege and changes:
        found.add(Effect.PRIVILEGE)
    if not changes:
        found.add(Effect.SECRET if everything & words.secret else Effect.READ)
    return found
