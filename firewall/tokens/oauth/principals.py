"""Who a verified access token is here: an id that stays, to be listed, limited and revoked like a token's.

A subject of an issuer has one id, below it one for each agent and environment that it is mapped to, and below
that one for each row that maps it: two rows share a bucket, and no session, task or line. INVARIANT: an id is
revoked for good, also after its person was erased: no other access token opens what is below it again, and nothing
new is written of it. No text is its token: the fingerprint that is
stored is of no text that could be presented.
"""

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import replace

from firewall.codecs.oauth.claims import Claims
from firewall.core.errors import AuthError
from firewall.core.grant import Grant
from firewall.core.ids import principal_of, spell_id
from firewall.core.ports import Clock, Sequencer
from firewall.core.token import TokenKind
from firewall.core.work import PutToken, Record, Unit, Unmet
from firewall.tokens.service import Bearer, Tokens, draws_of

KIND = "oauth"
_MOST_KNOWN = 50_000
_ROW_CHARS = 8
"""As many of a row's digest as people tell rows apart by."""
_NEVER_US = 253_402_214_400_000_000
"""The last day of the year 9999: a subject's id ends by revocation alone."""


class Principals:
    """Gives subjects their ids; what was seen once is known without a query."""

    def __init__(self, *, tokens: Tokens, sequencer: Sequencer, clock: Clock) -> None:
        self._tokens = tokens
        self._sequencer = sequencer
        self._clock = clock
        self._known: OrderedDict[str, None] = OrderedDict()
        self._one = asyncio.Lock()

    async def bearer(self, said: Claims, grant: Grant, row: str) -> Bearer:
        """Return who a token with the grant of this row is; one who was never seen is recorded first.

        Raises: AuthError where the subject was revoked; StoreError when nothing can be recorded.
        """
        subject = id_of(said.issuer, said.subject)
        mapped = (said.issuer, said.subject, grant.owner, grant.agent, grant.environment)
        agent, own = id_of(*mapped), id_of(*mapped, row)
        lineage = (own, agent, subject)
        if own not in self._known:
            async with self._one:
                await self._meet(lineage, said, grant, row=row)
        if not self._tokens.is_live(lineage, grant.expires_at):
            raise AuthError(detail="revoked, or expired")
        return Bearer(
            token_id=own,
            kind=TokenKind.AGENT,
            expires_us=said.expires_s * 1_000_000,
            grant=grant,
            lineage=lineage,
            principal=principal_of(grant.owner, grant.agent),
            draws=draws_of([(agent, grant)]),
        )

    async def _meet(self, lineage: tuple[str, ...], said: Claims, grant: Grant, *, row: str) -> None:
        """Keep the ids that are new, unless one above them was revoked. Raises: AuthError; StoreError."""
        own = lineage[0]
        if own in self._known:
            return
        parents = dict(zip(lineage, (*lineage[1:], ""), strict=True))
        missing = [one for one in reversed(lineage) if not self._tokens.learn(one)]
        if missing:
            if not self._tokens.is_live(lineage, grant.expires_at):
                raise AuthError(detail="revoked, or expired")  # and nobody's name is written down anew
            who = f"{said.subject} of {said.issuer}"
            held = f"{grant.owner}/{grant.agent} in {grant.environment}: {who}"
            names = dict(zip(lineage, (f"row {row[:_ROW_CHARS]} of {held}", held, who), strict=True))
            erasures = self._tokens.erasures()
            # the subject may act for others as well: whose it is stands below it
            steps = tuple(
                replace(
                    self._row(one, parents[one], names[one], owner=grant.owner if parents[one] else ""),
                    erasures=erasures,
                )
                for one in missing
            )
            unit = Unit(records=(_record(own, parents[own], said, grant),), steps=steps)
            if isinstance(await self._sequencer.submit(unit), Unmet):
                raise AuthError(detail="revoked, or its owner erased, meanwhile")
        self._known[own] = None
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)

    def _row(self, one: str, parent: str, holder: str, *, owner: str) -> PutToken:
        return PutToken(
            id=one,
            fingerprint=hashlib.sha256(b"stayhand oauth principal 1\x00" + one.encode("ascii")).digest(),
            kind=KIND,
            holder=holder,
            parent=parent,
            grant="",
            created_at=self._clock.now_us(),
            expires_at=_NEVER_US,
            owner=owner,
        )


def id_of(*parts: str) -> str:
    """Return the id of a subject: always the same for the same words."""
    spelled = b"".join(b"%d:%b\n" % (len(raw), raw) for raw in (part.encode("utf-8") for part in parts))
    return spell_id("tok", hashlib.sha256(b"stayhand oauth principal 1\n" + spelled).digest()[:17])


def _record(own: str, parent: str, said: Claims, grant: Grant) -> Record:
    return Record(
        kind="token.minted",
        data={"token_kind": KIND, "environment": grant.environment, "token": own, "parent": parent},
        person=grant.owner,
        principal=principal_of(grant.owner, grant.agent),
        private={"issuer": said.issuer, "subject": said.subject, "client": said.client, "owner": grant.owner},
    )
