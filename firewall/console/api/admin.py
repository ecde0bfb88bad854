"""Tokens, people, policy, entries and operations: routes written against what the composition root provides.

The desks know the things; here is only who may ask and the shape of the request.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from firewall.approvals.people import Approver
from firewall.console.asking import Asker, read_json
from firewall.console.paging import paged
from firewall.core.errors import ProtocolError
from firewall.tokens.service import PAGE

Json = Mapping[str, object]

WISH = {
    "env": str, "role": str, "owner": str, "agent": str, "workspace": str, "ttl": str, "verbs": list,
    "tools": list, "targets": list, "resources": list, "models": list, "max_requests_per_minute": int,
    "destructive_per_hour": int, "kind": str, "holder": str, "session": str, "profile": str,
    "aws": str, "team": str, "tags": list, "money_cap_micros": int, "max_tokens_per_minute": int,
}  # fmt: skip
"""Fields of a wish to mint; `kind` other than `agent` needs `holder` instead of `env` and `owner`.

`aws` names a target for which the answer brings the token's access key.
"""
NARROWING = {
    "agent": str, "workspace": str, "ttl": str, "verbs": list, "tools": list, "targets": list, "resources": list,
    "models": list, "max_requests_per_minute": int, "destructive_per_hour": int, "session": str,
    "aws": str, "money_cap_micros": int, "max_tokens_per_minute": int,
}  # fmt: skip
PERSON = {"name": str, "role": str, "groups": list}


class TokenDesk(Protocol):
    """Mints, lists, narrows and revokes tokens; wishes are plain JSON with the fields of WISH."""

    async def mint(self, wish: Json, by: Approver) -> Json:
        """Mint a token: `{"id", "token", "expires_at", …}`, shown once. Raises: FirewallError."""
        ...

    async def list(self, after: str = "") -> list[Json]:
        """Return a page of stored tokens, newest first, none of which can be used from this.

        `after`: the id of the last one of the page before; a page with less than a thousand is the last one.
        """
        ...

    async def show(self, token_id: str) -> Json:
        """Return one token with its grant. Raises: FirewallError `token_unknown` (404)."""
        ...

    async def narrow(self, token_id: str, wish: Json, by: Approver) -> Json:
        """Mint a child of an agent token that is never wider than its parent. Raises: FirewallError."""
        ...

    async def revoke(self, token_id: str, by: Approver) -> Json:
        """Revoke a token and its children. Raises: FirewallError `token_unknown` (404)."""
        ...


class PeopleDesk(Protocol):
    """Adds, lists and removes approvers and admins."""

    async def add(self, wish: Json, by: Approver) -> Json:
        """Add a person, or give a new passphrase: `{"name", "role", "groups", "passphrase"}`, shown once."""
        ...

    async def list(self) -> list[Json]:
        """Return everybody who may sign in."""
        ...

    async def remove(self, name: str, by: Approver) -> Json:
        """End a person's right to sign in. Raises: FirewallError `person_unknown` (404)."""
        ...


class PolicyDesk(Protocol):
    """Makes files on disk the policy in force."""

    async def load(self, by: Approver) -> Json:
        """Load, or keep the last good policy and raise FirewallError with file and row."""
        ...


class EntryDesk(Protocol):
    """Reads the log for those permitted; reading is itself logged by the desk."""

    async def get(self, seq: int, by: Approver) -> Json | None:
        """Return an entry, or None."""
        ...


class Status(Protocol):
    """How the process fares."""

    def is_ready(self) -> bool:
        """Tell whether calls can be judged and recorded."""
        ...

    def parts(self) -> Mapping[str, str]:
        """Return the state of each part as a short word, for an admin's eyes only."""
        ...

    def metrics(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        ...


class Admin:
    """The handlers of `/api/tokens…`, `/api/approvers…`, `/api/policy/load`, `/api/entries/{seq}`, operations."""

    def __init__(
        self,
        *,
        tokens: TokenDesk,
        people: PeopleDesk,
        policy: PolicyDesk,
        entries: EntryDesk,
        status: Status,
        egress: Callable[[], Json],
        sign_out: Callable[[str], None],
    ) -> None:
        """`sign_out(name)` ends the sessions of somebody who is removed, or given a new passphrase."""
        self._tokens = tokens
        self._people = people
        self._policy = policy
        self._entries = entries
        self._status = status
        self._egress = egress
        self._sign_out = sign_out

    async def mint(self, request: Request, asker: Asker) -> Response:
        """Mint a token."""
        wish = _lists_of_text(await read_json(request, WISH))
        return JSONResponse(dict(await self._tokens.mint(wish, asker.known)), 201)

    async def tokens(self, request: Request, _asker: Asker) -> Response:
        """List tokens; `?after=ID`: the page behind one of them, to which a `Link` leads."""
        after = request.query_params.get("after", "")
        found = [dict(one) for one in await self._tokens.list(after)]
        return paged(request, found, {"after": str(found[-1]["id"])} if len(found) >= PAGE else {})

    async def token(self, request: Request, _asker: Asker) -> Response:
        """Show one token."""
        return JSONResponse(dict(await self._tokens.show(request.path_params["id"])))

    async def narrow(self, request: Request, asker: Asker) -> Response:
        """Mint a child of a token."""
        wish = _lists_of_text(await read_json(request, NARROWING))
        return JSONResponse(dict(await self._tokens.narrow(request.path_params["id"], wish, asker.known)), 201)

    async def revoke(self, request: Request, asker: Asker) -> Response:
        """Revoke a token."""
        return JSONResponse(dict(await self._tokens.revoke(request.path_params["id"], asker.known)))

    async def add_person(self, request: Request, asker: Asker) -> Response:
        """Add a person, or give a new passphrase: whoever learned the old one is signed out."""
        wish = _lists_of_text(await read_json(request, PERSON, required=("name",)))
        added = dict(await self._people.add(wish, asker.known))
        self._sign_out(str(wish["name"]))
        return JSONResponse(added, 201)

    async def people(self, _request: Request, _asker: Asker) -> Response:
        """List people."""
        return JSONResponse([dict(one) for one in await self._people.list()])

    async def remove_person(self, request: Request, asker: Asker) -> Response:
        """Remove a person."""
        name = request.path_params["name"]
        removed = dict(await self._people.remove(name, asker.known))
        self._sign_out(name)
        return JSONResponse(removed)

    async def egress(self, _request: Request, _asker: Asker) -> Response:
        """Show where the forward proxy is, and the authorities that programs behind it verify with."""
        return JSONResponse(dict(self._egress()))

    async def load_policy(self, _request: Request, asker: Asker) -> Response:
        """Make the files on disk the policy in force."""
        return JSONResponse(dict(await self._policy.load(asker.known)))

    async def entry(self, request: Request, asker: Asker) -> Response:
        """Show one entry of the log."""
        seq = entry_number(request)
        found = await self._entries.get(seq, asker.known)
        if found is None:
            raise unknown_entry(seq)
        return JSONResponse(dict(found))

    async def healthz(self, _request: Request, _asker: Asker) -> Response:
        """Say that the process answers."""
        return JSONResponse({"status": "ok"})

    async def readyz(self, _request: Request, _asker: Asker) -> Response:
        """Say whether calls can be judged and recorded; 503 when not."""
        is_ready = self._status.is_ready()
        return JSONResponse({"status": "ready" if is_ready else "closed"}, 200 if is_ready else 503)

    async def status(self, _request: Request, _asker: Asker) -> Response:
        """Show the state of each part."""
        return JSONResponse({"ready": self._status.is_ready(), "parts": dict(self._status.parts())})

    async def metrics(self, _request: Request, _asker: Asker) -> Response:
        """Show the metrics."""
        return Response(self._status.metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")


def entry_number(request: Request) -> int:
    """Return the number of an entry from a path. Raises: ProtocolError `entry_invalid` (400)."""
    text = request.path_params["seq"]
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise ProtocolError("an entry's number is a whole number", code="entry_invalid")
    return int(text)


def unknown_entry(seq: int) -> ProtocolError:
    """Return the error about an entry that is not there."""
    return ProtocolError(f"there is no entry {seq}", code="entry_unknown", status=404)


def _lists_of_text(wish: dict[str, object]) -> dict[str, object]:
    for name, value in wish.items():
        if isinstance(value, list) and not all(isinstance(one, str) for one in value):
            raise ProtocolError(f"`{name}` is a list of text", code="field_invalid")
    return wish
