"""Erasing whoever agents with access tokens of other issuers act for: found, revoked, and never live again."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from firewall.app.erasing import configured_in
from firewall.approvals.people import Approver
from firewall.codecs.oauth.claims import Claims
from firewall.console.erasing.errors import ErasureError
from firewall.console.erasing.service import Erased, Erasing, Parts
from firewall.core.errors import AuthError
from firewall.core.grant import Grant
from firewall.core.work import Record, Unit
from firewall.sequencer.erasing import ErasureLookup
from firewall.settings.settings import Settings
from firewall.tokens.links import Links
from firewall.tokens.oauth.principals import Principals, id_of
from firewall.tokens.people import People
from firewall.tokens.service import Tokens
from tests.support.real_console import RealConsole, real_console

ADA = Approver("ada", "admin")
ISSUER, SUBJECT, OWNER = "https://idp.example", "00u-subject-7", "olga@corp.example"
WHO = f"{SUBJECT} of {ISSUER}"


@dataclass(slots=True)
class House:
    """A store, what erases, and subjects of an issuer."""

    real: RealConsole
    folder: Path
    principals: Principals
    erasing: Erasing

    async def comes(self, environment: str = "staging", owner: str = OWNER, *, restarted: bool = False) -> str:
        """Return the principal that the subject's access token stands for."""
        now = self.real.clock.now_us() // 1_000_000
        said = Claims(ISSUER, SUBJECT, "cli", frozenset(), now + 3600, {})
        ends = datetime.fromtimestamp(now, UTC) + timedelta(hours=1)
        principals = _principals(self.real, self.restarted()) if restarted else self.principals
        return (await principals.bearer(said, Grant(environment, owner, "coder", ends), "0a1b2c3d4e")).principal

    def restarted(self) -> Tokens:
        """Return tokens that remember nothing but what is stored."""
        installation = self.real.installation
        return Tokens(sequencer=installation.writer, rows=installation.tokens, clock=self.real.clock)

    async def erase(self, name: str = OWNER, *, revoke: bool) -> Erased:
        """Erase somebody."""
        return await self.erasing.erase(name, reason="asked for it", revoke=revoke, by=ADA)

    async def is_refused(self, environment: str = "staging") -> bool:
        """Tell whether the access token opens nothing, now and after a restart, and nothing is written of it."""
        size = len(self.real.entries("token.minted"))
        for restarted in (False, True):
            with pytest.raises(AuthError):
                await self.comes(environment, restarted=restarted)
        return len(self.real.entries("token.minted")) == size


def _principals(real: RealConsole, tokens: Tokens) -> Principals:
    return Principals(tokens=tokens, sequencer=real.installation.writer, clock=real.clock)


@pytest.fixture(name="house")
async def _house(tmp_path: Path) -> AsyncIterator[House]:
    async with real_console(tmp_path, lambda _: ()) as real:
        installation, clock, writer = real.installation, real.clock, real.installation.writer
        people = People(sequencer=writer, rows=installation.people, clock=clock)
        links = Links(sequencer=writer, rows=installation.proofs, clock=clock, new_id=lambda: "lnk_1")
        erasing = Erasing(
            Parts(real.tokens, people, links, real.approvals),
            sequencer=writer,
            rows=ErasureLookup(installation.reader, installation.keystore),
            clock=clock,
            is_emptied=lambda: writer.is_emptied,
        )
        await people.add("ada", role="admin", groups=(), passphrase="p", by="init")
        clock.forward(24 * 3600)  # who erases is a day old
        yield House(real, tmp_path, _principals(real, real.tokens), erasing)


async def test_a_person_whose_agents_came_by_oauth_alone_is_found_and_revoked(house: House) -> None:
    """Refused while they live; with `revoke` no access token of the subject opens anything, in no environment."""
    await house.comes()
    with pytest.raises(ErasureError, match="1 token;") as refused:
        await house.erase(revoke=False)
    assert refused.value.code == "subject_live"
    assert await house.comes() == f"{OWNER}/coder"
    assert (await house.erase(revoke=True)).tokens == 1
    for environment in ("staging", "production"):
        assert await house.is_refused(environment)
    assert house.real.installation.keystore.known(OWNER) is None


async def test_no_file_names_the_person_or_the_subject(house: House) -> None:
    """80: Rows of subjects stay, for good and without names."""
    await house.comes()
    await house.comes("production")
    await house.erase(revoke=True)
    rows = house.real.installation.reader.execute(
        "SELECT holder, owner FROM tokens WHERE kind = 'oauth'"
    ).fetchall()
    assert rows == [("", "")] * 5
    for path in (one for one in house.folder.rglob("*") if one.is_file()):
        assert not [word for word in (OWNER, SUBJECT) if word.encode() in path.read_bytes()], path.name


async def test_a_subject_met_while_its_owner_is_erased_names_nobody(house: House) -> None:
    """80: What was made out before the erasure and waits behind it is refused; who comes later is somebody new."""
    real = house.real
    about = Record(kind="tool.judged", person=OWNER, private={"what": "a call"})
    await real.installation.writer.submit(Unit(records=(about,)))
    coming: list[asyncio.Task[str]] = []
    asked = iter(range(10))

    def still() -> None:
        if next(asked) == 1:  # the next thing that happens is that the erasure is handed in
            coming.append(asyncio.create_task(house.comes()))

    await house.erasing.erase(OWNER, reason="asked for it", revoke=False, by=ADA, still=still)
    with pytest.raises(AuthError):
        await coming[0]
    assert real.entries("token.minted") == []
    assert real.installation.keystore.known(OWNER) is None
    for path in (one for one in house.folder.rglob("*") if one.is_file()):
        assert not [word for word in (OWNER, SUBJECT) if word.encode() in path.read_bytes()], path.name
    assert await house.comes() == f"{OWNER}/coder"
    assert len(real.entries("token.minted")) == 1


async def test_erasing_what_a_subject_is_called_undoes_no_revocation(house: House) -> None:
    """Its name can have a key of its own, as when it tried to sign in; the id stays revoked, and all below it."""
    await house.comes()
    await house.real.tokens.revoke(id_of(ISSUER, SUBJECT), by="ada")
    record = Record(kind="approver.refused", person=WHO, principal=WHO, private={"what": "sign-in"})
    await house.real.installation.writer.submit(Unit(records=(record,)))
    await house.erase(WHO, revoke=False)
    assert await house.is_refused()
    rows = house.real.installation.reader.execute("SELECT holder FROM tokens WHERE kind = 'oauth'").fetchall()
    assert set(rows) == {("",)}


async def test_a_pseudonym_finds_whom_only_a_subject_acts_for(house: House) -> None:
    """The name stands in no other table."""
    await house.comes()
    key = house.real.installation.keystore.known(OWNER)
    assert key is not None
    assert (await house.erase(key.pseudonym("per_", OWNER), revoke=True)).who.name == OWNER


async def test_others_stay(house: House) -> None:
    """Another owner with no such subject is erased without a word of it."""
    await house.comes()
    house.real.installation.sealing.key_for("otto")
    assert (await house.erase("otto", revoke=False)).tokens == 0
    assert await house.comes(restarted=True) == f"{OWNER}/coder"


def test_what_the_configuration_names_is_told() -> None:
    """Approvers, owners of rows and subjects; a claim names nobody."""
    row = {"agent": "coder", "environment": "staging"}
    rows = [row | {"owner": OWNER, "scopes": ["use"]}, row | {"owner_claim": "email", "subjects": [SUBJECT]}]
    issuer = {"issuer": ISSUER, "grant": rows}
    settings = Settings.model_validate(
        {"oauth": {"resource": "https://fw.example"}, "oauth_issuer": [issuer], "approver": [{"name": "anna"}]}
    )
    assert configured_in(settings) == {"anna": "", OWNER: "", WHO: ""}
