"""Who access tokens are here: ids in the real store, recorded once, revoked for good."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from firewall.codecs.oauth.claims import Claims
from firewall.core.errors import AuthError
from firewall.core.grant import Grant
from firewall.core.ids import is_id
from firewall.tokens.oauth.principals import Principals, id_of
from firewall.tokens.service import Tokens
from tests.support.guarding import Kept, keeping


def said(subject: str = "user-1") -> Claims:
    """Return what a verified token says."""
    return Claims("https://a.example", subject, "claude", frozenset(), 4_000_000_000, {})


def grant(kept: Kept, environment: str = "staging", **more: object) -> Grant:
    """Return a grant for an hour."""
    ends = datetime.fromtimestamp(kept.clock.now_us() / 1e6, UTC) + timedelta(hours=1)
    return Grant(environment, "olga", "coder", ends, **more)  # type: ignore[arg-type]  # tests name the fields


def made(kept: Kept) -> tuple[Tokens, Principals]:
    """Return services over the store, as another process would."""
    writer = kept.installation.writer
    tokens = Tokens(sequencer=writer, rows=kept.installation.tokens, clock=kept.clock)
    return tokens, Principals(tokens=tokens, sequencer=writer, clock=kept.clock)


async def test_a_subject_is_recorded_once(tmp_path: Path) -> None:
    """Its first token is recorded with the subject sealed; later ones, also at the same time, are not."""
    async with keeping(tmp_path) as kept:
        tokens, principals = made(kept)
        found = await asyncio.gather(*(principals.bearer(said(), grant(kept), "row") for _ in range(4)))
        assert len({one.token_id for one in found}) == 1
        assert is_id(found[0].token_id, "tok")
        assert found[0].principal == "olga/coder"
        _, again = made(kept)
        assert (await again.bearer(said(), grant(kept), "row")).token_id == found[0].token_id
        assert kept.kinds().count("token.minted") == 1
        assert {row.kind for row in tokens.listing()} == {"oauth"}
        subject, agent = id_of("https://a.example", "user-1"), found[0].lineage[1]
        assert found[0].lineage == (found[0].token_id, agent, subject)
        assert {row.id: row.parent for row in tokens.listing()} == {
            found[0].token_id: agent,
            agent: subject,
            subject: "",
        }


async def test_who_an_id_stands_for_can_be_read(tmp_path: Path) -> None:
    """A subject, its agent in an environment and each row of it are told apart where ids are listed."""
    async with keeping(tmp_path) as kept:
        tokens, principals = made(kept)
        for environment, row in (
            ("staging", "0a1b2c3d4e"),
            ("production", "0a1b2c3d4e"),
            ("staging", "ffff000011"),
        ):
            await principals.bearer(said(), grant(kept, environment), row)
        names = [row.holder for row in tokens.listing()]
        who = "user-1 of https://a.example"
        assert sorted(names) == [
            f"olga/coder in production: {who}",
            f"olga/coder in staging: {who}",
            f"row 0a1b2c3d of olga/coder in production: {who}",
            f"row 0a1b2c3d of olga/coder in staging: {who}",
            f"row ffff0000 of olga/coder in staging: {who}",
            who,
        ]


async def test_ids_are_apart(tmp_path: Path) -> None:
    """Another environment, agent or subject has another id; words are never run together."""
    async with keeping(tmp_path) as kept:
        _, principals = made(kept)
        one = await principals.bearer(said(), grant(kept), "row")
        two = await principals.bearer(said(), grant(kept, "production"), "row")
        three = await principals.bearer(said("user-2"), grant(kept), "row")
        assert len({one.token_id, two.token_id, three.token_id}) == 3
        assert one.lineage[-1] == two.lineage[-1] != three.lineage[-1]
    assert id_of("ab", "c") != id_of("a", "bc")


async def test_two_rows_share_no_id_and_one_bucket(tmp_path: Path) -> None:
    """What one grant began is not the other's, but another scope is no new bucket; revoked, the agent is out."""
    async with keeping(tmp_path) as kept:
        tokens, principals = made(kept)
        one = await principals.bearer(said(), grant(kept, requests_per_minute=2), "write")
        two = await principals.bearer(said(), grant(kept, requests_per_minute=2), "read")
        assert one.token_id != two.token_id
        assert (one.lineage[1:], one.draws) == (two.lineage[1:], two.draws)
        await tokens.revoke(one.lineage[1], by="alice")
        for row in ("write", "read", "a row of tomorrow"):
            with pytest.raises(AuthError):
                await principals.bearer(said(), grant(kept), row)


@pytest.mark.parametrize("which", [0, 1, 2], ids=["row", "agent", "subject"])
async def test_revoked_is_revoked_for_good(tmp_path: Path, which: int) -> None:
    """Revoking a row's id, an agent's or a subject's ends what runs and later tokens, also after a restart."""
    async with keeping(tmp_path) as kept:
        tokens, principals = made(kept)
        bearer = await principals.bearer(said(), grant(kept), "row")
        assert tokens.is_live(bearer.lineage, grant(kept).expires_at)
        await tokens.revoke(bearer.lineage[which], by="alice")
        assert not tokens.is_live(bearer.lineage, grant(kept).expires_at)
        for one in (principals, made(kept)[1]):
            with pytest.raises(AuthError):
                await one.bearer(said(), grant(kept), "row")
        assert (await principals.bearer(said("user-2"), grant(kept), "row")).principal == "olga/coder"


async def test_an_id_is_nobodys_token(tmp_path: Path) -> None:
    """The id of a subject signs for nothing and is no token: only the issuer's tokens stand for it."""
    async with keeping(tmp_path) as kept:
        tokens, principals = made(kept)
        bearer = await principals.bearer(said(), grant(kept), "row")
        for text in (bearer.token_id, f"shd_staging_oauth_{bearer.token_id}"):
            with pytest.raises(AuthError):
                tokens.check(text)
        with pytest.raises(AuthError):
            tokens.holder_of(bearer.token_id)
