"""`/api/approvers/{name}/link`, `/api/passkeys…`, `/api/links…`: what admins do about other people's proofs."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from firewall.console.asking import Asker, Doorman
from firewall.console.proving.links import PATH
from firewall.console.sessions import Sessions
from firewall.console.shape import rfc3339
from firewall.core.errors import FirewallError
from firewall.core.proofs import Link, Passkey
from firewall.tokens.links import Links
from firewall.tokens.passkeys import Passkeys, UnknownPasskeyError


class Proofs:
    """The handlers of passkeys and links for admins."""

    def __init__(
        self,
        *,
        links: Links,
        passkeys: Passkeys | None,
        doorman: Doorman,
        sessions: Sessions,
        address: Callable[[str], str],
    ) -> None:
        """`address`: the public address of a path of ours."""
        self._links = links
        self._passkeys = passkeys
        self._doorman = doorman
        self._sessions = sessions
        self._address = address

    async def link(self, request: Request, asker: Asker) -> Response:
        """Make a one-time sign-in address: `{"id", "address", "expires_at"}`, shown once."""
        name = request.path_params["name"]
        if self._doorman.person(name) is None:
            raise FirewallError(f"there is no approver `{name[:64]}`", code="person_unknown", status=404)
        made = await self._links.for_sign_in(name, by=asker.known.name)
        shown = {
            "id": made.link.id,
            "name": name,
            "address": f"{self._address(PATH)}#{made.secret.reveal()}",
            "expires_at": rfc3339(made.link.expires_at),
        }
        return JSONResponse(shown, 201)

    async def links(self, _request: Request, _asker: Asker) -> Response:
        """List links that could still be used; none can be used from this."""
        return JSONResponse([_link(one) for one in self._links.listing()])

    async def revoke_link(self, request: Request, asker: Asker) -> Response:
        """Revoke a link."""
        gone = await self._links.revoke(request.path_params["id"], by=asker.known.name)
        return JSONResponse({"id": gone.id, "name": gone.person, "status": "revoked"})

    async def passkeys(self, _request: Request, _asker: Asker) -> Response:
        """List everybody's passkeys."""
        return JSONResponse([_passkey(one) for one in (self._passkeys.listing() if self._passkeys else ())])

    async def revoke_passkey(self, request: Request, asker: Asker) -> Response:
        """Revoke a passkey; sessions that it began end."""
        if self._passkeys is None:
            raise UnknownPasskeyError("there is no such passkey")
        gone = await self._passkeys.revoke(request.path_params["id"], by=asker.known.name)
        self._sessions.end_of_passkey(gone.id)
        return JSONResponse({"id": gone.id, "name": gone.person, "status": "revoked"})


def _link(one: Link) -> dict[str, str]:
    return {
        "id": one.id,
        "name": one.person,
        "use": one.use.value,
        "approval": one.approval,
        "expires_at": rfc3339(one.expires_at),
    }


def _passkey(one: Passkey) -> dict[str, object]:
    return {
        "id": one.id,
        "name": one.person,
        "label": one.label,
        "backed_up": one.backed_up,
        "created_at": rfc3339(one.created_at),
        "used_at": rfc3339(one.used_at) if one.used_at else "",
    }
