"""Web Push over real TLS: a push service that checks who sends, and browsers that read what they are sent."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.responses import RedirectResponse, Response

from firewall.app.push import HttpCourier
from firewall.approvals.channels.port import NotDeliveredError
from firewall.approvals.channels.push import Posted
from firewall.codecs.push.places import Place, place_of
from firewall.console.pushing.audience import Readers
from firewall.core.approval import ApprovalStatus
from firewall.core.demand import Demand
from firewall.core.notice import Alert, Opened, Reminded, Seen, Settled
from firewall.core.secret import Secret
from firewall.core.verdict import Obligations
from firewall.core.work import EraseSubject, Unit
from firewall.routing.port import Timeouts
from firewall.tokens.pushes import MOST, Ended, PushError
from tests.support.push_browser import PushBrowser
from tests.support.push_house import CONTACT, House, push_house


@pytest.fixture(name="house")
async def _house(tmp_path: Path) -> AsyncIterator[House]:
    async with push_house(tmp_path) as house:
        yield house


async def test_whoever_may_answer_is_told_on_each_browser(house: House) -> None:
    """Two phones of one approver and one of another; an id and a word is in it, always equally long."""
    phone, tablet, other = await house.add("alice"), await house.add("alice"), await house.add("bob")
    channel, approval = house.channel(), await house.opened()
    await channel.send(house.message(approval))
    for browser in (phone, tablet, other):
        (one,) = house.service.of(browser)
        assert json.loads(one.text) == {"about": "waits", "id": approval.id}
        assert one.subject == CONTACT
        assert one.urgency == "high"
        assert one.ttl == (approval.expires_at - house.real.clock.now_us()) // 1_000_000
    await channel.send(Alert("budget", "production has used up its budget", {}))
    (first, alert) = house.service.of(phone)
    assert json.loads(alert.text) == {"about": "notice", "id": ""}
    assert first.length == alert.length == 86 + 128 + 1 + 16
    topics = [one.topic for browser in (phone, tablet, other) for one in house.service.of(browser)]
    assert len(set(topics)) == len(topics), "no topic joins two browsers or two calls"
    assert not house.service.complaints


async def test_the_owner_and_those_who_may_not_answer_are_not_told(house: House) -> None:
    """A row that asks a group is told to that group; the requester's own person never hears of his call."""
    phones = {name: await house.add(name) for name in ("alice", "bob", "olga")}
    channel = house.channel()
    asked = Obligations(demands=(Demand(((("leads", 1),),)),))
    await channel.send(house.message(await house.opened()))
    await channel.send(house.message(await house.opened(digest="e" * 64, obligations=asked)))
    assert {name: len(house.texts(phone)) for name, phone in phones.items()} == {"alice": 1, "bob": 2, "olga": 0}


async def test_a_channel_of_a_group_tells_that_group_and_nobody_who_is_away(house: House) -> None:
    """As mail does; a break-glass alert goes to everybody who decides."""
    phones = {name: await house.add(name) for name in ("alice", "bob", "olga")}
    channel = house.channel(groups=("leads",))
    await channel.send(house.message(await house.opened()))
    assert {name: len(house.texts(phone)) for name, phone in phones.items()} == {"alice": 0, "bob": 1, "olga": 0}
    later = house.real.clock.now_us() + 3600 * 1_000_000
    await house.absences.note("bob", delegate="", is_away=True, until_us=later, by="root")
    await channel.send(house.message(await house.opened(digest="e" * 64)))
    assert house.texts(phones["bob"]) == ["waits"]
    await channel.send(Alert("budget", "used up", {}))
    await channel.send(Alert("break_glass", "broken", {}, is_for_all=True))
    assert house.texts(phones["bob"]) == ["waits", "notice", "notice"]
    assert house.texts(phones["olga"]) == ["notice"]
    await channel.send(Alert("break_glass", "broken again", {}, groups=("oncall",), is_for_all=True))
    assert house.texts(phones["alice"]) == ["notice", "notice"]


async def test_reminders_replace_and_the_ending_goes_to_those_who_were_told(house: House) -> None:
    """One topic for one call, so that a phone that was off gets the last word; the ending is not kept for it."""
    early = await house.add("alice")
    channel, approval = house.channel(), await house.opened()
    message = house.message(approval)
    await channel.send(message)
    late = await house.add("bob")
    await channel.send(Seen(message.notice))
    await channel.send(Settled(message.notice, ApprovalStatus.DENIED))
    assert house.texts(early) == ["waits", "over"]
    assert house.texts(late) == []
    await channel.send(Settled(message.notice, ApprovalStatus.DENIED))
    assert house.texts(early) == ["waits", "over"]
    first, last = house.service.of(early)
    assert (first.topic, last.ttl, last.urgency) == (last.topic, 0, "normal")
    await channel.send(Reminded(message.notice))
    assert house.texts(late) == ["waits"]


@pytest.mark.parametrize("status", [404, 410])
async def test_a_browser_that_its_service_forgot_is_forgotten(house: House, status: int) -> None:
    """It is no failure: the others are told, and the log says why the browser is told no more."""
    lost, kept = await house.add("alice"), await house.add("bob")
    house.service.broken[lost.token] = status
    channel = house.channel()
    await channel.send(house.message(await house.opened()))
    assert house.texts(kept) == ["waits"]
    assert [one.person for one in house.pushes.listing()] == ["bob"]
    (entry,) = house.real.entries("approver.push_ended")
    assert entry["data"]["why"] == "gone"  # type: ignore[index]  # JSON of an entry
    await channel.send(house.message(await house.opened(digest="e" * 64)))
    assert house.service.tries == 3


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_try_that_failed_for_one_reaches_him_later_and_nobody_twice(house: House, status: int) -> None:
    """The service says when; whoever was reached is not told again."""
    slow, kept = await house.add("alice"), await house.add("bob")
    house.service.first = [Response(status_code=status, headers={"retry-after": "7"})]
    channel, message = house.channel(), house.message(await house.opened())
    with pytest.raises(NotDeliveredError, match=f"http_{status}") as caught:
        await channel.send(message)
    assert caught.value.retry_after_s == 7
    assert len(house.texts(slow)) + len(house.texts(kept)) == 1
    await channel.send(message)
    assert house.texts(slow) == house.texts(kept) == ["waits"]
    assert house.pushes.listing()


async def test_one_browser_that_breaks_a_try_keeps_nobody_from_being_told(house: House) -> None:
    """With an error that nobody expected: it is a failed try by its type, and goes on at that browser alone."""
    first, second = await house.add("alice"), await house.add("bob")
    channel = house.channel()
    posting, broken = channel._courier, [first.fields(house.service.origin)["endpoint"]]

    class Breaking:
        async def post(self, place: Place, body: bytes, fields: Sequence[tuple[str, str]]) -> Posted:
            if f"{place.origin}{place.path}" in broken:
                raise RuntimeError(broken[0])
            return await posting.post(place, body, fields)

        async def aclose(self) -> None:
            await posting.aclose()

    channel._courier = Breaking()
    message = house.message(await house.opened())
    with pytest.raises(NotDeliveredError, match=r"^RuntimeError$"):
        await channel.send(message)
    assert [house.texts(one) for one in (first, second)] == [[], ["waits"]]
    broken[0] = ""
    await channel.send(message)
    assert [house.texts(one) for one in (first, second)] == [["waits"], ["waits"]]


async def test_one_browser_that_is_refused_keeps_nobody_from_being_told(house: House) -> None:
    """It stays listed, is not asked again for the same call, and is a failure where nobody else was reached."""
    refused, kept = await house.add("alice"), await house.add("bob")
    house.service.broken[refused.token] = 403
    channel = house.channel()
    await channel.send(house.message(await house.opened()))
    assert house.texts(kept) == ["waits"]
    house.service.broken[kept.token] = 400
    with pytest.raises(NotDeliveredError, match="http_40"):
        await channel.send(house.message(await house.opened(digest="e" * 64)))
    assert len(house.pushes.listing()) == 2


async def test_a_redirect_is_not_followed(house: House) -> None:
    """Where a push service points elsewhere, nothing goes there."""
    browser = await house.add("alice")
    elsewhere = house.service.subscribed()
    house.service.first = [RedirectResponse(f"{house.service.origin}/push/{elsewhere.token}", 307)]
    with pytest.raises(NotDeliveredError, match="http_307"):
        await house.channel().send(house.message(await house.opened()))
    assert house.service.tries == 1
    assert house.texts(browser) == house.texts(elsewhere) == []


async def test_a_service_that_is_away_or_not_who_it_says_is_a_failed_try(house: House) -> None:
    """No certificate that holds, no listener, an address that the list no longer names: nothing is sent."""
    browser = await house.add("alice")
    message = house.message(await house.opened())
    with pytest.raises(NotDeliveredError, match="upstream_unavailable"):
        await house.channel(ca="").send(message)
    with pytest.raises(NotDeliveredError, match="push_endpoint_refused"):
        await house.channel(hosts=("push.example.com",)).send(message)
    closed = PushBrowser()
    await house.keep("alice", closed, endpoint=Secret("https://127.0.0.1:9/push/x"))
    with pytest.raises(NotDeliveredError, match="upstream_unavailable"):
        await house.channel(hosts=("127.0.0.1:9",)).send(message)
    assert house.texts(browser) == []
    assert house.service.tries == 0


async def test_a_name_that_leads_into_a_private_network_is_refused(house: House) -> None:
    """A listed name whose address is one of ours is no push service: only what is written as an address may be."""
    courier = HttpCourier(house.service.authority)
    port = house.service.host.rpartition(":")[2]
    place = Place("localhost", f"https://localhost:{port}", "/push/x", "", is_private=False)
    with pytest.raises(NotDeliveredError, match="upstream_"):
        await courier.post(place, b"", [])
    await courier.aclose()
    assert house.service.tries == 0


async def test_a_service_that_never_answers_is_given_up(house: House) -> None:
    """A try has an end; nothing is known of it then, and the browser is kept."""
    phone = await house.add("alice")
    house.service.answers = asyncio.Event()
    courier = HttpCourier(house.service.authority, times=Timeouts(first_byte_s=0.2, total_s=0.2))
    place = place_of(f"{house.service.origin}/push/{phone.token}", (house.service.host,))
    with pytest.raises(NotDeliveredError, match="upstream_timeout"):
        await courier.post(place, b"x", [])
    house.service.answers.set()
    await courier.aclose()
    assert len(house.pushes.of("alice")) == 1


async def test_a_right_that_ends_ends_the_browser(house: House) -> None:
    """Removed, made a viewer, a new passphrase, a passkey revoked: each takes what came of it."""
    for name in ("alice", "bob", "olga"):
        await house.add(name)
    await house.passkey("alice", "pky_1")
    held = await house.add("alice", passkey="pky_1", via="passkey")
    await house.people.add("alice", role="approver", groups=("oncall",), passphrase="another", by="root")
    assert [one.passkey for one in house.pushes.of("alice")] == ["pky_1"]
    await house.people.remove("bob", by="root")
    assert house.pushes.of("bob") == []
    await house.people.add("alice", role="viewer", groups=(), passphrase="another", by="root")
    await house.channel().send(house.message(await house.opened()))
    assert house.texts(held) == []
    assert [one.person for one in house.pushes.listing()] == ["olga"]
    assert [entry["data"]["why"] for entry in house.real.entries("approver.push_ended")] == ["right_lost"]  # type: ignore[index]  # JSON of an entry


async def test_what_ends_a_session_is_first_and_its_browser_is_not_kept(house: House) -> None:
    """Added in the same moment, behind the end: refused, no entry, and what another had stays his."""
    theirs = await house.add("bob")
    house.real.clock.forward(1)
    for name, end in (
        ("alice", house.people.add("alice", role="approver", groups=(), passphrase="another", by="root")),
        ("olga", house.people.remove("olga", by="root")),
    ):
        _, refused = await asyncio.gather(end, house.keep(name, theirs, since=1), return_exceptions=True)
        assert isinstance(refused, PushError)
        assert (refused.code, refused.status) == ("signed_out", 401)
    assert [one.person for one in house.pushes.listing()] == ["bob"]
    assert len(house.real.entries("approver.push_added")) == 1
    assert house.real.entries("approver.push_ended") == []


async def test_what_is_asked_for_behind_an_erasure_is_not_kept(house: House) -> None:
    """Whoever was erased in the same moment was signed out, whatever the writer calls it."""
    theirs = house.service.subscribed()
    writer = house.real.installation.writer
    known = house.real.installation.keystore.known("olga")
    assert known is not None
    erasing = EraseSubject(known.id, "olga", at=9, pseudonym=known.pseudonym)
    _, _, refused = await asyncio.gather(
        house.people.remove("olga", by="root"),
        writer.submit(Unit(steps=(erasing,))),
        house.keep("olga", theirs, since=1),
        return_exceptions=True,
    )
    assert isinstance(refused, PushError)
    assert (refused.code, refused.status) == ("signed_out", 401)
    assert house.pushes.listing() == []


async def test_a_browser_is_one_persons_and_nobody_has_too_many(house: House) -> None:
    """Whoever adds a browser takes it over; adding it again changes nothing; an eleventh is refused."""
    shared = await house.add("alice")
    before = house.pushes.of("alice")
    await house.keep("alice", shared)
    assert house.pushes.of("alice") == before
    await house.keep("bob", shared)
    assert (house.pushes.of("alice"), len(house.pushes.of("bob"))) == ([], 1)
    assert [entry["data"]["why"] for entry in house.real.entries("approver.push_ended")] == ["taken_over"]  # type: ignore[index]  # JSON of an entry
    for _ in range(MOST - 1):
        await house.add("bob")
    with pytest.raises(PushError) as caught:
        await house.add("bob")
    assert caught.value.code == "push_full"


async def test_nobody_is_told_of_a_call_before_it_is_known_who_may_answer(house: House) -> None:
    """Without approvals nobody is shown to be permitted, and an approval that is not there is nobody's."""
    await house.add("alice")
    readers = Readers(house.pushes, house.pushing.roster)
    message = house.message(await house.opened())
    assert await readers.browsers(message) == []
    readers.begin(house.real.approvals)
    assert len(await readers.browsers(message)) == 1
    unknown = Opened(replace(message.notice, id="apr_" + "0" * 22))
    assert await readers.browsers(unknown) == []


async def test_what_is_stored_leads_nowhere_without_the_key(house: House) -> None:
    """Neither the database nor the log holds an endpoint, a key or the name of a browser in the clear."""
    browser = await house.add("alice", label="Alice's phone")
    await house.pushes.end(house.pushes.of("alice")[0].id, Ended.BY_PERSON, by="alice")
    await house.keep("alice", browser, label="Alice's phone")
    (path,) = {Path(row[2]) for row in house.real.installation.reader.execute("PRAGMA database_list")}
    data = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    for secret in (browser.token, browser.auth, "Alice's phone"):
        raw = secret if isinstance(secret, bytes) else secret.encode()
        assert raw not in data
        assert raw.hex().encode() not in data
    assert browser.token not in repr(house.pushes.of("alice"))
    assert browser.auth.hex() not in repr(house.pushes.of("alice"))
    seed = house.real.installation.push_seed.reveal().encode()
    assert seed not in data
