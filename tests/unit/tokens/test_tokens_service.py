"""Tokens: who holds a good one, what is stored, how revocation and narrowing reach."""

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from firewall.core.errors import AuthError, StoreError
from firewall.core.grant import Grant, GrantError, Verb, Wish
from firewall.core.token import TokenKind, spell
from firewall.sequencer.opening import Installation, create, open_installation
from firewall.tokens import grant_json, service
from firewall.tokens.people import People, PersonError, new_passphrase
from firewall.tokens.service import OWNER_FACTOR, Tokens, UnknownTokenError
from tests.support.approving import StillClock
from tests.support.guarding import places_in


@dataclass(slots=True)
class Counted:
    """The real rows, with a count of the queries."""

    real: Installation
    queries: int = 0

    def by_fingerprint(self, fingerprint: bytes) -> object:
        """As the port says."""
        self.queries += 1
        return self.real.tokens.by_fingerprint(fingerprint)

    def by_id(self, token_id: str) -> object:
        """As the port says."""
        self.queries += 1
        return self.real.tokens.by_id(token_id)

    def listing(self, limit: int, after: str = "") -> object:
        """As the port says."""
        return self.real.tokens.listing(limit, after)

    def roots(self, limit: int, after: str = "") -> object:
        """As the port says."""
        return self.real.tokens.roots(limit, after)

    def descendants(self, token_id: str, limit: int) -> object:
        """As the port says."""
        return self.real.tokens.descendants(token_id, limit)

    def uses(self, ids: list[str]) -> object:
        """As the port says."""
        return self.real.tokens.uses(ids)

    def revoked_of(self, holder: str) -> object:
        """As the port says."""
        return self.real.tokens.revoked_of(holder)

    def family(self, token_id: str) -> object:
        """As the port says."""
        return self.real.tokens.family(token_id)


@dataclass(slots=True)
class Desk:
    """Tokens over a real store."""

    installation: Installation
    clock: StillClock
    rows: Counted
    tokens: Tokens

    def grant(self, **changes: object) -> Grant:
        """Build a grant for eight hours."""
        plain = Grant("staging", "olga", "coding-agent", self.now + timedelta(hours=8), requests_per_minute=60)
        return replace(plain, **changes)  # type: ignore[arg-type]  # tests name the fields

    @property
    def now(self) -> datetime:
        """The present of the test."""
        return datetime.fromtimestamp(self.clock.now_us() / 1e6, UTC)

    def restarted(self) -> Tokens:
        """Return the service as another process would have it: nothing in memory."""
        return Tokens(sequencer=self.installation.writer, rows=self.installation.tokens, clock=self.clock)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """An empty installation."""
    places = places_in(tmp_path)
    create(places)
    clock = StillClock()
    installation = open_installation(places, clock)
    rows = Counted(installation)
    tokens = Tokens(sequencer=installation.writer, rows=rows, clock=clock)  # type: ignore[arg-type]  # counts
    yield Desk(installation, clock, rows, tokens)
    await installation.close()


async def test_token_is_good_and_kept_nowhere(desk: Desk) -> None:
    """A minted token is checked with one query and then none; its text stands in no file."""
    minted = await desk.tokens.mint_agent(desk.grant(), by="root")
    for _ in range(3):
        bearer = desk.tokens.check(minted.text)
    assert desk.rows.queries == 1
    assert (bearer.token_id, bearer.principal, bearer.lineage) == (minted.id, "olga/coding-agent", (minted.id,))
    assert minted.text not in repr(minted)
    folder = Path(desk.installation.reader.execute("PRAGMA database_list").fetchone()[2]).parent
    assert folder.is_dir()
    raw = b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())
    assert minted.text.encode() not in raw
    assert minted.text.rpartition("_")[2].encode() not in raw


@pytest.mark.parametrize(
    "text", ["", "x", "shd_", "shd_staging_agent_" + "0" * 36, "Bearer x", "' OR 1=1 --", "é" * 80]
)
async def test_what_is_no_token_is_refused_without_a_query(desk: Desk, text: str) -> None:
    """Form and checksum are looked at first: nonsense never reaches the store."""
    with pytest.raises(AuthError):
        desk.tokens.check(text)
    assert desk.rows.queries == 0


async def test_forged_token_with_a_right_checksum_is_unknown(desk: Desk) -> None:
    """A checksum proves nothing; every refusal reads the same from outside."""
    said = set()
    minted = await desk.tokens.mint_agent(desk.grant(), by="root")
    await desk.tokens.revoke(minted.id, by="root")
    short = await desk.tokens.mint_agent(desk.grant(expires_at=desk.now + timedelta(seconds=2)), by="root")
    desk.clock.forward(3)
    for text in (spell("staging", TokenKind.AGENT, b"f" * 32), minted.text, short.text, "nonsense"):
        with pytest.raises(AuthError) as refused:
            desk.tokens.check(text)
        said.add(refused.value.public)
    assert len(said) == 1


async def test_tokens_of_two_kinds_are_not_interchangeable(desk: Desk) -> None:
    """A control token has no grant, an agent token no holder; the kind comes from the store and the text alike."""
    admin = await desk.tokens.mint_control(TokenKind.ADMIN, "root", desk.now + timedelta(days=1), by="init")
    bearer = desk.tokens.check(admin.text)
    assert (bearer.kind, bearer.holder, bearer.grant, bearer.draws) == (TokenKind.ADMIN, "root", None, ())
    with pytest.raises(GrantError):
        await desk.tokens.mint_control(TokenKind.AGENT, "root", desk.now + timedelta(days=1), by="init")


async def test_revocation_is_felt_at_once_and_after_a_restart(desk: Desk) -> None:
    """Revoked means refused from the commit on, for the cached token too, and for a process that starts later."""
    minted = await desk.tokens.mint_agent(desk.grant(), by="root")
    bearer = desk.tokens.check(minted.text)
    told: list[str] = []
    desk.tokens.on_revoked(told.append)
    await desk.tokens.revoke(minted.id, by="root")
    assert told == [minted.id]
    assert not desk.tokens.is_live(bearer.lineage, desk.grant().expires_at)
    for tokens in (desk.tokens, desk.restarted()):
        with pytest.raises(AuthError):
            tokens.check(minted.text)
    with pytest.raises(UnknownTokenError):
        await desk.tokens.revoke(minted.id, by="root")
    with pytest.raises(UnknownTokenError):
        await desk.tokens.revoke("tok_nobody", by="root")


async def test_one_who_fails_to_end_something_keeps_nobody_from_it(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """All that runs with a revoked token ends, whatever goes wrong with one of them; it is said."""
    minted = await desk.tokens.mint_agent(desk.grant(), by="root")
    told: list[str] = []

    def fails(_token_id: str) -> None:
        raise TypeError("Integer exceeds 64-bit range")

    desk.tokens.on_revoked(fails)
    desk.tokens.on_revoked(told.append)
    await desk.tokens.revoke(minted.id, by="root")
    assert told == [minted.id]
    assert "was not all ended" in caplog.text


async def test_revocation_that_is_not_durable_is_not_felt(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is told of a revocation that the log did not take."""
    minted = await desk.tokens.mint_agent(desk.grant(), by="root")
    told: list[str] = []
    desk.tokens.on_revoked(told.append)

    async def fails(*_: object) -> None:
        raise StoreError("the log cannot be written, so nothing may pass")

    with monkeypatch.context() as patch:
        patch.setattr(type(desk.installation.writer), "submit", fails)
        with pytest.raises(StoreError):
            await desk.tokens.revoke(minted.id, by="root")
        with pytest.raises(StoreError):
            await desk.tokens.mint_agent(desk.grant(), by="root")
    assert told == []
    assert desk.tokens.check(minted.text).token_id == minted.id


async def test_parents_end_takes_the_children_along(desk: Desk) -> None:
    """Revoking a parent refuses its children and grandchildren, cached or not; the parent's expiry is theirs."""
    root = await desk.tokens.mint_agent(desk.grant(), by="root")
    child = await desk.tokens.narrow(desk.tokens.check(root.text), Wish(agent="tests"))
    grandchild = await desk.tokens.narrow(desk.tokens.check(child.text), Wish(verbs=frozenset({Verb.READ})))
    bearer = desk.tokens.check(grandchild.text)
    assert bearer.lineage == (grandchild.id, child.id, root.id)
    assert bearer.principal == "olga/coding-agent/tests"
    assert set(desk.tokens.family(root.id)) == {root.id, child.id, grandchild.id}
    await desk.tokens.revoke(root.id, by="root")
    for tokens in (desk.tokens, desk.restarted()):
        for text in (root.text, child.text, grandchild.text):
            with pytest.raises(AuthError):
                tokens.check(text)


async def test_child_revoked_leaves_the_parent(desk: Desk) -> None:
    """A child's end is its own."""
    root = await desk.tokens.mint_agent(desk.grant(), by="root")
    child = await desk.tokens.narrow(desk.tokens.check(root.text), Wish())
    desk.tokens.check(child.text)
    await desk.tokens.revoke(child.id, by="root")
    assert desk.tokens.check(root.text).token_id == root.id
    with pytest.raises(AuthError):
        desk.tokens.check(child.text)


async def test_child_draws_from_every_ancestor_and_the_owner(desk: Desk) -> None:
    """Children and sessions do not multiply what the parent and the owner may."""
    root = await desk.tokens.mint_agent(desk.grant(destructive_per_hour=5), by="root")
    child = await desk.tokens.narrow(desk.tokens.check(root.text), Wish(requests_per_minute=10))
    draws = desk.tokens.check(child.text).draws
    assert [(draw.key, draw.requests_per_minute, draw.destructive_per_hour) for draw in draws] == [
        (child.id, 10, 5),
        (root.id, 60, 5),
        ("owner:olga", 60 * OWNER_FACTOR, 5 * OWNER_FACTOR),
    ]


@pytest.mark.parametrize("lives", [timedelta(hours=25), timedelta(seconds=0), timedelta(seconds=-5)])
async def test_agent_token_lives_a_day_at_most(desk: Desk, lives: timedelta) -> None:
    """Neither longer than 24 hours nor born expired."""
    with pytest.raises(GrantError):
        await desk.tokens.mint_agent(desk.grant(expires_at=desk.now + lives), by="root")


@pytest.mark.parametrize("environment", ["x" * 100, "stäging", "two words", "", "a_b_agent"])
async def test_token_that_could_not_be_read_back_is_not_minted(desk: Desk, environment: str) -> None:
    """An environment whose name cannot stand in a token is refused in words, before anything is stored."""
    with pytest.raises(GrantError):
        await desk.tokens.mint_agent(desk.grant(environment=environment), by="root")
    assert desk.tokens.listing() == []


async def test_token_of_the_last_second_ends(desk: Desk) -> None:
    """At its expiry a token is no longer good, whether it was seen before or not."""
    minted = await desk.tokens.mint_agent(desk.grant(expires_at=desk.now + timedelta(seconds=10)), by="root")
    bearer = desk.tokens.check(minted.text)
    assert bearer.grant is not None
    desk.clock.forward(9.9)
    assert desk.tokens.is_live(bearer.lineage, bearer.grant.expires_at)
    desk.clock.forward(0.2)
    assert not desk.tokens.is_live(bearer.lineage, bearer.grant.expires_at)
    with pytest.raises(AuthError):
        desk.tokens.check(minted.text)


async def test_stored_grant_that_cannot_be_read_permits_nothing(desk: Desk) -> None:
    """Unknown, missing or strange fields of a stored grant are an error, never a default."""
    text = grant_json.dump(desk.grant())
    assert grant_json.parse(text) == desk.grant()
    for broken in (
        text.replace('"verbs"', '"verb"'),
        text.replace('"read"', '"fly"'),
        text[:-1] + ',"more":1}',
        text[:-1],
        "[]",
        "null",
        text.replace('"expires_at":"', '"expires_at":"x'),
    ):
        with pytest.raises(StoreError):
            grant_json.parse(broken)


async def test_store_that_cannot_be_read_refuses_everybody(desk: Desk) -> None:
    """With the store gone a token that was never seen is an error, not a stranger."""
    minted = await desk.tokens.mint_agent(desk.grant(), by="root")
    desk.installation.reader.close()
    with pytest.raises(StoreError):
        desk.restarted().check(minted.text)
    with pytest.raises(sqlite3.ProgrammingError):
        desk.installation.reader.execute("SELECT 1")


async def test_a_configured_role_counts_in_place_of_a_stored_one(desk: Desk) -> None:
    """At sign-in, in listings and when looked up; whoever is not configured keeps what a command said."""
    roles = {"alice": "auditor"}
    writer, rows = desk.installation.writer, desk.installation.people
    people = People(sequencer=writer, rows=rows, clock=desk.clock, roles=roles)
    passphrase = new_passphrase()
    for name in ("alice", "bob"):
        await people.add(name, role="admin", groups=(), passphrase=passphrase, by="init")
    found = people.get("alice")
    assert found is not None
    assert found.role == "auditor"
    assert people.check("alice", passphrase) == found
    assert {one.name: one.role for one in people.listing()} == {"alice": "auditor", "bob": "admin"}


async def test_people_sign_in_by_passphrase_and_are_removed(desk: Desk) -> None:
    """Only the hash is kept; a wrong passphrase, an unknown name and a removed person are all nobody."""
    people = People(sequencer=desk.installation.writer, rows=desk.installation.people, clock=desk.clock)
    passphrase = new_passphrase()
    await people.add("alice", role="approver", groups=("oncall",), passphrase=passphrase, by="init")
    person = people.check("alice", passphrase)
    assert person is not None
    assert (person.name, person.role, person.groups) == ("alice", "approver", ("oncall",))
    assert people.check("alice", passphrase + "x") is None
    assert people.check("bob", passphrase) is None
    stored = desk.installation.people.get("alice")
    assert stored is not None
    assert passphrase not in stored.passphrase_hash
    assert stored.passphrase_hash.startswith("$argon2id$")
    await people.remove("alice", by="root")
    assert people.check("alice", passphrase) is None
    assert people.listing() == []
    with pytest.raises(PersonError):
        await people.remove("alice", by="root")
    await people.add("alice", role="approver", groups=(), passphrase="another", by="root")
    assert people.check("alice", passphrase) is None
    assert people.check("alice", "another") is not None


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "a\nb", "a/b", "a,b", "<b>"])
async def test_name_that_could_confuse_is_refused(desk: Desk, name: str) -> None:
    """Names hold letters, digits and a few marks: nothing that a page, a log or a policy would read otherwise."""
    people = People(sequencer=desk.installation.writer, rows=desk.installation.people, clock=desk.clock)
    with pytest.raises(PersonError):
        await people.add(name, role="approver", groups=(), passphrase="x", by="init")


def test_passphrases_differ() -> None:
    """Each passphrase is new and can be typed."""
    found = {new_passphrase() for _ in range(50)}
    assert len(found) == 50
    assert all(text.isascii() and text.count("-") == 6 for text in found)


async def test_tokens_beyond_a_page_are_listed_and_found(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages hold each token once, newest first; who belongs to a family is asked of all of them."""
    monkeypatch.setattr(service, "PAGE", 3)
    root = await desk.tokens.mint_agent(desk.grant(), by="root")
    child = await desk.tokens.narrow(desk.tokens.check(root.text), Wish(agent="tests"))
    others = [await desk.tokens.mint_agent(desk.grant(), by="root") for _ in range(5)]
    pages = [desk.tokens.listing()]
    while len(pages[-1]) == 3:
        pages.append(desk.tokens.listing(pages[-1][-1].id))
    ids = [row.id for page in pages for row in page]
    assert len(ids) == len(set(ids)) == 7
    assert set(ids) == {root.id, child.id, *(one.id for one in others)}
    assert [len(page) for page in pages] == [3, 3, 1]
    assert desk.tokens.family(root.id) == (root.id, child.id)
    assert desk.tokens.row(root.id).id == root.id
    assert desk.tokens.listing("tok_nothing") == []
    with pytest.raises(UnknownTokenError):
        desk.tokens.row("tok_nothing")
