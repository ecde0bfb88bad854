"""Every route of the control side has a row that says who may use it, and holds to it."""

import re

import httpx
import pytest
from starlette.applications import Starlette

from firewall.console.auth import Access
from firewall.core.ids import spell_id
from tests.support.control_side import (
    ADMIN_TOKEN,
    APPROVER_TOKEN,
    SERVICE_TOKEN,
    Side,
    control_side,
)

ID = spell_id("apr", b"\xff" * 16)
WHO = {"nobody": "", "service": SERVICE_TOKEN, "approver": APPROVER_TOKEN, "admin": ADMIN_TOKEN}
MATRIX = {
    ("GET", "/"): Access.PAGE,
    ("GET", "/console/"): Access.PAGE,
    ("GET", "/console/console.css"): Access.PUBLIC,
    ("GET", "/console/providers"): Access.PAGE,
    ("GET", "/console/spend"): Access.PAGE,
    ("GET", "/api/spend"): Access.READER,
    ("GET", "/api/spend/budgets"): Access.READER,
    ("GET", "/console/routes"): Access.PAGE,
    ("GET", "/console/routes/history"): Access.PAGE,
    ("GET", "/console/policies"): Access.PAGE,
    ("POST", "/console/policies/explain"): Access.FORM,
    ("GET", "/console/policies/simulate"): Access.PAGE,
    ("POST", "/console/policies/simulate"): Access.FORM,
    ("POST", "/api/policy/simulate"): Access.ADMIN,
    ("POST", "/console/sign-in"): Access.SIGN_IN,
    ("POST", "/console/sign-out"): Access.FORM,
    ("GET", "/approve/{id}"): Access.PAGE,
    ("POST", "/approve/{id}"): Access.FORM,
    ("GET", "/approve/{id}/whole/{part}"): Access.PAGE,
    ("POST", "/approve/{id}/conversation"): Access.FORM,
    ("POST", "/approve/{id}/edit"): Access.FORM,
    ("GET", "/status/{id}"): Access.PAGE,
    ("POST", "/api/session"): Access.SIGN_IN,
    ("DELETE", "/api/session"): Access.READER,
    ("GET", "/api/approvals"): Access.READER,
    ("GET", "/api/approvals/{id}"): Access.READER,
    ("POST", "/api/approvals/{id}/decision"): Access.DECIDER,
    ("POST", "/api/approvals/{id}/withdraw"): Access.DECIDER,
    ("GET", "/api/approvals/{id}/conversation"): Access.LOG,
    ("POST", "/api/approvals/{id}/conversation"): Access.LOG,
    ("POST", "/api/approvals/{id}/edit"): Access.DECIDER,
    ("GET", "/api/tokens"): Access.ADMIN,
    ("POST", "/api/tokens"): Access.ADMIN,
    ("GET", "/api/tokens/{id}"): Access.ADMIN,
    ("POST", "/api/tokens/{id}/narrow"): Access.ADMIN,
    ("DELETE", "/api/tokens/{id}"): Access.ADMIN,
    ("GET", "/api/approvers"): Access.ADMIN,
    ("POST", "/api/approvers"): Access.ADMIN,
    ("DELETE", "/api/approvers/{name}"): Access.ADMIN,
    ("GET", "/console/waiting"): Access.PAGE,
    ("GET", "/console/waiting.js"): Access.PUBLIC,
    ("GET", "/console/approvers"): Access.PAGE,
    ("GET", "/console/reviews"): Access.PAGE,
    ("GET", "/console/batch/{id}"): Access.PAGE,
    ("POST", "/console/batch/{id}"): Access.FORM,
    ("POST", "/console/reviews/{id}"): Access.FORM,
    ("GET", "/api/reviews"): Access.LOG,
    ("POST", "/api/reviews/{id}"): Access.LOG,
    ("GET", "/api/approvers/figures"): Access.ADMIN,
    ("GET", "/api/absences"): Access.DECIDER,
    ("POST", "/api/absences/{name}"): Access.DECIDER,
    ("DELETE", "/api/absences/{name}"): Access.DECIDER,
    ("POST", "/api/policy/load"): Access.ADMIN,
    ("GET", "/api/mcp"): Access.READER,
    ("POST", "/api/mcp/{server}/approve"): Access.DECIDER,
    ("GET", "/api/credentials"): Access.ADMIN,
    ("POST", "/api/credentials"): Access.ADMIN,
    ("POST", "/api/credentials/{name}/rotate"): Access.ADMIN,
    ("POST", "/api/credentials/{name}/test"): Access.ADMIN,
    ("DELETE", "/api/credentials/{name}"): Access.ADMIN,
    ("GET", "/api/entries/{seq}"): Access.LOG,
    ("GET", "/api/status"): Access.ADMIN,
    ("GET", "/api/egress"): Access.ADMIN,
    ("GET", "/console/passkey.js"): Access.PUBLIC,
    ("GET", "/console/link"): Access.PUBLIC,
    ("POST", "/console/link"): Access.SIGN_IN,
    ("GET", "/decide"): Access.PUBLIC,
    ("POST", "/decide"): Access.SIGN_IN,
    ("POST", "/api/approvers/{name}/link"): Access.ADMIN,
    ("GET", "/api/links"): Access.ADMIN,
    ("DELETE", "/api/links/{id}"): Access.ADMIN,
    ("GET", "/api/passkeys"): Access.ADMIN,
    ("DELETE", "/api/passkeys/{id}"): Access.ADMIN,
    ("POST", "/api/session/passkey"): Access.SIGN_IN,
    ("POST", "/console/sign-in/passkey"): Access.SIGN_IN,
    ("GET", "/console/passkeys"): Access.PAGE,
    ("POST", "/console/passkeys"): Access.FORM,
    ("POST", "/console/passkeys/{id}/revoke"): Access.FORM,
    ("POST", "/api/passkeys/new"): Access.FORM,
    ("POST", "/api/approvals/{id}/passkey"): Access.FORM,
    ("GET", "/healthz"): Access.PUBLIC,
    ("GET", "/readyz"): Access.PUBLIC,
    ("GET", "/metrics"): Access.METRICS,
}
PASSES = {
    Access.READER: {"approver", "admin"},
    Access.LOG: {"approver", "admin"},
    Access.DECIDER: {"approver", "admin"},
    Access.ADMIN: {"admin"},
    Access.METRICS: {"service", "admin"},
}


@pytest.fixture
def side() -> Side:
    """A control side in memory."""
    return control_side()


def _path(template: str) -> str:
    template = template.replace("/absences/{name}", "/absences/alice")  # one's own, for who is no admin
    return (
        template.replace("{id}", ID)
        .replace("{seq}", "1")
        .replace("{name}", "bob")
        .replace("{server}", "notes")
        .replace("{part}", "0")
    )


async def _ask(side: Side, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    async with side.client() as client:
        body = {} if method == "GET" else {"json": {}}
        return await client.request(method, path, headers=headers, **body)  # type: ignore[arg-type]  # json or nothing


def test_every_route_is_in_the_matrix(side: Side) -> None:
    """25: a route that nobody wrote a row for fails here, as does a row whose access changed."""
    assert {(row.method, row.path): row.access for row in side.console.rows} == MATRIX
    application = side.console.app._app  # type: ignore[attr-defined]  # the router behind the guard
    assert isinstance(application, Starlette)
    served = {
        (method, route.path)  # type: ignore[attr-defined]  # every route is a Route
        for route in application.routes
        for method in route.methods  # type: ignore[attr-defined]  # every route is a Route
        if method != "HEAD"
    }
    assert served == set(MATRIX)


@pytest.mark.parametrize("who", list(WHO))
@pytest.mark.parametrize(("method", "path"), [key for key, access in MATRIX.items() if access in PASSES])
async def test_a_token_opens_what_its_row_says(side: Side, method: str, path: str, who: str) -> None:
    """25: 401 for nobody, 403 for the wrong kind, neither for the right one."""
    headers = {"authorization": f"Bearer {WHO[who]}"} if WHO[who] else {}
    answer = await _ask(side, method, _path(path), headers)
    if who == "nobody":
        assert answer.status_code == 401
    elif who in PASSES[MATRIX[method, path]]:
        assert answer.status_code not in (401, 403)
    else:
        assert answer.status_code == 403
    if answer.status_code in (401, 403):
        assert side.desk.asked == []


@pytest.mark.parametrize(("method", "path"), [key for key, access in MATRIX.items() if access in PASSES])
async def test_a_session_changes_nothing_without_its_csrf_token(side: Side, method: str, path: str) -> None:
    """25: a browser's session is enough to read what its role may read, never to change anything by itself."""
    browser = await side.signed_in("root")
    csrf = await browser.csrf()
    target = _path(path)
    if method == "GET":
        answer = await browser.client.get(target)
        assert answer.status_code not in (401, 403)
        return
    for headers in ({}, browser.headers, {"x-csrf-token": csrf}, browser.headers | {"x-csrf-token": "x"}):
        answer = await browser.client.request(method, target, headers=headers, json={})
        assert answer.status_code == 403
    assert side.desk.asked == []
    answer = await browser.client.request(
        method, target, headers=browser.headers | {"x-csrf-token": csrf}, json={}
    )
    assert answer.status_code not in (401, 403)


@pytest.mark.parametrize(("method", "path"), [key for key, access in MATRIX.items() if access is Access.ADMIN])
async def test_an_approvers_session_is_no_admin(side: Side, method: str, path: str) -> None:
    """25: roles hold for sessions as for tokens."""
    browser = await side.signed_in("alice")
    headers = browser.headers | {"x-csrf-token": await browser.csrf()}
    answer = await browser.client.request(method, _path(path), headers=headers)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "role_refused"


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/api",
        "/console",
        "/approve",
        "/approve/",
        f"/approve/{ID}/x",
        "/API/approvals",
        "/api/approvals/",
    ],
)
async def test_everything_else_is_404_with_a_code(side: Side, path: str) -> None:
    """Unknown paths and other spellings of known ones lead nowhere."""
    browser = await side.signed_in("root")
    answer = await browser.client.get(path)
    assert answer.status_code == 404
    assert re.search("not_found", answer.text)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE", "DELETE"])
async def test_other_methods_are_405(side: Side, method: str) -> None:
    """No other method reaches a handler, not even through an override header."""
    browser = await side.signed_in("root")
    headers = browser.headers | {"x-http-method-override": "POST"}
    answer = await browser.client.request(method, f"/approve/{ID}", headers=headers)
    assert answer.status_code == 405


async def test_healthz_and_readyz_need_nothing_and_write_nothing(side: Side) -> None:
    """Operations routes leave no entry."""
    async with side.client() as client:
        for path in ("/healthz", "/readyz"):
            assert (await client.get(path)).status_code == 200
        metrics = await client.get("/metrics", headers={"authorization": f"Bearer {SERVICE_TOKEN}"})
    assert metrics.text == "stayhand_up 1\n"
    assert metrics.headers["content-type"].startswith("text/plain")
    assert side.log.kinds == []
