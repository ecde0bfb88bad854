"""The desks behind the administration routes: tokens, people, policy, entries."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from firewall.approvals.people import Approver
from firewall.core.errors import ConfigError, FirewallError
from firewall.core.grant import ALL_VERBS, Grant, GrantError, Verb, Wish, narrow, permits_target
from firewall.core.ports import Clock, Sequencer
from firewall.core.target import TargetKind, TargetSpec
from firewall.core.token import TokenKind
from firewall.core.work import Record, Unit
from firewall.settings.values import seconds
from firewall.spend.attribution import tags_of
from firewall.tokens import grant_json
from firewall.tokens.access_keys import AccessKeys
from firewall.tokens.people import People, new_passphrase
from firewall.tokens.port import TokenRow
from firewall.tokens.service import Bearer, Minted, Tokens

Json = Mapping[str, object]

CONTROL_TTL = timedelta(days=90)
DEFAULT_REQUESTS_PER_MINUTE = 600
DEFAULT_DESTRUCTIVE_PER_HOUR = 10


@dataclass(frozen=True, slots=True)
class AwsHandout:
    """What it takes to hand out access keys for targets of AWS."""

    keys: AccessKeys
    targets: Mapping[str, TargetSpec]
    base_url: str
    """Where agents reach us."""

    def check(self, name: str, grant: Grant) -> None:
        """Refuse a target that is none of AWS, or that a grant does not permit. Raises: GrantError."""
        spec = self.targets.get(name)
        if spec is None or spec.kind is not TargetKind.AWS or not permits_target(grant, spec):
            raise GrantError(f"`{name}` is no target of kind aws that the token permits")

    def of_token(self, token_id: str, name: str) -> Json:
        """Return the variables that point AWS programs at a target, with the token's access key."""
        key = self.keys.of_token(token_id)
        return {
            "AWS_ACCESS_KEY_ID": key.id,
            "AWS_SECRET_ACCESS_KEY": key.secret,
            "AWS_ENDPOINT_URL": f"{self.base_url}/infra/{name}",
        }


class Tokening:
    """Mints, lists, narrows and revokes tokens for admins."""

    def __init__(self, tokens: Tokens, clock: Clock, *, aws: AwsHandout) -> None:
        self._tokens = tokens
        self._clock = clock
        self._aws = aws

    async def mint(self, wish: Json, by: Approver) -> Json:
        """Mint a token. Raises: GrantError."""
        kind = _kind(wish)
        now = datetime.fromtimestamp(self._clock.now_us() / 1e6, UTC)
        if kind is not TokenKind.AGENT:
            holder = str(wish.get("holder") or by.name)
            ttl = _ttl(wish, CONTROL_TTL)
            return _shown(await self._tokens.mint_control(kind, holder, now + ttl, by=by.name))
        grant = grant_of(wish, now=now, default_owner=by.name)
        target = str(wish.get("aws") or "")
        if target:
            self._aws.check(target, grant)
        minted = await self._tokens.mint_agent(grant, by=by.name)
        about = {"environment": grant.environment, "owner": grant.owner, "agent": grant.agent}
        keys = {"aws": self._aws.of_token(minted.id, target)} if target else {}
        return {**_shown(minted), **about, **keys}

    async def list(self, after: str = "") -> list[Json]:
        """Return a page of stored tokens, newest first."""
        return [_row(one) for one in self._tokens.listing(after)]

    async def show(self, token_id: str) -> Json:
        """Return one token with its grant."""
        return _row(self._tokens.row(token_id))

    async def narrow(self, token_id: str, wish: Json, by: Approver) -> Json:
        """Mint a child of an agent token. Raises: GrantError, UnknownTokenError."""
        row = self._tokens.row(token_id)
        if not row.grant:
            raise GrantError(f"`{token_id}` is no agent's token")
        grant = grant_json.parse(row.grant)
        parent = Bearer(token_id=row.id, kind=TokenKind.AGENT, expires_us=row.expires_at, grant=grant)
        now = datetime.fromtimestamp(self._clock.now_us() / 1e6, UTC)
        narrowed, target = wish_of(wish, now=now), str(wish.get("aws") or "")
        if target:
            self._aws.check(target, narrow(grant, row.id, narrowed))
        minted = await self._tokens.narrow(parent, narrowed, by=by.name)
        keys = {"aws": self._aws.of_token(minted.id, target)} if target else {}
        return {**_shown(minted), "by": by.name, **keys}

    async def revoke(self, token_id: str, by: Approver) -> Json:
        """Revoke a token and its children."""
        await self._tokens.revoke(token_id, by=by.name)
        return {"id": token_id, "status": "revoked"}


def grant_of(wish: Json, *, now: datetime, default_owner: str) -> Grant:
    """Read a grant from a wish (fields of `console.admin.WISH`).

    Raises: GrantError for what no grant can be.
    """
    environment = str(wish.get("env") or "")
    if not environment or not environment.replace("-", "").isalnum() or not environment.isascii():
        raise GrantError("`env` names one environment: letters, digits and `-`")
    return Grant(
        environment=environment,
        owner=str(wish.get("owner") or default_owner),
        agent=str(wish.get("agent") or wish.get("role") or "coding-agent"),
        expires_at=now + _ttl(wish, timedelta(hours=8)),
        role=str(wish.get("role") or "coding-agent"),
        workspace=canonical_workspace(str(wish.get("workspace") or "")),
        verbs=_verbs(wish.get("verbs")) or ALL_VERBS,
        tools=_globs(wish.get("tools")) or ("*",),
        targets=_globs(wish.get("targets")) or ("*",),
        resources=_globs(wish.get("resources")) or ("*",),
        models=_globs(wish.get("models")) or ("*",),
        requests_per_minute=_count(wish, "max_requests_per_minute", DEFAULT_REQUESTS_PER_MINUTE),
        destructive_per_hour=_count(wish, "destructive_per_hour", DEFAULT_DESTRUCTIVE_PER_HOUR),
        session=str(wish.get("session") or ""),
        profile=str(wish.get("profile") or ""),
        money_cap_micros=_count(wish, "money_cap_micros", 0),
        tokens_per_minute=_count(wish, "max_tokens_per_minute", 0),
        team=_team(wish),
        tags=tags_of(",".join(_globs(wish.get("tags")) or ())),
    )


def wish_of(wish: Json, *, now: datetime) -> Wish:
    """Read a narrowing from its JSON (fields of `console.admin.NARROWING`).

    Raises: GrantError.
    """
    workspace = wish.get("workspace")
    return Wish(
        agent=str(wish["agent"]) if wish.get("agent") else None,
        expires_at=now + _ttl(wish, timedelta(0)) if wish.get("ttl") else None,
        workspace=canonical_workspace(str(workspace)) if workspace else None,
        verbs=_verbs(wish.get("verbs")),
        tools=_globs(wish.get("tools")),
        targets=_globs(wish.get("targets")),
        resources=_globs(wish.get("resources")),
        models=_globs(wish.get("models")),
        requests_per_minute=_count(wish, "max_requests_per_minute", 0) or None,
        destructive_per_hour=_count(wish, "destructive_per_hour", 0) or None,
        session=str(wish["session"]) if wish.get("session") else None,
        money_cap_micros=_count(wish, "money_cap_micros", 0) or None,
        tokens_per_minute=_count(wish, "max_tokens_per_minute", 0) or None,
    )


def _team(wish: Json) -> str:
    """Return the team of a wish. Raises: ProtocolError `tags_invalid`, GrantError for what is no one word."""
    team = str(wish.get("team") or "")
    if team and len(tags_of(f"team={team}")) != 1:
        raise GrantError("`team` is one word")
    return team


def canonical_workspace(path: str) -> str:
    """Return a workspace with its links resolved; empty stays empty.

    Raises: GrantError for a relative path, `/`, a top-level folder, or a home folder.
    """
    if not path:
        return ""
    if not path.startswith("/"):
        raise GrantError(f"the workspace `{path}` must be an absolute path")
    real = Path(path).resolve()
    homes = {Path.home().resolve(), Path("/root")}
    if real in homes or len(real.parts) <= 2 or (real.parts[1] == "home" and len(real.parts) <= 3):
        raise GrantError(f"the workspace `{path}` is too wide: never `/`, a top-level folder or a home folder")
    return str(real)


class Peopling:
    """Adds, lists and removes approvers and admins."""

    def __init__(self, people: People, tokens: Tokens) -> None:
        self._people = people
        self._tokens = tokens

    async def add(self, wish: Json, by: Approver) -> Json:
        """Add a person, or give a new passphrase, shown once."""
        name, role = str(wish.get("name")), str(wish.get("role") or "approver")
        if role not in ("viewer", "approver", "auditor", "admin"):
            raise GrantError(f"`{role}` is no role: viewer, approver, auditor or admin")
        groups = _globs(wish.get("groups")) or ()
        passphrase = new_passphrase()
        await self._people.add(name, role=role, groups=groups, passphrase=passphrase, by=by.name)
        return {"name": name, "role": role, "groups": list(groups), "passphrase": passphrase}

    async def list(self) -> list[Json]:
        """Return everybody who may sign in."""
        return [
            {"name": person.name, "role": person.role, "groups": list(person.groups)}
            for person in self._people.listing()
        ]

    async def remove(self, name: str, by: Approver) -> Json:
        """End a person's right to sign in, and with it his tokens."""
        await self._people.remove(name, by=by.name)
        self._tokens.forget(name)
        return {"name": name, "status": "removed"}


class Policing:
    """Makes files on disk the policy in force; a bad load keeps the last good one and says so."""

    def __init__(self, load: Callable[[], str], sequencer: Sequencer) -> None:
        """`load` swaps the snapshot and returns its digest, or raises and keeps the old one."""
        self._load = load
        self._sequencer = sequencer
        self._one = asyncio.Lock()

    async def load(self, by: Approver) -> Json:
        """Load the files, in a thread; one load at a time, so that the last one asked for is in force.

        Raises: FirewallError `policy_refused` (422) with file and row.
        """
        async with self._one:
            return await self._loaded(by)

    async def _loaded(self, by: Approver) -> Json:
        try:
            digest = await asyncio.to_thread(self._load)
        except ConfigError as error:
            refused = Record(
                kind="policy.refused",
                person=by.name,
                principal=by.name,
                private={"by": by.name, "why": error.public},
            )
            await self._sequencer.submit(Unit(records=(refused,)))
            raise FirewallError(error.public, code="policy_refused", status=422, detail=error.hint) from error
        loaded = Record(
            kind="policy.loaded",
            data={"policy": digest},
            person=by.name,
            principal=by.name,
            private={"by": by.name},
        )
        await self._sequencer.submit(Unit(records=(loaded,)))
        return {"policy": digest, "status": "loaded"}


def _kind(wish: Json) -> TokenKind:
    try:
        return TokenKind(str(wish.get("kind") or "agent"))
    except ValueError as error:
        raise GrantError(f"`{wish.get('kind')}` is no kind of token") from error


def _ttl(wish: Json, default: timedelta) -> timedelta:
    if not wish.get("ttl"):
        return default
    try:
        return timedelta(seconds=seconds(wish["ttl"]))
    except ValueError as error:
        raise GrantError(str(error)) from error


def _verbs(value: object) -> frozenset[Verb] | None:
    if not isinstance(value, list) or not value:
        return None
    try:
        return frozenset(Verb(str(one)) for one in value)
    except ValueError as error:
        known = ", ".join(verb.value for verb in Verb)
        raise GrantError(f"a verb is one of {known}") from error


def _globs(value: object) -> tuple[str, ...] | None:
    if not isinstance(value, list) or not value:
        return None
    return tuple(str(one) for one in value)


def _count(wish: Json, name: str, default: int) -> int:
    value = wish.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or value < 0:
        raise GrantError(f"`{name}` is a whole number")
    return value


def _shown(minted: Minted) -> dict[str, object]:
    return {"id": minted.id, "token": minted.text, "expires_at": minted.expires_at.isoformat(timespec="seconds")}


def _row(row: TokenRow) -> Json:
    shown: dict[str, object] = {
        "id": row.id,
        "kind": row.kind,
        "holder": row.holder,
        "parent": row.parent,
        "created_at": _time(row.created_at),
        "expires_at": _time(row.expires_at),
        "revoked_at": _time(row.revoked_at) if row.revoked_at else "",
    }
    if row.grant:
        grant = grant_json.parse(row.grant)
        shown |= {
            "environment": grant.environment,
            "owner": grant.owner,
            "agent": grant.agent,
            "workspace": grant.workspace,
            "verbs": sorted(grant.verbs),
            "depth": grant.depth,
        }
    return shown


def _time(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="seconds")
