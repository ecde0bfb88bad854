"""Tokens: mint, narrow, revoke, check. A check needs no query once a token has been seen.

INVARIANT: a token is good only while it and every ancestor are unexpired and unrevoked; revocation is in
memory the moment its commit is durable, so that running holds and streams feel it.
"""

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TypeVar

from firewall.core.errors import AuthError, FirewallError
from firewall.core.grant import Grant, GrantError, Wish, narrow
from firewall.core.ids import is_id, principal_of, spell_id
from firewall.core.ports import Clock, Sequencer
from firewall.core.token import ParsedToken, TokenKind, fingerprint, parse, spell
from firewall.core.work import Committed, EndToken, PutToken, Record, Unit, Unmet
from firewall.tokens import grant_json
from firewall.tokens.port import TokenRow, TokenRows
from firewall.tokens.uses import Uses

_LOG = logging.getLogger("stayhand.tokens")

AGENT_MAX = timedelta(hours=24)
_CACHE_MAX = 50_000
_LONGEST = 128
_Key = TypeVar("_Key", bytes, str)


PAGE = 1000
"""Tokens that are listed at a time."""
OWNER_FACTOR = 4
"""An owner's agents together may send this many times what one of them may."""


@dataclass(frozen=True, slots=True)
class Draw:
    """One holder of buckets that a call draws from: the token, each ancestor, the owner. Zero: not capped."""

    key: str
    requests_per_minute: int
    tokens_per_minute: int
    destructive_per_hour: int
    money_cap_micros: int = 0
    """Of tokens; an owner's money is a matter of budgets."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whoever presented a good token."""

    token_id: str
    kind: TokenKind
    expires_us: int
    grant: Grant | None = None
    """Of agent tokens."""
    holder: str = ""
    """The person of an admin or approver token."""
    lineage: tuple[str, ...] = ()
    """Ids of this token and its ancestors, itself first."""
    principal: str = ""
    """`owner/agent` of agent tokens."""
    draws: tuple[Draw, ...] = ()
    """Whose buckets a call draws from."""
    minted_us: int = 0


@dataclass(frozen=True, slots=True)
class Minted:
    """A new token; `text` is shown once and kept nowhere."""

    id: str
    text: str = field(repr=False)
    expires_at: datetime


class UnknownTokenError(FirewallError):
    """No such token."""

    code = "token_unknown"
    status = 404


class Tokens:
    """Everything about tokens; reads through `rows`, writes through the sequencer."""

    def __init__(self, *, sequencer: Sequencer, rows: TokenRows, clock: Clock) -> None:
        self._sequencer = sequencer
        self._rows = rows
        self._clock = clock
        self._good: dict[bytes, Bearer] = {}
        self._by_id: dict[str, Bearer] = {}
        self._revoked: set[str] = set()
        self._watchers: list[Callable[[str], None]] = []
        self.uses = Uses(sequencer=sequencer, rows=rows)
        """When each was used last."""

    def check(self, text: str) -> Bearer:
        """Return the bearer of a token.

        Raises: AuthError for none, malformed, unknown, expired and revoked alike.
        """
        # A fingerprint that is known belongs to a token whose form and checksum were right when it was looked up.
        known = len(text) <= _LONGEST and text.isascii()
        bearer = self._good.get(fingerprint(text)) if known else None
        if bearer is None:
            parsed = parse(text)
            if parsed is None:
                raise AuthError(detail="malformed")
            bearer = self._look_up(parsed)
        return self._still_good(bearer)

    def holder_of(self, token_id: str) -> Bearer:
        """Return the agent whose token has this id, for whoever has verified that it holds the token's access key.

        Raises: AuthError for unknown, expired and revoked ones and for tokens that are no agent's.
        """
        bearer = self._by_id.get(token_id)
        if bearer is None:
            row = self._rows.by_id(token_id) if is_id(token_id, "tok") else None
            if row is None or row.kind != TokenKind.AGENT.value:
                raise AuthError(detail="unknown")
            bearer = self._bearer(row, TokenKind.AGENT)
            _keep(self._by_id, token_id, bearer)
        return self._still_good(bearer)

    def _still_good(self, bearer: Bearer) -> Bearer:
        now_us = self._clock.now_us()
        if bearer.expires_us <= now_us:
            raise AuthError(detail="expired")
        if not self._revoked.isdisjoint(bearer.lineage):
            raise AuthError(detail="revoked")
        self.uses.fresh[bearer.token_id] = now_us
        return bearer

    def is_live(self, lineage: tuple[str, ...], expires_at: datetime) -> bool:
        """Tell whether a token that was good still is: neither expired nor revoked, nor any ancestor."""
        return _instant_us(expires_at) > self._clock.now_us() and self._revoked.isdisjoint(lineage)

    def learn(self, token_id: str) -> bool:
        """Tell whether a token has this id, and know from now on whether it was revoked. Raises: StoreError."""
        row = self._rows.by_id(token_id)
        if row is not None and row.revoked_at:
            self._revoked.add(token_id)
        return row is not None

    def erasures(self) -> int:
        """Return how many people were erased. Raises: StoreError."""
        return self._rows.erasures()

    def on_revoked(self, watcher: Callable[[str], None]) -> None:
        """Call `watcher(token_id)` as soon as a revocation is durable."""
        self._watchers.append(watcher)

    async def mint_agent(self, grant: Grant, *, by: str) -> Minted:
        """Mint an agent token.

        Raises: GrantError when it would live longer than 24 hours or is expired already.
        """
        now = datetime.fromtimestamp(self._clock.now_us() / 1e6, UTC)
        if not now < grant.expires_at <= now + AGENT_MAX + timedelta(seconds=5):
            raise GrantError("an agent token lives between a second and 24 hours")
        record = Record(
            kind="token.minted",
            data={"token_kind": TokenKind.AGENT.value, "environment": grant.environment, "depth": grant.depth},
            person=grant.owner,
            principal=principal_of(grant.owner, grant.agent),
            private={"by": by, "grant": grant_json.dump(grant)},
        )
        return await self._put(TokenKind.AGENT, grant.environment, grant.expires_at, record, grant=grant)

    async def mint_control(self, kind: TokenKind, holder: str, expires_at: datetime, *, by: str) -> Minted:
        """Mint an admin, approver or service token for a person."""
        if kind is TokenKind.AGENT:
            raise GrantError("an agent token needs a grant")
        record = Record(
            kind="token.minted",
            data={"token_kind": kind.value},
            person=holder,
            private={"by": by, "holder": holder},
        )
        return await self._put(kind, "control", expires_at, record, holder=holder)

    async def narrow(self, parent: Bearer, wish: Wish, *, by: str = "") -> Minted:
        """Narrow an agent's token into a child; `by`: who did, where it was not the agent itself.

        Raises: GrantError when the wish is wider than the parent; AuthError where the parent ended meanwhile.
        """
        if parent.grant is None:
            raise GrantError("only an agent token can be narrowed")
        grant = narrow(parent.grant, parent.token_id, wish)
        record = Record(
            kind="token.narrowed",
            data={"environment": grant.environment, "depth": grant.depth, "parent": parent.token_id},
            person=grant.owner,
            principal=principal_of(grant.owner, grant.agent),
            private={"grant": grant_json.dump(grant), **({"by": by} if by else {})},
        )
        return await self._put(TokenKind.AGENT, grant.environment, grant.expires_at, record, grant=grant)

    async def revoke(self, token_id: str, *, by: str) -> None:
        """Revoke a token and with it its children; running holds and streams end.

        Raises: UnknownTokenError when there is none or it is revoked already.
        """
        now = self._clock.now_us()
        record = Record(kind="token.revoked", data={"token": token_id}, person=by, private={"by": by})
        outcome = await self._sequencer.submit(Unit(records=(record,), steps=(EndToken(token_id, now),)))
        if not isinstance(outcome, Committed):
            raise UnknownTokenError(f"there is no unrevoked token `{token_id}`")
        self._feel(token_id)

    def forget(self, holder: str) -> None:
        """Feel at once that the control tokens of somebody who was removed are revoked. Raises: StoreError."""
        for token_id in self._rows.revoked_of(holder):
            self._feel(token_id)

    def forget_erased(self, name: str) -> None:
        """Keep nothing in memory that names somebody who was erased; his tokens' ids stay as revoked."""
        self._good = {key: one for key, one in self._good.items() if not _names(one, name)}
        self._by_id = {key: one for key, one in self._by_id.items() if not _names(one, name)}

    def _feel(self, token_id: str) -> None:
        self._revoked.add(token_id)
        for watcher in self._watchers:
            try:
                watcher(token_id)
            except Exception:  # noqa: BLE001 - one that fails keeps no other from ending what runs
                _LOG.exception("what runs with a revoked token was not all ended")

    def family(self, token_id: str) -> tuple[str, ...]:
        """Return the ids of a token and everything narrowed from it."""
        return tuple(self._rows.family(token_id))

    def listing(self, after: str = "") -> Sequence[TokenRow]:
        """Return a page of stored tokens, newest first; `after`: the last one of the page before.

        A page with less than PAGE is the last one. None of them can be used from this.
        """
        return self._rows.listing(PAGE, after)

    def roots(self, limit: int, after: str = "") -> Sequence[TokenRow]:
        """Return tokens that were narrowed from none, newest first; `after`: only those behind this one."""
        return self._rows.roots(limit, after)

    def descendants(self, token_id: str, limit: int) -> Sequence[TokenRow]:
        """Return what was narrowed from a token, and from those, each behind the one that it was narrowed from."""
        return self._rows.descendants(token_id, limit)

    def row(self, token_id: str) -> TokenRow:
        """Return a stored token. Raises: UnknownTokenError."""
        found = self._rows.by_id(token_id)
        if found is None:
            raise UnknownTokenError(f"there is no token `{token_id[:40]}`")
        return found

    async def _put(
        self,
        kind: TokenKind,
        environment: str,
        expires_at: datetime,
        record: Record,
        *,
        grant: Grant | None = None,
        holder: str = "",
    ) -> Minted:
        text = _spelled(environment, kind)
        token_id = spell_id("tok", secrets.token_bytes(17))
        step = PutToken(
            id=token_id,
            fingerprint=fingerprint(text),
            kind=kind.value,
            holder=holder,
            parent=grant.parent if grant else "",
            grant=grant_json.dump(grant) if grant else "",
            created_at=self._clock.now_us(),
            expires_at=int(expires_at.timestamp() * 1e6),
        )
        record = Record(
            kind=record.kind,
            data={**record.data, "token": token_id, "expires_at": step.expires_at},
            person=record.person,
            principal=record.principal,
            private=record.private,
        )
        outcome = await self._sequencer.submit(Unit(records=(record,), steps=(step,)))
        if isinstance(outcome, Unmet):
            raise AuthError(detail="revoked meanwhile")
        return Minted(token_id, text, expires_at)

    def _look_up(self, parsed: ParsedToken) -> Bearer:
        row = self._rows.by_fingerprint(parsed.fingerprint)
        if row is None or row.kind != parsed.kind.value:
            raise AuthError(detail="unknown")
        bearer = self._bearer(row, parsed.kind)
        _keep(self._good, parsed.fingerprint, bearer)
        return bearer

    def _bearer(self, row: TokenRow, kind: TokenKind) -> Bearer:
        lineage = [row]
        while lineage[-1].parent:
            parent = self._rows.by_id(lineage[-1].parent)
            if parent is None or len(lineage) > 8:
                raise AuthError(detail="orphaned")
            lineage.append(parent)
        self._revoked.update(one.id for one in lineage if one.revoked_at)
        grant = grant_json.parse(row.grant) if row.grant else None
        if (grant is None) is (kind is TokenKind.AGENT):
            raise AuthError(detail="a grant belongs to agent tokens alone")
        return Bearer(
            token_id=row.id,
            kind=kind,
            expires_us=min(one.expires_at for one in lineage),
            grant=grant,
            holder=row.holder,
            lineage=tuple(one.id for one in lineage),
            principal=principal_of(grant.owner, grant.agent) if grant else "",
            draws=draws_of([(one.id, grant_json.parse(one.grant)) for one in lineage if one.grant]),
            minted_us=row.created_at,
        )


@lru_cache(maxsize=1024)
def _instant_us(at: datetime) -> int:
    """Return an instant in Unix microseconds; a grant has the same one for every call."""
    return int(at.timestamp() * 1e6)


def _names(bearer: Bearer, name: str) -> bool:
    """Tell whether a bearer is somebody's: he holds the token, or owns it."""
    owner = bearer.grant.owner if bearer.grant is not None else ""
    return name in (bearer.holder, owner) or any(draw.key == f"owner:{name}" for draw in bearer.draws)


def _keep(known: dict[_Key, Bearer], key: _Key, bearer: Bearer) -> None:
    if len(known) >= _CACHE_MAX:
        known.clear()
    known[key] = bearer


def _spelled(environment: str, kind: TokenKind) -> str:
    """Spell a new token that can be read again.

    Raises: GrantError when the environment's name cannot stand in a token.
    """
    readable = environment.isascii() and environment.replace("-", "").isalnum()
    text = spell(environment, kind, secrets.token_bytes(32)) if readable else ""
    if not text or parse(text) is None:
        raise GrantError(f"the environment `{environment[:80]}` cannot be part of a token")
    return text


def draws_of(lineage: list[tuple[str, Grant]]) -> tuple[Draw, ...]:
    """Return whose buckets calls draw from: each token's of a lineage, the owner's last."""
    if not lineage:
        return ()
    draws = [
        Draw(
            token_id,
            grant.requests_per_minute,
            grant.tokens_per_minute,
            grant.destructive_per_hour,
            grant.money_cap_micros,
        )
        for token_id, grant in lineage
    ]
    root = lineage[-1][1]
    owner = Draw(
        f"owner:{root.owner}",
        root.requests_per_minute * OWNER_FACTOR,
        root.tokens_per_minute * OWNER_FACTOR,
        root.destructive_per_hour * OWNER_FACTOR,
    )
    return (*draws, owner)
