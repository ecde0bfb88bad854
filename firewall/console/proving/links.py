"""One-time sign-in addresses: opening one changes nothing, its code is sent by a form and begins one session.

The code stands behind `#`, which browsers send to nobody: no log, prefetcher or Referer ever holds it. The script
takes it out of the address; without one it is pasted.
"""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from firewall.console.asking import Asker, Doorman, read_form
from firewall.console.pages import PASSKEY_SCRIPT, Pages
from firewall.console.sessions import Sessions, with_cookies
from firewall.core.errors import LimitError
from firewall.core.proofs import Link, LinkUse
from firewall.tokens.links import LinkError, Links

PATH = "/console/link"
AFTER = "/console/passkeys"


class SignInLinks:
    """The handlers of one-time sign-in addresses."""

    def __init__(self, *, links: Links, doorman: Doorman, sessions: Sessions, pages: Pages, after: str) -> None:
        """`after`: the page that follows a sign-in."""
        self._links = links
        self._doorman = doorman
        self._sessions = sessions
        self._pages = pages
        self._after = after

    async def show(self, _request: Request, _asker: Asker) -> Response:
        """Show the form; the same for every code, and for none."""
        return self._pages.html("link.html", None, script=PASSKEY_SCRIPT, error="")

    async def sign_in(self, request: Request, asker: Asker) -> Response:
        """Spend a code and begin the session of its person."""
        fields = await read_form(request)
        try:
            await self._doorman.admit_try("", asker.source, "link")
            link, account = await self._spent(fields.get("code", "").strip())
        except LimitError as error:
            headers = {"retry-after": str(error.retry_after_s)}
            return self._pages.html(
                "link.html", None, script=PASSKEY_SCRIPT, status=429, headers=headers, error=error.public
            )
        except LinkError as error:
            await self._doorman.refuse(asker.source, "link")
            return self._pages.html(
                "link.html", None, script=PASSKEY_SCRIPT, status=error.status, error=error.public
            )
        _, cookies = await self._doorman.begin(
            link.person, "link", request=request, proof_at=link.created_at, account=account
        )
        return with_cookies(RedirectResponse(self._after, 303), self._sessions.headers(cookies))

    async def _spent(self, code: str) -> tuple[Link, str]:
        """Use up what a code is for; return it, and the mark of its person from before. Raises: LinkError."""
        link = self._links.look(code, LinkUse.SIGN_IN)
        account = self._doorman.mark(link.person)
        if self._doorman.person(link.person) is None:
            raise LinkError
        await self._links.spend(link)
        if account != self._doorman.mark(link.person):
            raise LinkError  # it was made out to an account, or beside a passphrase, of before
        return link, account
