"""Requests that act with the rights of somebody else than the credential's holder, by a header field or parameter.

Sources: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation,
https://docs.gitlab.com/api/rest/authentication/#sudo, https://docs.stripe.com/connect/authentication.
"""

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

from firewall.classify.draft import Draft
from firewall.core.effect import Effect

_PREFIX = "impersonate-"
_SUDO = "sudo"
_ACCOUNTS = ("stripe-account", "stripe-context")
"""Name another account; reading there is what such credentials are for."""
_MILD = frozenset({Effect.READ})


def mark_acting(drafts: Iterable[Draft], headers: Mapping[str, str], query: str, *, span: tuple[int, int]) -> None:
    """Add PRIVILEGE to what is asked for with another's rights; `headers` by lower-case name."""
    as_whom = next((name for name in headers if name.startswith(_PREFIX) or name == _SUDO), "")
    if not as_whom and ("%" in query or _SUDO in query.lower()):
        as_whom = next((name for name, _ in parse_qsl(query) if name.lower() == _SUDO), "")
    account = next((name for name in _ACCOUNTS if name in headers), "")
    if not as_whom and not account:
        return
    for draft in drafts:
        if as_whom or not draft.effects <= _MILD:
            said = f"acts as somebody else (`{as_whom}`)" if as_whom else f"acts for another account (`{account}`)"
            draft.effects.add(Effect.PRIVILEGE)
            draft.summary = f"{draft.summary}; {said}" if draft.summary else said
            draft.point(span, said)
