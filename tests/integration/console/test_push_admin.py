"""Whose browsers are told: everybody sees and ends his own, an admin everybody's; page, API and command line."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from firewall.approvals.people import Approver
from firewall.cli.main import stayhand
from tests.support.control_side import ADMIN_TOKEN, APPROVER_TOKEN, free_socket, served
from tests.support.push_house import House, push_house
from tests.support.real_console import real_console

FIELDS = ["id", "name", "label", "service", "created_at"]


@pytest.fixture(name="house")
async def _house(tmp_path: Path) -> AsyncIterator[House]:
    async with push_house(tmp_path) as house:
        house.real.doors.people["vera"] = Approver("vera", "viewer")
        await house.people.add("vera", role="viewer", groups=(), passphrase="six-words", by="root")
        house.real.clock.forward(1)
        yield house


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def _whys(house: House) -> list[object]:
    return [entry["data"]["why"] for entry in house.real.entries("approver.push_ended")]  # type: ignore[index]  # JSON of an entry


async def test_an_admin_sees_and_ends_what_is_others_on_the_page(house: House) -> None:
    """With whose it is, and nothing of where; what he ends is an entry that says so and names him."""
    phone, tablet = await house.add("alice", label="Pixel 8"), await house.add("bob", label="iPad \u202eevil")
    root, alice = await house.real.signed_in("root"), await house.real.signed_in("alice")
    page = (await root.open("/console/push")).text
    assert "Browsers of others" in page
    assert "<strong>Pixel 8</strong> of alice" in page
    assert "of bob" in page
    assert "\u202e" not in page
    assert phone.token not in page
    assert tablet.token not in page
    assert "Browsers of others" not in (await alice.open("/console/push")).text
    (theirs,) = house.pushes.of("bob")
    ended = await house.real.post(root, f"/console/push/{theirs.id}/end")
    assert (ended.status_code, ended.headers["location"]) == (303, "/console/push")
    assert [one.person for one in house.pushes.listing()] == ["alice"]
    (entry,) = house.real.entries("approver.push_ended")
    assert entry["data"] == {"push": theirs.id, "why": "by_admin"}
    writer = house.real.installation.writer
    row = house.real.installation.reader.execute(
        "SELECT principal FROM audit_entries WHERE kind = 'approver.push_ended'"
    ).fetchone()
    assert row[0] == writer.pseudonym("root")


async def test_what_an_admin_ends_of_his_own_is_his_own(house: House) -> None:
    """It stands in the first list, and the entry says that its person ended it."""
    await house.people.add("root", role="admin", groups=(), passphrase="six-words", by="root")
    house.real.clock.forward(1)
    await house.add("root", label="Own phone")
    root = await house.real.signed_in("root")
    page = (await root.open("/console/push")).text
    assert "Own phone" in page
    assert "Browsers of others" not in page
    await house.real.post(root, f"/console/push/{house.pushes.of('root')[0].id}/end")
    assert _whys(house) == ["by_person"]


async def test_many_are_on_several_pages(house: House) -> None:
    """Fifty at a time, by person; the pages lead on and back, and each browser is on one of them."""
    for number in range(6):
        await house.people.add(f"p{number}", role="approver", groups=(), passphrase="six-words", by="root")
    house.real.clock.forward(1)
    for number in range(6):
        for one in range(9):
            await house.add(f"p{number}", label=f"phone {number}-{one}")
    root = await house.real.signed_in("root")
    first, second = (await root.open("/console/push")).text, (await root.open("/console/push?skip=50")).text
    assert (first.count(">phone "), second.count(">phone ")) == (50, 4)
    assert first.index("phone 0-0") < first.index("phone 0-8") < first.index("phone 1-0")
    assert 'href="/console/push?skip=50"' in first
    assert 'href="/console/push"' in second
    assert "skip=100" not in second
    assert (await root.open("/console/push?skip=x")).status_code == 400


async def test_the_api_tells_everybody_his_own_and_an_admin_everything(house: House) -> None:
    """The same fields, by person; nothing else of a browser; another's is unknown to whoever is no admin."""
    for name in ("bob", "alice", "bob"):
        await house.add(name, label=f"{name}'s")
    await house.add("vera", label="kept from before")
    vera = await house.real.signed_in("vera")
    async with house.real.console_client() as client:
        everything = (await client.get("/api/push", headers=_bearer(ADMIN_TOKEN))).json()
        own = (await client.get("/api/push", headers=_bearer(APPROVER_TOKEN))).json()
        assert [one["name"] for one in everything] == ["alice", "bob", "bob", "vera"]
        assert [list(one) for one in everything] == [FIELDS] * 4
        assert own == everything[:1]
        assert everything[0]["service"] == house.service.host
        assert [one["label"] for one in (await vera.client.get("/api/push")).json()] == ["kept from before"]
        assert (await client.get("/api/push")).status_code == 401
        path = f"/api/push/{everything[1]['id']}"
        refused = await client.delete(path, headers=_bearer(APPROVER_TOKEN))
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "push_unknown")
        no_form = await vera.client.delete(f"/api/push/{everything[3]['id']}", headers=vera.headers)
        assert (no_form.status_code, no_form.json()["error"]["code"]) == (403, "csrf_refused")
        assert len(house.pushes.listing()) == 4
        gone = await client.delete(path, headers=_bearer(ADMIN_TOKEN))
        assert gone.json() == {"id": everything[1]["id"], "name": "bob", "status": "ended"}
        assert (await client.delete(path, headers=_bearer(ADMIN_TOKEN))).status_code == 404
        mine = await client.delete(f"/api/push/{own[0]['id']}", headers=_bearer(APPROVER_TOKEN))
        assert mine.status_code == 200
    assert _whys(house) == ["by_admin", "by_person"]
    assert sorted(one.person for one in house.pushes.listing()) == ["bob", "vera"]


async def test_the_command_line_lists_and_ends(tmp_path: Path) -> None:
    """An admin everybody's, or one person's; an approver his own; what is no id of ours is refused here."""
    bound = free_socket()
    public = f"http://localhost:{bound.getsockname()[1]}"
    config = tmp_path / "stayhand.toml"
    config.write_text(
        f'[server]\ncontrol_listen = "127.0.0.1:{bound.getsockname()[1]}"\npublic_url = "{public}"\n', "utf-8"
    )

    async def run(*args: str, credential: str = ADMIN_TOKEN) -> Result:
        line = ["--config", str(config), "approver", *args]
        return await asyncio.to_thread(CliRunner().invoke, stayhand, line, env={"STAYHAND_TOKEN": credential})

    (tmp_path / "house").mkdir()
    async with push_house(tmp_path / "house", public) as house, served(house.real.console.app, bound):
        await house.add("alice", label="Pixel 8")
        await house.add("bob", label="iPad")
        listed = await run("browsers")
        assert listed.stdout.splitlines()[0].split() == ["ID", "NAME", "LABEL", "SERVICE", "CREATED_AT"]
        assert "Pixel 8" in listed.stdout
        assert "iPad" in listed.stdout
        (theirs,) = json.loads((await run("browsers", "bob", "--json")).stdout)
        own = json.loads((await run("browsers", "--json", credential=APPROVER_TOKEN)).stdout)
        assert [one["name"] for one in own] == ["alice"]
        assert (await run("revoke", theirs["id"], credential=APPROVER_TOKEN)).exit_code == 1
        ended = await run("revoke", theirs["id"])
        assert (ended.exit_code, ended.stderr) == (0, f"{theirs['id']} of bob is ended\n")
        wrong = await run("revoke", "psh_short")
        assert "is no passkey, no link and no browser" in wrong.stderr
        assert _whys(house) == ["by_admin"]


async def test_where_no_channel_is_configured_there_is_nothing_to_ask(tmp_path: Path) -> None:
    """As with other parts that an installation has not: no such route."""
    async with real_console(tmp_path, lambda _: ()) as real, real.console_client() as client:
        answers: list[httpx.Response] = [
            await client.get("/api/push", headers=_bearer(ADMIN_TOKEN)),
            await client.delete("/api/push/psh_1", headers=_bearer(ADMIN_TOKEN)),
        ]
    assert [one.status_code for one in answers] == [404, 404]
