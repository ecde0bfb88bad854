"""Signing in at an OpenID provider: authorization code with PKCE, for one browser, once, within minutes.

INVARIANT: state, nonce and verifier are made here for each login, and what comes back counts once, in the browser
that began it. Addresses come from the configuration and the provider's own metadata alone, never from a request.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from firewall.codecs.oauth import compact
from firewall.codecs.oauth.answers import Awaited, code_of, error_of
from firewall.codecs.oauth.identity import Identity, id_token_of, identity_of
from firewall.codecs.oauth.keys import signed_by
from firewall.codecs.oauth.metadata import ServerMetadata
from firewall.codecs.oauth.places import complaint
from firewall.core.errors import AuthError, FirewallError, ProtocolError, UpstreamError
from firewall.core.moments import Moment
from firewall.core.ports import Timer
from firewall.core.secret import Secret
from firewall.routing.documents import Documents, Ground
from firewall.routing.issuing import authentication_for, client_proof, metadata_of, s256
from firewall.tokens.oauth.keyring import Keyring

LIFE_US = 600 * 1_000_000
MOST = 1_000
MOST_OF_ONE = 150
"""Logins under way for one source; more than its throttle lets it begin within their life."""
FAILED_US = 10 * 1_000_000
"""How long a provider that could not be asked is not asked anew."""
KEPT_US = 600 * 1_000_000
"""How long the provider's metadata is used before it is asked for anew."""


class OpenIdError(FirewallError):
    """A sign-in at the provider that did not work."""

    code = "oidc_refused"
    status = 403


@dataclass(frozen=True, slots=True)
class Provider:
    """The provider as configured."""

    issuer: str
    client_id: str
    secret: Callable[[], Secret]
    """Reads the client's secret; an empty one: it has none."""
    scopes: tuple[str, ...]
    algorithms: frozenset[str]
    ground: Ground
    name: str
    """What the button calls it."""


@dataclass(frozen=True, slots=True)
class _Pending:
    browser: str
    source: str
    back: str
    nonce: str
    verifier: Secret
    begun: Moment


class OpenId:
    """All sign-ins under way at the provider."""

    def __init__(
        self, provider: Provider, *, redirect: str, documents: Documents, clock: Timer, now: Callable[[], float]
    ) -> None:
        """`redirect`: where browsers come back to; `now`: seconds of a clock that only goes forward."""
        self.provider = provider
        self._redirect = redirect
        self._documents = documents
        self._clock = clock
        self._keyring = Keyring(self._keys, now)
        self._pending: dict[str, _Pending] = {}
        self._metadata: tuple[Moment, ServerMetadata] | None = None
        self._failure: tuple[Moment, OpenIdError] | None = None

    async def begin(self, browser: str, *, source: str, back: str) -> str:
        """Return where a browser goes to sign in. Raises: OpenIdError when the provider cannot be asked."""
        metadata = await self._described()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        self._make_room(source)
        begun = Moment.of(self._clock)
        self._pending[state] = _Pending(browser, source, back, nonce, Secret(verifier), begun)
        asked = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": self._redirect,
            "scope": " ".join(self.provider.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": s256(verifier),
            "code_challenge_method": "S256",
        }
        endpoint = metadata.authorization_endpoint
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(asked)}"

    async def finish(self, browser: str, state: str, query: str) -> tuple[Identity, str]:
        """Return who signed in, and the page that was asked for. Raises: OpenIdError."""
        pending = self._pending.pop(state, None)
        is_ours = pending is not None and browser != "" and pending.browser == browser
        if pending is None or not is_ours or self._is_over(pending):
            raise OpenIdError("this sign-in was begun too long ago, or in another browser", code="oidc_state")
        metadata = await self._described()
        try:
            code = code_of(query, Awaited(state, metadata.issuer, metadata.says_issuer))
        except ProtocolError as error:
            raise OpenIdError(error.public, code="oidc_refused") from None
        token = await self._exchanged(metadata, code, pending)
        return await self._identity(token, pending), pending.back

    async def _exchanged(self, metadata: ServerMetadata, code: Secret, pending: _Pending) -> str:
        """Return the ID token for a code. Raises: OpenIdError."""
        secret = self.provider.secret()
        way = authentication_for(metadata.authentications, secret)
        credential, own = client_proof(self.provider.client_id, secret, way)
        form = [
            ("grant_type", "authorization_code"),
            ("code", code.reveal()),
            ("redirect_uri", self._redirect),
            ("code_verifier", pending.verifier.reveal()),
            *own,
        ]
        try:
            answer = await self._documents.form(
                metadata.token_endpoint, self.provider.ground, values=form, credential=credential
            )
            if answer.status != 200:
                raise _away(f"it answered {answer.status} {error_of(answer.body)}")
            return id_token_of(answer.body)
        except (UpstreamError, ProtocolError) as error:
            raise _away(error.detail or error.public) from None

    async def _identity(self, text: str, pending: _Pending) -> Identity:
        """Return who an ID token is about. Raises: OpenIdError."""
        try:
            return identity_of(
                await self._verified(text),
                issuer=self.provider.issuer,
                client=self.provider.client_id,
                nonce=pending.nonce,
                now_s=self._clock.now_us() / 1e6,
            )
        except AuthError as error:
            raise OpenIdError(
                "what the provider says about you cannot be verified", code="oidc_token", detail=error.detail
            ) from None
        except (UpstreamError, ProtocolError) as error:
            raise _away(error.public) from None

    async def _verified(self, text: str) -> compact.Compact:
        """Return a token that the provider signed. Raises: AuthError; UpstreamError, ProtocolError."""
        token = compact.read(text)
        if token.algorithm not in self.provider.algorithms:
            raise AuthError(detail="an algorithm that the provider may not use")
        keys = await self._keyring.fitting(token)
        if not any(signed_by(token, key) for key in keys):
            raise AuthError(detail="signed by no key of the provider")
        return token

    async def _described(self) -> ServerMetadata:
        """Return what the provider says about itself. Raises: OpenIdError."""
        now = Moment.of(self._clock)
        if self._metadata is not None and self._metadata[0].age_us(self._clock) < KEPT_US:
            return self._metadata[1]
        if self._failure is not None and self._failure[0].age_us(self._clock) < FAILED_US:
            raise _away(self._failure[1].detail)
        try:
            found = await self._asked()
        except OpenIdError as error:
            self._failure = (Moment.of(self._clock), error)
            raise
        self._metadata = (now, found)
        return found

    async def _asked(self) -> ServerMetadata:
        """Ask the provider for its metadata, and check it. Raises: OpenIdError."""
        try:
            found = await metadata_of(self.provider.issuer, self._documents, self.provider.ground)
        except (UpstreamError, ProtocolError) as error:
            raise _away(error.public) from None
        for url in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
            why = complaint(url, loopback=self.provider.ground.loopback)
            if why:
                raise _away(f"an address of its metadata {why}")
        if found.challenges and "S256" not in found.challenges:
            raise _away("it does not take PKCE with S256")
        return found

    async def _keys(self) -> bytes:
        url = (await self._described()).jwks_uri
        return await self._documents.document(url, self.provider.ground)

    def _is_over(self, one: _Pending) -> bool:
        return one.begun.age_us(self._clock) >= LIFE_US

    def _make_room(self, source: str) -> None:
        if len(self._pending) >= MOST:
            self._pending = {key: one for key, one in self._pending.items() if not self._is_over(one)}
        own = [key for key, one in self._pending.items() if one.source == source]
        for key in own[: max(0, len(own) - MOST_OF_ONE + 1)]:
            del self._pending[key]
        while len(self._pending) >= MOST:
            del self._pending[next(iter(self._pending))]


def _away(why: str) -> OpenIdError:
    return OpenIdError(
        "the OpenID provider cannot be asked now: try again, or sign in another way",
        code="oidc_unavailable",
        status=502,
        detail=why,
    )
