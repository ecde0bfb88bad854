"""What every page of the browser's side shares: its frame, its style, and the way in and out.

Pages work without JavaScript. GET and HEAD change nothing but the log; what changes something is a POST from our
own page, by a session, with its CSRF token.
"""

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from firewall.console.asking import Asker, Doorman, SignedOutError, WrongPassphraseError, read_form
from firewall.console.auth import Access
from firewall.console.cookies import cookie_of
from firewall.console.proving.stepping import Ways
from firewall.console.rows import POLICY, Row, Tab
from firewall.console.sessions import Cookies, Session, Sessions, with_cookies
from firewall.console.templating import environment
from firewall.core.errors import FirewallError, LimitError

_OWN_PATH = re.compile(
    r"/(?:approve|status)/apr_[0-9A-Za-z]{22}|/console/(?!oidc)(?:[a-z]{1,32}(?:/[0-9A-Za-z_-]{1,80}){0,3})?"
)
_STYLE = files("firewall.console").joinpath("static/console.css").read_bytes()
_SCRIPT = files("firewall.console").joinpath("static/passkey.js").read_bytes()
PASSKEY_SCRIPT = "passkey.js"
SCRIPTED = f"{POLICY}; script-src 'self'; connect-src 'self'"
"""The policy of pages with a script of ours, and of no others."""


def own_path(text: str) -> str:
    """Return where to go after signing in: one of our own pages, whatever was asked for."""
    return text if _OWN_PATH.fullmatch(text) else "/console/"


class Pages:
    """The frame of a page, and the handlers that every visitor needs."""

    def __init__(self, *, doorman: Doorman, sessions: Sessions, ways: Ways, tabs: Sequence[Tab] = ()) -> None:
        self._tabs = tabs
        self._passkey_origin = ways.origin
        self._provider = ways.provider
        self._doorman = doorman
        self._sessions = sessions
        self._templates = environment()

    def rows(self) -> tuple[Row, ...]:
        """Return the routes of what is shared."""
        return (
            Row("GET", "/console/console.css", Access.PUBLIC, self.style),
            Row("GET", "/console/passkey.js", Access.PUBLIC, self.script),
            Row("POST", "/console/sign-in", Access.SIGN_IN, self.sign_in),
            Row("POST", "/console/sign-out", Access.FORM, self.sign_out),
        )

    def load(self) -> None:
        """Compile every template, which a page that needs one before does itself; a thread may do it."""
        for name in self._templates.list_templates():
            self._templates.get_template(name)

    async def style(self, _request: Request, _asker: Asker) -> Response:
        """Serve the one stylesheet."""
        return Response(_STYLE, media_type="text/css", headers={"cache-control": "public, max-age=300"})

    async def script(self, _request: Request, _asker: Asker) -> Response:
        """Serve the one script: for passkeys, and for codes behind `#`."""
        return Response(_SCRIPT, media_type="text/javascript", headers={"cache-control": "public, max-age=300"})

    async def sign_in(self, request: Request, asker: Asker) -> Response:
        """Begin a session and go back to the page that was asked for."""
        fields = await read_form(request)
        back = own_path(fields.get("next", ""))
        try:
            _, cookies = await self._doorman.sign_in(
                fields.get("name", ""),
                fields.get("passphrase", "").strip(),
                request=request,
                source=asker.source,
            )
        except (WrongPassphraseError, LimitError) as error:
            return self.sign_in_form(back, error)
        return with_cookies(RedirectResponse(back, 303), self._sessions.headers(cookies))

    async def sign_out(self, request: Request, asker: Asker) -> Response:
        """End the session."""
        if asker.session is not None:
            self._doorman.demand_csrf(asker.session, (await read_form(request)).get("csrf", ""))
            self._sessions.end(cookie_of(request, self._sessions.cookie_name))
        return with_cookies(RedirectResponse("/console/", 303), self._sessions.headers(Cookies()))

    def sign_in_form(self, back: str, error: FirewallError | None = None) -> Response:
        """Return the sign-in page: the same for every approval, whether it exists or not."""
        headers = {"retry-after": str(error.retry_after_s)} if isinstance(error, LimitError) else {}
        return self.html(
            "signin.html",
            None,
            status=error.status if error else 200,
            headers=headers,
            script=PASSKEY_SCRIPT if self._passkey_origin else "",
            back=own_path(back),
            error=error.public if error else "",
            origin=self._passkey_origin,
            provider=self._provider,
        )

    def problem(self, request: Request, error: FirewallError) -> Response:
        """Return an error as a page; somebody signed out gets the sign-in form."""
        if isinstance(error, SignedOutError):
            return self.sign_in_form(request.url.path, error)
        headers = {"retry-after": str(error.retry_after_s)} if isinstance(error, LimitError) else {}
        # An agent's token in a request makes it an agent's: the browser's session is not looked at beside it.
        found = None if error.code == "agent_token_refused" else self._doorman.session_of(request)
        session = found[0] if found else None
        return self.html(
            "message.html",
            session,
            status=error.status,
            headers=headers,
            title=error.public,
            code=error.code,
            is_ours=error.status >= 500,
        )

    def _tabs_of(self, session: Session | None) -> Sequence[Tab]:
        person = self._doorman.person(session.name) if session is not None else None
        return [tab for tab in self._tabs if tab.is_for(person.role)] if person is not None else ()

    def html(
        self,
        name: str,
        session: Session | None,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        script: str = "",
        here: str = "",
        **context: object,
    ) -> Response:
        """Return a page of a template, for a session or for nobody.

        `script`: the one script that it loads, `/console/NAME.js`; `here`: the path of the tab that it is under.
        """
        has_passkeys = bool(self._passkey_origin)
        body = self._templates.get_template(name).render(
            session=session,
            script=script,
            here=here,
            tabs=self._tabs_of(session),
            has_passkeys=has_passkeys,
            **context,
        )
        policy = {"content-security-policy": SCRIPTED} if script else {}
        return HTMLResponse(body, status, headers={**policy, **(headers or {})})
