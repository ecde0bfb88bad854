"""Neon and Supabase."""

from firewall.gates.infra.scopes.asking import Asker
from firewall.gates.infra.scopes.telling import Scope, broad, narrow, refused, silent, unclear


async def neon(asker: Asker) -> list[Scope]:
    """A key says whether it is a person's or an organisation's; one for a project sees no second project."""
    reply = await asker.ask("GET", "/api/v2/auth")
    if reply.is_refused:
        return [refused(reply.status)]
    method = reply.at("auth_method")
    if method == "api_key_user":
        return [broad("a personal key: every project of its owner", "use a project-scoped key")]
    if method == "api_key_org":
        projects = await asker.ask("GET", "/api/v2/projects", query="limit=2")
        if projects.status == 200 and projects.count("projects") > 1:
            return [broad("an organisation's key: every project in it", "use a project-scoped key")]
        return [narrow("an organisation's key that sees at most one project")]
    if reply.status != 200:
        return [silent(reply.status)]
    return [unclear("Neon does not tell what kind of key it is")]


async def supabase(asker: Asker) -> list[Scope]:
    """A personal access token reaches whatever its owner does; the number of projects tells how far that is."""
    reply = await asker.ask("GET", "/v1/projects")
    if reply.is_refused:
        return [refused(reply.status)]
    if reply.status != 200:
        return [silent(reply.status)]
    projects = reply.json()
    count = len(projects) if isinstance(projects, list) else 0
    if count > 1:
        return [broad(f"it reaches {count} projects", "use a token with fine-grained access to one project")]
    return [unclear("it reaches one project today, and every one that its owner will make")]
