"""GitHub: classic tokens name their scopes in every answer, fine-grained ones and those of apps do not."""

from firewall.gates.infra.scopes.asking import Asker
from firewall.gates.infra.scopes.telling import Scope, broad, narrow, refused, silent, unclear

_CLASSIC = "x-oauth-scopes"
_EXPIRY = "github-authentication-token-expiration"
_BROAD = (
    "repo", "workflow", "delete_repo", "admin:org", "admin:repo_hook", "admin:org_hook", "admin:public_key",
    "admin:gpg_key", "admin:ssh_signing_key", "admin:enterprise", "write:packages", "delete:packages", "write:org",
    "user", "codespace", "project", "site_admin",
)  # fmt: skip
"""Scopes that reach every repository or account setting of their owner."""


async def github(asker: Asker) -> list[Scope]:
    """Return what GitHub tells of a token."""
    reply = await asker.ask("GET", "/user")
    if reply.is_refused:
        return [refused(reply.status)]
    scopes = reply.headers.get(_CLASSIC)
    if scopes is None:
        return _without_scopes(reply.status)
    held = {scope.strip() for scope in scopes.split(",")}
    found = [name for name in _BROAD if name in held]
    said: list[Scope] = []
    if found:
        said.append(
            broad(
                f"a classic token with {', '.join(found)}: every repository of its owner",
                "use a fine-grained token for the repositories that are needed, or a GitHub App",
            )
        )
    else:
        said.append(narrow("a classic token without scopes that write"))
    if _EXPIRY not in reply.headers:
        said.append(unclear("the token never expires", "mint one with an expiry"))
    return said


def _without_scopes(status: int) -> list[Scope]:
    if status == 200:
        return [narrow("a fine-grained token; GitHub does not tell its permissions, look at its page")]
    if status == 403:
        return [narrow("a token of an app or a job, bound to its installation")]
    return [silent(status)]
