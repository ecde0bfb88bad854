"""What the words of an operation and its description say, for vendors that publish no access levels.

1. The verb decides first (`delete`, `destroy`, `purge`, `wipe`, `release` of an address: destructive; `stop`,
   `restart`, `cancel`, `pause`, `suspend`: disruptive; `get`, `list`, `search`, `preview`, `validate`: read).
   `remove`, `unstar`, `unfollow`, `dismiss`, `close`, `unlock`, `revoke`, `disable` are undone by their
   counterpart on the same interface: write, or privilege.
2. Nouns of rights (members, roles, keys, tokens, branch protection, rulesets, allow lists) make a change privilege,
   beside destructive where the verb deletes.
3. A new token, key pair or set of recovery codes is shown by the answer: secret beside privilege.
Whatever these get wrong stands in overrides/*.toml, checked by hand.
"""

import re
from collections.abc import Iterable, Sequence

_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
DELETE = frozenset(
    {"delete", "destroy", "purge", "wipe", "erase", "drop", "truncate", "terminate", "empty", "deletes"}
)
STOP = frozenset(
    {
        "stop", "restart", "reboot", "cancel", "pause", "suspend", "kill", "abort", "shutdown", "drain", "evict",
        "failover", "interrupt", "poweroff", "sleep", "scaledown", "halt", "deactivate",
    }
)  # fmt: skip
READ = frozenset(
    {
        "get", "list", "search", "read", "find", "lookup", "query", "preview", "validate", "check", "describe",
        "show", "count", "fetch", "estimate", "render", "export", "download", "inspect", "compare", "retrieve",
        "view", "explain", "simulate", "exists",
    }
)  # fmt: skip
RIGHTS = re.compile(
    r"\b(?:permissions?|memberships?|members?|collaborators?|protection|protected|roles?|rulesets?|tokens?|ssh|gpg|deploy key|"
    r"public key|signing key|access key|api keys?|keys|invitations?|invitees?|invite|allow ?list|passwords?|credentials?|"
    r"two factor|2fa|passkeys?|identity provider|identities|saml|sso|oidc|oauth|grants?|security manager|acl|acls|"
    r"firewalls?|trusted|access|ownership|transfer|users can|migrator|wire ?guard|one time password|recovery codes?|"
    r"users?|administrators?|admins?|installation repositories|bypass|service accounts?|trust)\b",
    re.IGNORECASE,
)
FRESH = re.compile(
    r"\b(?:access token|api token|token|api key|access key|recovery codes|jitconfig|registration token|key pair|"
    r"credentials)\b",
    re.IGNORECASE,
)


def words_of(name: str) -> list[str]:
    """Split `deleteProjectV2Item`, `repos/delete-deploy-key`, `databases_update_user` into lower-case words."""
    return [word.lower() for word in _CAMEL.findall(name)]


def derive(verb: str, words: Sequence[str], *, rights: bool, mutation: bool = True) -> str:
    """Return effect letters for an operation by its verb and whether it is about rights."""
    if not mutation or verb in READ:
        return "r"
    found: set[str] = set()
    if verb in DELETE:
        found.add("d")
    elif verb in STOP and not rights:
        return "i"
    if rights:
        found.add("p")
        if verb in ("create", "generate", "regenerate", "reset", "rotate", "mint") and FRESH.search(
            " ".join(words)
        ):
            found.add("s")
    return "".join(sorted(found)) or "w"


def first_verb(words: Iterable[str], known: frozenset[str]) -> str:
    """Return the first word that is a verb, else the first word."""
    listed = list(words)
    return next((word for word in listed if word in known), listed[0] if listed else "")
