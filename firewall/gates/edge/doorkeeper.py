"""Who may come in at an agents' gate: tokens checked, guesses slowed down and counted."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from firewall.core.errors import AuthError, LimitError
from firewall.core.ports import Clock, Sequencer
from firewall.core.token import TokenKind
from firewall.core.work import Record, Unit
from firewall.guard.requester import Requester, made
from firewall.tokens.service import Bearer, Tokens

TOKEN_HEADERS = ("x-stayhand-token", "x-api-key", "x-goog-api-key")
_SCHEMES = frozenset({"bearer", "token"})
"""Of the Authorization field; GitHub's own clients say `token`."""
_PROVIDERS = ("sk-", "AIza", "ya29.", "gsk_", "xai-", "pplx-", "sess-")
"""How the keys of providers begin."""
_HINT = (
    "what came looks like a provider's own key: give the agent a token of this firewall (shd_…) in its place, or "
    "beside its own login in x-stayhand-token"
)
MAX_SESSION = 256
"""Characters of a session's name; a longer one is kept as its hash."""
_BAD_PER_MINUTE = 10
_MINUTE_US = 60_000_000


@dataclass(slots=True)
class _Failures:
    minute: int = 0
    count: int = 0


class Doorkeeper:
    """Checks tokens, slows down those who guess, and counts them into one entry per source and minute."""

    def __init__(self, *, tokens: Tokens, sequencer: Sequencer, clock: Clock) -> None:
        self._tokens = tokens
        self._sequencer = sequencer
        self._clock = clock
        self._failures: dict[str, _Failures] = {}

    async def bearer(self, headers: Mapping[str, str], source: str) -> Bearer:
        """Return the agent that a request's token stands for.

        Raises: AuthError for a bad token or one of another kind; LimitError where a source guesses.
        """
        try:
            bearer = self._tokens.check(token_of(headers))
        except AuthError as error:
            await self.refused(source)
            if _is_of_provider(headers):
                raise AuthError(detail=error.detail, hint=_HINT) from None
            raise
        if bearer.kind is TokenKind.AGENT and bearer.grant is not None:
            return bearer
        await self.refused(source)
        raise AuthError(detail="not an agent's token")

    async def holder_of(self, token_id: str, source: str) -> Bearer:
        """Return the agent whose access key a request is signed with; the signature is the caller's to verify.

        Raises: AuthError; LimitError where a source guesses.
        """
        try:
            return self._tokens.holder_of(token_id)
        except AuthError:
            await self.refused(source)
            raise

    def left_s(self, requester: Requester) -> float:
        """Return for how many seconds the token of a request is still good; 0 or less: it expired, or was revoked.

        No token outlives its ancestors.
        """
        expires_at = requester.grant.expires_at
        if not self._tokens.is_live(requester.lineage, expires_at):
            return 0.0
        return expires_at.timestamp() - self._clock.now_us() / 1e6

    async def refused(self, source: str) -> None:
        """Count a credential that is not good. Raises: LimitError where a source guesses."""
        now = self._clock.now_us()
        minute = now // _MINUTE_US
        failures = self._failures.setdefault(source, _Failures())
        if failures.minute != minute:
            finished = failures.count
            failures.minute, failures.count = minute, 0
            if finished:
                await self._record(source, finished)
        failures.count += 1
        if failures.count == 1:
            await self._record(source, 1)
        if failures.count > _BAD_PER_MINUTE:
            left_s = ((minute + 1) * _MINUTE_US - now) // 1_000_000 + 1
            raise LimitError(
                "too many bad tokens from this address", retry_after_s=left_s, code="too_many_bad_tokens"
            )
        if len(self._failures) > 10_000:
            self._failures.clear()

    async def _record(self, source: str, count: int) -> None:
        record = Record(kind="token.refused", data={"count": count}, private={"source": source})
        await self._sequencer.submit(Unit(records=(record,)))


def token_of(headers: Mapping[str, str]) -> str:
    """Return the token that a request presents, ours in whichever header it comes; empty where there is none."""
    for name in TOKEN_HEADERS:
        said = headers.get(name)
        if said is None:
            continue
        value = said.strip()
        if value and (name == "x-stayhand-token" or value.startswith("shd_")):
            return value
    scheme, _, value = headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() in _SCHEMES else ""


def _is_of_provider(headers: Mapping[str, str]) -> bool:
    """Tell whether a request presents a provider's key and none of ours."""
    if token_of(headers).startswith("shd_"):
        return False
    presented = [headers.get(name, "") for name in (*TOKEN_HEADERS, "authorization")]
    return any(value.strip().removeprefix("Bearer ").strip().startswith(_PROVIDERS) for value in presented)


def requester_of(bearer: Bearer, *, gate: str, client: str, session: str = "") -> Requester:
    """Return who asks, through which gate and with which client; `session` is the client's claim.

    Raises: AuthError when the bearer has no grant.
    """
    if bearer.grant is None:
        raise AuthError(detail="no grant")
    grant = bearer.grant
    return made(
        bearer.token_id,
        bearer.lineage,
        bearer.draws,
        grant,
        bearer.principal,
        _short(grant.session or session),
        gate,
        client,
    )


def _short(session: str) -> str:
    """Return a session as it is kept: a claim is of any length, and what is remembered of it must not be."""
    if len(session) <= MAX_SESSION:
        return session
    return f"sha256:{hashlib.sha256(session.encode('utf-8', 'surrogatepass')).hexdigest()}"
