"""`/console/oidc` and `/console/oidc/back`: where a browser leaves for the OpenID provider, and comes back.

INVARIANT: the provider says who somebody is; what he may do here, and that he may sign in at all, is said by us: a
person who is configured, who was added, and was not removed. Groups come from our configuration alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from firewall.codecs.oauth.identity import Identity
from firewall.console.asking import Asker, Doorman
from firewall.console.pages import Pages, own_path
from firewall.console.proving.browsers import Browsers
from firewall.console.proving.openid import OpenId, OpenIdError
from firewall.console.sessions import Sessions, with_cookies
from firewall.core.errors import LimitError
from firewall.core.ports import Sequencer
from firewall.core.work import Record, Unit

BEGIN, BACK = "/console/oidc", "/console/oidc/back"
UNKNOWN = "oidc_unknown"


@dataclass(frozen=True, slots=True)
class Known:
    """Who of the configured approvers is meant by what a provider says."""

    subjects: Mapping[str, str]
    """Names by `sub`."""
    emails: Mapping[str, str]
    """Names by address, lower case, of those without a `sub`."""

    def name(self, identity: Identity) -> str:
        """Return the approver's name; empty: nobody's."""
        return self.subjects.get(identity.subject) or self.emails.get(identity.email, "")


class OpenIdPages:
    """The handlers of both."""

    def __init__(
        self,
        openid: OpenId,
        known: Known,
        *,
        browsers: Browsers,
        doorman: Doorman,
        sessions: Sessions,
        pages: Pages,
        sequencer: Sequencer,
    ) -> None:
        self._openid = openid
        self._known = known
        self._browsers = browsers
        self._doorman = doorman
        self._sessions = sessions
        self._pages = pages
        self._sequencer = sequencer

    async def begin(self, request: Request, asker: Asker) -> Response:
        """Send the browser to the provider."""
        back = own_path(request.query_params.get("next", ""))
        key, cookie = self._browsers.begin()
        try:
            await self._doorman.admit_try("", asker.source, "oidc")
            address = await self._openid.begin(key, source=asker.source, back=back)
        except (LimitError, OpenIdError) as error:
            return self._pages.sign_in_form(back, error)
        answer = RedirectResponse(address, 303)
        answer.headers.append("set-cookie", cookie)
        return answer

    async def back(self, request: Request, asker: Asker) -> Response:
        """Take what the provider sent with the browser, and begin a session."""
        query = bytes(request.scope.get("query_string", b"")).decode("latin-1")
        state = request.query_params.get("state", "")
        try:
            identity, back = await self._openid.finish(self._browsers.known(request), state, query)
            name = await self._named(identity)
        except OpenIdError as error:
            if error.code != UNKNOWN:  # that has an entry of its own
                await self._doorman.refuse(asker.source, error.code)
            return self._pages.sign_in_form("/console/", error)
        account = self._doorman.mark(name)
        _, cookies = await self._doorman.begin(name, "oidc", request=request, proof_at=0, account=account)
        answer = with_cookies(RedirectResponse(back, 303), self._sessions.headers(cookies))
        answer.headers.append("set-cookie", self._browsers.forget())
        return answer

    async def _named(self, identity: Identity) -> str:
        """Return the approver who is meant. Raises: OpenIdError where it is nobody, recorded; StoreError."""
        name = self._known.name(identity)
        if name and self._doorman.person(name) is not None:
            return name
        who = f"{identity.subject} of {self._openid.provider.issuer}"
        record = Record(
            kind="approver.refused",
            data={"what": UNKNOWN, "source": self._sequencer.pseudonym(who), "count": 1},
            person=who,
            principal=who,
            private={"issuer": self._openid.provider.issuer, "subject": identity.subject, "email": identity.email},
        )
        await self._sequencer.submit(Unit(records=(record,)))
        raise OpenIdError("you are known there, and nobody here: ask your admin", code=UNKNOWN)
