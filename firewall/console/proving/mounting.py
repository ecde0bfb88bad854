"""The routes of passkeys and links, and what they are built from."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from firewall.approvals.service import Approvals
from firewall.console.approving.showing import ApprovalPages
from firewall.console.asking import Doorman
from firewall.console.auth import Access
from firewall.console.pages import Pages
from firewall.console.proving.browsers import Browsers
from firewall.console.proving.challenges import Challenges
from firewall.console.proving.deciding import PATH as DECIDE
from firewall.console.proving.deciding import DecisionLinks
from firewall.console.proving.desk import Proofs
from firewall.console.proving.links import PATH as LINK
from firewall.console.proving.links import SignInLinks
from firewall.console.proving.oidc_pages import BACK, BEGIN, Known, OpenIdPages
from firewall.console.proving.openid import OpenId
from firewall.console.proving.passkeys import PATH, PasskeyPages
from firewall.console.proving.stepping import Stepping, Ways
from firewall.console.rows import Row
from firewall.console.sessions import Sessions
from firewall.core.ports import Sequencer, Timer
from firewall.tokens.links import Links
from firewall.tokens.passkeys import Passkeys


@dataclass(frozen=True, slots=True)
class Proving:
    """What the composition root provides for people to prove themselves with."""

    clock: Timer
    links: Links
    passkeys: Passkeys | None
    """None where `public_url` lets no passkey work."""
    sequencer: Sequencer
    public_url: str
    openid: OpenId | None = None
    known: Known = field(default_factory=lambda: Known({}, {}))
    """Who is meant by what the OpenID provider says."""

    @property
    def origin(self) -> str:
        """Where passkeys work; empty: nowhere."""
        return self.passkeys.party.origin if self.passkeys else ""

    @property
    def provider(self) -> str:
        """What the OpenID provider is called; empty: there is none."""
        return self.openid.provider.name if self.openid else ""


def ways_of(proving: Proving | None, challenges: Challenges) -> Ways:
    """Return what pages offer."""
    if proving is None:
        return Ways()
    stepping = Stepping(proving.passkeys, challenges) if proving.passkeys else None
    return Ways(stepping, proving.origin, proving.provider)


def mounted(
    proving: Proving | None, challenges: Challenges, pages: Pages, doorman: Doorman, sessions: Sessions
) -> tuple[Row, ...]:
    """Return the routes."""
    if proving is None:
        return ()
    is_https = urlsplit(proving.public_url).scheme == "https"
    proofs = Proofs(
        links=proving.links,
        passkeys=proving.passkeys,
        doorman=doorman,
        sessions=sessions,
        address=lambda path: f"{proving.public_url.rstrip('/')}{path}",
    )
    links = SignInLinks(
        links=proving.links,
        doorman=doorman,
        sessions=sessions,
        pages=pages,
        after=PATH if proving.passkeys else "/console/",
    )
    return (
        Row("GET", LINK, Access.PUBLIC, links.show),
        Row("POST", LINK, Access.SIGN_IN, links.sign_in),
        Row("POST", "/api/approvers/{name}/link", Access.ADMIN, proofs.link),
        Row("GET", "/api/links", Access.ADMIN, proofs.links),
        Row("DELETE", "/api/links/{id}", Access.ADMIN, proofs.revoke_link),
        Row("GET", "/api/passkeys", Access.ADMIN, proofs.passkeys),
        Row("DELETE", "/api/passkeys/{id}", Access.ADMIN, proofs.revoke_passkey),
        *_passkeys(proving, pages, doorman, sessions, is_https=is_https, challenges=challenges),
        *_openid(proving, pages, doorman, sessions, is_https=is_https),
    )


def deciding(
    proving: Proving | None, approvals: Approvals, pages: Pages, doorman: Doorman, calls: ApprovalPages
) -> tuple[Row, ...]:
    """Return the routes of links that decide."""
    if proving is None:
        return ()
    handlers = DecisionLinks(links=proving.links, approvals=approvals, doorman=doorman, pages=pages, calls=calls)
    return (
        Row("GET", DECIDE, Access.PUBLIC, handlers.show),
        Row("POST", DECIDE, Access.SIGN_IN, handlers.answer),
    )


def _openid(
    proving: Proving, pages: Pages, doorman: Doorman, sessions: Sessions, *, is_https: bool
) -> tuple[Row, ...]:
    if proving.openid is None:
        return ()
    handlers = OpenIdPages(
        proving.openid,
        proving.known,
        browsers=Browsers("oidc", is_https=is_https, same_site="Lax"),
        doorman=doorman,
        sessions=sessions,
        pages=pages,
        sequencer=proving.sequencer,
    )
    return (
        Row("GET", BEGIN, Access.PUBLIC, handlers.begin),
        Row("GET", BACK, Access.PUBLIC, handlers.back),
    )


def _passkeys(
    proving: Proving, pages: Pages, doorman: Doorman, sessions: Sessions, *, is_https: bool, challenges: Challenges
) -> tuple[Row, ...]:
    if proving.passkeys is None:
        return ()
    handlers = PasskeyPages(
        passkeys=proving.passkeys,
        challenges=challenges,
        browsers=Browsers("try", is_https=is_https),
        doorman=doorman,
        sessions=sessions,
        pages=pages,
        clock=proving.clock,
    )
    return (
        Row("POST", "/api/session/passkey", Access.SIGN_IN, handlers.sign_in_options),
        Row("POST", "/console/sign-in/passkey", Access.SIGN_IN, handlers.sign_in),
        Row("GET", PATH, Access.PAGE, handlers.listing),
        Row("POST", PATH, Access.FORM, handlers.register),
        Row("POST", f"{PATH}/{{id}}/revoke", Access.FORM, handlers.revoke),
        Row("POST", "/api/passkeys/new", Access.FORM, handlers.options),
    )
