"""Access tokens of other issuers at the MCP gate, put together."""

import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from firewall.app.base import Base
from firewall.codecs.oauth.claims import Expected
from firewall.core.grant import Grant
from firewall.core.ports import Clock, Sequencer
from firewall.gates.edge.doorkeeper import Doorkeeper
from firewall.gates.mcp.oauth.door import OAuthDoor
from firewall.routing.documents import Documents, ground_of
from firewall.routing.issuing import metadata_of
from firewall.routing.port import Upstream
from firewall.settings.oauth import OAuth, OAuthGrant, OAuthIssuer
from firewall.settings.sections import ApproverSettings
from firewall.tokens.oauth.issuers import Issuer, Issuers
from firewall.tokens.oauth.keyring import Keyring
from firewall.tokens.oauth.principals import Principals
from firewall.tokens.oauth.rules import Rule
from firewall.tokens.service import Tokens

_ANY_TIME = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class World:
    """What the door stands on."""

    tokens: Tokens
    sequencer: Sequencer
    clock: Clock
    doorkeeper: Doorkeeper
    documents: Documents


def world_of(base: Base, upstream: Upstream) -> World:
    """Return what the door of an installation stands on."""
    return World(base.tokens, base.installation.writer, base.clock, base.doorkeeper, Documents(upstream))


def door_of(
    oauth: OAuth, issuers: Sequence[OAuthIssuer], world: World, *, people: Sequence[ApproverSettings]
) -> OAuthDoor:
    """Return the door for the configured issuers; their keys are fetched when the first token comes.

    Raises: ConfigError for an address that cannot be used.
    """
    names = {one.email.lower(): one.name for one in people if one.email}
    return OAuthDoor(
        oauth.resource,
        issuers=Issuers({one.issuer: _issuer(one, world.documents, names) for one in issuers}, world.clock),
        principals=Principals(tokens=world.tokens, sequencer=world.sequencer, clock=world.clock),
        doorkeeper=world.doorkeeper,
    )


def rule_of(one: OAuthGrant, people: Mapping[str, str]) -> Rule:
    """Return a rule as configured; `people`: approvers by their address."""
    grant = Grant(
        environment=one.environment,
        owner=one.owner,
        agent=one.agent,
        expires_at=_ANY_TIME,
        role=one.role,
        verbs=frozenset(one.verbs),
        tools=one.tools,
        resources=one.resources,
        requests_per_minute=one.max_requests_per_minute,
        destructive_per_hour=one.destructive_per_hour,
    )
    return Rule(
        grant,
        hashlib.sha256(one.model_dump_json(exclude_defaults=True).encode()).hexdigest(),
        scopes=one.scopes,
        claims=one.claims,
        subjects=frozenset(one.subjects),
        clients=frozenset(one.clients),
        owner_claim=one.owner_claim,
        people=people,
    )


def _issuer(one: OAuthIssuer, documents: Documents, people: Mapping[str, str]) -> Issuer:
    return Issuer(
        Expected(one.issuer, plain_jwt=one.plain_jwt, other_audiences=frozenset(one.other_audiences)),
        algorithms=frozenset(one.algorithms),
        keyring=Keyring(_keys(one, documents), time.monotonic),
        rules=[rule_of(row, people) for row in one.grant],
    )


def _keys(one: OAuthIssuer, documents: Documents) -> Callable[[], Awaitable[bytes]]:
    ground = ground_of(one.jwks_url or one.issuer, one.hosting)

    async def fetch() -> bytes:
        url = one.jwks_url or (await metadata_of(one.issuer, documents, ground)).jwks_uri
        return await documents.document(url, ground)

    return fetch
