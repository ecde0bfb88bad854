"""Railway and Fly: GraphQL that says whom a token stands for."""

from firewall.gates.infra.scopes.asking import Asker, Reply
from firewall.gates.infra.scopes.telling import Scope, broad, narrow, refused, silent, unclear

_PROJECT_TOKEN = (
    'use a project token: it reaches one environment (`header = "Project-Access-Token: {credential}"`)'  # noqa: S105 - advice
)


async def railway(asker: Asker) -> list[Scope]:
    """An account's token answers `me`, a workspace's lists projects, a project's knows its environment."""
    project = await _query(asker, "/graphql/v2", "query { projectToken { projectId environmentId } }")
    if _holds(project, "projectToken"):
        return [narrow("a project token, for one environment")]
    account = await _query(asker, "/graphql/v2", "query { me { id } }")
    if _holds(account, "me"):
        return [broad("an account token: every workspace, project and environment of its owner", _PROJECT_TOKEN)]
    workspace = await _query(asker, "/graphql/v2", "query { projects(first: 2) { edges { node { id } } } }")
    if _holds(workspace, "projects"):
        return [broad("a workspace token: every project and environment of the workspace", _PROJECT_TOKEN)]
    replies = (project, account, workspace)
    if all(reply.is_refused or (reply.status == 200 and reply.at("errors")) for reply in replies):
        return [refused(account.status)]
    return [silent(account.status)]


async def fly(asker: Asker) -> list[Scope]:
    """A person's token answers as a user, a deploy or organisation token as a macaroon."""
    reply = await _query(asker, "/graphql", "query { viewer { __typename } }")
    if reply.is_refused:
        return [refused(reply.status)]
    kind = reply.at("data", "viewer", "__typename")
    if kind == "User":
        return [
            broad(
                "a personal token: every organisation of its owner",
                "fly tokens create deploy, with an expiry, per app",
            )
        ]
    if isinstance(kind, str) and kind:
        return [narrow("a token with limits of its own (a macaroon)")]
    return [silent(reply.status)]


async def fly_machines(asker: Asker) -> list[Scope]:
    """The machines API tells which applications the tokens of a request are for."""
    reply = await asker.ask("GET", "/v1/tokens/current")
    if reply.is_refused:
        return [refused(reply.status)]
    tokens = reply.at("tokens")
    if reply.status != 200 or not isinstance(tokens, list) or not tokens:
        return [silent(reply.status)]
    held = [one for one in tokens if isinstance(one, dict)]
    if any(one.get("user") for one in held):
        return [broad("a personal token: every organisation of its owner", "fly tokens create deploy, per app")]
    if all(one.get("apps") for one in held):
        return [narrow("a token for named applications")]
    return [unclear("a token for a whole organisation", "fly tokens create deploy, per app")]


async def _query(asker: Asker, path: str, text: str) -> Reply:
    return await asker.json(path, {"query": text})


def _holds(reply: Reply, name: str) -> bool:
    return reply.status == 200 and bool(reply.at("data", name))
