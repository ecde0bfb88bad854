"""Providers that tell what a credential may do, as their published APIs answer, on one loopback server.

Who asks is told by the credential (`who-fine`); every request is noted, so that a test can say what was asked.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Answer = Callable[[str, str], Response]
ECHO = "canary-echo-of-a-credential-9d7c"
"""A credential whose provider repeats it in every field that it has."""


@dataclass(slots=True)
class Noted:
    """What the server was asked."""

    requests: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path and body."""


def app(noted: Noted) -> Starlette:
    """Return the providers."""

    async def answer(request: Request) -> Response:
        body = (await request.body()).decode()
        noted.requests.append((request.method, request.url.path, body))
        who = request.headers.get("authorization", "").removeprefix("Bearer ")
        who = who or request.headers.get("project-access-token", "") or request.headers.get("x-auth-key", "")
        who = who.removeprefix("who-")
        if who == ECHO:
            return JSONResponse(
                {"id": ECHO, "login": ECHO, "data": {"me": {"id": ECHO}}, "auth_method": ECHO, "scopes": [ECHO]},
                headers={"x-oauth-scopes": f"repo, {ECHO}", "x-plain": "yes"},
            )
        if who == "garbage":
            return Response(b"\xff\x00<html>" * 50_000, media_type="application/json")
        if who == "moved":
            return Response(status_code=302, headers={"location": "/elsewhere"})
        return _ANSWERS[request.url.path](who, body)

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return Starlette(routes=[Route("/{path:path}", answer, methods=methods)])


def _json(value: object, status: int = 200, **headers: str) -> Response:
    return JSONResponse(value, status, headers={name.replace("_", "-"): text for name, text in headers.items()})


def _github(who: str, _body: str) -> Response:
    user = {"login": "joe", "id": 1}
    match who:
        case "classic":
            return _json(user, x_oauth_scopes="repo, gist, admin:org")
        case "classic-mild":
            return _json(
                user, x_oauth_scopes="read:org", github_authentication_token_expiration="2026-12-01 00:00:00 UTC"
            )
        case "fine":
            return _json(user)
        case "app":
            return _json({"message": "Resource not accessible by integration"}, 403)
        case _:
            return _json({"message": "Bad credentials"}, 401)


def _railway(who: str, body: str) -> Response:
    asked = next(name for name in ("projectToken", "me", "projects") if name in body)
    held: dict[str, dict[str, object]] = {
        "account": {"me": {"id": "u"}, "projects": {"edges": []}},
        "workspace": {"projects": {"edges": [{"node": {"id": "p"}}]}},
        "project": {"projectToken": {"projectId": "p", "environmentId": "e"}},
    }
    found = held.get(who, {}).get(asked)
    if found is None:
        return _json({"data": None, "errors": [{"message": "Not Authorized"}]})
    return _json({"data": {asked: found}})


def _ocean(path: str) -> Answer:
    def answer(who: str, _body: str) -> Response:
        if who == "full" or (who == "custom" and path == "/v2/droplets"):
            return _json({"ok": True})
        return _json({"id": "x"}, 403 if who == "custom" else 401)

    return answer


def _cloudflare(what: str) -> Answer:
    def answer(who: str, _body: str) -> Response:
        if who not in {"wide", "slim"}:
            return _json({"success": False}, 401)
        if what == "verify":
            expires = {"expires_on": "2027-01-01T00:00:00Z"} if who == "slim" else {}
            return _json({"success": True, "result": {"id": "t", "status": "active", **expires}})
        if who == "slim" and what == "tokens":
            return _json({"success": False}, 403)
        return _json({"success": True, "result": [{"id": "1"}, {"id": "2"}][: 1 if who == "slim" else 2]})

    return answer


def _vercel(who: str, _body: str) -> Response:
    if who not in {"user", "team", "project"}:
        return _json({"error": {"code": "forbidden"}}, 403)
    expires = {"expiresAt": 1} if who == "project" else {}
    return _json({"token": {"id": "t", "scopes": [{"type": who}], **expires}})


def _neon(who: str, _body: str) -> Response:
    kinds = {"person": "api_key_user", "org": "api_key_org", "scoped": "api_key_org"}
    return _json({"auth_method": kinds[who]}) if who in kinds else _json({}, 401)


def _neon_projects(who: str, _body: str) -> Response:
    return _json({"projects": [{"id": "a"}, {"id": "b"}][: 2 if who == "org" else 1]})


def _supabase(who: str, _body: str) -> Response:
    counts = {"many": 3, "one": 1}
    return _json([{"id": str(n)} for n in range(counts[who])]) if who in counts else _json({}, 401)


def _fly(who: str, _body: str) -> Response:
    kinds = {"person": "User", "deploy": "Macaroon"}
    return _json({"data": {"viewer": {"__typename": kinds[who]}}}) if who in kinds else _json({}, 401)


def _machines(who: str, _body: str) -> Response:
    tokens = {"person": {"user": "u"}, "deploy": {"apps": [{"name": "a"}]}, "org": {"organization": "o"}}
    return _json({"tokens": [tokens[who]]}) if who in tokens else _json({}, 401)


def _access(who: str, _body: str) -> Response:
    if who == "stranger":
        return _json({"kind": "Status"}, 401)
    return _json({"status": {"allowed": who == "root"}}, 201)


def _rules(who: str, _body: str) -> Response:
    rules: dict[str, list[dict[str, object]]] = {
        "editor": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
        "snoop": [{"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods", "secrets"]}],
        "named": [{"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["one"]}],
        "viewer": [{"verbs": ["get", "list", "watch"], "apiGroups": [""], "resources": ["pods"]}],
    }
    return _json({"status": {"resourceRules": rules[who], "incomplete": who == "viewer"}}, 201)


_ANSWERS: dict[str, Answer] = {
    "/user": _github,
    "/graphql/v2": _railway,
    "/v2/account": _ocean("/v2/account"),
    "/v2/account/keys": _ocean("/v2/account/keys"),
    "/v2/droplets": _ocean("/v2/droplets"),
    "/client/v4/user/tokens/verify": _cloudflare("verify"),
    "/client/v4/user/tokens": _cloudflare("tokens"),
    "/client/v4/zones": _cloudflare("zones"),
    "/v5/user/tokens/current": _vercel,
    "/api/v2/auth": _neon,
    "/api/v2/projects": _neon_projects,
    "/v1/projects": _supabase,
    "/graphql": _fly,
    "/v1/tokens/current": _machines,
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews": _access,
    "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews": _rules,
}
