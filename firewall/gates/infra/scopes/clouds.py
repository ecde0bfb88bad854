"""DigitalOcean, Cloudflare and Vercel."""

from firewall.gates.infra.scopes.asking import Asker, Reply
from firewall.gates.infra.scopes.telling import Scope, broad, narrow, refused, silent, unclear

_SCOPED = "mint one with the scopes that are needed"


async def digitalocean(asker: Asker) -> list[Scope]:
    """A token with custom scopes is refused where it has none; a full one reads everything.

    DigitalOcean does not tell scopes: three unrelated kinds of things are read, which few purposes need together.
    """
    replies = [
        await asker.ask("GET", path, query="per_page=1")
        for path in ("/v2/account", "/v2/account/keys", "/v2/droplets")
    ]
    if any(reply.is_refused for reply in replies):
        return [refused(401)]
    if all(reply.status == 200 for reply in replies):
        return [
            broad("it reads the account, its SSH keys and its droplets, as a token with full access does", _SCOPED)
        ]
    if any(reply.status == 403 for reply in replies):
        return [narrow("a token with custom scopes")]
    return [silent(replies[0].status)]


async def cloudflare(asker: Asker) -> list[Scope]:
    """An API token verifies itself; a global key is known by its header; zones show how far it reaches."""
    if asker.target.header == "x-auth-key":
        return [broad("the global API key: everything that its user may do", "use an API token")]
    reply = await asker.ask("GET", "/client/v4/user/tokens/verify")
    if reply.status in (400, 401) or (reply.status == 403 and reply.at("success") is False):
        # Tokens that an account owns verify elsewhere, so a refusal here is no proof.
        return [unclear("it is no token of a user, or no valid one: Cloudflare does not tell which")]
    if reply.status != 200:
        return [silent(reply.status)]
    said: list[Scope] = []
    if reply.at("result", "status") != "active":
        said.append(unclear("the token is not active"))
    if not reply.at("result", "expires_on"):
        said.append(unclear("the token never expires", "mint one with an expiry"))
    minting = await asker.ask("GET", "/client/v4/user/tokens", query="per_page=5")
    if minting.status == 200:
        said.append(broad("it reads API tokens, and may mint others where it may write them", _SCOPED))
    zones = await asker.ask("GET", "/client/v4/zones", query="per_page=5")
    count = zones.count("result") if zones.status == 200 else 0
    if count > 1:
        said.append(
            unclear(f"it reaches {count} zones or more", "limit its zone resources to the one that is needed")
        )
    return said or [narrow("an API token for at most one zone")]


async def vercel(asker: Asker) -> list[Scope]:
    """A token tells its scopes: a user's, a team's, or a project's."""
    reply = await asker.ask("GET", "/v5/user/tokens/current")
    if reply.is_refused or reply.status == 403:
        return [refused(reply.status)] if reply.is_refused else [silent(403)]
    kinds = _kinds(reply)
    if reply.status != 200 or not kinds:
        return [silent(reply.status)]
    said: list[Scope] = []
    if "user" in kinds:
        said.append(broad("a token for the full account, all of its teams included", "scope it to one project"))
    elif "team" in kinds:
        said.append(unclear("a token for a whole team", "scope it to one project"))
    else:
        said.append(narrow("a token for less than a team"))
    if not reply.at("token", "expiresAt"):
        said.append(unclear("the token never expires", "mint one with an expiry"))
    return said


def _kinds(reply: Reply) -> set[str]:
    scopes = reply.at("token", "scopes")
    return {str(one.get("type")) for one in scopes if isinstance(one, dict)} if isinstance(scopes, list) else set()
