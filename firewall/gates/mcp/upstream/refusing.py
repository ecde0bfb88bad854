"""What a server over HTTP refuses before it looks at it: because of who asks, and what we do about that.

INVARIANT: a request that a server surely did not run is told apart from one that nobody knows about; what is in
doubt counts as the latter.
"""

from collections.abc import Awaitable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

import orjson

from firewall.codecs.oauth.answers import challenge_of
from firewall.core.errors import FirewallError, UpstreamError
from firewall.gates.mcp.port import NotRunError
from firewall.routing.port import Credential, Endpoint, UpstreamRequest, UpstreamResponse
from firewall.routing.port import Upstream as Carrier

_OPENING = frozenset({"initialize", "notifications/initialized", "ping", "server/discover"})
_CHALLENGES = {401: b"www-authenticate", 407: b"proxy-authenticate"}


class Login(Protocol):
    """What authenticates at a server whose tokens end."""

    async def credential(self) -> Credential:
        """Return the token that is good now. Raises: FirewallError."""
        ...

    async def refused(self, used: Credential) -> Credential:
        """Return another token than one that the server refused. Raises: FirewallError."""
        ...

    def needed(self) -> UpstreamError:
        """Return the error for a server that refuses every token of ours."""
        ...

    def lacking(self, challenge: Mapping[str, str]) -> UpstreamError | None:
        """Return the error for a server whose refusal names scopes that our token lacks; None: it names none."""
        ...


async def with_login(
    carrier: Carrier, where: Endpoint, request: UpstreamRequest, login: Login
) -> UpstreamResponse:
    """Send with the token that is good now; one that is refused is renewed, and the request sent once more.

    After a bare 401, which does not say that nothing ran, only what reads is sent again.

    Raises: NotRunError where no token of ours is good; UpstreamError.
    """
    used = await _good(login.credential())
    response = await carrier.open(where, replace(request, credential=used))
    if response.status != 401:
        return _unlacking(response, login)
    if not (is_unread(response) or _reads(request)):
        with suppress(FirewallError):  # a login that cannot be renewed does not change what came back
            await login.refused(used)
        return response
    response.close()
    other = await _good(login.refused(used))
    response = await carrier.open(where, replace(request, credential=other))
    if response.status == 401 and (is_unread(response) or _reads(request)):
        response.close()
        raise not_run(login.needed())
    return _unlacking(response, login)


def _reads(request: UpstreamRequest) -> bool:
    """Tell whether a request surely changes nothing, so that it can be sent twice."""
    if request.method == "GET":
        return True
    try:
        said = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        return False
    method = said.get("method") if isinstance(said, dict) else None
    return isinstance(method, str) and (method in _OPENING or method.endswith(("/list", "/read")))


def _unlacking(response: UpstreamResponse, login: Login) -> UpstreamResponse:
    """Return a response, unless it says that our token lacks scopes (RFC 6750). Raises: UpstreamError."""
    lacking = login.lacking(challenge_of(response.raw_fields)) if response.status == 403 else None
    if lacking is None:
        return response
    response.close()
    raise not_run(lacking)


def is_unread(response: UpstreamResponse) -> bool:
    """Tell whether a server refused whoever asked, and so did not look at what was asked.

    401 and 407 say that with their challenge (RFC 9110), 403 with one that names an error (RFC 6750).
    Other programs on the way, and servers that were refused themselves, write bare ones in place of an answer.
    """
    if response.status == 403:
        return "error" in challenge_of(response.raw_fields)
    wanted = _CHALLENGES.get(response.status)
    return wanted is not None and any(name.lower() == wanted for name, _ in response.raw_fields)


async def _good(reading: Awaitable[Credential]) -> Credential:
    """Return a token. Raises: NotRunError where there is none: the request was not sent, or was refused."""
    try:
        return await reading
    except UpstreamError as error:
        raise not_run(error) from error


def not_run(error: UpstreamError) -> NotRunError:
    """Return an error as one of a request that its server did not run."""
    return NotRunError(error.public, fault=error.fault, status=error.status, detail=error.detail, code=error.code)
