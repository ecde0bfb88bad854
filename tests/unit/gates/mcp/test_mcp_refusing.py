"""A request that a server may have run is not sent a second time because of a status alone."""

import json
from collections.abc import Mapping
from typing import cast

import pytest

from firewall.core.errors import FirewallError, StoreError, UpstreamError, UpstreamFault
from firewall.gates.mcp.upstream.refusing import with_login
from firewall.routing.port import Credential, Endpoint, Upstream, UpstreamRequest


class Answer:
    """A status and its fields."""

    def __init__(self, status: int, challenge: str) -> None:
        self.status = status
        self.raw_fields = [(b"WWW-Authenticate", challenge.encode())] if challenge else []

    def close(self) -> None:
        """Nothing is held."""


class Far:
    """A server that refuses every first request, and a login whose second token is good."""

    def __init__(self, challenge: str) -> None:
        self.challenge, self.sent, self.renewed = challenge, 0, 0

    async def open(self, _where: Endpoint, _request: UpstreamRequest) -> Answer:
        """Refuse, then answer."""
        self.sent += 1
        return Answer(401, self.challenge) if self.sent == 1 else Answer(200, "")

    async def credential(self) -> Credential:
        """Return some token."""
        return cast("Credential", None)

    async def refused(self, _used: Credential) -> Credential:
        """Return another."""
        self.renewed += 1
        return cast("Credential", None)

    def needed(self) -> UpstreamError:
        """Return what is never asked for here."""
        raise AssertionError

    def lacking(self, _challenge: Mapping[str, str]) -> UpstreamError | None:
        """Lack nothing."""
        return None


@pytest.mark.parametrize(
    ("challenge", "method", "status", "sent"),
    [
        ("Bearer", "tools/call", 200, 2),
        ("", "tools/call", 401, 1),
        ("", "tasks/cancel", 401, 1),
        ("", "", 401, 1),
        ("", "tools/list", 200, 2),
        ("", "initialize", 200, 2),
    ],
)
async def test_after_a_bare_refusal_only_reads_are_sent_again(
    challenge: str, method: str, status: int, sent: int
) -> None:
    """The token is renewed all the same, so that the next call has a good one."""
    far = Far(challenge)
    body = json.dumps({"method": method}).encode() if method else b"{"
    request = UpstreamRequest(method="POST", path="/mcp", body=body)
    response = await with_login(cast("Upstream", far), cast("Endpoint", None), request, far)
    assert (response.status, far.sent, far.renewed) == (status, sent, 1)


@pytest.mark.parametrize(
    "error", [UpstreamError("no", fault=UpstreamFault.TIMEOUT), StoreError("no"), FirewallError("no")]
)
async def test_a_login_that_fails_then_does_not_change_what_came_back(
    error: FirewallError, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change may have run: its bare refusal is what is told, whatever becomes of the renewal."""
    far = Far("")

    async def failing(_used: Credential) -> Credential:
        raise error

    monkeypatch.setattr(far, "refused", failing)
    request = UpstreamRequest(method="POST", path="/mcp", body=b'{"method": "tools/call"}')
    response = await with_login(cast("Upstream", far), cast("Endpoint", None), request, far)
    assert (response.status, far.sent) == (401, 1)
