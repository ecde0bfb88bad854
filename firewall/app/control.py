"""The control side: console, administration, metrics."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from firewall.app.base import Base
from firewall.app.channels import slack_desk_of
from firewall.app.egress import EgressSide
from firewall.app.explorer import log_room_of
from firewall.app.live import live_room
from firewall.app.looking import Looking
from firewall.app.money import budgets_of
from firewall.app.openid import openid_of
from firewall.app.pinning import Pinning
from firewall.app.policy_room import policy_room
from firewall.app.route_room import fared_since, route_room
from firewall.app.sessions import session_room
from firewall.app.tokens import token_room
from firewall.codecs.passkeys.place import party_of
from firewall.console.api.approvals import Runner
from firewall.console.api.credentials import Vaulting
from firewall.console.api.desks import AwsHandout, Peopling, Policing, Tokening
from firewall.console.api.drills import Drilling
from firewall.console.api.logins import LoginDesk, NoLogins
from firewall.console.api.routes import Routing
from firewall.console.api.spend import Approved, Books
from firewall.console.app import Console, Desks
from firewall.console.approving.approvers import Answering, ApproverRoom
from firewall.console.approving.reviews import ReviewRoom
from firewall.console.costs.room import SpendPage
from firewall.console.credentials import Credentials
from firewall.console.explorer.entries import Entries
from firewall.console.proving.mounting import Proving
from firewall.console.proving.oidc_pages import Known
from firewall.console.rooms import Room
from firewall.console.roster import Listed
from firewall.console.routes.faring import Faring
from firewall.console.routes.providers import ProviderPage
from firewall.core.ids import spell_id
from firewall.gates.infra.scopes.probing import probe_all
from firewall.references import users_of
from firewall.routing.choosing.in_force import Routes
from firewall.routing.choosing.measures import Measures
from firewall.routing.choosing.swapping import Swaps
from firewall.routing.drills.room import DrillRoom
from firewall.routing.port import Upstream
from firewall.routing.trying.circuits import Circuits
from firewall.telemetry import Condition
from firewall.tokens.passkeys import Passkeys

LEFTOVER = "what was erased lies in the write-ahead log until a reader of the log ends"


def console_of(
    base: Base,
    upstream: Upstream,
    egress: EgressSide | None,
    *,
    routes: Routes,
    runner: Runner,
    drills: DrillRoom,
    faring: Faring,
    pins: Pinning,
    looking: Looking,
) -> Console:
    """Return the control side with all its desks; `upstream` asks providers about a credential.

    `runner` runs what an approver wants done first, or instead of a call.
    """
    installation, rules = base.installation, base.rules
    writer, tokens = installation.writer, _tokening(base)
    entries = Entries(installation.reader, installation.sealing, writer)
    desks = Desks(
        tokens=tokens,
        people=Peopling(base.people, base.tokens),
        policy=Policing(rules.load, writer),
        entries=entries,
        credentials=_vaulting(base, upstream),
        spend=_books(base, routes),
        routes=Routing(routes, Swaps(base.settings.data_dir / "swaps.json"), writer),
        slack=slack_desk_of(base.settings, base.references),
        drills=Drilling(drills, writer, fared_since(base, routes, looking.follower)),
        status=_condition(base),
        runner=runner,
        glass=base.glass,
        rooms=_rooms(base, tokens, entries, routes=routes, faring=faring, looking=looking),
        pins=pins,
        logins=_logins(base, upstream),
        absences=base.absences,
        holding=Listed(base.people, base.absences, base.settings.approver, base.clock).holding,
        proving=proving_of(base, upstream),
        push=base.pushing.desk(base.settings) if base.pushing is not None else None,
    )
    if egress is not None:
        desks = replace(desks, egress=egress.handout)
    return Console(
        approvals=base.approvals,
        authenticator=Credentials(base.tokens, base.people, base.settings),
        sequencer=writer,
        clock=base.clock,
        desks=desks,
        control_listen=base.settings.server.control_listen,
        channels=lambda: base.channels.health,
        troubles=base.channels.troubles,
    )


def _condition(base: Base) -> Condition:
    """Return what tells how the process fares."""
    installation, rules = base.installation, base.rules
    return Condition(
        installation.writer,
        lambda: rules.snapshot.digest,
        installation.witness.words,
        base.telemetry,
        _answering(base).words,
        base.reviews.words,
        lambda: "" if installation.writer.is_emptied else LEFTOVER,
    )


def _books(base: Base, routes: Routes) -> Books:
    """Return what model calls cost."""

    def approved(provider: str, model: str) -> Approved:
        known = routes.table.models.of(provider, model)
        days = [day.isoformat() if day else "" for day in (known.approved_at, known.review_by)]
        return Approved(known.approved_by, *days)

    return Books(base.settings.database, base.clock, budgets_of(base.settings), approved)


def _rooms(
    base: Base, tokens: Tokening, entries: Entries, *, routes: Routes, faring: Faring, looking: Looking
) -> tuple[Room, ...]:
    """Return the pages beside the queue and the approvals, in the order of their tabs."""
    return (
        live_room(base, looking.feed),
        session_room(base, looking.follower),
        log_room_of(base, entries, looking.behind, lambda: looking.feed.is_closed, looking.forget),
        token_room(base, tokens),
        policy_room(base),
        ApproverRoom(_answering(base)),
        ReviewRoom(base.reviews, base.approvals, sequencer=base.installation.writer, clock=base.clock),
        SpendPage(looking.costs, lambda: _names(base)),
        ProviderPage(faring),
        route_room(base, routes, looking.follower),
    )


def _names(base: Base) -> Mapping[str, str]:
    """Return the names of everybody who may sign in, by pseudonymous ids."""
    pseudonym = base.installation.writer.pseudonym
    return {pseudonym(one.name): one.name for one in base.people.listing()}


def _answering(base: Base) -> Answering:
    """Return what counts how people answer."""
    return Answering(
        base.installation.approving,
        names=lambda: [one.name for one in base.people.listing()],
        pseudonym=base.installation.writer.pseudonym,
        clock=base.clock,
    )


def _tokening(base: Base) -> Tokening:
    """Return what mints tokens, and hands out what AWS clients need with them."""
    specs = {name: target.spec for name, target in base.targets.items()}
    handout = AwsHandout(base.access_keys, specs, f"http://{base.settings.server.listen}")
    return Tokening(base.tokens, base.clock, aws=handout)


def _logins(base: Base, upstream: Upstream) -> LoginDesk:
    """Return where admins log in at MCP servers, loaded only where any wants it. Raises: ConfigError."""
    if not any(one.oauth for one in base.settings.mcp_server):
        return NoLogins()
    from firewall.app.logins import desk_of

    return desk_of(base, upstream)


def proving_of(base: Base, upstream: Upstream) -> Proving:
    """Return what people prove themselves with; without passkeys where `public_url` lets none work.

    Raises: ConfigError for an OpenID provider that cannot be used.
    """
    writer, rows, clock = base.installation.writer, base.installation.proofs, base.clock
    party = party_of(base.settings.server.public_url)
    passkeys = None
    if party is not None:
        new_id = partial(_new_id, "pky")
        passkeys = Passkeys(party=party, sequencer=writer, rows=rows, clock=clock, new_id=new_id)
    openid = openid_of(base.settings, clock, upstream) if base.settings.oidc else None
    people = base.settings.approver
    known = Known(
        {one.subject: one.name for one in people if one.subject},
        {one.email.lower(): one.name for one in people if one.email and not one.subject},
    )
    return Proving(
        clock=clock,
        links=base.links,
        passkeys=passkeys,
        sequencer=writer,
        public_url=base.settings.server.public_url,
        openid=openid,
        known=known,
    )


def _new_id(prefix: str) -> str:
    return spell_id(prefix, secrets.token_bytes(17))


def faring_of(base: Base, routes: Routes, measures: Measures, *, circuits: Circuits) -> Faring:
    """Return what knows how providers fare."""
    return Faring(
        providers=routes.providers,
        names=lambda: routes.table.names,
        standing=circuits.listing,
        measures=measures,
        clock=base.clock,
        shared=base.telemetry.circuitry.shared,
    )


def _vaulting(base: Base, upstream: Upstream) -> Vaulting:
    """Return the vault's desk; a credential is tried at the targets that name it."""
    users = users_of(base.settings)

    async def probe(name: str) -> list[Mapping[str, object]]:
        named = {user.removeprefix("target ") for user in users.get(name, ()) if user.startswith("target ")}
        asked = [target for target in base.targets.values() if target.spec.name in named]
        found = await probe_all(asked, upstream)
        return [
            {"target": one.target, "level": one.scope.level.value, "what": one.scope.what, "hint": one.scope.hint}
            for one in found
        ]

    return Vaulting(base.references.vault, base.installation.writer, base.clock, users=users, probe=probe)
